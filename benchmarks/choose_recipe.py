"""How to train on a few dozen people: recipes compared by nested cross-validation, beside searched SVMs.

    python benchmarks/choose_recipe.py --root GrammaticalFacialExpressions --results recipes.csv --n-jobs 2

A recipe is the network's size, its learning rate, a number of epochs (or of updates, whatever the number of samples), a
dropout, how many networks' log-odds are averaged, how many frames a sequence is sampled at, and whether velocities are
added. SVMs search C and gamma inside the training part, and have the same frames and velocities to choose among. Data
are make_expressions, LSE_GFE and BUHMAP, each label against the rest.

The subjects are divided into --folds outer parts. On each outer training part, recipes are scored by --inner folds of
its subjects (ROC AUC, by one network each, since what averaging gains costs three times as much to know); the best
network recipe and the best SVM are then tested on the outer part, which had no say in either choice. That, the lines
"chosen", is what choosing among recipes gives on new people. The table of outer scores by recipe is to look at, not to
choose by; the mean rank on inner folds is what to choose by. The two slow
recipes, of the paper's size, are tested on outer parts only, and cannot be chosen.

Every score is appended to --results at once; the same command goes on where it stopped. --recipes, --data and --labels
run a part.
"""

import argparse
import os
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from people import SIGNED, load, prepare
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from sklearn_emoxai import ConvLSTMClassifier, LandmarkMotion, corrected_ttest, paper_models
from sklearn_emoxai.datasets import make_expressions

DATA = ("make_expressions", *SIGNED)
# As the paper has them where it tells, and as the defaults were before.
NETWORK = {
    "n_filters": 40,
    "lstm_units": 58,
    "lr": 1e-4,
    "max_epochs": 100,
    "updates": None,
    "dropout": 0.5,
    "n_networks": 1,
    "n_frames": 10,
    "motion": False,
}
FEWER_EPOCHS = {"max_epochs": 50, "dropout": 0.7}
SMALL = {"n_filters": 8, "lstm_units": 16, "lr": 1e-3, "updates": 500, "dropout": 0.7, "n_networks": 3}
# Too slow for inner folds.
SLOW = {"the paper's size": {}, "the paper's size, 50 epochs, dropout .7": FEWER_EPOCHS}
NETWORKS = {
    "small": SMALL,
    "small, velocities": SMALL | {"motion": True},
    "small, velocities, 16 frames": SMALL | {"motion": True, "n_frames": 16},
    "20 filters, velocities": SMALL | {"motion": True, "n_filters": 20, "lstm_units": 32},
}
SVMS = {
    f"{kernel} SVM{', velocities' if motion else ''}, {count} frames": {
        "svm": f"{kernel} SVM",
        "n_frames": count,
        "motion": motion,
    }
    for kernel in ("linear", "RBF")
    for count in (10, 16)
    for motion in (False, True)
}
RECIPES = {name: NETWORK | changes for name, changes in (SLOW | NETWORKS).items()} | SVMS
KEYS = ["data", "label", "fold", "recipe", "inner"]
OUTER = -1  # in the column inner


def sequences(data, root, n_frames):
    """Aligned sequences, labels and subjects, at a number of frames."""
    if data == "make_expressions":
        made = make_expressions(n_subjects=20, n_repeats=1, n_frames=n_frames, random_state=0)
        return prepare(made.data, "frame", True), made.target, made.groups
    X, y, groups = load(data, root, n_frames)
    return prepare(X, "first", data != "lse_gfe"), y, groups


