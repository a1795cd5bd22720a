"""How good selections are against how stable they are."""

import pandas as pd

from .. import facemesh
from ..evaluation import landmark_similarity, selection_stability
from ._style import METRIC_NAMES, finish_lines, line_style, new_axes
from ._tables import accuracy_curves, selections


class SelectionTradeOffDisplay:
    """Score of selections against their stability, a line for each way of selecting.

    Parameters
    ----------
    trade_off : DataFrame
        Columns ``label`` (one line each), ``n_landmarks``, ``score``, ``stability``, ``low`` and ``high``.
    score_name : str, default="score"
        What the score is.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        Label → its line, from few landmarks to many.

    See Also
    --------
    sklearn_emoxai.evaluation.selection_stability : The stability, with or without a similarity of landmarks.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import pandas as pd
    >>> from sklearn_emoxai import SelectionTradeOffDisplay
    >>> table = pd.DataFrame(
    ...     {
    ...         "label": ["top", "top", "forward"], "n_landmarks": [8, 16, 8], "score": [0.7, 0.8, 0.85],
    ...         "stability": [0.6, 0.7, 0.5], "low": [0.4, 0.5, 0.2], "high": [0.8, 0.9, 0.8],
    ...     }
    ... )
    >>> list(SelectionTradeOffDisplay(trade_off=table).plot().lines_)
    ['top', 'forward']
    """

    def __init__(self, *, trade_off, score_name="score"):
        self.trade_off = trade_off
        self.score_name = score_name

    @classmethod
    def from_results(
        cls,
        results,
        *,
        metric="roc_auc",
        n_landmarks=facemesh.N_LANDMARKS,
        similarity=None,
        confidence=0.95,
        ax=None,
        **kwargs,
    ):
        """Draw what :func:`compare` found: a line for each selecting model, means over the emotions.

        Parameters
        ----------
        results : DataFrame
            As :func:`compare` returns it, with the column ``selected``.
        metric : str, default="roc_auc"
            One of its columns.
        n_landmarks : int, default=468
            Landmarks in all.
        similarity : ndarray of shape (n_landmarks, n_landmarks), default=None
            As in :func:`selection_stability`. None takes ``landmark_similarity("distance")`` for the 468 of the
            mesh, and of others none.
        confidence : float, default=0.95
            Level of the intervals.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        SelectionTradeOffDisplay
        """
        if similarity is None and n_landmarks == facemesh.N_LANDMARKS:
            similarity = landmark_similarity("distance")
        rows = []
        for (model, emotion, count), masks in selections(results, n_landmarks).items():
            curve = accuracy_curves(results, metric, emotion).set_index(["model", "n_landmarks"])
            found = selection_stability(
                masks, similarity=similarity, interval="bootstrap", confidence=confidence, random_state=0
            )
            row = {"label": model, "n_landmarks": count, "score": curve.loc[(model, count), "mean"]}
            rows.append(row | {name: found[name] for name in ("stability", "low", "high")})
        if not rows:
            raise ValueError(
                "results must hold two selections or more of one model and emotion; it does not."
            )
        table = pd.DataFrame(rows).groupby(["label", "n_landmarks"], sort=False).mean().reset_index()
        return cls(trade_off=table, score_name=METRIC_NAMES.get(metric, metric)).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, title=None):
        """Draw a line a label; up and to the right is better.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None

        Returns
        -------
        self
        """
        ax = new_axes(ax, height=3.2)
        self.lines_ = {}
        for i, (label, rows) in enumerate(self.trade_off.groupby("label", sort=False)):
            rows = rows.sort_values("n_landmarks")
            errors = [rows["stability"] - rows["low"], rows["high"] - rows["stability"]]
            bars = ax.errorbar(
                rows["stability"],
                rows["score"],
                xerr=errors,
                label=label,
                capsize=1.5,
                elinewidth=0.5,
                **line_style(i),
            )
            self.lines_[label] = bars.lines[0]
            for row in rows.itertuples():
                ax.annotate(
                    str(row.n_landmarks),
                    (row.stability, row.score),
                    xytext=(3, 3),
                    textcoords="offset points",
                    fontsize=6,
                    color=line_style(i)["color"],
                )
        ax.axvline(0, color="0.4", linestyle=":", linewidth=1.2)
        ax.set_xlim(max(-0.5, ax.get_xlim()[0]), 1.05)
        ax.set_xlabel("stability (1: the same in all runs, 0: chance)", fontsize=8)
        return finish_lines(self, ax, ylabel=self.score_name, title=title)
