"""What ``emoxai compare`` does: a comparison, then the detector that is kept."""

import warnings

import numpy as np

from ..attribution import BaselineWarning
from ..evaluation import (
    MODEL,
    add_to_meta,
    check_run_folder,
    compare,
    fewest_landmarks,
    keep_detector,
    paired_tests,
    paper_models,
    summarize,
)
from ..storage import load_landmarks
from ._app import say

COUNTS = (468, 128, 32)
STRATEGIES = ("forward", "qr", "top")


def run_comparison(
    path,
    folder,
    *,
    protocol,
    emotions,
    counts,
    strategy,
    models,
    n_splits,
    n_runs,
    search,
    network,
    keep,
    saved,
    n_jobs,
    seed,
    verbose,
    force,
):
    """Compare models on a file of landmarks, and keep a detector; see ``emoxai compare --help``."""
    if not force:
        check_run_folder(folder)
    if strategy not in STRATEGIES:
        raise ValueError(f"--strategy must be one of {', '.join(STRATEGIES)}; got {strategy!r}.")
    data = labelled_landmarks(path, verbose=verbose)
    n_all = data.data.shape[3]
    counts = _counts(counts, keep, path, n_all)
    options = {"class_weight": "balanced", "strategy": strategy, **network}
    if not search:
        options["network_grid"] = None
    candidates = paper_models(**options)
    savable = [name for name, model in candidates.items() if hasattr(model, "steps")]
    if saved not in savable:
        raise ValueError(f"--save must be one of {', '.join(savable)}; got {saved!r}.")
    candidates = _chosen(candidates, models)
    # A detector whose explanations are worth a look has a network that was fitted as often as the others.
    detector = paper_models(random_state=seed, **options)[saved]
    steps = [type(step).__name__ for name, step in detector.steps if name in ("align", "difference")]
    # Only now: --force removes the run that is there.
    check_run_folder(folder, force=force)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BaselineWarning)  # of training parts; that of the detector is shown
        results = compare(
            candidates,
            data.data,
            data.target,
            groups=data.groups,
            protocol=protocol,
            emotions=emotions,
            n_landmarks=counts,
            n_splits=n_splits,
            n_runs=n_runs,
            folder=folder,
            description=path.name,
            n_jobs=n_jobs,
            random_state=seed,
            verbose=verbose,
        )
    if keep is None:
        keep = fewest_landmarks(results, saved) if saved in set(results["model"]) else min(counts)
    facts = {"strategy": strategy, "preprocessing": steps, "saved": {"model": saved, "n_landmarks": keep}}
    add_to_meta(folder, **facts)
    if verbose:
        _print_table(results, protocol, steps, strategy)
        say(f"fitting {saved} with {keep} landmarks on all {len(data.data)} sequences")
    y = data.target if emotions is None else np.where(np.isin(data.target, emotions), data.target, "other")
    detector.set_params(select__n_landmarks_to_select=keep)
    keep_detector(folder, detector, data.data, y, groups=data.groups, n_jobs=n_jobs)
    if verbose:
        print(f"{folder}/ holds the results and {MODEL}, {saved} with {keep} landmarks for each emotion.")
        print(
            *better_than(results, saved, keep),
            f"Next:\n  emoxai report {folder} -o report.html\n  emoxai predict {folder / MODEL} VIDEO ...",
            sep="\n",
        )


def _print_table(results, protocol, steps, strategy):
    print(f"\nBalanced accuracy, mean ± standard deviation over runs and splits; protocol {protocol}.")
    print(f"Preprocessing {', '.join(steps)}; strategy {strategy}.\n")
    print(summarize(results).reset_index().to_string(index=False), "\n")


def _counts(counts, keep, path, n_all):
    """The landmark counts that are compared; those that are too many are refused where the user named them."""
    for option, wanted in (("--n-landmarks", counts or ()), ("--keep", () if keep is None else (keep,))):
        for count in wanted:
            if not 1 <= count <= n_all:
                raise ValueError(
                    f"{option} must be at least 1 and at most the {n_all} landmarks of {path}; got {count}."
                )
    return counts or [count for count in COUNTS if count <= n_all] or [n_all]


def better_than(results, saved, keep, *, metric="roc_auc"):
    """A line on the best model where it is not the saved one, in a list that is empty otherwise.

    Parameters
    ----------
    results : DataFrame
        As :func:`compare` returns it.
    saved : str
    keep : int
        Landmarks of the saved model; where it was not compared with as many, nothing is known of it.
    metric : str, default="roc_auc"
    """
    means = results.groupby(["model", "n_landmarks"])[metric].mean()
    mine = (saved, keep)
    best = means.drop("majority class", level="model", errors="ignore").idxmax()
    if mine not in means.index or best[0] == saved or means[best] <= means[mine]:
        return []
    p = ""
    if len(results[["run", "split"]].drop_duplicates()) > 1:
        tests = paired_tests(results, mine, metric=metric).set_index(["model", "n_landmarks", "emotion"])
        p = f" (p = {tests.loc[(*best, 'mean'), 'pvalue']:.3f})"
    explains = saved.endswith("EMO") and not best[0].endswith("EMO")
    why = f" {saved} is saved because its decisions can be explained." if explains else ""
    return [
        f"{best[0]} on {best[1]} landmarks has the higher mean ROC AUC, {means[best]:.3f} against {means[mine]:.3f} of "
        f"{saved} with {keep}{p}.{why} --save {best[0]!r} saves that instead."
    ]


def _chosen(models, names):
    if names is None:
        return models
    unknown = [name for name in names if name not in models]
    if unknown:
        raise ValueError(f"--models must be some of {', '.join(models)}; got {unknown[0]!r}.")
    return {name: models[name] for name in names}


def labelled_landmarks(path, *, verbose=1):
    """Landmarks with labels, without those of videos that gave none; of a folder, they stay on disk."""
    data = load_landmarks(path, mmap=path.is_dir())
    if data.target is None:
        raise ValueError(f"{path} must hold labels; save_landmarks(..., target=labels) writes them.")
    parts = np.array_split(np.arange(len(data.data)), len(data.data) // 256 + 1)
    bad = np.concatenate([np.isnan(data.data[part]).any(axis=(1, 2, 3)) for part in parts])
    if bad.all():
        raise ValueError(f"{path} must hold sequences without NaN; all {len(bad)} have some.")
    if bad.any():
        if verbose:
            say(f"note: {bad.sum()} of {len(bad)} sequences of {path} hold NaN and are left out")
        for name in ("data", "target", "groups", "paths"):
            if data[name] is not None:
                data[name] = data[name][~bad]
    data.target = data.target.astype(str)
    return data
