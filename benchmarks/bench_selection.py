"""What a selection of landmarks is worth: every selector, on unseen subjects, judged by a network and an RBF SVM.

    python benchmarks/bench_selection.py made --results made.csv            # three quarters of an hour on one core
    python benchmarks/bench_selection.py clips --data landmarks.npz --results clips.csv
    python benchmarks/bench_selection.py search                             # what a search costs, minutes
    python benchmarks/bench_selection.py made --quick --results quick.csv   # a look, about two minutes

"made" draws 60 simulated subjects with strong differences for each seed, 40 to train on and 20 to test on. "clips"
splits the subjects of landmarks that ``emoxai extract`` wrote anew for each seed, 70 % to train on. Everything is
chosen on the training subjects: the network is trained, its decisions attributed, the landmarks ranked; network and
SVM are then trained on the first k. Rows of finished cells stay in the results file, and a second call goes on.
"""

import argparse
import os
import platform
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Memory
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    ForwardLandmarkSelector,
    IGLandmarkSelector,
    LandmarkAligner,
    NeutralDifference,
    PermutationLandmarkSelector,
    RandomLandmarkSelector,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    VarianceLandmarkSelector,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.evaluation import corrected_ttest, selection_stability

COUNTS = (4, 8, 16, 32, 64, 128, 234)
EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
STRONG = {"strength_spread": 0.7, "asymmetry": 0.3, "geometry": 0.1, "difficulty": 0.5}
N_TRAIN, N_TEST, N_FRAMES = 40, 20, 6
CLIPS_TEST_SHARE = 0.3
NETWORK = ConvLSTMClassifier.from_paper(
    validation_fraction=None,
    n_filters=6,
    lstm_units=16,
    fc_units=16,
    lr=1e-2,
    batch_size=48,
    max_epochs=25,
    class_weight="balanced",
    random_state=0,
)
SVM = make_pipeline(SequenceFlattener(), SVC(C=10, class_weight="balanced"))
N_STEPS = 20
DEFAULT = f"IG, {IGLandmarkSelector().strategy}"
PEERS = ("IG, top", "random", "random, spread", "forward, no network")


def selectors(network, memory, seed):
    """Name → selector of all landmarks in order; those by IG share one attribution."""
    frozen = FrozenEstimator(network)
    ig = {"n_steps": N_STEPS, "memory": memory, "random_state": seed}
    found = {
        f"IG, {strategy}": IGLandmarkSelector(frozen, strategy=strategy, **ig)
        for strategy in ("forward", "qr", "top")
    }
    found |= {
        "forward, no network": ForwardLandmarkSelector(),
        "permutation": PermutationLandmarkSelector(frozen, random_state=seed),
        "ANOVA": UnivariateLandmarkSelector(),
        "variance": VarianceLandmarkSelector(),
        "random": RandomLandmarkSelector(random_state=seed),
        "random, spread": RandomLandmarkSelector(spread=True, random_state=seed),
    }
    return {name: selector.set_params(n_landmarks_to_select=None) for name, selector in found.items()}


def made(seed):
    """Sequences, emotions, informative masks, and a mask of the training samples."""
    faces = make_expressions(N_TRAIN + N_TEST, 1, N_FRAMES, random_state=seed, **STRONG)
    train = np.unique(faces.groups, return_inverse=True)[1] < N_TRAIN
    return faces.data, faces.target, faces.informative_mask, train


def clips(path):
    """Return a function like :func:`made`, for a file of extracted landmarks."""
    with np.load(path, allow_pickle=False) as stored:
        X, target, groups = stored["data"], stored["target"], stored["groups"]

    def split(seed):
        train = np.zeros(len(X), dtype=bool)
        subjects = GroupShuffleSplit(1, test_size=CLIPS_TEST_SHARE, random_state=seed)
        train[next(subjects.split(X, target, groups))[0]] = True
        return X, target, dict.fromkeys(EMOTIONS), train

    return split


