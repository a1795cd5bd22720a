"""The numbers of a comparison: metrics of a fit, tests between models, the stability of selections."""

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


def selection_stability(supports, *, confidence=0.95):
    r"""How much the selections of several runs agree, beyond chance.

    Parameters
    ----------
    supports : array-like of shape (n_runs, n_landmarks), bool
        The selection of each run, two runs or more. They may differ in size.
    confidence : float, default=0.95
        Level of the interval.

    Returns
    -------
    Bunch
        stability : float
            1 where all runs select the same; 0 is the expectation of selections drawn at random.
        low, high : float
            The interval for the stability of the procedure that made the selections, at most 1.
        variance : float
            Of the estimate.

    Raises
    ------
    ValueError
        If supports are not of that shape, or select nothing or everything, so that nothing can differ.

    Notes
    -----
    With :math:`M` runs, :math:`d` landmarks, :math:`\hat p_f` the share of runs that select landmark f, and
    :math:`\bar k` the mean size of a selection:

    .. math::

       \hat\Phi = 1 - \frac{\frac1d \sum_f \frac{M}{M-1} \hat p_f (1 - \hat p_f)}
                           {\frac{\bar k}{d} \bigl(1 - \frac{\bar k}{d}\bigr)}

    The interval is the asymptotically normal one of theorem 7 there; runs must be independent for it, and folds
    that share training samples are not quite so.

    References
    ----------
    Nogueira, Sechidis, Brown, "On the Stability of Feature Selection Algorithms", Journal of Machine Learning
    Research 18(174), 2018.

    Examples
    --------
    >>> from sklearn_emoxai.evaluation import selection_stability
    >>> found = selection_stability([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]])
    >>> round(found.stability, 3)
    0.333
    """
    supports = np.asarray(supports)
    if supports.ndim != 2 or len(supports) < 2 or not np.isin(supports, (0, 1)).all():
        raise ValueError(
            f"supports must be masks of shape (n_runs, n_landmarks) of two runs or more; got shape {supports.shape}."
        )
    check_confidence(confidence)
    Z = supports.astype(float)
    M, d = Z.shape
    p, k = Z.mean(axis=0), Z.sum(axis=1)
    share = p.mean()
    if share in (0, 1):
        raise ValueError("supports must select some landmarks and leave some out; they select all or none.")
    chance = share * (1 - share)
    stability = 1 - M / (M - 1) * np.mean(p * (1 - p)) / chance
    # phi_i of theorem 7: what run i adds.
    phi = (Z @ p / d - k * share / d + stability / 2 * (2 * k * share / d - k / d - share + 1)) / chance
    variance = 4 / M**2 * np.sum((phi - phi.mean()) ** 2)
    margin = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
    return Bunch(
        stability=float(stability),
        low=float(stability - margin),
        high=float(min(stability + margin, 1)),
        variance=float(variance),
    )


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
