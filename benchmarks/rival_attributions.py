"""Is it integrated gradients, or would any attribution do? Selectors × attributions × numbers of landmarks.

    python benchmarks/rival_attributions.py made --results made.csv          # an hour or more on one core
    python benchmarks/rival_attributions.py points --data FILE.npz --emotion LABEL --results points.csv
    python benchmarks/rival_attributions.py table --results made.csv [--csv FILE]    # what is there so far
    python benchmarks/rival_attributions.py made --quick --results quick.csv # a look, some minutes

"made" draws subjects with strong differences anew for each seed, 24 to train on and 16 to test on. "points" splits the
subjects of one file into three parts, for each seed: `xy` (all frames one after another, 2, landmarks), `length`
(frames of each sequence), `y` and `subject`. Everything is chosen on the training subjects. An RBF SVM judges, on
the first k.

Attributions are of one network, on the same pairs; "bagged" are the mean importances of five networks, each of as many
subjects drawn with replacement, "smooth" are importances that solve (I + Laplacian of the mesh) x = importances,
"grouped" takes one landmark of each of k groups that move alike, the groups by the sum of their importances and of
each the landmark nearest to its group's mean movement. Stability is Nogueira's, over seeds and parts, and
Sechidis's with neighbours that stand for one another (`landmark_similarity("distance")`); "informative" is the share of
the chosen that the emotion moves, where that is known. Rows of finished cells stay in the results file, and a second
call goes on.
"""

import argparse
import os
import platform
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    ForwardLandmarkSelector,
    LandmarkAligner,
    NeutralDifference,
    RandomLandmarkSelector,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    VarianceLandmarkSelector,
    facemesh,
    landmark_attributions,
    landmark_similarity,
    resample_sequences,
    selection_stability,
)
from sklearn_emoxai.attribution import ATTRIBUTIONS, BaselineWarning
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.selection import rank_landmarks

COUNTS = (8, 16, 32)
EMOTIONS = ("fear", "happiness", "sadness")
STRONG = {"strength_spread": 0.7, "asymmetry": 0.3, "geometry": 0.1, "difficulty": 0.5}
N_TRAIN, N_TEST, N_FRAMES = 24, 16, 6
N_BAGGED = 5
STRATEGIES = ("top", "forward", "qr")
NETWORK = ConvLSTMClassifier.from_paper(
    validation_fraction=None,
    n_filters=6,
    lstm_units=16,
    fc_units=16,
    lr=1e-2,
    batch_size=48,
    max_epochs=25,
    class_weight="balanced",
)
# Steps, draws or orders: Shapley values take an evaluation of each landmark for each order.
STEPS = {"shapley_sampling": 2}
DEFAULT_STEPS = 20
SVM = make_pipeline(SequenceFlattener(), SVC(class_weight="balanced"))


def made_cells(seeds):
    """Training and test part of made subjects, for each seed and emotion."""
    for seed in seeds:
        faces = make_expressions(N_TRAIN + N_TEST, 1, n_frames=N_FRAMES, random_state=seed, **STRONG)
        X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(faces.data)
        split = GroupShuffleSplit(1, test_size=N_TEST, random_state=seed).split(X, groups=faces.groups)
        for train, test in split:
            for emotion in EMOTIONS:
                truth = faces.informative_mask[emotion]
                yield (seed, 0, emotion), X, faces.target, faces.groups, train, test, truth


def point_cells(path, emotions, seeds):
    """The same of three parts of the subjects of one file."""
    found = np.load(path)
    X = resample_sequences(np.split(found["xy"], np.cumsum(found["length"])[:-1]), N_FRAMES + 1)
    X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(X)
    for seed in seeds:
        for emotion in emotions:
            folds = StratifiedGroupKFold(3, shuffle=True, random_state=seed)
            splits = folds.split(X, found["y"] == emotion, found["subject"])
            for part, (train, test) in enumerate(splits):
                yield (seed, part, emotion), X, found["y"], found["subject"], train, test, None


