"""What ``emoxai explain`` does: which landmarks matter, to a detector, on sequences, or in one video."""

import numpy as np

from .. import facemesh
from ..attribution import integrated_gradients, landmark_attributions
from ..plotting._fitted import take_apart
from ..runs import Explanation, explanations_of
from ..single_video import extract_landmarks
from ..video import open_source, read_sampled
from ._app import say
from ._comparing import labelled_landmarks
from ._predicting import aligned

_N_STEPS = 50


def explain_detector(estimator):
    """Emotion → Explanation, as the detector's own selectors found them in training."""
    return explanations_of(_several(estimator))


def explain_sequences(estimator, path):
    """Emotion → Explanation of the detector's decisions on a file of labelled landmarks."""
    data = labelled_landmarks(path)
    X, explained = _checked(estimator, data.data, path), {}
    for emotion, binary in _several(estimator).estimators_.items():
        if str(emotion) not in data.target:
            say(f"note: {path} holds no {emotion}; it is left out")
            continue
        parts = _network(binary, estimator.n_features_in_)
        found = landmark_attributions(
            parts.classifier,
            parts.prepare(X),
            labels=data.target,
            positive=str(emotion),
            n_steps=_N_STEPS,
            return_parts=True,
        )
        explained[str(emotion)] = _of_all(parts, found.frame_importances, estimator.n_features_in_)
    if not explained:
        raise ValueError(
            f"{path} must hold some of the detector's emotions; its labels are {set(data.target)}."
        )
    return explained


def explain_video(estimator, path, **parameters):
    """Emotion → Explanation of the decision on one video, for the emotion that it shows; and what to draw it on."""
    n_frames = estimator.n_frames_in_
    sequence = extract_landmarks(path, n_frames=n_frames, **parameters)
    X = _checked(estimator, sequence.landmarks[None], path)
    emotion = estimator.predict(X)[0]
    parts = _network(_several(estimator).estimators_[emotion], estimator.n_features_in_)
    still = np.repeat(X[:, :1], n_frames, axis=1)
    attributions = integrated_gradients(
        parts.classifier, parts.prepare(X), parts.prepare(still), n_steps=_N_STEPS, method="riemann_middle"
    )
    profile = np.abs(attributions[0, 0]).sum(axis=1)
    sampled = read_sampled(open_source(path), n_frames)
    image = sampled.frames[int(sampled.indices[-1])].mean(axis=2)
    shown = {"landmarks": sequence.landmarks[-1], "image": image}
    return {str(emotion): _of_all(parts, profile, estimator.n_features_in_)}, shown


def _several(estimator):
    if not hasattr(getattr(estimator, "estimators_", None), "items"):
        raise ValueError(f"MODEL must hold an EmotionClassifier; it holds a {type(estimator).__name__}.")
    return estimator


def _checked(estimator, X, path):
    expected = estimator.n_frames_in_, estimator.n_features_in_
    if (X.shape[1], X.shape[3]) != expected:
        raise ValueError(
            f"{path} gives {X.shape[1]} frames and {X.shape[3]} landmarks; the detector was trained on {expected[0]} "
            f"frames and {expected[1]} landmarks."
        )
    return X


def _network(binary, n_landmarks):
    parts = take_apart(binary, n_landmarks)
    if not hasattr(parts.classifier, "module_"):
        raise ValueError(
            f"MODEL must hold networks, to attribute their decisions; it holds a {type(parts.classifier).__name__}. "
            "Without a second argument, explain tells what its selectors found."
        )
    return parts


def _of_all(parts, profile, n_landmarks):
    """An Explanation of all landmarks, from the profile of those that reach the network."""
    full = np.zeros((len(profile), n_landmarks))
    full[:, parts.landmarks] = profile
    importances = full.sum(axis=0)
    support = np.zeros(n_landmarks, dtype=bool)
    support[parts.landmarks] = True
    return Explanation(importances, np.argsort(-importances, kind="stable"), support, full)


def _regions(n_landmarks):
    """Landmark → region of the mesh, or "" for other landmarks."""
    if n_landmarks != facemesh.N_LANDMARKS:
        return dict.fromkeys(range(n_landmarks), "")
    return {int(i): name for name, members in facemesh.REGIONS.items() for i in members}


def as_records(explained):
    """Emotion → list of landmarks, the most important first, as plain values."""
    records = {}
    for emotion, each in explained.items():
        region = _regions(len(each.importances))
        order = np.argsort(-each.importances, kind="stable").tolist()
        records[emotion] = [
            {
                "landmark": i,
                "region": region[i],
                "importance": float(each.importances[i]),
                "chosen": bool(each.support[i]),
            }
            for i in order
        ]
    return records


def table_of(explained, top):
    """The most important landmarks of each emotion, and its main regions."""
    blocks = []
    for emotion, records in as_records(explained).items():
        whole = sum(record["importance"] for record in records) or 1
        lines = [["landmark", "region", "importance", "chosen"]]
        for record in records[:top]:
            share = f"{record['importance'] / whole:.1%}"
            lines.append(
                [str(record["landmark"]), record["region"], share, "yes" if record["chosen"] else "no"]
            )
        n_chosen = sum(record["chosen"] for record in records)
        heading = f"{emotion}: {n_chosen} of {len(records)} landmarks chosen{_main_regions(records, whole)}"
        blocks.append("\n".join([heading, *(f"  {line}" for line in aligned(lines, n_left=2).splitlines())]))
    return "\n\n".join(blocks)


def _main_regions(records, whole, n_regions=3):
    """The regions with the largest shares, in words; nothing where regions are unknown."""
    shares = {}
    for record in records:
        shares[record["region"]] = shares.get(record["region"], 0) + record["importance"] / whole
    largest = sorted(shares, key=shares.get, reverse=True)[:n_regions]
    return "".join(f", {region} {shares[region]:.0%}" for region in largest if region)


def draw(explained, path, *, landmarks=None, image=None):
    """Draw the face of each emotion into one picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from ..plotting import LandmarkImportanceDisplay

    n_columns = min(3, len(explained))
    n_rows = -(-len(explained) // n_columns)
    size = 4 if n_columns == 1 else 2.8  # inches a face
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(size * n_columns, size * n_rows + 0.6),
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (emotion, each) in zip(axes.flat, explained.items()):
        display = LandmarkImportanceDisplay(
            importances=each.importances, support=each.support, landmarks=landmarks, image=image
        ).plot(ax=ax, title=emotion)
    bar = figure.colorbar(display.points_, ax=axes, location="bottom", shrink=0.6, aspect=35, pad=0.02)
    bar.set_label("importance, relative to the emotion's largest")
    figure.savefig(path, dpi=150)
    plt.close(figure)
