"""What ``emoxai predict`` does: a saved detector on new videos."""

import csv
import os

import numpy as np

from .. import facemesh
from ..evaluation import as_detector
from ..extraction import extract_many, find_videos
from ..storage import load


def load_detector(path, *, positive=None, video=True):
    """A saved classifier of landmark sequences; with ``video``, of those that a video gives.

    Parameters
    ----------
    path : Path
    positive : str, default=None
        As in :func:`as_detector`.
    video : bool, default=True

    Returns
    -------
    Detector
    """
    estimator = load(path)
    try:
        detector = as_detector(estimator, positive=positive)
    except TypeError:
        raise ValueError(
            f"{path} must hold a fitted classifier of sequences; it holds a {type(estimator).__name__}."
        ) from None
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).replace('positive', '--positive', 1)}") from error
    if detector.n_frames is None or detector.n_landmarks is None:
        raise ValueError(
            f"{path} must hold a classifier that was fitted to sequences, and tells by n_frames_in_ of how many "
            f"frames; the {type(estimator).__name__} does not: fit it behind a step such as LandmarkAligner."
        )
    if video and detector.n_landmarks != facemesh.N_LANDMARKS:
        raise ValueError(
            f"{path} was trained on {detector.n_landmarks} landmarks; a video gives the {facemesh.N_LANDMARKS} of "
            "the face mesh."
        )
    return detector


def predictions(model, videos, *, n_jobs=1, verbose=0, **parameters):
    """What a detector says of each video.

    Parameters
    ----------
    model : Detector
        As :func:`load_detector` returns it.
    videos : list of path-like
        Videos, folders of a video's frames, and folders that hold these, at whatever depth.
    n_jobs, verbose, **parameters
        As in :class:`LandmarkExtractor`; None leaves a parameter as the Pipeline has it.

    Returns
    -------
    list of dict
        ``file``, ``emotion``, ``probabilities`` and ``scores`` (label → number; None where the detector has none),
        ``face_share`` (of the frames that were looked at), and ``error``, None where there is none.
    """
    videos = [video for path in videos for video in find_videos(path)]
    options = model.extractor_for(**parameters)._options()
    results = extract_many(
        videos, options, on_error="nan", n_jobs=n_jobs, verbose=verbose if len(videos) > 1 else 0
    )
    empty = dict.fromkeys(("emotion", "probabilities", "scores", "face_share"))
    rows = [
        {"file": os.fspath(video), **empty, "error": result.error} for video, result in zip(videos, results)
    ]
    seen = [(row, result.sequence) for row, result in zip(rows, results) if result.sequence is not None]
    if not seen:
        return rows
    X = np.stack([sequence.landmarks for _, sequence in seen])
    values = model.values(X)
    for i, ((row, sequence), emotion) in enumerate(zip(seen, model.predict(X))):
        row["emotion"] = emotion
        row["face_share"] = float(sequence.detected.mean())
        if values is not None:
            name = "probabilities" if model.unit == "probability" else "scores"
            row[name] = dict(zip(model.labels, map(float, values[i])))
    return rows


def table_of(rows):
    """A line for each video that has an emotion, with the probabilities, or the scores, in columns."""
    rows = [row for row in rows if row["emotion"] is not None]
    kind, labels = (
        ("score ", rows[0]["scores"]) if rows[0]["scores"] else ("", rows[0]["probabilities"] or {})
    )
    lines = [["video", "emotion", "face", *(f"{kind}{label}" for label in labels)]]
    for row in rows:
        numbers = row["scores"] or row["probabilities"] or {}
        digits = "+.3f" if row["scores"] else ".3f"
        cells = [f"{numbers[label]:{digits}}" for label in labels]
        lines.append([row["file"], row["emotion"], f"{row['face_share']:.0%}", *cells])
    return aligned(lines, n_left=2)


def write_csv(rows, detector, path):
    """A row a video, with a column for the probability, or the score, of each label."""
    columns = [f"{detector.unit}_{label}" for label in detector.labels] if detector.unit else []
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "emotion", "face_share", *columns, "error"])
        for row in rows:
            numbers = row["probabilities"] or row["scores"] or {}
            values = [numbers.get(label, "") for label in detector.labels] if columns else []
            told = ["" if row[key] is None else row[key] for key in ("emotion", "face_share", "error")]
            writer.writerow([row["file"], *told[:2], *values, told[2]])


def aligned(lines, *, n_left):
    """Lines of cells as text, the first columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < n_left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )
