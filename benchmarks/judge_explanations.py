"""Do the landmarks that a network names matter, and do they depend on its training? One emotion, a small network.

    python benchmarks/judge_explanations.py [--data landmarks.npz] [--emotion fear]

Data are aligned, less the first frame; make_expressions where no file of `emoxai extract` is given. The network has 8
filters, 32 LSTM units, 30 epochs at lr = 1e-3. Deletion, insertion and the untrained networks use a network that is
trained on two thirds of the subjects, the curves on the other third; retraining has five parts of the subjects.
"""

import argparse
import os
import platform
import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    IGLandmarkSelector,
    LandmarkAligner,
    NeutralDifference,
    deletion_curve,
    load_landmarks,
    randomization_check,
    retraining_curves,
    seed_agreement,
)
from sklearn_emoxai.attribution import BaselineWarning
from sklearn_emoxai.datasets import make_expressions

N_RANDOM = 10


def areas(selector, X, y, mode, seed):
    """Mean area under the curve of the ranking, of random orders, and of the ranking backwards."""
    random_state = np.random.RandomState(seed)
    orders = {
        "ranking": [selector.ranking_],
        "random": [random_state.permutation(X.shape[3]) for _ in range(N_RANDOM)],
        "backwards": [selector.ranking_[::-1]],
    }
    fitted = selector.estimator_
    return {
        name: np.mean([deletion_curve(fitted, X, y, order, mode=mode, neutral=0).area for order in several])
        for name, several in orders.items()
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data")
    parser.add_argument("--emotion", default="fear")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", BaselineWarning)
    if arguments.data:
        found = load_landmarks(arguments.data)
    else:
        found = make_expressions(n_subjects=20, n_repeats=1, random_state=arguments.seed)
    X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(found.data)
    emotion, groups, wanted, seed = found.target, found.groups, arguments.emotion, arguments.seed
    network = ConvLSTMClassifier.from_paper(validation_fraction=None,
        n_filters=8, lstm_units=32, fc_units=32, lr=1e-3, max_epochs=30,
        class_weight="balanced", random_state=seed,
    )  # fmt: skip
    selector = IGLandmarkSelector(network, n_landmarks_to_select=None, strategy="top", random_state=seed)
    print(f"{len(X)} sequences, {wanted} against the rest; {platform.machine()}, {os.cpu_count()} cores")

    train, test = next(
        StratifiedGroupKFold(3, shuffle=True, random_state=seed).split(X, emotion == wanted, groups)
    )
    part = {"emotion": emotion[train], "groups": groups[train]}
    selector.fit(X[train], emotion[train] == wanted, **part)
    for mode in ("deletion", "insertion"):
        found = areas(selector, X[test], emotion[test] == wanted, mode, seed)
        print(f"{mode}: area", ", ".join(f"{name} {area:.3f}" for name, area in found.items()), flush=True)

    check = randomization_check(
        selector.estimator_, X[train], labels=emotion[train], positive=wanted, random_state=seed
    )
    print(f"correlation with untrained networks {check.correlation:.3f}", flush=True)
    agreement = seed_agreement(
        selector, X[train], emotion[train], wanted, groups=groups[train], n_jobs=arguments.n_jobs, random_state=seed
    )  # fmt: skip
    print(f"correlation between five seeds {agreement.correlation:.3f}")
    for k, found in agreement.stability.items():
        print(
            f"stability of the first {k}: {found.stability:.2f} [{found.low:.2f}, {found.high:.2f}]",
            flush=True,
        )

    table = retraining_curves(
        selector, network, X, emotion, wanted, groups=groups, n_landmarks=[64, 16],
        cv=StratifiedGroupKFold(5, shuffle=True, random_state=seed), n_jobs=arguments.n_jobs, random_state=seed,
    )  # fmt: skip
    print("ROC AUC, retrained:")
    print(table.groupby(["n_landmarks", "landmarks"])["roc_auc"].agg(["mean", "std"]).round(3).to_string())


if __name__ == "__main__":
    main()
