"""All models on recordings of real people, by subject: each class against the rest, and several classes at once.

    python benchmarks/people.py --data lse_gfe --root GrammaticalFacialExpressions -o people/lse_gfe
    python benchmarks/people.py --data crema-d --root CREMA-D -o people/crema-d --folds 10
    python benchmarks/people.py --data landmarks.npz -o people/mine --folds subjects

--data is lse_gfe, buhmap, ravdess, crema-d or ck+, with --root the folder where the set lies; a folder of labelled
videos; or a file of `emoxai extract`. Models are the majority class, linear and RBF SVMs with C and gamma searched
inside the training part, MiniRocket (where aeon is installed, on nine frames or more), T-EMO and R-EMO of the best
recipe, and T-EMO of the paper's size and learning rate ("T-EMO, full size"; 100 epochs, nothing held out). SVMs and
the best recipe search whether velocities help, too. All are compared on all landmarks, and on 32, 16 and 8 chosen by
the default selector, by the paper's rule (the first of the network's ranking), by a selector without a network, and
at random. No subject is both trained and tested on: --folds 5 makes five parts of them, stratified by label, and
--folds subjects leaves one out at a time. Interrupted, the same command goes on where it stopped.

--models, --selected (which of them meet the selectors), --selectors, --landmarks, --labels and --emotions run a part;
--labels leaves other sequences out, --emotions takes them for the rest; --by sex,age adds a table for each. For
example, in minutes:

    ... --models "majority class;linear SVM;T-EMO" --selectors default --landmarks 16 --folds 3

Every decision is kept, so the classifier of several classes, which answers the label with the largest decision value
as EmotionClassifier does, needs no fit of its own. Intervals are from resampled subjects. The output folder gets
the tables, as people.md and as CSV, a figure of scores by landmark count, and the run of `compare`.
"""

import argparse
import importlib.util
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import PredefinedSplit, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emoxai import (
    ConvLSTMClassifier,
    ForwardLandmarkSelector,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkCountDisplay,
    LandmarkExtractor,
    NeutralDifference,
    RandomLandmarkSelector,
    SequenceChannels,
    compare,
    datasets,
    load_landmarks,
    paired_tests,
    paper_models,
    summarize,
)
from sklearn_emoxai.attribution import BaselineWarning
from sklearn_emoxai.evaluation import draws_of_subjects, sample_table

MODELS = ("majority class", "linear SVM", "RBF SVM", "MiniRocket", "T-EMO", "R-EMO", "T-EMO, full size")
SELECTORS = ("default", "paper", "no network", "random")
SIGNED = ("lse_gfe", "buhmap")
NAMED = (*SIGNED, "ravdess", "crema-d", "ck+")
REFERENCE, NETWORK = "RBF SVM", "T-EMO"


def load(name, root, n_frames):
    """Sequences, labels, subjects, and what else is told of each, a frame or None."""
    if name in SIGNED:
        found = datasets.load_grammatical_expressions(root, subset=name, n_frames=n_frames, on_error="skip")
    elif name == "ravdess":
        found = datasets.load_ravdess(root, n_frames=n_frames, on_error="skip")
    elif name == "crema-d":
        found = datasets.load_crema_d(root, on_error="skip")
    elif name == "ck+":
        found = datasets.load_ck_plus(root, on_error="skip")
    elif Path(name).suffix == ".npz":
        found = load_landmarks(name)
    else:
        found = datasets.load_video_folder(name)
    if lacking := [what for what in ("target", "groups") if found.get(what) is None]:
        raise ValueError(f"{name} must hold labels and subjects; it has no {lacking[0]}.")
    if "data" in found:
        X = found.data
    else:
        extractor = LandmarkExtractor(n_frames, on_error="nan", cache_dir=".landmarks", n_jobs=-1, verbose=1)
        X = extractor.fit_transform(found.paths)
    seen = ~np.isnan(X).any(axis=(1, 2, 3))
    print(f"{(~seen).sum()} of {len(seen)} sequences have no landmarks and are left out.")
    frame = None if found.get("frame") is None else found.frame[seen]
    return X[seen], np.asarray(found.target, dtype=str)[seen], np.asarray(found.groups)[seen], frame


def prepare(X, reference, difference):
    """Aligned sequences, the same for every model."""
    X = X if reference == "none" else LandmarkAligner(reference=reference).fit_transform(X)
    return NeutralDifference().fit_transform(X) if difference else X


def folds_of(y, groups, folds, seed):
    """The fold that each sample is tested in."""
    if folds == "subjects":
        return np.unique(groups, return_inverse=True)[1]
    tested = np.empty(len(y), dtype=int)
    splitter = StratifiedGroupKFold(int(folds), shuffle=True, random_state=seed)
    for i, (_, test) in enumerate(splitter.split(y, y, groups)):
        tested[test] = i
    return tested