def decide(recipe, X, y, groups, tested, seed):
    """Decision values on the tested sequences."""
    if recipe["motion"]:
        motion = LandmarkMotion(order=1).fit(X)
        X, tested = motion.transform(X), motion.transform(tested)
    if "svm" in recipe:
        svm = clone(paper_models(network_grid=None, class_weight="balanced")[recipe["svm"]][-1])
        return svm.fit(X, y, gridsearchcv__groups=groups).decision_function(tested)
    epochs = recipe["max_epochs"]
    if recipe["updates"] is not None:
        epochs = max(1, round(recipe["updates"] / -(-len(X) // 16)))
    network = ConvLSTMClassifier(
        **{name: recipe[name] for name in ("n_filters", "lstm_units", "lr", "dropout")},
        max_epochs=epochs,
        class_weight="balanced",
    )
    values = [
        clone(network).set_params(random_state=seed + i).fit(X, y).decision_function(tested)
        for i in range(recipe["n_networks"])
    ]
    return np.mean(values, axis=0)


def scored(key, recipe, X, y, groups, train, test, seed):
    """The row of one fit, or of the networks of one recipe."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        values = decide(recipe, X[train], y[train], groups[train], X[test], seed)
    row = dict(zip(KEYS, key)) | {"n_train": len(train), "n_test": len(test)}
    return row | {"roc_auc": roc_auc_score(y[test], values), "seconds": time.perf_counter() - started}


def parts(y, groups, n_folds, n_inner, seed):
    """Outer fold, inner fold or OUTER, training and test samples; without parts of one class."""
    for fold, (train, test) in enumerate(folds(y, groups, n_folds, seed)):
        yield fold, OUTER, train, test
        for inner, (fitted, held_out) in enumerate(folds(y[train], groups[train], n_inner, seed)):
            yield fold, inner, train[fitted], train[held_out]


def folds(y, groups, n_folds, seed):
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    for train, test in splitter.split(y, y, groups):
        if all(0 < y[part].sum() < len(part) for part in (train, test)):
            yield train, test


def run(arguments, recipes):
    """Fit what the results lack."""
    path, done = arguments.results, set()
    if path.exists():
        done = set(pd.read_csv(path)[KEYS].itertuples(index=False, name=None))
    for data in arguments.data.split(","):
        for n_frames in sorted({recipe["n_frames"] for recipe in recipes.values()}):
            X, labels, groups = sequences(data, arguments.root, n_frames)
            wanted = arguments.labels.split(",") if arguments.labels else np.unique(labels).tolist()
            tasks = []
            for label in wanted:
                y = labels == label
                if len(np.unique(groups[y])) < 2 * arguments.folds:
                    print(f"{data}: {label} is left out, of {len(np.unique(groups[y]))} subjects.")
                    continue
                for fold, inner, train, test in parts(
                    y, groups, arguments.folds, arguments.inner, arguments.seed
                ):
                    for name, recipe in recipes.items():
                        key = (data, label, fold, name, inner)
                        if recipe["n_frames"] != n_frames or key in done:
                            continue
                        if inner != OUTER:
                            if name in SLOW:
                                continue
                            recipe = recipe | {"n_networks": 1}
                        tasks.append((key, recipe, X, y, groups, train, test, arguments.seed))
            print(f"{data}, {n_frames} frames: {len(tasks)} scores to compute", flush=True)
            parallel = Parallel(arguments.n_jobs, return_as="generator_unordered", verbose=1)
            for row in parallel(delayed(scored)(*task) for task in tasks):
                pd.DataFrame([row]).to_csv(path, mode="a", header=not path.exists(), index=False)


def report(rows):
    """Print the tables."""
    outer, inner = rows[rows["inner"] == OUTER], rows[rows["inner"] != OUTER]
    table = outer.pivot_table(index="recipe", columns="data", values="roc_auc", sort=False)
    cells = inner.groupby(["data", "label", "fold", "recipe"], sort=False)["roc_auc"].mean().unstack("recipe")
    table["mean rank on inner folds"] = cells.rank(axis=1, ascending=False).mean()
    table["seconds a score"] = outer.groupby("recipe")["seconds"].mean()
    print("\nROC AUC on outer parts, to look at; mean rank on inner folds, to choose by")
    print(table.round(3).to_string())
    scores = outer.set_index(["data", "label", "fold", "recipe"])["roc_auc"].unstack("recipe")
    found = {}
    for kind, names in (("network", NETWORKS), ("SVM", SVMS)):
        known = [name for name in names if name in cells]
        if known:
            best = cells[known].idxmax(axis=1)
            found[kind] = pd.Series([scores.loc[cell, name] for cell, name in best.items()], index=best.index)
            print(f"\nthe {kind} recipes chosen on inner folds: {best.value_counts().to_dict()}")
    sizes = outer.groupby(["data", "fold"])[["n_train", "n_test"]].mean().round()
    for data in outer["data"].unique():
        by_fold = {kind: each.loc[data].groupby("fold").mean() for kind, each in found.items()}
        line = ", ".join(f"chosen {kind} {each.mean():.3f}" for kind, each in by_fold.items())
        if len(by_fold) == 2:
            difference = by_fold["network"] - by_fold["SVM"]
            size = sizes.loc[data].loc[difference.index]
            test = corrected_ttest(difference, n_train=size["n_train"], n_test=size["n_test"])
            line += (
                f"; difference {test.mean:+.3f} [{test.low:+.3f}, {test.high:+.3f}], p = {test.pvalue:.3f}"
            )
        print(f"{data}: {line}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=",".join(DATA))
    parser.add_argument("--root", help="clone of GrammaticalFacialExpressions")
    parser.add_argument("--recipes", help="only these, separated by semicolons")
    parser.add_argument("--labels", help="only these, separated by commas")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--inner", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--results", type=Path, required=True)
    arguments = parser.parse_args()
    if unknown := set(arguments.data.split(",")) - set(DATA):
        parser.error(f"--data must be some of {', '.join(DATA)}; got {unknown.pop()!r}")
    if arguments.root is None and set(arguments.data.split(",")) & set(SIGNED):
        parser.error("--root is needed for lse_gfe and buhmap")
    names = arguments.recipes.split(";") if arguments.recipes else list(RECIPES)
    if unknown := [name for name in names if name not in RECIPES]:
        parser.error(f"--recipes must be some of {'; '.join(RECIPES)}; got {unknown[0]!r}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}; seed {arguments.seed}")
    run(arguments, {name: RECIPES[name] for name in names})
    rows = pd.read_csv(arguments.results)
    report(rows[rows["recipe"].isin(names) & rows["data"].isin(arguments.data.split(","))])


if __name__ == "__main__":
    main()
