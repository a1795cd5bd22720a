"""How well models do on fewer and fewer landmarks."""

from ..evaluation import DEFAULT_METRIC
from ._style import METRIC_NAMES, error_line, finish_lines, log_counts, new_axes
from ._tables import accuracy_curves


class LandmarkCountDisplay:
    """A score of every model against its number of landmarks.

    Parameters
    ----------
    curves : DataFrame
        Columns ``model``, ``n_landmarks``, ``mean`` and ``std``.
    metric : str
        What mean and std are of.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        Model → its line.

    See Also
    --------
    compare : Makes the table.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import pandas as pd
    >>> from sklearn_emoxai import LandmarkCountDisplay
    >>> results = pd.DataFrame(
    ...     {
    ...         "emotion": "fear",
    ...         "model": ["T-EMO", "T-EMO", "T-EMO, selected", "T-EMO, selected"],
    ...         "n_landmarks": [468, 468, 32, 32],
    ...         "run": [0, 1, 0, 1],
    ...         "accuracy": [0.9, 0.8, 0.9, 0.9],
    ...     }
    ... )
    >>> display = LandmarkCountDisplay.from_results(results, metric="accuracy")
    >>> display.curves["mean"].round(3).tolist()
    [0.9, 0.85]
    """

    def __init__(self, *, curves, metric):
        self.curves = curves
        self.metric = metric

    @classmethod
    def from_results(cls, results, *, metric=DEFAULT_METRIC, emotion=None, ax=None, **kwargs):
        """Draw what :func:`compare` found.

        Parameters
        ----------
        results : DataFrame
            As :func:`compare` returns it. Models whose names differ only in an ending such as ", selected" or
            ", 32 landmarks" are one line.
        metric : str, default="roc_auc"
            A column.
        emotion : label, default=None
            None takes the mean over the emotions within each run and split.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        LandmarkCountDisplay
        """
        return cls(curves=accuracy_curves(results, metric, emotion), metric=metric).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, title=None):
        """Draw one line a model; bars are the standard deviation over runs and splits.

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
        models = self.curves["model"].unique()
        for i, model in enumerate(models):
            rows = self.curves[self.curves["model"] == model]
            if model == "majority class":  # the landmarks are nothing to it
                self.lines_[model] = ax.axhline(
                    rows["mean"].mean(), color="0.4", linestyle=":", linewidth=1.2, label=model
                )
                continue
            line = (rows["n_landmarks"], rows["mean"], rows["std"].fillna(0))
            self.lines_[model] = error_line(ax, i, len(models), *line, label=model)
        log_counts(ax, sorted(self.curves["n_landmarks"].unique()))
        ylabel = METRIC_NAMES.get(self.metric, self.metric.replace("_", " "))
        return finish_lines(self, ax, ylabel=ylabel, title=title)