def _minirocket():
    from aeon.transformations.collection import convolution_based

    class MiniRocket(convolution_based.MiniRocket):
        get_metadata_routing = BaseEstimator.get_metadata_routing

    ridge = RidgeClassifierCV(np.logspace(-3, 3, 10), class_weight="balanced")
    rocket = MiniRocket(random_state=0)
    return make_pipeline(SequenceChannels(), rocket, StandardScaler(with_mean=False), ridge)


def models_of(names, behind, selectors, n_frames, epochs):
    """Name → estimator: every classifier on all landmarks, and some of them behind every selector."""
    options = {"class_weight": "balanced"} | ({} if epochs is None else {"max_epochs": epochs})
    best = paper_models(recipe="best", **options)
    classifiers = {}
    for name in names:
        if name == "MiniRocket":
            if n_frames < 9 or importlib.util.find_spec("aeon") is None:
                print("MiniRocket is left out: it needs aeon, and nine frames or more.")
                continue
            classifiers[name] = _minirocket()
        elif name == "T-EMO, full size":
            classifiers[name] = ConvLSTMClassifier.from_paper(validation_fraction=None, **options)
        else:
            classifiers[name] = best[name] if name == "majority class" else best[name][-1]
    network = ConvLSTMClassifier(n_networks=3, **options)
    found = {
        "default": IGLandmarkSelector(network),
        "paper": IGLandmarkSelector(network, strategy="top"),
        "no network": ForwardLandmarkSelector(),
        "random": RandomLandmarkSelector(),
    }
    models = dict(classifiers)
    for name, classifier in classifiers.items():
        if name != "majority class" and name in behind:
            for selector in selectors:
                steps = [("select", found[selector]), ("classify", classifier)]
                models[f"{name}, {selector}"] = Pipeline(steps)
    return models


def several_classes(results, y, groups, n_bootstraps=1000, seed=0):
    """Accuracy and macro F1 of the label with the largest decision value, with intervals from resampled subjects."""
    labels, codes = np.unique(y, return_inverse=True)
    subjects = np.unique(groups, return_inverse=True)[1]
    weights = draws_of_subjects(subjects.max() + 1, n_bootstraps, np.random.RandomState(seed))
    rows = {}
    for key, part in sample_table(results).groupby(["model", "n_landmarks"], sort=False):
        values = part.pivot_table(index="sample", columns="emotion", values="decision")[labels]
        samples, predicted = values.index.to_numpy(), values.to_numpy().argmax(axis=1)
        confusion = np.zeros((len(weights[0]), len(labels), len(labels)))
        np.add.at(confusion, (subjects[samples], codes[samples], predicted), 1)
        drawn = np.einsum("bs,sij->bij", weights, confusion)
        right = np.einsum("bii->bi", drawn)
        f1 = 2 * right / np.maximum(drawn.sum(axis=1) + drawn.sum(axis=2), 1)
        scores = {"accuracy": right.sum(axis=1) / drawn.sum(axis=(1, 2)), "macro F1": f1.mean(axis=1)}
        rows[key] = {
            name: "{:.3f} [{:.3f}, {:.3f}]".format(each[0], *np.percentile(each[1:], [2.5, 97.5]))
            for name, each in scores.items()
        }
    return pd.DataFrame(rows).T.rename_axis(["model", "landmarks"])


def bands(values, groups):
    """A column's groups of people; numbers of many values, such as ages, in three bands of as many subjects."""
    values = pd.Series(values).reset_index(drop=True)
    if not pd.api.types.is_numeric_dtype(values) or values.nunique() <= 3:
        return values
    edges = values.groupby(groups).first().quantile([1 / 3, 2 / 3]).unique()
    band = pd.cut(values, [-np.inf, *edges, np.inf])
    return values.groupby(band, observed=True).transform(lambda part: f"{part.min():g} to {part.max():g}")


