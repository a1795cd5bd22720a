"""Does the profile over time find when a face begins to move? On made sequences whose onset is known.

    python benchmarks/find_onset.py [--emotion fear] [--seeds 3]

make_expressions draws the onset of each sequence uniformly; sequences of one onset are taken together, some 280 of 40
subjects, aligned, less the first of ten frames. "Backwards" are the same, the last frame first: they tell something
until the face is back at rest. A network of 8 filters and 32 LSTM units (30 epochs at lr = 1e-3) learns the emotion
against the rest, and time_profile explains it against the other emotions' typical samples.

A frame is named where the profile as it is has more than its mean, or the relative one more than 1; these rules are
older than the first run. Printed are the first frame that is named, backwards the last, how many of the nine frames
are named rightly, both as means over seeds, and the mean profiles.
"""

import argparse
import os
import platform

import numpy as np
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    LandmarkAligner,
    NeutralDifference,
    time_profile,
    typical_samples,
)
from sklearn_emoxai.datasets import make_expressions

N_FRAMES = 10
FRAMES = np.arange(1, N_FRAMES)  # as the network reads them
ONSETS = (2, 4, 6)  # the first of them in which something has moved
NETWORK = {
    "n_filters": 8, "lstm_units": 32, "fc_units": 32, "lr": 1e-3, "max_epochs": 30, "class_weight": "balanced",
}  # fmt: skip


def sequences(seed):
    """X, labels, and of each sequence the first frame in which something has moved."""
    made = make_expressions(
        40, 8, N_FRAMES, latest_onset=0.75, duration=(0.1, 0.3), difficulty=0.25, random_state=seed
    )
    X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(made.data)
    return X, made.target, np.floor(made.onset * (N_FRAMES - 1)).astype(int) + 1


def profiles(X, labels, emotion, seed):
    """Measure → the profile as it is, in units of its mean, and the relative one."""
    network = ConvLSTMClassifier.from_paper(validation_fraction=None, random_state=seed, **NETWORK).fit(
        X, labels == emotion
    )
    rest = np.flatnonzero(labels != emotion)
    baselines = X[rest][list(typical_samples(X[rest], labels[rest]).values())]
    for measure, options in (("attribution", {"n_steps": 20}), ("occlusion", {})):
        found = time_profile(network, X, labels == emotion, baselines=baselines, measure=measure, **options)
        yield measure, (found.profile * len(FRAMES), found.relative)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--emotion", default="fear")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(
        f"{arguments.emotion} against the rest, {arguments.seeds} seeds; {platform.machine()}, {os.cpu_count()} cores"
    )
    found = {}
    for seed in range(arguments.seeds):
        X, labels, first = sequences(seed)
        for onset in ONSETS:
            rows = first == onset
            for step in (1, -1):
                for measure, both in profiles(X[rows][:, ::step], labels[rows], arguments.emotion, seed):
                    found.setdefault((onset, step, measure), []).append(both)
    for (onset, step, measure), runs in found.items():
        moving = (onset <= FRAMES)[::step]
        edge = 0 if step == 1 else -1
        print(f"{'from' if step == 1 else 'backwards, up to'} frame {FRAMES[moving][edge]}, {measure}:")
        for name, each in zip(("as it is", "relative"), np.swapaxes(runs, 0, 1)):
            named = each > 1
            edges = [FRAMES[row][edge] for row in named]
            numbers = " ".join(f"{value:4.2f}" for value in each.mean(axis=0))
            print(
                f"  {name}: {np.mean(edges):.1f}, {(named == moving).sum(axis=1).mean():.1f} right;  {numbers}"
            )


if __name__ == "__main__":
    main()
