"""The paper's Tables 1 to 7 on any labelled videos: hyper-parameters, and accuracy by landmark count.

    python benchmarks/paper_tables.py --data CK+ --protocol paper -o tables
    python benchmarks/paper_tables.py --data landmarks.npz --quick -o tables

--data is a folder with the unpacked archives of CK+, another folder of labelled videos, or a file of `emoxai
extract`; without it make_expressions is taken. --protocol is subject, leave-one-subject-out, paper-no-leak or paper,
which leaks. Interrupted, the same command goes on where it stopped. It leaves in the output folder:

    hyperparameters_K.csv       Tables 1 to 5: F, Q and R of T-EMO on K landmarks, and how often they were found
    table_6.csv, table_7.csv    accuracy of T-EMO and of R-EMO by landmark count, on CK+ beside the paper's best
    comparison.csv              all models; differences of the ROC AUC from the RBF SVM's and from the model's own on
                                all landmarks, ± half the 95 % interval, and (p) of the corrected paired test
    tables.md, tables.png       the same for people to read
    run/                        the run itself, as `compare` keeps it

--quick takes a small network (8 filters, 30 epochs at lr = 1e-3), two settings to search, four landmark counts and one
run of the subjects' parts; without it the network has the paper's size, F, Q and R are searched over eight
settings, at six landmark counts, and there are ten runs.
"""

import argparse
import json
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sklearn_emoxai import (
    ConvLSTMClassifier,
    LandmarkAligner,
    LandmarkExtractor,
    NeutralDifference,
    load_landmarks,
)
from sklearn_emoxai.attribution import BaselineWarning
from sklearn_emoxai.datasets import load_ck_plus, load_video_folder, make_expressions
from sklearn_emoxai.evaluation import compare, paired_tests, paper_models, summarize
from sklearn_emoxai.evaluation._models import NETWORK_GRID, PAPER_COUNTS
from sklearn_emoxai.evaluation._resuming import machine
from sklearn_emoxai.plotting import LandmarkCountDisplay

METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced", "roc_auc": "ROC AUC"}
# Best mean accuracies over landmark counts and ten runs on CK+, arXiv:2407.14865.
PAPER = {
    "T-EMO": {
        "anger": 0.926,
        "disgust": 0.964,
        "fear": 0.974,
        "happiness": 0.988,
        "sadness": 0.922,
        "surprise": 0.995,
    },
    "R-EMO": {
        "anger": 0.889,
        "disgust": 0.953,
        "fear": 0.948,
        "happiness": 0.978,
        "sadness": 0.907,
        "surprise": 0.981,
    },
}
FULL = {"counts": PAPER_COUNTS, "grid": [NETWORK_GRID], "network": {}, "n_runs": 10, "n_splits": 5}
QUICK = {
    "counts": (468, 128, 32, 16),
    "grid": [
        {"n_filters": [4], "lstm_units": [16], "fc_units": [16]},
        {"n_filters": [8], "lstm_units": [32], "fc_units": [32]},
    ],
    "network": {"n_filters": 8, "lstm_units": 32, "fc_units": 32, "lr": 1e-3, "max_epochs": 30,
                "validation_fraction": None},
    "n_runs": 1,
    "n_splits": 5,
}  # fmt: skip


def load(data):
    """Sequences, emotions, subjects, a description, and whether they are CK+."""
    if data is None:
        made = make_expressions(n_subjects=20, n_repeats=1, random_state=0)
        return (
            made.data,
            made.target,
            made.groups,
            "make_expressions(n_subjects=20, n_repeats=1), simulated",
            False,
        )
    data = Path(data)
    if data.suffix == ".npz":
        found = load_landmarks(data)
        return found.data, found.target, found.groups, f"landmarks in {data.name}", False
    is_ck = any((data / name).exists() for name in ("cohn-kanade-images", "extended-cohn-kanade-images"))
    found = load_ck_plus(data) if is_ck else load_video_folder(data)
    X = LandmarkExtractor(10, cache_dir=".landmarks", n_jobs=-1, verbose=1).fit_transform(found.paths)
    return X, found.target, found.groups, "CK+" if is_ck else f"videos in {data.name}", is_ck


