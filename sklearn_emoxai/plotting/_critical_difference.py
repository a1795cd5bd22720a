"""Many models by their mean ranks, those that cannot be told apart joined by a bar."""

from ..evaluation import DEFAULT_METRIC, critical_difference, scores_by_block
from ._style import new_axes


class CriticalDifferenceDisplay:
    """Mean ranks of models over data sets, with bars that join the models that cannot be told apart.

    Parameters
    ----------
    comparison : Bunch
        As :func:`critical_difference` returns it.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : list of matplotlib Line2D
        One for each of ``comparison.groups``.

    See Also
    --------
    critical_difference : Computes the numbers.

    References
    ----------
    Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", Journal of Machine Learning Research
    7, 2006.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import pandas as pd
    >>> from sklearn_emoxai import CriticalDifferenceDisplay
    >>> scores = pd.DataFrame({"SVM": [0.8, 0.7, 0.9], "T-EMO": [0.9, 0.8, 1.0], "R-EMO": [0.7, 0.6, 0.8]})
    >>> len(CriticalDifferenceDisplay.from_scores(scores).bars_)
    2
    """

    def __init__(self, *, comparison):
        self.comparison = comparison

    @classmethod
    def from_scores(cls, scores, *, method="nemenyi", alpha=0.05, ax=None, **kwargs):
        """Draw scores of models on data sets.

        Parameters
        ----------
        scores, method, alpha
            As in :func:`critical_difference`.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        CriticalDifferenceDisplay
        """
        return cls(comparison=critical_difference(scores, method=method, alpha=alpha)).plot(ax=ax, **kwargs)

    @classmethod
    def from_results(
        cls,
        results,
        *,
        metric=DEFAULT_METRIC,
        blocks="emotion",
        method="nemenyi",
        alpha=0.05,
        ax=None,
        **kwargs,
    ):
        """Draw what :func:`compare` found.

        Parameters
        ----------
        results : DataFrame
            As :func:`compare` returns it, or several such tables below one another with a column that tells the data.
        metric : str, default="roc_auc"
            A column.
        blocks : str or list of str, default="emotion"
            Columns whose combinations are the blocks, such as ``["data", "emotion"]``; within each, the mean over all
            else is taken.
        method, alpha
            As in :func:`critical_difference`.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        CriticalDifferenceDisplay
        """
        scores = scores_by_block(results, metric, blocks)
        return cls.from_scores(scores, method=method, alpha=alpha, ax=ax, **kwargs)

    def plot(self, *, ax=None, title=None):
        """Draw the ranks on an axis from the best, at the left, to the worst.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None

        Returns
        -------
        self
        """
        found = self.comparison
        k, groups = len(found.ranks), found.groups
        n_left = (k + 1) // 2
        ax = new_axes(ax, height=0.9 + 0.17 * (n_left + len(groups)))
        # In lines of text: the axis at 0, bars and then names below it.
        below = 0.6 * len(groups) + 0.8
        ax.set_xlim(1 - 0.5 * (k - 1), k + 0.5 * (k - 1))
        ax.set_ylim(-(below + n_left), 3 if found.critical_difference else 2)
        ax.axis("off")
        ax.plot([1, k], [0, 0], color="0.2", linewidth=0.9)
        for rank in range(1, k + 1):
            ax.plot([rank, rank], [0, 0.3], color="0.2", linewidth=0.9)
            ax.text(rank, 0.45, str(rank), ha="center", va="bottom", fontsize=7)
        for place, (model, rank) in enumerate(found.ranks.items()):
            left = place < n_left
            y = -(below + (place if left else k - 1 - place))
            end = 1 - 0.04 * (k - 1) if left else k + 0.04 * (k - 1)
            ax.plot([rank, rank, end], [0, y, y], color="0.5", linewidth=0.7)
            text = f"{model}  {rank:.2f}" if left else f"{rank:.2f}  {model}"
            ax.text(end, y, f" {text} ", ha="right" if left else "left", va="center", fontsize=7)
        self.bars_ = [
            ax.plot(
                found.ranks[[group[0], group[-1]]],
                [-0.6 * (i + 1)] * 2,
                color="#0072B2",
                linewidth=2.6,
                solid_capstyle="round",
            )[0]
            for i, group in enumerate(groups)
        ]
        if found.critical_difference:
            end = min(1 + found.critical_difference, k)
            ax.plot([1, end], [1.75, 1.75], color="0.2", linewidth=0.9, marker="|", markersize=4)
            text = f"critical difference {found.critical_difference:.2f}"
            ax.text(1, 1.95, text, ha="left", va="bottom", fontsize=7)
        ax.set_title(title or "", fontsize=9)
        self.ax_, self.figure_ = ax, ax.figure
        return self