def tables(results, y, groups, grouped, by):
    """File name → title and table; by has a column for each way to tell people apart."""
    everyone = pd.Series("everyone", index=range(len(y)), name="who")
    found = {}
    for metric in ("roc_auc", "balanced_accuracy"):
        table = summarize(results, metric, by=everyone, groups=groups).droplevel("who")
        table = table.drop(columns=["subjects", "samples"]).rename_axis(index={"n_landmarks": "landmarks"})
        found[metric] = f"Each class against the rest: {metric} [95 % interval]", table.reset_index()
    for name in by:
        table = summarize(results, by=bands(by[name], groups), groups=groups)
        found[f"by_{name}"] = (
            f"By {name}: ROC AUC [95 % interval], the smallest group first",
            table.reset_index(),
        )
    if set(results["emotion"]) == set(y):
        table = several_classes(results, y, groups).reset_index()
        found["several"] = "All classes at once: the largest decision value [95 % interval]", table
    if grouped and REFERENCE in set(results["model"]) and results["model"].nunique() > 1:
        tests = paired_tests(results, REFERENCE)
        tests = tests[tests["emotion"] == "mean"].round(3)
        table = tests[["model", "n_landmarks", "difference"]].rename(columns={"n_landmarks": "landmarks"})
        table["95 % interval"] = [f"{row.low:+.3f} to {row.high:+.3f}" for row in tests.itertuples()]
        table["p"], table["p (Holm)"] = tests["pvalue"], tests["pvalue_holm"]
        title = f"ROC AUC less that of the {REFERENCE} on all landmarks, mean over classes"
        found["differences"] = title, table
    seconds = results.groupby(["model", "n_landmarks"], sort=False)["fit_seconds"].mean().round(1)
    found["seconds"] = "Seconds a fit, on one core", seconds.rename("seconds").reset_index()
    return {"summary": ("In short, means over the classes", in_short(found))} | found


def in_short(found):
    """One row for each model, with what the other tables have of it."""
    by_model = {
        name: table.rename(columns={"n_landmarks": "landmarks"}).set_index(["model", "landmarks"])
        for name, (_, table) in found.items()
    }
    rows = by_model["roc_auc"][["mean"]].rename(columns={"mean": "ROC AUC"})
    rows["balanced accuracy"] = by_model["balanced_accuracy"]["mean"]
    if "several" in by_model:
        rows = rows.join(by_model["several"])
    if "differences" in by_model:
        met = by_model["differences"]
        texts = [f"{row.difference:+.3f} (p = {p:.2f})" for row, p in zip(met.itertuples(), met["p (Holm)"])]
        rows[f"ROC AUC less that of the {REFERENCE}"] = pd.Series(texts, index=met.index)
    return rows.join(by_model["seconds"]).fillna("").reset_index()


def draw(results, selectors, path):
    """Scores against landmark counts: of classifiers behind the first selector, and of T-EMO's selectors."""
    import matplotlib.pyplot as plt

    behind = results["model"].str.extract(f"^(.*), ({'|'.join(selectors)})$")
    classifier, selector = behind[0].fillna(results["model"]), behind[1]
    default = selector.isna() | (selector == selectors[0])
    on_all = selector.isna() & (classifier == NETWORK)
    lines = [
        results[(selector == name) & (classifier == NETWORK) | on_all].assign(model=name)
        for name in selectors
    ]
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, layout="constrained")
    for ax, rows, title in (
        (axes[0], results.assign(model=classifier)[default], f"Classifiers (selector: {selectors[0]})"),
        (axes[1], pd.concat(lines), f"Selectors ({NETWORK})"),
    ):
        LandmarkCountDisplay.from_results(rows[rows["model"] != "majority class"], ax=ax, title=title)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def listed(text):
    """Parts of an argument that commas separate."""
    return [part.strip() for part in text.split(",") if part.strip()]


