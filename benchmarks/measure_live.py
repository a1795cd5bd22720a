"""Which neutral face, and how long a window, serve a live detector best: the AUC of its results against known labels.

    python benchmarks/measure_live.py [FOLDER]

FOLDER holds clips with a clips.csv, neutral to apex; without it, make_expression_videos renders some. The detector
learns from the clips of one half of the subjects. Those of each other subject become one stream of frames: neutral,
and then for each emotion its clip, its last frame held, the clip backwards, and neutral again. So expressions come
and go as before a camera, and it is known which one each frame shows: an emotion from the middle of its clip to the
end of the hold, neutral in between; frames on the way are left out. The score is the mean over emotions of the area
under the ROC curve, this emotion's probability against its frames. It says which setting is ahead, not how well
anything works on people.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    FixedLandmarkSelector,
    LandmarkAligner,
    LandmarkExtractor,
    LiveDetector,
    NeutralDifference,
)
from sklearn_emoxai.datasets import load_video_folder, make_expression_videos
from sklearn_emoxai.extraction import FaceFollower, open_source

FPS = 15
HOLDS = {"short": 1.0, "long": 6.0}  # s that an expression stays at its apex
REST = 2.5  # s of neutral between expressions
WINDOWS = (1.0, 1.5, 2.0, 3.0)
REFERENCES = ("window", "first second", "running", "calibrated")


def frames_of(path):
    return [decode() for _, decode in open_source(path).frames()]


def stream(clips, hold):
    """Frames of one subject's stream with their labels; an empty label is left out."""
    rest = frames_of(clips["neutral"]) if "neutral" in clips else [frames_of(next(iter(clips.values())))[0]]
    rest = (rest + rest[::-1]) * int(np.ceil(REST * FPS / len(rest)))
    rest = rest[: int(REST * FPS)]
    yield from ((frame, "neutral") for frame in rest)
    for emotion, path in clips.items():
        if emotion == "neutral":
            continue
        frames = frames_of(path)
        half = len(frames) // 2
        yield from ((frame, "" if i < half else emotion) for i, frame in enumerate(frames))
        yield from ((frames[-1], emotion) for _ in range(int(hold * FPS)))
        yield from ((frame, "") for frame in frames[::-1])
        yield from ((frame, "neutral" if i > FPS // 2 else "") for i, frame in enumerate(rest))


def tracked(clips, hold):
    """Landmarks (None without a face) and labels of a stream."""
    with FaceFollower() as follower:
        return [
            (follower.follow(frame, i / FPS), label) for i, (frame, label) in enumerate(stream(clips, hold))
        ]


class Deferred(ClassifierMixin, BaseEstimator):
    """Keeps the sequences that it is asked about, to be judged by the detector all at once."""

    def fit(self, detector):
        """Take the detector."""
        self.estimator_, self.classes_, self.asked_ = detector, detector.classes_, []
        self.n_frames_in_, self.n_features_in_ = detector.n_frames_in_, detector.n_features_in_
        return self

    def predict_proba(self, X):
        """Equal probabilities, for the time being."""
        self.asked_.append(X[0].copy())
        return np.full((1, len(self.classes_)), 1 / len(self.classes_))


def results(detector, streams, window, neutral):
    """Probabilities (n, n_labels) and labels (n,) of all labelled frames."""
    rows, labels, deferred = [], [], Deferred().fit(detector)
    calibrated = neutral == "calibrated"
    live = LiveDetector(deferred, window=window, neutral="window" if calibrated else neutral)
    for frames in streams:
        live.reset()
        if calibrated:
            live.calibrate()
        for i, (landmarks, label) in enumerate(frames):
            result = live.update_landmarks(landmarks, i / FPS)
            if label and result.face:
                rows.append(len(deferred.asked_) - 1)
                labels.append(label)
    return detector.predict_proba(np.stack(deferred.asked_)[rows]), np.array(labels)


def score(probabilities, labels, classes):
    """Mean area under the ROC curve of the emotions, and the share of frames whose label is on top."""
    emotions = [(i, label) for i, label in enumerate(classes) if label != "neutral"]
    auc = np.mean([roc_auc_score(labels == label, probabilities[:, i]) for i, label in emotions])
    shown = np.isin(labels, classes)
    return auc, np.mean(np.array(classes)[probabilities[shown].argmax(axis=1)] == labels[shown])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument(
        "--subjects", type=int, default=12, help="how many to use, half of them to learn from"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if arguments.folder is None:
            emotions = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
            make_expression_videos(
                made, n_subjects=arguments.subjects, emotions=emotions, n_frames=18, fps=FPS, random_state=0
            )
        measure(arguments.folder or Path(made), arguments.subjects)


def measure(folder, n_subjects):
    clips = load_video_folder(folder)
    subjects = np.unique(clips.groups)[:n_subjects]
    learnt = np.isin(clips.groups, subjects[: n_subjects // 2])
    paths = np.array(clips.paths)
    X = LandmarkExtractor(n_frames=10).fit_transform(paths[learnt])
    network = ConvLSTMClassifier.from_paper(
        validation_fraction=None, lr=1e-3, max_epochs=40, class_weight="balanced", random_state=0
    )
    select = FixedLandmarkSelector("contours")
    pipeline = make_pipeline(LandmarkAligner(), NeutralDifference(), select, network)
    detector = EmotionClassifier(pipeline).fit(X, clips.target[learnt])
    classes = detector.classes_.tolist()
    others = [
        dict(zip(clips.target[clips.groups == subject], paths[clips.groups == subject]))
        for subject in subjects[n_subjects // 2 :]
    ]
    print(
        f"{learnt.sum()} clips learnt from; {len(others)} streams of other subjects; labels {', '.join(classes)}"
    )
    for name, hold in HOLDS.items():
        streams = [tracked(clips, hold) for clips in others]
        print(f"\n{name} holds of {hold:g} s, {sum(map(len, streams))} frames\n")
        print(f"{'window':>8}{'neutral':>14}{'AUC':>8}{'on top':>8}")
        for window in WINDOWS:
            for neutral in REFERENCES:
                auc, top = score(*results(detector, streams, window, neutral), classes)
                print(f"{window:>6g} s{neutral:>14}{auc:>8.3f}{top:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
