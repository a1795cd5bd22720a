"""What ``emoxai compare`` does: a comparison, then the detector that is kept."""

import warnings

import numpy as np

from ..attribution import BaselineWarning
from ..evaluation import compare, paper_models, summarize
from ..landmark_store import load_landmarks
from ..runs import MODEL, check_run_folder, fewest_landmarks, keep_detector
from ._app import say

KEPT = "T-EMO"


def run_comparison(
    path,
    folder,
    *,
    protocol,
    emotions,
    counts,
    models,
    n_splits,
    n_runs,
    search,
    network,
    keep,
    n_jobs,
    seed,
    verbose,
    force,
):
    """Compare models on a file of landmarks, and keep a detector; see ``emoxai compare --help``."""
    check_run_folder(folder, force=force)
    data = labelled_landmarks(path, verbose=verbose)
    n_all = data.data.shape[3]
    grid = {} if search else {"network_grid": None}
    candidates = paper_models(class_weight="balanced", **network, **grid)
    # A detector whose explanations are worth a look has a network that was fitted as often as the others.
    detector = paper_models(class_weight="balanced", random_state=seed, **network, **grid)[KEPT]
    if keep is not None and keep > n_all:
        raise ValueError(f"--keep must be at most the {n_all} landmarks of {path}; got {keep}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BaselineWarning)  # of training parts; that of the detector is shown
        results = compare(
            _chosen(candidates, models),
            data.data,
            data.target,
            groups=data.groups,
            protocol=protocol,
            emotions=emotions,
            n_landmarks=[count for count in counts if count <= n_all] or [n_all],
            n_splits=n_splits,
            n_runs=n_runs,
            folder=folder,
            description=path.name,
            n_jobs=n_jobs,
            random_state=seed,
            verbose=verbose,
        )
    if verbose:
        print(f"\nBalanced accuracy, mean ± standard deviation over runs and splits; protocol {protocol}.\n")
        print(summarize(results).reset_index().to_string(index=False), "\n")
    if keep is None:
        tried = results.loc[results["model"] == KEPT, "n_landmarks"]
        keep = fewest_landmarks(results, KEPT) if len(tried) else min(counts)
    if verbose:
        say(f"fitting {KEPT} with {keep} landmarks on all {len(data.data)} sequences")
    y = data.target if emotions is None else np.where(np.isin(data.target, emotions), data.target, "other")
    detector.set_params(select__n_landmarks_to_select=keep)
    keep_detector(folder, detector, data.data, y, groups=data.groups, n_jobs=n_jobs)
    if verbose:
        print(
            f"{folder}/ holds the results and {MODEL}, {KEPT} with {keep} landmarks for each emotion. Next:\n"
            f"  emoxai report {folder} -o report.html\n"
            f"  emoxai predict {folder / MODEL} VIDEO ..."
        )


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
