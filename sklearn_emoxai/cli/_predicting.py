"""What ``emoxai predict`` does: a saved detector on new videos."""

import os

import numpy as np
from sklearn.base import is_classifier

from .. import facemesh
from ..extraction import LandmarkExtractor, extract_many
from ..storage import load


def load_detector(path, *, video=True):
    """A saved classifier of landmark sequences; with ``video``, of those that a video gives."""
    estimator = load(path)
    if not is_classifier(estimator) or not hasattr(estimator, "n_frames_in_"):
        raise ValueError(
            f"{path} must hold a fitted EmotionClassifier or ConvLSTMClassifier; it holds a {type(estimator).__name__}."
        )
    if video and estimator.n_features_in_ != facemesh.N_LANDMARKS:
        raise ValueError(
            f"{path} was trained on {estimator.n_features_in_} landmarks; a video gives the {facemesh.N_LANDMARKS} of "
            "the face mesh."
        )
    return estimator


def predictions(estimator, videos, *, n_jobs=1, verbose=0, **parameters):
    """What a detector says of each video.

    Parameters
    ----------
    estimator : classifier
        As :func:`load_detector` returns it.
    videos : list of path-like
    n_jobs, verbose, **parameters
        As in :class:`LandmarkExtractor`.

    Returns
    -------
    list of dict
        ``file``, ``emotion``, ``probabilities`` (label → number; None where the detector has none),
        ``face_share`` (of the frames that were looked at), and ``error``, None where there is none.
    """
    options = LandmarkExtractor(estimator.n_frames_in_, **parameters)._options()
    results = extract_many(videos, options, on_error="nan", n_jobs=n_jobs, verbose=verbose)
    rows = [
        {"file": os.fspath(video), "emotion": None, "probabilities": None, "face_share": None, "error": result.error}
        for video, result in zip(videos, results)
    ]  # fmt: skip
    seen = [(row, result.sequence) for row, result in zip(rows, results) if result.sequence is not None]
    if not seen:
        return rows
    X = np.stack([sequence.landmarks for _, sequence in seen])
    emotions = estimator.predict(X)
    probabilities = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else [None] * len(X)
    labels = [str(label) for label in estimator.classes_.tolist()]
    for (row, sequence), emotion, each in zip(seen, emotions, probabilities):
        row["emotion"] = str(emotion)
        row["face_share"] = float(sequence.detected.mean())
        row["probabilities"] = None if each is None else dict(zip(labels, map(float, each)))
    return rows


def table_of(rows):
    """A line for each video that has an emotion, with the probabilities in columns."""
    rows = [row for row in rows if row["emotion"] is not None]
    labels = list(rows[0]["probabilities"] or {})
    lines = [["video", "emotion", "face", *labels]]
    for row in rows:
        numbers = [f"{row['probabilities'][label]:.3f}" for label in labels]
        lines.append([row["file"], row["emotion"], f"{row['face_share']:.0%}", *numbers])
    return aligned(lines, n_left=2)


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
