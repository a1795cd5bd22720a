"""What ``emoxai explain`` does: which landmarks matter, to a detector, on sequences, or in one video."""

import numpy as np

from .. import facemesh
from ..attribution import integrated_gradients, landmark_attributions
from ..evaluation import Explanation, explanation_of, explanations_of, mean_face, read_run
from ..extraction import extract_landmarks, open_source, read_sampled
from ._app import say
from ._comparing import labelled_landmarks
from ._predicting import aligned

_N_STEPS = 50


def explain_detector(detector, emotion=None):
    """Emotion → Explanation, as the detector's own selectors found them in training."""
    wanted = _wanted(detector, emotion)
    if detector.by_emotion is not None:
        found = explanations_of(detector.estimator)
        return {each: found[each] for each in wanted}
    found = explanation_of(detector.estimator)
    if found is None:
        raise ValueError(
            f"MODEL must choose landmarks by their importance, to tell which matter in training; its "
            f"{type(detector.estimator).__name__} chooses none. Of a network's decisions, explain tells with a video "
            "or landmarks as a second argument."
        )
    return {" / ".join(wanted): found}  # one choice for all of its labels


def explain_sequences(detector, path, emotion=None):
    """Emotion → Explanation of the detector's decisions on a file of labelled landmarks."""
    wanted = _wanted(detector, emotion)
    data = labelled_landmarks(path)
    X, explained = checked(detector, data.data, path), {}
    for emotion in wanted:
        if emotion not in data.target:
            say(f"note: {path} holds no {emotion}; it is left out")
            continue
        parts, target = _network(detector, emotion)
        found = landmark_attributions(
            parts.classifier,
            parts.prepare(X),
            labels=data.target,
            positive=emotion,
            target=target,
            n_steps=_N_STEPS,
            return_parts=True,
        )
        explained[emotion] = _of_all(parts, found.frame_importances, detector.n_landmarks)
    if not explained:
        hint = (
            ""
            if detector.positive is None
            else " --positive tells which of the detector's two labels is the emotion, or names it."
        )
        raise ValueError(
            f"{path} must hold {' or '.join(wanted)}; its labels are {', '.join(sorted(set(data.target)))}.{hint}"
        )
    return explained


def explain_video(model, path, emotion=None, **parameters):
    """Emotion → Explanation of the decision on one video, and what to draw it on.

    The emotion is the one that the detector takes it for, unless another is named.
    """
    if emotion is not None:
        _wanted(model, emotion)
    options = vars(model.extractor_for(**parameters)._options())
    sequence = extract_landmarks(path, **options)
    X = checked(model, sequence.landmarks[None], path)
    if emotion is None:
        (emotion,) = model.predict(X)
    parts, target = _network(model, emotion)
    still = np.repeat(X[:, :1], X.shape[1], axis=1)
    attributions = integrated_gradients(
        parts.classifier,
        parts.prepare(X),
        parts.prepare(still),
        target=target,
        n_steps=_N_STEPS,
        method="riemann_middle",
    )
    profile = np.abs(attributions[0, 0]).sum(axis=1)
    part = {name: options[name] for name in ("n_frames", "start", "stop")}
    sampled = read_sampled(open_source(path, fps=options["fps"]), **part)
    image = sampled.frames[int(sampled.indices[-1])].mean(axis=2)
    shown = {"landmarks": sequence.landmarks[-1], "image": image}
    return {emotion: _of_all(parts, profile, model.n_landmarks)}, shown


def _wanted(detector, emotion):
    """The one label that is named, or all that there is something to explain of."""
    if emotion is None:
        return detector.emotions
    if emotion not in detector.labels:
        raise ValueError(f"--emotion must be one of {', '.join(detector.labels)}; got {emotion!r}.")
    return [emotion]


def checked(detector, X, path):
    """Sequences of a file, whose frames and landmarks must be as many as the detector takes."""
    expected = detector.n_frames, detector.n_landmarks
    if (X.shape[1], X.shape[3]) != expected:
        raise ValueError(
            f"{path} gives {X.shape[1]} frames and {X.shape[3]} landmarks; the detector was trained on {expected[0]} "
            f"frames and {expected[1]} landmarks."
        )
    return X


def _network(detector, label):
    parts, target = detector.parts(label)
    if not hasattr(parts.classifier, "module_"):
        raise ValueError(
            f"MODEL must hold networks, to attribute their decisions; it holds a {type(parts.classifier).__name__}. "
            "Without a second argument, explain tells what its selectors found."
        )
    return parts, target


def _of_all(parts, profile, n_landmarks):
    """An Explanation of all landmarks, from the profile of the network's columns."""
    full = np.zeros((len(profile), n_landmarks))
    full[:, parts.landmarks] = parts.by_landmark(profile)
    importances = full.sum(axis=0)
    support = np.zeros(n_landmarks, dtype=bool)
    support[parts.landmarks] = True
    return Explanation(importances, np.argsort(-importances, kind="stable"), support, full)


