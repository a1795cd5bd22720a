"""Tables of a comparison for people to read."""

import numpy as np
import pandas as pd

from ._groups import group_scores
from ._statistics import DEFAULT_METRIC, corrected_ttest, holm

_KEYS = ["model", "n_landmarks"]


def summarize(results, metric=DEFAULT_METRIC, *, reference=None, by=None, groups=None):
    """Mean ± standard deviation over runs and splits, a row for each model and a column for each emotion.

    Parameters
    ----------
    results : pandas.DataFrame
        As returned by :func:`compare`.
    metric : str, default="roc_auc"
        One of its metrics.
    reference : str or tuple of (str, int), default=None
        As in :func:`paired_tests`; adds the mean's difference from it with its 95 % interval, and the p-value after
        Holm's correction for the number of models and counts.
    by : Series or array-like of shape (n_samples,), default=None
        Groups of people to tell apart, such as ``info["gender"]``; as in :func:`group_scores`.
    groups : array-like of shape (n_samples,), default=None
        Subjects, which ``by`` needs.

    Returns
    -------
    pandas.DataFrame of str
        The name of its columns is the metric. The column "mean" is the mean over emotions, with the standard deviation
        between splits. With ``by``, a row for each model and group, with 95 % intervals from resampled subjects,
        and the numbers of subjects and samples of the group, the smallest group first.

    Raises
    ------
    ValueError
        If results lack the metric, the reference, or with ``by`` the predictions.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emoxai import summarize
    >>> results = pd.DataFrame(
    ...     {
    ...         "emotion": "fear", "model": ["SVM"] * 3 + ["T-EMO"] * 3, "n_landmarks": 468, "run": 0,
    ...         "split": [0, 1, 2] * 2, "roc_auc": [0.80, 0.85, 0.90, 0.82, 0.90, 0.92],
    ...         "n_train": 40, "n_test": 20,
    ...     }
    ... )
    >>> summarize(results, "roc_auc")["fear"].tolist()
    ['0.850 ± 0.050', '0.880 ± 0.053']
    """
    if by is not None:
        if reference is not None or groups is None:
            lacking = "no reference" if reference is not None else "groups, the subjects of X"
            raise ValueError(
                f"by needs {lacking}; got {f'{reference!r}' if reference is not None else None}."
            )
        return _by_group(group_scores(results, by, groups, metric=metric), metric)
    _check_metric(results, metric)
    order = list(dict.fromkeys(zip(results["model"], results["n_landmarks"])))
    by_split = results.groupby([*_KEYS, "run", "split"], sort=False)[metric].mean()
    cells = results.groupby([*_KEYS, "emotion"], sort=False)[metric].agg(["mean", "std"])
    table = _plus_minus(cells).unstack("emotion")[list(dict.fromkeys(results["emotion"]))]
    table["mean"] = _plus_minus(by_split.groupby(_KEYS, sort=False).agg(["mean", "std"]))
    if reference is not None:
        tests = paired_tests(results, reference, metric=metric)
        tests = tests[tests["emotion"] == "mean"].set_index(_KEYS)
        table["difference"] = tests.apply(_interval, axis=1)
        table["p (Holm)"] = tests["pvalue_holm"].map("{:.3f}".format)
        table = table.astype(object).fillna("")
    return table.loc[order].rename_axis(columns=metric)


def _by_group(scores, metric):
    """Scores of groups as text, the smallest group first."""
    name = scores.columns[4]
    keys = [*_KEYS, name]
    text = scores["score"].map("{:.3f}".format).where(scores["score"].notna(), "not defined")
    intervals = scores["low"].map(" [{:.3f}, ".format) + scores["high"].map("{:.3f}]".format)
    cells = scores.assign(text=text + intervals.where(scores["low"].notna(), ""))
    emotions = list(dict.fromkeys(scores["emotion"]))
    table = cells.pivot(index=keys, columns="emotion", values="text")[emotions]
    sizes = scores[scores["emotion"] == "mean"].set_index(keys)[["n_subjects", "n_samples"]]
    table[["subjects", "samples"]] = sizes.loc[table.index]
    models = {key: i for i, key in enumerate(dict.fromkeys(zip(scores["model"], scores["n_landmarks"])))}
    order = sorted(table.index, key=lambda key: (models[key[:2]], *table.loc[key, ["subjects", "samples"]]))
    return table.loc[order].rename_axis(columns=metric)