def positive(text):
    """A number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on; got {text!r}")
    return int(text)


def number_of_folds(text):
    """A number, or "subjects"."""
    if text == "subjects":
        return text
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"must be subjects, or a number from 2 on; got {text!r}")
    return int(text)


def counts_of_landmarks(text):
    """Numbers that commas separate."""
    return [positive(part) for part in listed(text)]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--root", help="where a named set lies")
    parser.add_argument("--models", default=";".join(MODELS), help="separated by semicolons")
    parser.add_argument("--selected", default=";".join(MODELS), help="which of them meet the selectors")
    parser.add_argument(
        "--selectors", type=listed, default=",".join(SELECTORS), help="empty for all landmarks only"
    )
    parser.add_argument("--landmarks", type=counts_of_landmarks, default="32,16,8")
    parser.add_argument(
        "--labels", type=listed, help="only these, separated by commas; other sequences are left out"
    )
    parser.add_argument(
        "--folds", type=number_of_folds, default="5", help="a number, or subjects: one left out at a time"
    )
    parser.add_argument("--n-frames", type=positive, default=10)
    parser.add_argument("--emotions", type=listed, help="only these against the rest, separated by commas")
    parser.add_argument("--epochs", type=positive, help="of the networks; else the recipes'")
    parser.add_argument("--reference", choices=["frame", "first", "none"], help="as in LandmarkAligner")
    parser.add_argument("--difference", choices=["yes", "no"], help="less the first frame")
    parser.add_argument(
        "--by", type=listed, default="", help="columns such as sex and age, whose groups get tables"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    names = arguments.models.split(";")
    selectors, counts, by = arguments.selectors, arguments.landmarks, arguments.by
    for option, wanted, known in (
        ("models", names, MODELS),
        ("selected", arguments.selected.split(";"), MODELS),
        ("selectors", selectors, SELECTORS),
    ):
        if unknown := [name for name in wanted if name not in known]:
            parser.error(f"--{option} must be some of {', '.join(known)}; got {unknown[0]!r}")
    if arguments.data in NAMED and arguments.root is None:
        parser.error(f"--root is needed with --data {arguments.data}")

    try:
        X, y, groups, frame = load(arguments.data, arguments.root, arguments.n_frames)
    except (OSError, ValueError) as error:
        parser.error(f"--data {arguments.data}: {error}")
    if unknown := [name for name in by if frame is None or name not in frame]:
        known = "no column" if frame is None else f"only {', '.join(frame)}"
        parser.error(f"--by: {arguments.data} has {known}; got {unknown[0]!r}")
    # Settled by what the sets are: in signing the head moves, and an interval of a sentence begins anywhere.
    reference = arguments.reference or ("first" if arguments.data in SIGNED else "frame")
    difference = (arguments.difference or ("no" if arguments.data == "lse_gfe" else "yes")) == "yes"
    if max(counts, default=1) > X.shape[3]:
        parser.error(f"--landmarks must be at most the {X.shape[3]} that there are; got {max(counts)}")
    for option, wanted in (("labels", arguments.labels), ("emotions", arguments.emotions)):
        if unknown := [label for label in wanted or [] if label not in y]:
            parser.error(f"--{option} must be some of {', '.join(np.unique(y))}; got {unknown[0]!r}")
    keep = np.isin(y, arguments.labels) if arguments.labels else np.ones(len(y), dtype=bool)
    n_folds = 2 if arguments.folds == "subjects" else arguments.folds
    for label in np.unique(y[keep]):
        if (n := len(np.unique(groups[keep & (y == label)]))) < n_folds:
            print(
                f"{(keep & (y == label)).sum()} sequences of {label} are left out: they are of {n} subjects."
            )
            keep &= y != label
    emotions = arguments.emotions or np.unique(y[keep]).tolist()
    if len(np.unique(y[keep])) < 2 or not set(emotions) <= set(y[keep]):
        left = ", ".join(np.unique(y[keep])) or "none"
        parser.error(f"two labels must be left, and those of --emotions among them; got {left}")
    X, y, groups = prepare(X[keep], reference, difference), y[keep], groups[keep]
    by = pd.DataFrame({name: frame[name].to_numpy()[keep] for name in by})
    models = models_of(
        names, arguments.selected.split(";"), selectors * bool(counts), X.shape[1], arguments.epochs
    )
    grouped = arguments.folds != "subjects"
    print(
        f"{len(X)} sequences of {len(np.unique(groups))} subjects, {X.shape[1]} frames, {X.shape[3]} landmarks."
    )
    warnings.simplefilter("ignore", BaselineWarning)
    results = compare(
        models,
        X,
        y,
        groups=groups,
        protocol=PredefinedSplit(folds_of(y, groups, arguments.folds, arguments.seed)),
        emotions=emotions,
        n_landmarks=counts if set(models) - set(MODELS) else None,  # some meet a selector
        n_runs=1,
        # One subject may show one class alone, of which only accuracy is defined.
        metrics=("roc_auc", "balanced_accuracy", "accuracy") if grouped else ("accuracy",),
        keep_predictions=True,
        folder=arguments.output / "run",
        description=f"{arguments.data}, align={reference}, difference={difference}, folds={arguments.folds}",
        n_jobs=arguments.n_jobs,
        random_state=arguments.seed,
        verbose=1,
    )
    run = json.loads((arguments.output / "run" / "run.json").read_text(encoding="utf-8"))
    head = f"# {run['data']['description']}\n\n{run['data']['labels']}\n\n{run['machine']}, {run['finished'][:10]}\n\n"
    text = head
    for name, (title, table) in tables(results, y, groups, grouped, by).items():
        table.to_csv(arguments.output / f"{name}.csv", index=False)
        text += f"## {title}\n\n```\n{table.to_string(index=False)}\n```\n\n"
    if grouped and any(f"{NETWORK}, {name}" in models for name in selectors):
        draw(results, selectors, arguments.output / "counts.png")
    (arguments.output / "people.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
