"""How the defaults of ConvLSTMClassifier were chosen: the parameters that the paper leaves open, one by one.

    python benchmarks/choose_defaults.py [--clips FOLDER] [--emotions fear,sadness] [--n-jobs 2] [--keep-neutral]

Every row changes one thing against the defaults and is scored by ROC AUC on subjects that were not trained on
(StratifiedGroupKFold, 4 parts, scores pooled over them), on the same splits for all rows, with both SVMs beside
them. The data are make_expressions, and a folder of clips where one is given: aligned, every fourth landmark (117,
about the paper's 128), less the first frame. The networks have the paper's F = 40, Q = 58, R = 63, Adam and batches
of 16, and train on every sample for a fixed number of epochs, but for the rows with a validation_fraction, which
watch the loss on subjects of their own.
"""

import argparse
import os
import platform
import time
import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    LandmarkAligner,
    LandmarkExtractor,
    NeutralDifference,
    SequenceFlattener,
)
from sklearn_emoxai.datasets import load_video_folder, make_expressions

CHANGES = [
    {},
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": (2, 1)},
    {"kernel_size": (2, 9)},
    {"dropout": 0.0},
    {"dropout": 0.3},
    {"dropout": 0.7},
    {"lr": 3e-4},
    {"lr": 1e-3},
    {"max_epochs": 50},
    {"max_epochs": 200},
    {"precision": "medium"},
    {"n_filters": 8},
    {"randomized_conv": True},
    *({"validation_fraction": 0.1, "patience": patience} for patience in (10, 30, 100)),
    *({"validation_fraction": 0.25, "patience": patience} for patience in (10, 30, 100)),
]


def models(max_epochs, seed):
    """Rows of the table: name → classifier of sequences."""
    base = ConvLSTMClassifier.from_paper(
        validation_fraction=None,
        max_epochs=max_epochs,
        class_weight="balanced",
        random_state=seed,
    )
    rows = {"majority class": None}
    for kernel in ("linear", "rbf"):
        svm = SVC(kernel=kernel, class_weight="balanced")
        search = GridSearchCV(svm, {"C": [1, 10, 100]}, cv=3, scoring="roc_auc")
        rows[f"{kernel} SVM, C searched"] = make_pipeline(SequenceFlattener(), search)
    for change in CHANGES:
        name = ", ".join(f"{key}={value!r}" for key, value in change.items()) or "the defaults"
        rows[name] = clone(base).set_params(**change)
    return rows


def auc(model, X, y, groups, seed):
    """ROC AUC of the pooled scores, and the seconds of all fits."""
    if model is None:
        return 0.5, 0.0
    scores, started = np.empty(len(y)), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for train, test in StratifiedGroupKFold(4, shuffle=True, random_state=seed).split(X, y, groups):
            params = {"groups": groups[train]} if isinstance(model, ConvLSTMClassifier) else {}
            scores[test] = clone(model).fit(X[train], y[train], **params).decision_function(X[test])
    return roc_auc_score(y, scores), time.perf_counter() - started


def data_sets(clips, keep_neutral):
    """Name → sequences, less the first frame unless that is kept, emotions and subjects."""
    made = make_expressions(n_subjects=20, n_repeats=1, random_state=0)
    sets = {"make_expressions": (made.data, made.target, made.groups)}
    if clips is not None:
        found = load_video_folder(clips)
        X = LandmarkExtractor(n_frames=10, n_jobs=2, verbose=1).fit_transform(found.paths)
        sets["clips"] = (X, found.target, found.groups)
    prepare = make_pipeline(LandmarkAligner(), "passthrough" if keep_neutral else NeutralDifference())
    return {name: (prepare.fit_transform(X)[..., ::4], *rest) for name, (X, *rest) in sets.items()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips")
    parser.add_argument("--emotions", default="fear,sadness")
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep-neutral", action="store_true", help="aligned landmarks as they are")
    parser.add_argument("--rows", default="", help="only the rows that contain one of these, |-separated")
    arguments = parser.parse_args()
    emotions = arguments.emotions.split(",")
    rows = {
        name: model
        for name, model in models(arguments.max_epochs, arguments.seed).items()
        if any(part in name for part in arguments.rows.split("|"))
    }
    cells = {}
    for data, (X, emotion, groups) in data_sets(arguments.clips, arguments.keep_neutral).items():
        tasks = [(name, model, e) for name, model in rows.items() for e in emotions]
        results = Parallel(n_jobs=arguments.n_jobs, verbose=1)(
            delayed(auc)(model, X, emotion == e, groups, arguments.seed) for _, model, e in tasks
        )
        for (name, _, e), (value, seconds) in zip(tasks, results):
            cells[data, e, name] = value
            cells[data, "seconds", name] = cells.get((data, "seconds", name), 0) + seconds
    table = pd.Series(cells).unstack([0, 1]).loc[list(rows)]
    for data in table.columns.get_level_values(0).unique():
        table[data, "mean"] = table[data][emotions].mean(axis=1)
    print(f"{platform.machine()}, {os.cpu_count()} cores; seed {arguments.seed}")
    print(table.sort_index(axis=1).round(3).to_string())


if __name__ == "__main__":
    main()