def estimate(X, y, models, counts, settings, n_units, share, n_jobs):
    """Minutes that the networks' fits will take, from two epochs on each landmark count."""
    networks = sum(name in models for name in ("T-EMO", "R-EMO"))
    n_settings = sum(int(np.prod([len(values) for values in grid.values()])) for grid in settings["grid"])
    prepared = NeutralDifference().fit_transform(LandmarkAligner().fit_transform(X))
    rows = np.arange(int(share * len(X))) % len(X)
    target, seconds = y == y[0], 0
    # The first fit in a process also loads libraries.
    for i, count in enumerate([counts[0], *counts]):
        network = ConvLSTMClassifier.from_paper(**settings["network"])
        epochs = network.max_epochs
        network.set_params(max_epochs=2, validation_fraction=None)
        started = time.perf_counter()
        network.fit(prepared[rows][..., :count], target[rows])
        fit = (time.perf_counter() - started) / 2 * epochs
        # Once for each training part a ranking, explained like half a fit; then the networks, and the search on halves.
        ranking = 1.5 * fit if i == 1 and len(counts) > 1 else 0
        seconds += (ranking + fit * (networks + n_settings * bool(networks))) * (i > 0)
    return seconds * n_units / n_jobs / 60


def hyperparameters(results, count):
    """F, Q and R that T-EMO's search found most often."""
    rows = results[(results["model"] == "T-EMO") & (results["n_landmarks"] == count)]
    table = {}
    for emotion, found in rows.groupby("emotion", sort=False)["parameters"]:
        text, times = found.mode()[0], int((found == found.mode()[0]).sum())
        best = json.loads(text)
        found_in = f"{times} of {len(found)}"
        F, Q, R = (best[name] for name in ("n_filters", "lstm_units", "fc_units"))
        table[emotion] = {"F": F, "Q": Q, "R": R, "found in": found_in}
    return pd.DataFrame(table).T.rename_axis("emotion")


def accuracies(results, model, is_ck):
    """Mean ± standard deviation of the accuracy, a row for each emotion and a column for each landmark count."""
    table = summarize(results[results["model"] == model], "accuracy").T
    table.columns = [count for _, count in table.columns]
    if is_ck:
        table["the paper's best"] = [
            f"{PAPER[model][e]:.3f}" if e in PAPER[model] else "" for e in table.index
        ]
    return table


def reference(results):
    """What models are tested against; None where there is no such model or one split only."""
    several = len(results[["run", "split"]].drop_duplicates()) > 1
    return "RBF SVM" if several and "RBF SVM" in set(results["model"]) else None


def comparison(results):
    """Every model and landmark count: means over the emotions, and ROC AUC against the RBF SVM and all landmarks."""
    table = pd.concat({METRICS[metric]: summarize(results, metric)["mean"] for metric in METRICS}, axis=1)
    for model in results["model"].unique() if reference(results) else ():
        most = int(results.loc[results["model"] == model, "n_landmarks"].max())
        for title, other in {"less RBF SVM's": "RBF SVM", "less all landmarks'": (model, most)}.items():
            tests = paired_tests(results, other, metric="roc_auc")
            for test in tests[(tests["model"] == model) & (tests["emotion"] == "mean")].itertuples():
                text = f"{test.difference:+.3f} ± {test.high - test.difference:.3f} ({test.pvalue:.3f})"
                table.loc[(model, test.n_landmarks), title] = text
    return table.fillna("").rename_axis(["model", "landmarks"])