def auc(model, X, y, train):
    fitted = clone(model).fit(X[train], y[train])
    return roc_auc_score(y[~train], fitted.decision_function(X[~train]))


def cell(X, target, informative, train, emotion, seed, counts):
    """Rows of one emotion and seed: every selector and count, and all landmarks."""
    X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(X)
    y, n_landmarks = target == emotion, X.shape[3]
    judges = {"network": NETWORK, "SVM": SVM}
    network = clone(NETWORK).fit(X[train], y[train])
    rows = [{"selector": "all", "k": n_landmarks, "share": np.nan, "selected": ""}]
    rows[0] |= {name: auc(judge, X, y, train) for name, judge in judges.items()}
    with tempfile.TemporaryDirectory() as folder:
        for name, selector in selectors(network, Memory(folder, verbose=0), seed).items():
            supervision = {"emotion": target[train]} if name.startswith("IG") else {}
            ranking = selector.fit(X[train], y[train], **supervision).ranking_
            for k in counts:
                chosen = np.sort(ranking[:k])
                row = {"selector": name, "k": k, "selected": " ".join(map(str, ranking[:k]))}
                row["share"] = np.nan if informative is None else informative[chosen].mean()
                rows.append(
                    row | {judge: auc(model, X[..., chosen], y, train) for judge, model in judges.items()}
                )
    return rows


def run(data, seeds, emotions, counts, results):
    """Compute the cells that the results file lacks, and return their rows."""
    done = set()
    if results.exists():
        done = set(pd.read_csv(results)[["seed", "emotion"]].itertuples(index=False, name=None))
    for seed in seeds:
        X, target, informative, train = data(seed)
        for emotion in emotions:
            if (seed, emotion) in done:
                continue
            started = time.perf_counter()
            rows = pd.DataFrame(cell(X, target, informative[emotion], train, emotion, seed, counts))
            rows.insert(0, "emotion", emotion)
            rows.insert(0, "seed", seed)
            rows.to_csv(results, mode="a", header=not results.exists(), index=False)
            print(f"seed {seed}, {emotion}: {time.perf_counter() - started:.0f} s", flush=True)
    rows = pd.read_csv(results, keep_default_na=False, na_values={"share": [""]})
    return rows[rows["seed"].isin(seeds) & rows["emotion"].isin(emotions)]


def report(rows, counts, sizes):
    """Print the tables."""
    n_seeds = rows["seed"].nunique()
    print(f"\n{n_seeds} seeds, emotions {', '.join(rows['emotion'].unique())}")
    by_seed = rows.groupby(["selector", "k", "seed"], sort=False)[["network", "SVM", "share"]].mean()
    full = by_seed.loc["all"].droplevel("k")
    for judge in ("network", "SVM"):
        print(f"\nROC AUC by the {judge}; all landmarks {full[judge].mean():.3f}")
        table = by_seed.drop("all")[judge].groupby(["selector", "k"], sort=False).mean()
        print(table.unstack("k").to_string(float_format="{:.3f}".format))
        print(f"\n{DEFAULT} less the others, by the {judge}: difference and corrected p")
        for peer in (*PEERS, "all"):
            print(f"{peer:20s}", *(compared(by_seed[judge], full[judge], peer, k, sizes) for k in counts))
    if rows["share"].notna().any():
        print("\nshare of informative landmarks")
        share = by_seed.drop("all")["share"].groupby(["selector", "k"], sort=False).mean()
        print(share.unstack("k").to_string(float_format="{:.2f}".format))
    print("\nstability of the selection (Nogueira), mean over emotions, and its 95 % interval")
    print(stability(rows[rows["selector"] != "all"]).to_string())


def compared(scores, full, peer, k, sizes):
    other = full if peer == "all" else scores[peer, k]
    test = corrected_ttest((scores[DEFAULT, k] - other).to_numpy(), **sizes)
    return f"{test.mean:+.3f} (p {test.pvalue:.3f})"


