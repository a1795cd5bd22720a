"""The numbers of a comparison: metrics of a fit, and tests between models."""

from numbers import Real

import numpy as np
from scipy import stats
from sklearn import metrics
from sklearn.utils import Bunch

METRICS = ("accuracy", "balanced_accuracy", "roc_auc", "f1", "mcc")
# What is summarized, tested and decided by, unless another metric is asked for.
DEFAULT_METRIC = "roc_auc"
# The others say nothing about a test part of one class.
DEFINED_FOR_ONE_CLASS = {"accuracy"}


class ScorerError(ValueError):
    """A user's scorer failed, or gave no number; the message lacks where."""


def score(scorers, model, X, target, predicted, values):
    """Metrics by name.

    Parameters
    ----------
    scorers : dict of str to callable or None
        None is for a metric of :data:`METRICS`.
    model : estimator
        Fitted; for scorers.
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
    target, predicted : ndarray of shape (n_samples,), bool
    values : ndarray of shape (n_samples,) or None
        Decision values; None where "roc_auc" is not asked for.

    Returns
    -------
    dict of str to float
    """
    functions = {
        "accuracy": lambda: metrics.accuracy_score(target, predicted),
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(target, predicted),
        "roc_auc": lambda: metrics.roc_auc_score(target, values),
        "f1": lambda: metrics.f1_score(target, predicted, zero_division=0),
        "mcc": lambda: metrics.matthews_corrcoef(target, predicted),
    }
    return {
        name: float(functions[name]()) if scorer is None else _scored(name, scorer, model, X, target)
        for name, scorer in scorers.items()
    }


def _scored(name, scorer, model, X, target):
    try:
        value = scorer(model, X, target)
    except Exception as error:  # whatever a user's function raises
        raise ScorerError(f"the scorer {name!r} raised {type(error).__name__} ({error}) with") from error
    if not isinstance(value, Real | np.bool_):
        raise ScorerError(f"the scorer {name!r} gave {value!r} in the place of a number with")
    return float(value)


def corrected_ttest(differences, *, n_train, n_test, confidence=0.95):
    r"""Student's paired t test, corrected for training sets that overlap.

    Parameters
    ----------
    differences : array-like of shape (n_splits,)
        Score of one model less that of another on each test part, two or more.
    n_train, n_test : int, or array-like of shape (n_splits,)
        Samples trained on and tested on in each split, without copies added to the training part. Of splits that
        differ in size, the mean of the ratios counts.
    confidence : float, default=0.95
        Level of the interval.

    Returns
    -------
    Bunch
        mean, low, high : float
            The mean difference and its interval.
        statistic, pvalue : float
            t, and the two-sided p. Without any difference t is 0 and p is 1.
        df : int
            Degrees of freedom.

    Raises
    ------
    ValueError
        If an argument is not as described above.

    Notes
    -----
    Scores on splits of the same samples are not independent, and the plain t test finds differences that are not
    there. With :math:`J` splits and the variance :math:`s^2` of the differences,

    .. math:: t = \frac{\bar d}{\sqrt{\bigl(\frac1J + \frac{n_\text{test}}{n_\text{train}}\bigr) s^2}},

    with :math:`J - 1` degrees of freedom.

    References
    ----------
    Nadeau, Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.

    Bouckaert, Frank, "Evaluating the Replicability of Significance Tests for Comparing Learning Algorithms",
    PAKDD 2004.

    Examples
    --------
    >>> from sklearn_emoxai.evaluation import corrected_ttest
    >>> test = corrected_ttest([0.02, 0.05, 0.01, 0.04, 0.03], n_train=80, n_test=20)
    >>> round(test.statistic, 3), round(test.pvalue, 3)
    (2.828, 0.047)
    """
    differences = np.asarray(differences, dtype=float)
    if differences.ndim != 1 or len(differences) < 2 or not np.isfinite(differences).all():
        raise ValueError(
            "differences must be two finite numbers or more, one a split; "
            f"got shape {differences.shape}, {int(np.isfinite(differences).sum())} of them finite."
        )
    J = len(differences)
    sizes = [_check_sizes(name, value, J) for name, value in (("n_train", n_train), ("n_test", n_test))]
    check_confidence(confidence)
    mean = differences.mean()
    spread = np.sqrt((1 / J + np.mean(sizes[1] / sizes[0])) * differences.var(ddof=1))
    with np.errstate(divide="ignore"):
        statistic = mean / spread if spread or mean else 0.0
    margin = stats.t.ppf((1 + confidence) / 2, J - 1) * spread
    return Bunch(
        mean=float(mean),
        low=float(mean - margin),
        high=float(mean + margin),
        statistic=float(statistic),
        pvalue=float(2 * stats.t.sf(abs(statistic), J - 1)),
        df=J - 1,
    )


def holm(pvalues):
    """P-values after Holm's correction for their number.

    Parameters
    ----------
    pvalues : array-like of shape (n_tests,)

    Returns
    -------
    ndarray of shape (n_tests,)
        Times the number of tests for the smallest, one less for the next, and so on; never smaller than that of a
        smaller p-value, and at most 1.
    """
    pvalues = np.asarray(pvalues, dtype=float)
    order = np.argsort(pvalues)
    corrected = np.empty(len(pvalues))
    corrected[order] = np.maximum.accumulate(pvalues[order] * np.arange(len(pvalues), 0, -1))
    return np.minimum(corrected, 1)


def _check_sizes(name, sizes, n_splits):
    """Numbers of samples, one for all splits or one for each, as an array of floats."""
    found = np.asarray(sizes)
    if found.dtype.kind not in "iuf" or found.shape not in ((), (n_splits,)):
        raise ValueError(
            f"{name} must be a number of samples, or one for each of the {n_splits} splits; got {sizes!r}."
        )
    if not (np.isfinite(found) & (found >= 1) & (found == np.round(found))).all():
        raise ValueError(f"{name} must hold whole numbers of samples, 1 or more; got {sizes!r}.")
    return found.astype(float)


def check_confidence(confidence):
    """Refuse what is no level of an interval."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; got {confidence}.")