def paired_tests(results, reference, *, metric=DEFAULT_METRIC, confidence=0.95):
    """Differences of every model from a reference on the same splits, with the corrected paired t test.

    Parameters
    ----------
    results : pandas.DataFrame
        As returned by :func:`compare`, or read from its folder.
    reference : str or tuple of (str, int)
        A model, which others are compared with at their own landmark count, or at its largest
        where it has not theirs; or a model and a landmark count.
    metric : str, default="roc_auc"
        One of its metrics.
    confidence : float, default=0.95
        Level of the intervals, each by itself.

    Returns
    -------
    pandas.DataFrame
        One row for each model, landmark count and emotion, and one for "mean", the mean over the emotions; with
        the columns ``metric``, ``model``, ``n_landmarks``, ``emotion``, ``reference_n_landmarks``, ``difference``,
        ``low``, ``high``, ``statistic``, ``pvalue``, ``pvalue_holm``. The reference's own rows are left out.

    Raises
    ------
    ValueError
        If results lack the metric or the reference, or have only one split to compare on.

    See Also
    --------
    corrected_ttest : The test.
    critical_difference : Many models on several data sets.

    Notes
    -----
    ``pvalue_holm`` is corrected for the number of tests by Holm's step-down method: among the rows of "mean" for
    these, and among those of single emotions for those. So the chance that any true equality of a family is
    rejected stays below the level, whatever the dependence. To test fewer, take rows out of ``results`` beforehand.

    References
    ----------
    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emoxai import paired_tests
    >>> results = pd.DataFrame(
    ...     {
    ...         "emotion": "fear", "model": ["SVM"] * 3 + ["T-EMO"] * 3, "n_landmarks": 468, "run": 0,
    ...         "split": [0, 1, 2] * 2, "roc_auc": [0.80, 0.85, 0.90, 0.82, 0.90, 0.92],
    ...         "n_train": 40, "n_test": 20,
    ...     }
    ... )
    >>> tests = paired_tests(results, "SVM", metric="roc_auc")
    >>> tests[["model", "emotion", "difference"]].round(3).to_numpy().tolist()
    [['T-EMO', 'fear', 0.03], ['T-EMO', 'mean', 0.03]]
    """
    _check_metric(results, metric)
    keys = [*_KEYS, "emotion", "run", "split"]
    if (again := results.duplicated(keys)).any():
        raise ValueError(
            f"results must hold each of {', '.join(keys)} once, of one data set; "
            f"{', '.join(map(str, results.loc[again, keys].iloc[0]))} are there again."
        )
    scores = results.set_index(keys)[metric].unstack("emotion")
    emotions = list(dict.fromkeys(results["emotion"]))
    scores = scores[emotions].assign(mean=scores[emotions].mean(axis=1))
    sizes = results.groupby(["run", "split"])[["n_train", "n_test"]].mean().round()
    rows = []
    for model, count in dict.fromkeys(zip(results["model"], results["n_landmarks"])):
        other = _reference_count(results, reference, count)
        if (model, count) == other:
            continue
        differences = scores.loc[(model, count)] - scores.loc[other]
        if len(differences) < 2:
            raise ValueError("results must hold two runs or splits to test on; got 1.")
        if (lacking := differences[emotions].isna().stack()).any():
            run, split, emotion = lacking.idxmax()
            raise ValueError(
                f"results must hold {metric!r} of {model!r} and {other[0]!r} for the same emotions, runs and splits; "
                f"one has none for {emotion!r} in split {split} of run {run}."
            )
        for emotion, values in differences.items():
            parts = sizes.loc[values.index]
            test = corrected_ttest(
                values, n_train=parts["n_train"], n_test=parts["n_test"], confidence=confidence
            )
            rows.append(
                {
                    "metric": metric,
                    "model": model,
                    "n_landmarks": count,
                    "emotion": emotion,
                    "reference_n_landmarks": other[1],
                    "difference": test.mean,
                    **{key: test[key] for key in ("low", "high", "statistic", "pvalue")},
                }
            )
    columns = [
        "metric",
        "model",
        "n_landmarks",
        "emotion",
        "reference_n_landmarks",
        "difference",
        "low",
        "high",
    ]
    table = pd.DataFrame(rows, columns=[*columns, "statistic", "pvalue"])
    return table.assign(pvalue_holm=table.groupby(table["emotion"] == "mean")["pvalue"].transform(holm))


def _reference_count(results, reference, count):
    """Model and landmark count that a row with this count is compared with."""
    name, wanted = reference if isinstance(reference, tuple) and len(reference) == 2 else (reference, None)
    counts = []
    if name in results["model"].tolist():
        counts = results.loc[results["model"] == name, "n_landmarks"].unique().tolist()
    if not counts or (wanted is not None and wanted not in counts):
        known = list(dict.fromkeys(zip(results["model"], results["n_landmarks"])))
        raise ValueError(f"reference must be a model of results, out of {known}; got {reference!r}.")
    if wanted is not None:
        return name, wanted
    return name, count if count in counts else max(counts)


def _check_metric(results, metric):
    if not len(results):
        raise ValueError("results must hold one row or more; got none.")
    if metric not in results:
        raise ValueError(f"metric must be a column of results, {list(results)}; got {metric!r}.")


def _plus_minus(cells):
    deviation = np.where(cells["std"].isna(), "", " ± " + cells["std"].map("{:.3f}".format))
    return cells["mean"].map("{:.3f}".format) + deviation


def _interval(test):
    return f"{test['difference']:+.3f} [{test['low']:+.3f}, {test['high']:+.3f}]"
