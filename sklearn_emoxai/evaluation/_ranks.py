"""Many models on several data sets: mean ranks, and which of their differences hold."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils import Bunch

from ._statistics import DEFAULT_METRIC, holm

METHODS = ("nemenyi", "wilcoxon-holm")


def critical_difference(scores, *, method="nemenyi", alpha=0.05):
    r"""Mean ranks of models over data sets, and the models that cannot be told apart.

    Parameters
    ----------
    scores : DataFrame of shape (n_blocks, n_models)
        The larger the better; a row for each data set, or other block in which all models were judged, and a column
        for each of three models or more.
    method : {"nemenyi", "wilcoxon-holm"}, default="nemenyi"
        The test of each pair of models: Nemenyi's of their mean ranks, which depend on all models, or Wilcoxon's
        signed-rank test of the two alone, with Holm's correction for the number of pairs.
    alpha : float, default=0.05
        Level, for all pairs together.

    Returns
    -------
    Bunch
        ranks : Series
            Mean rank of each model, the best first; 1 is the best in every block, and equal scores share theirs.
        statistic, pvalue : float
            Iman and Davenport's F, and its p: whether the models differ at all. Look at pairs only if they do.
        pvalues : DataFrame of shape (n_models, n_models)
            Of each pair, corrected for their number; in the order of ``ranks``.
        groups : list of list of str
            Models next to one another of which no two differ, the largest such groups of two or more.
        critical_difference : float or None
            Nemenyi's least difference of mean ranks that is significant.
        n_blocks : int
            Rows of scores. ``method`` and ``alpha`` are kept beside it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, a score is missing, or there are too few blocks for any pair to differ.

    See Also
    --------
    CriticalDifferenceDisplay : Draws it.
    paired_tests : One reference, on the splits of one data set.

    Notes
    -----
    With :math:`N` blocks, :math:`k` models and the mean ranks :math:`R_j`,

    .. math::

       \chi^2_F = \frac{12 N}{k (k + 1)} \Bigl(\sum_j R_j^2 - \frac{k (k + 1)^2}{4}\Bigr), \qquad
       F = \frac{(N - 1) \chi^2_F}{N (k - 1) - \chi^2_F}, \qquad
       \mathrm{CD} = q_\alpha \sqrt{\frac{k (k + 1)}{6 N}},

    with :math:`q_\alpha` the studentized range over :math:`\sqrt 2`. Blocks must be independent of one another. Splits
    of one data set are not, and emotions that are told apart on the same sequences only in part.

    References
    ----------
    Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", Journal of Machine Learning Research
    7, 2006.

    Benavoli, Corani, Mangili, "Should We Really Use Post-Hoc Tests Based on Mean-Ranks?", Journal of Machine Learning
    Research 17(5), 2016.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emoxai import critical_difference
    >>> scores = pd.DataFrame({"SVM": [0.8, 0.7, 0.9], "T-EMO": [0.9, 0.8, 1.0], "R-EMO": [0.7, 0.6, 0.8]})
    >>> found = critical_difference(scores)
    >>> found.ranks.to_dict()
    {'T-EMO': 1.0, 'SVM': 2.0, 'R-EMO': 3.0}
    >>> found.groups
    [['T-EMO', 'SVM'], ['SVM', 'R-EMO']]
    """
    if not isinstance(scores, pd.DataFrame):
        raise TypeError(f"scores must be a DataFrame, a column for each model; got {type(scores).__name__}.")
    N, k = scores.shape
    if k < 3 or N < 2:
        raise ValueError(f"scores must have two blocks or more of three models or more; got {N} of {k}.")
    if not scores.columns.is_unique:
        again = scores.columns[scores.columns.duplicated()][0]
        raise ValueError(f"scores must have a column for each model; {again!r} is there several times.")
    try:
        scores = scores.astype(float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"scores must be numbers; {error}.") from error
    wrong = ~np.isfinite(scores.to_numpy())
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        value = scores.iloc[i, j]
        raise ValueError(
            f"scores must be there for every model and block; got {'none' if np.isnan(value) else value} of "
            f"{scores.columns[j]!r} in {scores.index[i]!r}."
        )
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}; got {method!r}.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1; got {alpha}.")
    ranks = scores.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
    chi2 = 12 * N / (k * (k + 1)) * (np.sum(ranks**2) - k * (k + 1) ** 2 / 4)
    rest = N * (k - 1) - chi2
    F = (N - 1) * chi2 / rest if rest > 1e-9 else np.inf
    unit = np.sqrt(k * (k + 1) / (6 * N))
    test = _nemenyi if method == "nemenyi" else _wilcoxon_holm
    pvalues = pd.DataFrame(test(scores[ranks.index], ranks, unit, alpha), ranks.index, ranks.index)
    q = stats.studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2)
    return Bunch(
        ranks=ranks,
        statistic=float(F),
        pvalue=float(stats.f.sf(F, k - 1, (k - 1) * (N - 1))),
        pvalues=pvalues,
        groups=_groups(pvalues, alpha),
        critical_difference=float(q * unit) if method == "nemenyi" else None,
        n_blocks=N,
        method=method,
        alpha=alpha,
    )


def _nemenyi(scores, ranks, unit, alpha):
    apart = np.abs(np.subtract.outer(ranks.to_numpy(), ranks.to_numpy()))
    return stats.studentized_range.sf(np.sqrt(2) * apart / unit, len(ranks), np.inf)


def _wilcoxon_holm(scores, ranks, unit, alpha):
    pairs = list(combinations(range(scores.shape[1]), 2))
    # All blocks on one side is the least likely outcome.
    if len(pairs) * 2.0 ** (1 - len(scores)) > alpha:
        raise ValueError(
            f"scores must have more blocks for method='wilcoxon-holm'; no difference of {len(pairs)} pairs can be "
            f"significant at {alpha} in {len(scores)} blocks."
        )
    values = scores.to_numpy(dtype=float)
    found = [_wilcoxon(values[:, i] - values[:, j]) for i, j in pairs]
    pvalues = np.ones((scores.shape[1],) * 2)
    for (i, j), p in zip(pairs, holm(found)):
        pvalues[i, j] = pvalues[j, i] = p
    return pvalues


def _wilcoxon(differences):
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    # The exact distribution is for values without ties.
    exact = len(differences) <= 50 and len(np.unique(np.abs(differences))) == len(differences)
    return stats.wilcoxon(differences, method="exact" if exact else "approx").pvalue


def _groups(pvalues, alpha):
    """The largest stretches of neighbouring models of which no two differ."""
    same = pvalues.to_numpy() >= alpha
    names, found, reached = pvalues.index.tolist(), [], 0
    for first in range(len(names)):
        last = first + 1
        while last < len(names) and same[first : last + 1, first : last + 1].all():
            last += 1
        if last - first > 1 and last > reached:
            found.append(names[first:last])
            reached = last
    return found


def scores_by_block(results, metric=DEFAULT_METRIC, blocks="emotion"):
    """Scores for :func:`critical_difference`, of compare's table.

    Parameters
    ----------
    results : DataFrame
        As :func:`compare` returns it, or several such tables below one another with a column that tells the data.
    metric : str, default="roc_auc"
    blocks : str or list of str, default="emotion"
        Columns whose combinations are the blocks; within each, the mean over all else is taken.

    Returns
    -------
    DataFrame of shape (n_blocks, n_models)
        A model of several landmark counts is several models.

    Raises
    ------
    ValueError
        If results lack a column.
    """
    blocks = [blocks] if isinstance(blocks, str) else list(blocks)
    missing = [name for name in ("model", "n_landmarks", metric, *blocks) if name not in results]
    if missing:
        raise ValueError(f"results must have the columns {missing}; it has {results.columns.tolist()}.")
    counts = results.groupby("model")["n_landmarks"].transform("nunique")
    names = results["model"].where(counts == 1, results["model"] + ", " + results["n_landmarks"].astype(str))
    table = results.assign(model=names).groupby([*blocks, "model"], sort=False)[metric].mean()
    return table.unstack("model")[list(dict.fromkeys(names))]