def importances_of(X, labels, emotion, groups, seed, attributions):
    """Importances by name: of one network by each attribution, and bagged over subjects."""

    def fitted(rows, seed):
        return clone(NETWORK).set_params(random_state=seed).fit(X[rows], labels[rows] == emotion)

    def explained(network, rows, attribution):
        steps = STEPS.get(attribution, DEFAULT_STEPS)
        return landmark_attributions(
            network, X[rows], labels=labels[rows], positive=emotion, attribution=attribution, n_steps=steps,
            random_state=seed,
        )  # fmt: skip

    rows = np.arange(len(X))
    network = fitted(rows, seed)
    found = {name: explained(network, rows, name) for name in attributions}
    random_state, bagged = np.random.RandomState(seed), []
    subjects = np.unique(groups)
    while len(bagged) < N_BAGGED:
        drawn = random_state.choice(subjects, len(subjects))
        rows = np.concatenate([np.flatnonzero(groups == subject) for subject in drawn])
        if emotion in labels[rows]:
            bagged.append(explained(fitted(rows, seed + len(bagged)), rows, "integrated_gradients"))
    return found | {"bagged": np.mean(bagged, axis=0)}


def laplacian(X):
    """Of the mesh's edges, or of each landmark's four nearest on the mean face of other points."""
    n_landmarks = X.shape[3]
    if n_landmarks == facemesh.N_LANDMARKS:
        edges = facemesh.EDGES
    else:
        similarity = landmark_similarity("movement", X=X)
        nearest = np.argsort(-similarity, axis=1)[:, 1:5]
        edges = np.column_stack([np.repeat(np.arange(n_landmarks), 4), nearest.ravel()])
    A = np.zeros((n_landmarks, n_landmarks))
    A[edges[:, 0], edges[:, 1]] = A[edges[:, 1], edges[:, 0]] = 1
    return np.diag(A.sum(axis=1)) - A


def groups_of(similarity, k):
    """Groups of landmarks that move alike, at most k, by average linkage."""
    distance = squareform(np.clip(1 - similarity, 0, None), checks=False)
    return fcluster(linkage(distance, "average"), k, "maxclust") - 1


def grouped_ranking(importances, similarity, k):
    """One landmark of each of k groups, in the order of the groups' importance; then the others."""
    group = groups_of(similarity, k)
    sums = np.bincount(group, importances)
    first = []
    for g in np.argsort(-sums, kind="stable"):
        members = np.flatnonzero(group == g)
        first.append(members[np.argmax(similarity[np.ix_(members, members)].sum(axis=1))])
    rest = np.setdiff1d(np.argsort(-importances, kind="stable"), first, assume_unique=True)
    return np.r_[first, rest]


def selections(X, labels, emotion, groups, seed, attributions):
    """(Selector, attribution, k) → chosen landmarks."""
    y = labels == emotion
    found = importances_of(X, labels, emotion, groups, seed, attributions)
    L, similarity = laplacian(X), landmark_similarity("movement", X=X)
    smooth = {
        f"{name}, smooth": np.linalg.solve(np.eye(len(L)) + L, found[name])
        for name in ("integrated_gradients", "bagged")
    }
    for name, importances in (found | smooth).items():
        for strategy in STRATEGIES:
            ranking = rank_landmarks(X, y, importances, strategy=strategy)
            for k in COUNTS:
                yield strategy, name, k, ranking[:k]
        if name in ("integrated_gradients", "bagged"):
            for k in COUNTS:
                yield "grouped", name, k, grouped_ranking(importances, similarity, k)[:k]
    controls = {
        "forward, no network": ForwardLandmarkSelector(),
        "ANOVA": UnivariateLandmarkSelector(),
        "variance": VarianceLandmarkSelector(),
        "random": RandomLandmarkSelector(random_state=seed),
        "random, spread": RandomLandmarkSelector(spread=True, random_state=seed),
    }
    for name, selector in controls.items():
        ranking = selector.set_params(n_landmarks_to_select=None).fit(X, y).ranking_
        for k in COUNTS:
            yield name, "", k, ranking[:k]
    yield "all", "", X.shape[3], np.arange(X.shape[3])


