"""Scores of groups of people, such as by gender, with intervals from resampled subjects."""

import json
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from .._validation import check_number
from ._statistics import DEFAULT_METRIC, METRICS, check_confidence

UNKNOWN = "unknown"
_COLUMNS = ("metric", "model", "n_landmarks", "emotion")
_SCORES = ("score", "low", "high", "n_subjects", "n_samples", "n_positive")


def group_scores(
    results,
    by,
    groups,
    *,
    metric=DEFAULT_METRIC,
    confidence=0.95,
    n_bootstraps=1000,
    random_state=0,
):
    r"""How well models do on each group of people, with intervals from resampled subjects.

    Parameters
    ----------
    results : DataFrame
        As :func:`compare` returns it with ``keep_predictions=True``.
    by : Series or array-like of shape (n_samples,)
        What tells the groups: gender, age band, ethnicity, the subject; in the order of compare's X. A missing value
        is the group "unknown".
    groups : array-like of shape (n_samples,)
        Subjects.
    metric : {"accuracy", "balanced_accuracy", "roc_auc", "f1", "mcc"}, default="roc_auc"
    confidence : float, default=0.95
        Level of the intervals.
    n_bootstraps : int, default=1000
        Times that the subjects of a group are drawn anew, as many as they are, with replacement.
    random_state : int, RandomState instance or None, default=0
        Draws them.

    Returns
    -------
    DataFrame
        A row for each model, landmark count, emotion, and group, and one for "mean", the mean over the emotions: the
        columns ``metric``, ``model``, ``n_landmarks``, ``emotion``, one with the name of ``by`` or "group",
        ``score``, ``low``, ``high``, and how many ``n_subjects``, ``n_samples`` and, of these, ``n_positive`` (of the
        emotion) the group has. NaN where a score is not defined, as the ROC AUC of a group that never shows the
        emotion, and where there is one subject and so no interval.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or results hold no predictions.

    See Also
    --------
    summarize : The same for people to read, with ``by``.
    GroupScoresDisplay : Draws it.

    Notes
    -----
    Decisions are counted over all runs and splits, and the measures of decisions taken from these counts. The ROC AUC
    is the share of pairs, of a sequence with the emotion and one without of the same group *and test part*, in which
    the first has the larger decision value: values of classifiers that were trained apart are not compared.

    Intervals are percentiles over draws of whole subjects, since the sequences of one are alike. They hold for the
    classifiers that were trained, and are too narrow below some twenty subjects. With several groups, one will be the
    lowest by chance; look whether intervals overlap before you name it.

    References
    ----------
    Field, Welsh, "Bootstrapping Clustered Data", Journal of the Royal Statistical Society B 69, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import LandmarkAligner, SequenceFlattener, compare, group_scores
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> faces = make_expressions(n_subjects=8, n_repeats=1, n_frames=4, difficulty=0, random_state=0)
    >>> models = {"SVM": make_pipeline(LandmarkAligner(), SequenceFlattener(), SVC(kernel="linear"))}
    >>> table = compare(
    ...     models, faces.data, faces.target, groups=faces.groups, emotions="fear", n_splits=2, n_runs=1,
    ...     keep_predictions=True, random_state=0,
    ... )
    >>> half = np.where(faces.groups < "S005", "first", "second")
    >>> found = group_scores(table, half, faces.groups)
    >>> found.loc[found["emotion"] == "fear", ["group", "n_subjects", "n_samples"]].to_numpy().tolist()
    [['first', 4, 24], ['second', 4, 24]]
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}; got {metric!r}.")
    check_confidence(confidence)
    check_number("n_bootstraps", n_bootstraps, Integral, 1)
    predictions = sample_table(results)
    name = getattr(by, "name", None) or "group"
    if name in _COLUMNS + _SCORES:
        raise ValueError(
            f"by must have another name than the columns of scores, {', '.join(_COLUMNS + _SCORES)}; got {name!r}: "
            "by.rename() gives it one."
        )
    labels, subjects = _per_sample("by", by, predictions), _per_sample("groups", groups, predictions)
    if subjects.isna().any():
        raise ValueError(
            f"groups must hold a subject for each sample; sample {subjects.isna().argmax()} has none."
        )
    if metric == "roc_auc" and predictions["decision"].isna().any():
        raise ValueError("metric must be one of decisions; a model of results has no decision values.")
    order = list(labels.astype("category").cat.categories)
    labels = labels.astype(object).where(labels.notna(), UNKNOWN)
    order += [UNKNOWN] if (labels == UNKNOWN).any() and UNKNOWN not in order else []
    predictions["group"], predictions["subject"] = (
        each.to_numpy()[predictions["sample"]] for each in (labels, subjects)
    )
    rows = []
    for (model, count), part in predictions.groupby(["model", "n_landmarks"], sort=False):
        for label in order:
            member = part[part["group"] == label]
            if not len(member):
                continue
            # The same draws for every model and emotion, so that these can be compared.
            codes, names = pd.factorize(member["subject"], sort=True)
            weights = draws_of_subjects(len(names), n_bootstraps, check_random_state(random_state))
            scores = {}
            for emotion, of_one in member.assign(code=codes).groupby("emotion", sort=False):
                scores[emotion] = _scores(of_one, len(names), weights, metric)
            scores["mean"] = np.mean(list(scores.values()), axis=0)
            tail = 50 * (1 - confidence)
            for emotion, values in scores.items():
                of_one = member if emotion == "mean" else member[member["emotion"] == emotion]
                drawn = values[1:][np.isfinite(values[1:])]
                low, high = np.nan, np.nan
                if len(names) > 1 and len(drawn) and np.isfinite(values[0]):
                    low, high = np.percentile(drawn, [tail, 100 - tail])
                sizes = (
                    len(names),
                    of_one["sample"].nunique(),
                    of_one.loc[of_one["target"], "sample"].nunique(),
                )
                rows.append((metric, model, count, emotion, label, values[0], low, high, *sizes))
    return pd.DataFrame(rows, columns=[*_COLUMNS, name, *_SCORES])


def sample_table(results):
    """A row for every sample that was tested on, of every model, emotion, run and split.

    Parameters
    ----------
    results : DataFrame
        As :func:`compare` returns it with ``keep_predictions=True``.

    Returns
    -------
    DataFrame
        Columns ``emotion``, ``model``, ``n_landmarks``, ``run``, ``split``, ``sample`` (its number in X), ``target``,
        ``predicted`` and ``decision``.

    Raises
    ------
    ValueError
        If there are no predictions.
    """
    if "predictions" not in results or not len(results) or not results["predictions"].astype(bool).all():
        raise ValueError(
            "results must hold predictions, as those of compare(..., keep_predictions=True); they do not."
        )
    keys = ["emotion", "model", "n_landmarks", "run", "split"]
    parts = [
        pd.DataFrame(json.loads(text)).assign(**dict(zip(keys, row)))
        for text, row in zip(results["predictions"], results[keys].itertuples(index=False))
    ]
    table = pd.concat(parts, ignore_index=True)
    table["decision"] = table["decision"].astype(float)
    return table.astype({"target": bool, "predicted": bool})


def as_predictions(samples, target, predicted, values):
    """Text that :func:`sample_table` reads; decision values to six digits."""
    values = [None] * len(samples) if values is None else [float(f"{value:.6g}") for value in values]
    lists = {"sample": samples, "target": target.astype(int), "predicted": predicted.astype(int)}
    lists = {name: each.tolist() for name, each in lists.items()}
    return json.dumps(lists | {"decision": values})


def _per_sample(name, values, predictions):
    if np.ndim(values) != 1:
        raise ValueError(f"{name} must have shape (n_samples,); got {np.shape(values)}.")
    if not isinstance(values, pd.Series):
        # NumPy would make text of the NaN in a list of words.
        values = pd.Series(values if hasattr(values, "dtype") else list(values))
    if len(values) <= predictions["sample"].max():
        raise ValueError(
            f"{name} must have a value for every sample of X; got {len(values)}, and sample "
            f"{predictions['sample'].max()} was tested on."
        )
    return values.reset_index(drop=True)


def draws_of_subjects(n_subjects, n_bootstraps, random_state):
    """How often each subject is drawn: once each, then at random; of shape (1 + n_bootstraps, n_subjects)."""
    drawn = random_state.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=n_bootstraps)
    return np.vstack([np.ones(n_subjects), drawn])


def _scores(samples, n_subjects, weights, metric):
    """The score for each row of weights; NaN where it is not defined."""
    if metric == "roc_auc":
        right, pairs = np.zeros((2, n_subjects, n_subjects))
        for _, part in samples.groupby(["run", "split"]):
            right_here, pairs_here = ordered_pairs(
                part["target"].to_numpy(), part["decision"].to_numpy(), part["code"].to_numpy(), n_subjects
            )
            right, pairs = right + right_here, pairs + pairs_here
        return weighted_auc(right, pairs, weights)
    target, predicted, code = (samples[name].to_numpy() for name in ("target", "predicted", "code"))
    tp, fn, fp, tn = (
        weights @ np.bincount(code[chosen], minlength=n_subjects)
        for chosen in (target & predicted, target & ~predicted, ~target & predicted, ~target & ~predicted)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == "accuracy":
            return (tp + tn) / (tp + fn + fp + tn)
        if metric == "balanced_accuracy":
            return (tp / (tp + fn) + tn / (tn + fp)) / 2
        if metric == "f1":
            return np.where(tp + fn > 0, 2 * tp / (2 * tp + fp + fn), np.nan)
        # As in scikit-learn, 0 where one class alone is predicted.
        root = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        defined = (tp + fn > 0) & (tn + fp > 0)
        return np.where(
            defined, np.where(root > 0, (tp * tn - fp * fn) / np.maximum(root, 1e-300), 0), np.nan
        )


def ordered_pairs(target, values, codes, n_subjects):
    """Pairs of a positive and a negative sample, by their subjects, and those of them in the right order.

    Parameters
    ----------
    target : ndarray of shape (n_samples,), bool
    values : ndarray of shape (n_samples,)
    codes : ndarray of shape (n_samples,), int
        Subjects.
    n_subjects : int

    Returns
    -------
    right, pairs : ndarray of shape (n_subjects, n_subjects)
        Rows are the subjects of the positive samples. A tie is half right.
    """
    difference = values[target][:, None] - values[~target]
    right = np.where(difference > 0, 1.0, np.where(difference == 0, 0.5, 0.0))
    place = codes[target][:, None] * n_subjects + codes[~target]
    shape = (n_subjects, n_subjects)
    size = n_subjects**2
    return (
        np.bincount(place.ravel(), weights=right.ravel(), minlength=size).reshape(shape),
        np.bincount(place.ravel(), minlength=size).reshape(shape),
    )


def weighted_auc(right, pairs, weights):
    """The ROC AUC for each row of subjects' weights; NaN where there is no pair."""
    right, pairs = (
        np.einsum("bs,st,bt->b", weights, each, weights, optimize=True) for each in (right, pairs)
    )
    return np.divide(right, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
