"""How much the selections of several runs agree."""

import pandas as pd

from .. import facemesh
from ..evaluation import selection_stability
from ._style import error_line, finish_lines, log_counts, new_axes
from ._tables import selections


class SelectionStabilityDisplay:
    """Stability of selections, with its confidence interval, against the number of landmarks.

    Parameters
    ----------
    stability : DataFrame
        Columns ``label`` (one line each), ``n_landmarks``, ``stability``, ``low`` and ``high``.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        Label → its line.

    See Also
    --------
    sklearn_emoxai.evaluation.selection_stability : The measure.

    References
    ----------
    Nogueira, Sechidis, Brown, "On the Stability of Feature Selection Algorithms", Journal of Machine Learning
    Research 18(174), 2018.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_emoxai import SelectionStabilityDisplay
    >>> same, other = [[1, 1, 0, 0], [1, 1, 0, 0]], [[1, 0, 0, 0], [0, 0, 0, 1]]
    >>> SelectionStabilityDisplay.from_supports({"fear": [same, other]}).stability["stability"].tolist()
    [1.0, -0.333...]
    """

    def __init__(self, *, stability):
        self.stability = stability

    @classmethod
    def from_supports(cls, supports, *, confidence=0.95, ax=None, **kwargs):
        """Draw the stability of given selections.

        Parameters
        ----------
        supports : dict of str to list of array-like of shape (n_runs, n_landmarks), bool
            Label → the selections of several runs, for each number of landmarks.
        confidence : float, default=0.95
            Level of the interval.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        SelectionStabilityDisplay
        """
        import numpy as np

        named = [(label, np.asarray(masks)) for label, several in supports.items() for masks in several]
        rows = [(label, round(masks.sum(axis=1).mean()), masks) for label, masks in named]
        return cls(stability=_measure(rows, confidence)).plot(ax=ax, **kwargs)

    @classmethod
    def from_results(cls, results, *, n_landmarks=facemesh.N_LANDMARKS, confidence=0.95, ax=None, **kwargs):
        """Draw what :func:`compare` found: a line an emotion, or one for each selecting model and emotion.

        Parameters
        ----------
        results : DataFrame
            As :func:`compare` returns it, with the column ``selected``.
        n_landmarks : int, default=468
            Landmarks in all.
        confidence : float, default=0.95
            Level of the interval.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        SelectionStabilityDisplay
        """
        table = cls.table_of(results, n_landmarks=n_landmarks, confidence=confidence)
        if not len(table):
            raise ValueError(
                "results must hold two selections or more of one model and emotion; it does not."
            )
        return cls(stability=table).plot(ax=ax, **kwargs)

    @staticmethod
    def table_of(results, *, n_landmarks=facemesh.N_LANDMARKS, confidence=0.95):
        """The numbers that :meth:`from_results` draws.

        Parameters
        ----------
        results, n_landmarks, confidence
            As in :meth:`from_results`.

        Returns
        -------
        DataFrame
            Columns ``label``, ``n_landmarks``, ``stability``, ``low``, ``high``, ``emotion`` and ``model``.
        """
        supports = selections(results, n_landmarks)
        several = (
            len({model for model, _, _ in supports}) > 1,
            len({emotion for _, emotion, _ in supports}) > 1,
        )
        rows = [
            (_label(model, emotion, several), count, masks)
            for (model, emotion, count), masks in supports.items()
        ]
        table = _measure(rows, confidence).assign(
            emotion=[emotion for _, emotion, _ in supports], model=[model for model, _, _ in supports]
        )
        return table.sort_values("n_landmarks", kind="stable", ignore_index=True)

    def plot(self, *, ax=None, title=None):
        """Draw one line a label.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None

        Returns
        -------
        self
        """
        ax = new_axes(ax, height=3.0)
        self.lines_ = {}
        groups = list(self.stability.groupby("label", sort=False))
        for i, (label, rows) in enumerate(groups):
            rows = rows.sort_values("n_landmarks")
            stability = rows["stability"]
            errors = [stability - rows["low"], rows["high"] - stability]
            self.lines_[label] = error_line(
                ax, i, len(groups), rows["n_landmarks"], stability, errors, label=label
            )
        ax.axhline(0, color="0.4", linestyle=":", linewidth=1.2, label="chance")
        log_counts(ax, sorted(self.stability["n_landmarks"].unique()))
        ax.set_ylim(min(-0.05, ax.get_ylim()[0]), 1.05)
        return finish_lines(self, ax, ylabel="stability (1: the same in all runs)", title=title)


def _label(model, emotion, several):
    """What tells a line from the others: the emotion, the model where there are several, or both."""
    several_models, several_emotions = several
    if several_models and several_emotions:
        return f"{emotion}, {model}"
    return model if several_models else str(emotion)


def _measure(rows, confidence):
    """Table of stability from (label, number of landmarks, selections)."""
    measured = [
        (label, count, found.stability, found.low, found.high)
        for label, count, masks in rows
        for found in [selection_stability(masks, confidence=confidence)]
    ]
    return pd.DataFrame(measured, columns=["label", "n_landmarks", "stability", "low", "high"])
