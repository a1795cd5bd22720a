"""Scores of groups of people side by side."""

import numpy as np

from ..evaluation import DEFAULT_METRIC, group_scores
from ._style import METRIC_NAMES, frame_lightly, legend_below, line_style, new_axes


class GroupScoresDisplay:
    r"""A score of every model on each group of people, with intervals and the groups' sizes.

    Parameters
    ----------
    scores : DataFrame
        As :func:`group_scores` returns it, of one emotion or of "mean".

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        Model → its points, the smallest group at the bottom.

    See Also
    --------
    group_scores : Computes the numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import pandas as pd
    >>> from sklearn_emoxai import GroupScoresDisplay
    >>> scores = pd.DataFrame(
    ...     {
    ...         "metric": "roc_auc", "model": "SVM", "n_landmarks": 468, "emotion": "mean",
    ...         "gender": ["female", "male"], "score": [0.8, 0.7], "low": [0.7, 0.5], "high": [0.9, 0.8],
    ...         "n_subjects": [20, 6], "n_samples": [80, 24], "n_positive": [40, 12],
    ...     }
    ... )
    >>> display = GroupScoresDisplay(scores=scores).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['male\n6 subjects', 'female\n20 subjects']
    """

    def __init__(self, *, scores):
        self.scores = scores

    @classmethod
    def from_results(
        cls, results, by, groups, *, metric=DEFAULT_METRIC, emotion="mean", confidence=0.95, ax=None, **kwargs
    ):
        """Draw what :func:`compare` found.

        Parameters
        ----------
        results, by, groups, metric
            As in :func:`group_scores`.
        emotion : label, default="mean"
            "mean" is the mean over the emotions.
        confidence : float, default=0.95
            Level of the intervals.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        GroupScoresDisplay

        Raises
        ------
        ValueError
            If there is no such emotion, or as in :func:`group_scores`.
        """
        scores = group_scores(results, by, groups, metric=metric, confidence=confidence)
        known = scores["emotion"].unique().tolist()
        if emotion not in known:
            raise ValueError(f"emotion must be one of {known}; got {emotion!r}.")
        return cls(scores=scores[scores["emotion"] == emotion]).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, title=None):
        """Draw a row for each group, the smallest at the bottom, and in it a point for each model.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None

        Returns
        -------
        self
        """
        by = self.scores.columns[4]
        sizes = self.scores.groupby(by, sort=False, observed=True)["n_subjects"].max()
        order = sizes.sort_values(kind="stable")
        models = list(self.scores.groupby(["model", "n_landmarks"], sort=False))
        several = self.scores.groupby("model")["n_landmarks"].nunique().max() > 1
        ax = new_axes(ax, height=0.9 + len(order) * (0.26 + 0.08 * len(models)) + 0.1 * len(models))
        self.lines_ = {}
        for i, ((model, count), rows) in enumerate(models):
            rows = rows.set_index(by).reindex(order.index)
            y = np.arange(len(order)) - 0.16 * (i - (len(models) - 1) / 2)
            # Where there is no interval, as for one subject, there is no bar.
            errors = np.nan_to_num([rows["score"] - rows["low"], rows["high"] - rows["score"]])
            name = f"{model}, {count}" if several else str(model)
            style = line_style(i) | {"linestyle": "none"}
            bars = ax.errorbar(
                rows["score"], y, xerr=np.maximum(errors, 0), label=name, elinewidth=1, capsize=1.5, **style
            )
            self.lines_[name] = bars.lines[0]
        labels = [f"{group}\n{n} subject{'s' * (n != 1)}" for group, n in order.items()]
        if order.max() == 1:  # subjects are the groups
            labels = list(map(str, order.index))
        ax.set_yticks(range(len(order)), labels)
        ax.set_ylim(-0.6, len(order) - 0.4)
        metric = self.scores["metric"].iloc[0]
        ax.set_xlabel(METRIC_NAMES.get(metric, metric.replace("_", " ")), fontsize=8)
        ax.set_title(title or "", fontsize=9)
        frame_lightly(ax, grid="x")
        if len(models) > 1:
            legend_below(ax, inches=0.38)
        self.ax_, self.figure_ = ax, ax.figure
        return self