def _regions(n_landmarks):
    """Landmark → region of the mesh, or "" for other landmarks."""
    if n_landmarks != facemesh.N_LANDMARKS:
        return dict.fromkeys(range(n_landmarks), "")
    return {int(i): name for name, members in facemesh.REGIONS.items() for i in members}


def as_records(explained, n_frames, *, by_choice=False):
    """Emotion → list of landmarks, the most important first, as plain values.

    ``frame`` is where a landmark matters most, from 1 to ``n_frames``; a network without the neutral frame sees none of
    the first. With ``by_choice``, ``order`` tells when the selector chose it, from 1; None where it did not.
    """
    records = {}
    for emotion, each in explained.items():
        n_landmarks = len(each.importances)
        region, names = _regions(n_landmarks), facemesh.landmark_names(n_landmarks)
        chosen = [i for i in each.ranking.tolist() if each.support[i]] if by_choice else []
        order = {landmark: place for place, landmark in enumerate(chosen, start=1)}
        frames = [None] * n_landmarks
        if each.profile is not None:
            first = n_frames - len(each.profile) + 1
            frames = [
                first + frame if top > 0 else None
                for frame, top in zip(each.profile.argmax(axis=0).tolist(), each.profile.max(axis=0))
            ]
        records[emotion] = [
            {
                "landmark": i,
                "name": names[i],
                "region": region[i],
                "importance": float(each.importances[i]),
                "rank": rank,
                "frame": frames[i],
                "chosen": bool(each.support[i]),
                **({"order": order.get(i)} if by_choice else {}),
            }
            for rank, i in enumerate(np.argsort(-each.importances, kind="stable").tolist(), start=1)
        ]
    return records


def table_of(explained, top, n_frames, *, by_choice=False):
    """A block for each emotion: its main regions, and landmarks in order of importance or of choice."""
    blocks = []
    for emotion, records in as_records(explained, n_frames, by_choice=by_choice).items():
        whole = sum(record["importance"] for record in records) or 1
        chosen = [record for record in records if record["chosen"]]
        heading = f"{emotion}: {len(chosen)} of {len(records)} landmarks chosen{_main_regions(chosen)}"
        rows = sorted(chosen, key=lambda record: record["order"]) if by_choice else records
        cells = {
            "name": "landmark",
            **({"order": "order of choice"} if by_choice else {}),
            "importance": "importance",
            "rank": "rank",
            **({} if records[0]["frame"] is None else {"frame": f"frame of {n_frames}"}),
            **({} if by_choice else {"chosen": "chosen"}),
        }
        lines = [
            list(cells.values()),
            *([_cell(key, record[key], whole) for key in cells] for record in rows[:top]),
        ]
        text = aligned(lines, n_left=1)
        blocks.append("\n".join([heading, *(f"  {line}" for line in text.splitlines())]))
    return "\n\n".join(blocks)


def _cell(key, value, whole):
    if key == "importance":
        return f"{value / whole:.1%}"
    if key == "chosen":
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _main_regions(chosen, n_regions=3):
    """The largest shares of regions in the chosen landmarks' importance, in words; "" where none is known."""
    whole = sum(record["importance"] for record in chosen)
    shares = {}
    for record in chosen:
        shares[record["region"]] = shares.get(record["region"], 0) + record["importance"] / (whole or 1)
    largest = sorted(shares, key=shares.get, reverse=True)[:n_regions]
    parts = ", ".join(f"{region} {shares[region]:.0%}" for region in largest if region and whole)
    return f"; of their importance {parts}" if parts else ""


def face_of(detector, model, landmarks=None):
    """The face to draw on, (2, n_landmarks): None for the mesh's own; else a mean one, of landmarks or of the run."""
    if detector.n_landmarks == facemesh.N_LANDMARKS:
        return None
    if landmarks is not None:
        return mean_face(labelled_landmarks(landmarks, verbose=0).data)
    if (model.parent / "run.json").is_file():
        return read_run(model.parent).template
    raise ValueError(
        f"--figure needs a face to draw {detector.n_landmarks} landmarks on: give landmarks as a second argument, or "
        "leave MODEL in the folder of its run."
    )


def draw(explained, path, *, landmarks=None, image=None):
    """Draw the face of each emotion into one picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from ..plotting import LandmarkImportanceDisplay

    n_columns = min(3, len(explained))
    size = 4 if n_columns == 1 else 2.8  # inches a face
    displays = LandmarkImportanceDisplay.from_emotions(
        explained,
        landmarks=landmarks,
        images=None if image is None else dict.fromkeys(explained, image),
        figsize=(size * n_columns, size * -(-len(explained) // n_columns) + 0.6),
    )
    figure = next(iter(displays.values())).figure_
    figure.savefig(path, dpi=150)
    plt.close(figure)
