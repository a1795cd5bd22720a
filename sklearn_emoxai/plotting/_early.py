"""How early classifiers can tell."""

import pandas as pd

from ..evaluation import early_decisions
from ._style import METRIC_NAMES, finish_lines, line_style, new_axes


class EarlyDecisionDisplay:
    """ROC AUC against the number of frames that a classifier has seen.

    Parameters
    ----------
    curves : DataFrame
        Columns ``label`` (one line each), ``n_frames``, ``roc_auc``, ``low`` and ``high``.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        Label → its line.

    See Also
    --------
    early_decisions : Computes the numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import pandas as pd
    >>> from sklearn_emoxai import EarlyDecisionDisplay
    >>> curves = pd.DataFrame(
    ...     {"label": "SVM", "n_frames": [1, 5, 10], "roc_auc": [0.5, 0.7, 0.9], "low": [0.5, 0.6, 0.8],
    ...      "high": [0.5, 0.8, 0.95]}
    ... )
    >>> EarlyDecisionDisplay(curves=curves).plot().lines_["SVM"].get_ydata().tolist()
    [0.5, 0.7, 0.9]
    """

    def __init__(self, *, curves):
        self.curves = curves

    @classmethod
    def from_estimator(cls, classifier, X, y, *, ax=None, title=None, **kwargs):
        """Draw fitted classifiers on sequences that they were not trained on.

        Parameters
        ----------
        classifier : classifier, or dict of str to classifier
            Binary and fitted; of several, a line each, on the same sequences.
        X, y
            As in :func:`early_decisions`.
        ax, title
            As in :meth:`plot`.
        **kwargs : dict
            Other arguments of :func:`early_decisions`.

        Returns
        -------
        EarlyDecisionDisplay
        """
        several = classifier if isinstance(classifier, dict) else {type(classifier).__name__: classifier}
        curves = [
            early_decisions(each, X, y, **kwargs).assign(label=label) for label, each in several.items()
        ]
        return cls(curves=pd.concat(curves, ignore_index=True)).plot(ax=ax, title=title)

    def plot(self, *, ax=None, title=None):
        """Draw one line a classifier, in a band of its interval.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None

        Returns
        -------
        self
        """
        from matplotlib.ticker import MaxNLocator

        ax = new_axes(ax, height=3.0)
        self.lines_ = {}
        for i, (label, rows) in enumerate(self.curves.groupby("label", sort=False)):
            rows = rows.sort_values("n_frames")
            style = line_style(i)
            (self.lines_[label],) = ax.plot(rows["n_frames"], rows["roc_auc"], label=label, **style)
            ax.fill_between(
                rows["n_frames"], rows["low"], rows["high"], color=style["color"], alpha=0.15, linewidth=0
            )
        ax.axhline(0.5, color="0.4", linestyle=":", linewidth=1.2, label="chance")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("frames seen", fontsize=8)
        return finish_lines(self, ax, ylabel=METRIC_NAMES["roc_auc"], title=title)
