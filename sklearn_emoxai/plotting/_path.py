"""What a network says along the paths from baselines to a sample."""

import numpy as np

from ..selection import take_apart
from ._style import finish_lines, line_style, new_axes


class AttributionPathDisplay:
    """Probability of an emotion on the way from each baseline to one sample.

    Parameters
    ----------
    alphas : ndarray of shape (n_points,)
        Positions on the path, from 0, the baseline, to 1, the sample.
    probabilities : ndarray of shape (n_baselines, n_points)
        F at each of them.
    convergence_delta : ndarray of shape (n_baselines,)
        Completeness error of the integrated gradients: their sum less F(x) − F(x').
    labels : list of str, default=None
        Names of the baselines.
    explained : str, default=None
        Name of the class whose probability it is.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One a baseline.

    See Also
    --------
    integrated_gradients : Integrates the gradient along the same paths.

    References
    ----------
    Di Luzio, Rosato, Panella, "An Explainable Fast Deep Neural Network for Emotion Recognition",
    arXiv:2407.14865, figure 2.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import torch
    >>> from sklearn_emoxai import AttributionPathDisplay, ConvLSTM
    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(3, 10, 2, 20)
    >>> display = AttributionPathDisplay.from_estimator(ConvLSTM(20), X[0], X[1:], labels=["fear", "neutral"])
    >>> display.probabilities.shape
    (2, 51)
    """

    def __init__(self, *, alphas, probabilities, convergence_delta, labels=None, explained=None):
        self.alphas = alphas
        self.probabilities = probabilities
        self.convergence_delta = convergence_delta
        self.labels = labels
        self.explained = explained

    @classmethod
    def from_estimator(
        cls,
        estimator,
        sample,
        baselines,
        *,
        labels=None,
        n_steps=50,
        method="riemann_right",
        target=1,
        ax=None,
        **kwargs,
    ):
        """Follow a network from baselines to a sample.

        Parameters
        ----------
        estimator : torch.nn.Module, network or Pipeline that ends in one
            Fitted, as in :func:`integrated_gradients`. A Pipeline's earlier steps prepare sample and baselines.
        sample : array-like of shape (n_frames, 2, n_landmarks)
        baselines : array-like of shape (n_baselines, n_frames, 2, n_landmarks)
        labels : list of str, default=None
            Names of the baselines.
        n_steps, method, target
            As in :func:`integrated_gradients`, for the completeness error; the curve has n_steps + 1 points.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        AttributionPathDisplay
        """
        from ..attribution import integrated_gradients, model_outputs, resolve_module

        sample, baselines = np.asarray(sample, np.float32), np.asarray(baselines, np.float32)
        if sample.ndim != 3 or baselines.shape[1:] != sample.shape:
            raise ValueError(
                "sample must have shape (n_frames, 2, n_landmarks), and baselines (n_baselines, n_frames, 2, "
                f"n_landmarks); got {sample.shape} and {baselines.shape}."
            )
        if hasattr(estimator, "fit"):
            parts = take_apart(estimator, sample.shape[-1])
            (sample,), baselines = parts.prepare(sample[None]), parts.prepare(baselines)
            estimator = parts.classifier
        classes = getattr(estimator, "classes_", None)
        explained = None if classes is None else classes.tolist()[target]
        alphas = np.linspace(0, 1, n_steps + 1)
        module = resolve_module(estimator)
        probabilities = [
            model_outputs(
                module,
                (start + alphas[:, None, None, None] * (sample - start)).astype(np.float32),
                "probability",
                target,
            )
            for start in baselines
        ]
        _, delta = integrated_gradients(
            estimator,
            sample[None],
            baselines,
            target=target,
            n_steps=n_steps,
            method=method,
            return_convergence_delta=True,
        )
        display = cls(
            alphas=alphas,
            probabilities=np.stack(probabilities),
            convergence_delta=delta[0],
            labels=labels,
            explained=explained if isinstance(explained, str) else None,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, title=None):
        r"""Draw a curve for each baseline, with its completeness error :math:`\delta`.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        title : str, default=None

        Returns
        -------
        self
        """
        ax = new_axes(ax, height=3.1)
        labels = self.labels
        if labels is None:
            labels = [f"baseline {i}" for i in range(len(self.probabilities))]
        if not len(labels) == len(self.probabilities) == len(self.convergence_delta):
            raise ValueError(
                "labels and convergence_delta must have one entry for each of the "
                f"{len(self.probabilities)} baselines; got {len(labels)} and {len(self.convergence_delta)}."
            )
        every = max(1, len(self.alphas) // 8)
        self.lines_ = [
            ax.plot(
                self.alphas,
                values,
                label=f"{label}  δ = {_signed(delta)}",
                markevery=(i, every),
                **line_style(i),
            )[0]
            for i, (label, values, delta) in enumerate(
                zip(labels, self.probabilities, self.convergence_delta)
            )
        ]
        ax.set(xlim=(0, 1), ylim=(-0.03, 1.03))
        ax.set_xlabel("α, from the baseline (0) to the sample (1)", fontsize=8)
        legend_title = "from the typical sample of" if self.labels is not None else None
        ylabel = "probability" if self.explained is None else f"probability of {self.explained}"
        return finish_lines(self, ax, ylabel=ylabel, title=title, legend_title=legend_title)


def _signed(value):
    """Three decimals with a true minus, and no minus before a zero."""
    return f"{round(float(value), 3) + 0.0:+.3f}".replace("-", "−")