def markdown(table):
    """A table in Markdown, numbers with three digits."""
    table = table.reset_index()
    cells = [
        ["" if pd.isna(v) else f"{v:.3f}" if isinstance(v, float) else str(v) for v in row]
        for row in table.itertuples(index=False)
    ]
    lines = [list(map(str, table.columns)), ["---"] * table.shape[1], *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(output, results, run, is_ck):
    """All tables and the figure."""
    labels = run["data"]["labels"]
    parts = [
        f"# The paper's tables on {run['data']['description']}\n",
        f"Data: {run['data']['n_samples']} sequences of {run['data']['n_subjects']} subjects, "
        f"{run['data']['n_frames']} frames; {', '.join(f'{n} {label}' for label, n in labels.items())}.\n"
        f"Protocol `{run['protocol']}`: {run['protocol_description']}; {run['n_runs']} run(s).\n"
        f"Machine: {run['machine']}; {run['finished'][:10]}; sklearn-emoxai {run['versions']['sklearn-emoxai']}.\n"
        "Numbers are means ± standard deviations over runs and splits, on the test parts.\n",
    ]
    counts = sorted(results.loc[results["model"] == "T-EMO", "n_landmarks"].unique(), reverse=True)
    for count in counts:
        table = hyperparameters(results, count)
        table.to_csv(output / f"hyperparameters_{count}.csv")
        parts.append(
            f"## Tables 1 to 5: hyper-parameters of T-EMO on {count} landmarks\n\n{markdown(table)}\n"
        )
    for number, model in ((6, "T-EMO"), (7, "R-EMO")):
        if model not in set(results["model"]):
            continue
        table = accuracies(results, model, is_ck)
        table.to_csv(output / f"table_{number}.csv")
        parts.append(f"## Table {number}: accuracy of {model} by landmark count\n\n{markdown(table)}\n")
    table = comparison(results)
    table.to_csv(output / "comparison.csv")
    note = "Differences are of the ROC AUC, ± half the 95 % interval, with (p) of the corrected paired test."
    parts.append(f"## All models, mean over the emotions\n\n{note}\n\n{markdown(table)}\n")
    for metric in METRICS:
        table = summarize(results, metric)
        parts.append(f"## {metric} of all models by emotion\n\n{markdown(table)}\n")
    (output / "tables.md").write_text("\n".join(parts), encoding="utf-8")
    display = LandmarkCountDisplay.from_results(results, metric="roc_auc")
    display.figure_.savefig(output / "tables.png", dpi=150, bbox_inches="tight")


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data")
    parser.add_argument("--ck-plus", action="store_true", help="the file of --data holds CK+")
    parser.add_argument("--protocol", default="subject")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--models", help="only these, separated by commas")
    parser.add_argument("--n-landmarks", help="only these, separated by commas")
    parser.add_argument("--n-runs", type=int)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--description", help="what the data are, for the tables")
    parser.add_argument("-o", "--output", type=Path, default=Path("paper-tables"))
    arguments = parser.parse_args()
    settings = QUICK if arguments.quick else FULL
    X, y, groups, description, is_ck = load(arguments.data)
    models = paper_models(network_grid=settings["grid"], **settings["network"])
    if arguments.models:
        models = {name: models[name] for name in arguments.models.split(",")}
    wanted = arguments.n_landmarks
    wanted = [int(count) for count in wanted.split(",")] if wanted else [X.shape[3], *settings["counts"]]
    counts = list(dict.fromkeys(count for count in wanted if count <= X.shape[3]))
    emotions = [label for label in np.unique(y).tolist() if label not in ("neutral", "contempt")]
    n_runs = arguments.n_runs or settings["n_runs"]
    n_splits = {
        "subject": settings["n_splits"],
        "leave-one-subject-out": 1 if groups is None else len(np.unique(groups)),
    }.get(arguments.protocol, 1)
    share = {"paper": 1.7, "paper-no-leak": 1.7}.get(arguments.protocol, 1 - 1 / max(n_splits, 2))
    torch.set_num_threads(max(1, torch.get_num_threads() // arguments.n_jobs))
    n_units = len(emotions) * n_runs * n_splits
    minutes = estimate(X, y, models, counts, settings, n_units, share, arguments.n_jobs)
    print(
        f"{len(X)} sequences, {len(emotions)} emotions, {n_runs} run(s) of {n_splits} split(s), "
        f"{machine()}, started {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.\n"
        f"About {minutes / 60:.1f} hours ({minutes:.0f} minutes), going by two epochs at each landmark count.",
        flush=True,
    )
    # A small network's typical samples of other emotions are often close calls; the tables say how well it does.
    warnings.simplefilter("ignore", BaselineWarning)
    started = time.perf_counter()
    results = compare(
        models,
        X,
        y,
        groups=groups,
        protocol=arguments.protocol,
        emotions=emotions,
        n_landmarks=counts,
        n_splits=settings["n_splits"] if arguments.protocol == "subject" else None,
        n_runs=n_runs,
        folder=arguments.output / "run",
        description=arguments.description or description,
        n_jobs=arguments.n_jobs,
        random_state=arguments.seed,
        verbose=1,
    )
    run = json.loads((arguments.output / "run" / "run.json").read_text(encoding="utf-8"))
    write(arguments.output, results, run, is_ck or arguments.ck_plus)
    print((arguments.output / "tables.md").read_text(encoding="utf-8"))
    print(f"It took {(time.perf_counter() - started) / 60:.0f} minutes.")


if __name__ == "__main__":
    main()
