"""What ``emoxai compare`` does: a comparison, then the detector that is kept."""

import warnings

import numpy as np

from ..attribution import BaselineWarning
from ..evaluation import (
    DEFAULT_METRIC,
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
from ..preprocessing import LandmarkAligner
from ..storage import load_landmarks
from ._app import say

COUNTS = (468, 128, 32)
RECIPES = ("best", "paper")
STRATEGIES = ("forward", "qr", "top")


def run_comparison(
    path,
    folder,
    *,
    protocol,
    emotions,
    counts,
    eyes,
    strategy,
    models,
    n_splits,
    n_runs,
    recipe,
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
    if recipe not in RECIPES:
        raise ValueError(f"--recipe must be {' or '.join(RECIPES)}; got {recipe!r}.")
    if search and recipe != "paper":
        raise ValueError(f"--search belongs to --recipe paper, whose F, Q and R it searches; got {recipe!r}.")
    data = labelled_landmarks(path, verbose=verbose)
    n_all = data.data.shape[3]
    counts = _counts(counts, keep, path, n_all)
    options = {"recipe": recipe, "class_weight": "balanced", "strategy": strategy, **network}
    options["velocities"] = data.data.shape[1] > 3
    if recipe == "best" and not options["velocities"] and verbose:
        say(f"note: sequences of {data.data.shape[1]} frames are too short for velocities; none are tried")
    if recipe == "paper" and not search:
        options["network_grid"] = None
    # The eyes are looked for before any work, in landmarks that are all different.
    LandmarkAligner(eyes=eyes).fit_transform(np.arange(2.0 * n_all).reshape(1, 1, 2, n_all))
    candidates = _with_eyes(paper_models(**options), eyes)
    savable = [name for name, model in candidates.items() if hasattr(model, "steps")]
    if saved not in savable:
        raise ValueError(f"--save must be one of {', '.join(savable)}; got {saved!r}.")
    candidates = _chosen(candidates, models)
    # A detector whose explanations are worth a look has a network that was fitted as often as the others.
    detector = _with_eyes(paper_models(random_state=seed, **options), eyes)[saved]
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
    why = "as asked for"
    if keep is None and saved in set(results["model"]):
        keep = fewest_landmarks(results, saved)
        why = f"the fewest within one standard error of its best {_name(DEFAULT_METRIC)}"
    elif keep is None:
        keep, why = min(counts), "the fewest of --n-landmarks, since it was not compared"
    facts = {
        "recipe": recipe,
        "strategy": strategy,
        "preprocessing": steps,
        "saved": {"model": saved, "n_landmarks": keep},
    }
    add_to_meta(folder, **facts)
    if verbose:
        _print_table(results, protocol, steps, strategy)
        say(f"fitting {saved} with {keep} landmarks, {why}, on all {len(data.data)} sequences")
    y = data.target if emotions is None else np.where(np.isin(data.target, emotions), data.target, "other")
    detector.set_params(select__n_landmarks_to_select=keep)
    keep_detector(folder, detector, data.data, y, groups=data.groups, n_jobs=n_jobs)
    if verbose:
        print(f"{folder}/ holds the results and {MODEL}, {saved} with {keep} landmarks for each emotion.")
        print(
            *against_the_saved(results, saved),
            "--save NAME saves another model, --keep COUNT another number of landmarks.",
            f"Next:\n  emoxai report {folder} -o report.html\n  emoxai predict {folder / MODEL} VIDEO ...",
            sep="\n",
        )


def _with_eyes(models, eyes):
    for model in models.values():
        if "align" in getattr(model, "named_steps", ()):
            model.set_params(align__eyes=eyes)
    return models


def _print_table(results, protocol, steps, strategy):
    print(f"\n{_name(DEFAULT_METRIC)}, mean ± standard deviation over runs and splits; protocol {protocol}.")
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


def against_the_saved(results, saved, *, metric=DEFAULT_METRIC):
    """Lines on every other model against the saved one, in a list that is empty where there is none to compare.

    Which models meet, and on how many landmarks, is settled before any score is known: each but the majority class,
    on the largest number of landmarks that was compared. The p-values are corrected for their number. So no line is
    there, or missing, because of how a score came out.

    Parameters
    ----------
    results : DataFrame
        As :func:`compare` returns it.
    saved : str
    metric : str, default="roc_auc"
    """
    met = results[results["model"] != "majority class"]
    most = met["n_landmarks"].max()
    met = met[met["n_landmarks"] == most]
    means = met.groupby("model", sort=False)[metric].mean()
    if saved not in means.index or len(means) < 2:
        return []
    others = means.drop(saved)
    lines = [
        f"{_name(metric)} on {most} landmarks: {saved} {means[saved]:.3f}; each other model less {saved}:"
    ]
    if len(met[["run", "split"]].drop_duplicates()) < 2:
        return lines + [
            f"  {name}  {mean - means[saved]:+.3f}, untested, on one split" for name, mean in others.items()
        ]
    tests = paired_tests(met, saved, metric=metric)
    for test in tests[tests["emotion"] == "mean"].itertuples():
        interval = f"[{test.low:+.3f}, {test.high:+.3f}]"
        lines.append(f"  {test.model}  {test.difference:+.3f} {interval}, p = {test.pvalue_holm:.3f}")
    corrected = f" after Holm's correction for {len(others)} tests" if len(others) > 1 else ""
    return [*lines, f"  (95 % interval; p of the corrected paired t test{corrected})"]


def _name(metric):
    return {"roc_auc": "ROC AUC"}.get(metric, metric)


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