def run(cells, results, attributions):
    done = set()
    if results.exists():
        table = pd.read_csv(results)
        done = set(zip(table["seed"], table["part"], table["emotion"]))
    for (seed, part, emotion), X, labels, groups, train, test, truth in cells:
        if (seed, part, emotion) in done:
            continue
        rows = []
        for selector, name, k, chosen in selections(
            X[train], labels[train], emotion, groups[train], 100 * seed + part, attributions
        ):
            chosen = np.sort(chosen)
            svm = clone(SVM).fit(X[train][..., chosen], labels[train] == emotion)
            score = roc_auc_score(labels[test] == emotion, svm.decision_function(X[test][..., chosen]))
            rows.append(
                {
                    "seed": seed, "part": part, "emotion": emotion, "selector": selector, "attribution": name,
                    "k": k, "roc_auc": score, "n_landmarks": X.shape[3],
                    "informative": np.nan if truth is None else truth[chosen].mean(),
                    "selected": " ".join(map(str, chosen)),
                }
            )  # fmt: skip
        pd.DataFrame(rows).to_csv(results, mode="a", header=not results.exists(), index=False)
        print(f"seed {seed}, part {part}, {emotion}: done", flush=True)


def summarize(table, landmarks=None):
    """Mean score, both stabilities (mean over emotions) and share of informative landmarks."""
    n_landmarks = int(table["n_landmarks"].iloc[0])
    similarity = landmark_similarity(
        "distance", landmarks=facemesh.TEMPLATE[:, facemesh.IBUG_68] if n_landmarks == 68 else landmarks
    )
    rows = []
    for (selector, name, k), part in table.fillna({"attribution": ""}).groupby(
        ["selector", "attribution", "k"]
    ):
        plain, adjusted = [], []
        for _, runs in part.groupby("emotion"):
            masks = np.zeros((len(runs), n_landmarks), dtype=bool)
            for mask, selected in zip(masks, runs["selected"].astype(str)):
                mask[[int(i) for i in selected.split()]] = True
            if len(masks) > 1 and k < n_landmarks:
                plain.append(selection_stability(masks).stability)
                found = selection_stability(masks, similarity=similarity, n_bootstrap=2, random_state=0)
                adjusted.append(found.stability)
        rows.append(
            {
                "selector": selector, "attribution": name, "k": k, "roc_auc": part["roc_auc"].mean(),
                "stability": np.mean(plain) if plain else np.nan,
                "adjusted": np.mean(adjusted) if adjusted else np.nan,
                "informative": part["informative"].mean(),
            }
        )  # fmt: skip
    return pd.DataFrame(rows).sort_values(["k", "roc_auc"], ascending=[True, False])


def by_count(rows):
    """A row for each selector and attribution, a column for each k: score, both stabilities, and share of the moved."""

    def cell(row):
        values = [row.roc_auc, row.stability, row.adjusted, row.informative]
        return " / ".join(
            f"{value:.2f}" if i else f"{value:.3f}" for i, value in enumerate(values) if value == value
        )

    rows = rows.assign(cell=[cell(row) for row in rows.itertuples()])
    few = rows[rows["k"].isin(COUNTS)]
    table = few.pivot(index=["selector", "attribution"], columns="k", values="cell")
    order = few.groupby(["selector", "attribution"])["roc_auc"].mean().sort_values(ascending=False).index
    return table.loc[order].rename(columns="k={}".format).reset_index()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["made", "points", "table"])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--emotion", nargs="+")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--attributions", nargs="+", choices=ATTRIBUTIONS, default=list(ATTRIBUTIONS))
    parser.add_argument("--csv", type=Path, help="where to write the table, a column for each k")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", BaselineWarning)
    seeds = range(2 if arguments.quick else arguments.seeds)
    if arguments.what != "table":
        cells = (
            made_cells(seeds)
            if arguments.what == "made"
            else point_cells(arguments.data, arguments.emotion, seeds)
        )
        run(cells, arguments.results, arguments.attributions)
    table = pd.read_csv(arguments.results)
    print(
        f"{len(table.groupby(['seed', 'part', 'emotion']))} cells; {platform.machine()}, {os.cpu_count()} cores"
    )
    rows = summarize(table)
    print(rows.round(3).to_string(index=False))
    if arguments.csv is not None:
        by_count(rows).to_csv(arguments.csv, index=False)


if __name__ == "__main__":
    main()