def stability(rows):
    """Nogueira's index over the seeds for each selector and count, averaged over emotions."""
    cells = {}
    for (selector, k), part in rows.groupby(["selector", "k"], sort=False):
        found = []
        for _, runs in part.groupby("emotion"):
            supports = np.zeros((len(runs), 468), dtype=bool)
            for support, selected in zip(supports, runs["selected"]):
                support[np.array(str(selected).split(), dtype=int)] = True
            found.append(selection_stability(supports))
        mean = np.mean([one.stability for one in found])
        # Emotions of one seed share subjects: intervals are averaged, not narrowed.
        low, high = np.mean([(one.low, one.high) for one in found], axis=0)
        cells[selector, k] = f"{mean:.2f} ({low:.2f} to {high:.2f})"
    return pd.Series(cells).unstack(sort=False)


def search_cost(rounds, n_epochs):
    """A search over five counts with memory, against one ranking and five fits."""
    faces = make_expressions(24, 1, 10, random_state=0, **STRONG)
    X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(faces.data)
    y, counts = faces.target == "fear", [16, 32, 64, 128, 234]
    network = ConvLSTMClassifier.from_paper(validation_fraction=None, max_epochs=n_epochs, random_state=0)
    train, test = next(GroupShuffleSplit(1, test_size=1 / 3, random_state=0).split(X, y, faces.groups))
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            pipeline = Pipeline(
                [
                    ("select", IGLandmarkSelector(network, memory=folder, random_state=0)),
                    ("classify", network),
                ]
            )
            grid = {"select__n_landmarks_to_select": counts}
            search = GridSearchCV(pipeline, grid, cv=[(train, test)], scoring="roc_auc", refit=False)
            started = time.perf_counter()
            with config_context(enable_metadata_routing=True):
                search.fit(X, y, emotion=faces.target)
            searched = time.perf_counter() - started
        started = time.perf_counter()
        selector = IGLandmarkSelector(network, n_landmarks_to_select=None, random_state=0)
        selector.fit(X[train], y[train], emotion=faces.target[train])
        ranked = time.perf_counter() - started
        for k in counts:
            clone(network).fit(X[train][..., np.sort(selector.ranking_[:k])], y[train])
        total = time.perf_counter() - started
        print(
            f"search {searched:.1f} s; one ranking {ranked:.1f} s and five fits {total - ranked:.1f} s; "
            f"ratio {searched / total:.2f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["made", "clips", "search"])
    parser.add_argument("--data", type=Path, help="landmarks of the clips, as emoxai extract writes them")
    parser.add_argument("--results", type=Path, help="CSV file that rows are added to")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--emotions", default=",".join(EMOTIONS))
    parser.add_argument("--quick", action="store_true", help="two seeds, one emotion, three counts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # baselines that already show the emotion
    versions = f"torch {torch.__version__}, numpy {np.__version__}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, {versions}, {time.strftime('%Y-%m-%d')}")
    if arguments.what == "search":
        search_cost(rounds=1 if arguments.quick else 3, n_epochs=5 if arguments.quick else 20)
        return
    if arguments.results is None or (arguments.what == "clips" and arguments.data is None):
        parser.error("--results is needed, and with clips --data")
    emotions, counts = arguments.emotions.split(","), COUNTS
    n_seeds = arguments.seeds
    if arguments.quick:
        emotions, counts, n_seeds = emotions[2:3], COUNTS[:3], 2
    data, sizes = made, {"n_train": N_TRAIN, "n_test": N_TEST}
    if arguments.what == "clips":
        per_cent = round(100 * CLIPS_TEST_SHARE)
        data, sizes = clips(arguments.data), {"n_train": 100 - per_cent, "n_test": per_cent}
    report(run(data, range(n_seeds), emotions, counts, arguments.results), counts, sizes)


if __name__ == "__main__":
    main()
