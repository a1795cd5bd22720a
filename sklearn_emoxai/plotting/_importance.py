"""Where on the face the landmarks matter."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import facemesh
from ..evaluation import Explanation
from ..selection import explained_label, fitted_parts, take_apart
from ._style import COLUMN_WIDTH

_OUTLINES = tuple(facemesh.CONTOURS)


class LandmarkImportanceDisplay:
    """Importance of every landmark, drawn on a face.

    Parameters
    ----------
    importances : ndarray of shape (n_landmarks,)
        Non-negative.
    support : ndarray of shape (n_landmarks,), bool, default=None
        The chosen landmarks.
    landmarks : ndarray of shape (2, n_landmarks), default=None
        Where to draw them; x to the right, y down. None draws the neutral template of the 468-point mesh.
    image : ndarray of shape (height, width) or (height, width, 3), uint8, default=None
        Frame to draw on, in whose pixels the landmarks are.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : matplotlib PathCollection
        The chosen landmarks, or all where none are chosen.
    others_ : matplotlib PathCollection or None
        The landmarks that were not chosen.

    See Also
    --------
    IGLandmarkSelector : Computes the importances.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sklearn_emoxai.plotting import LandmarkImportanceDisplay
    >>> display = LandmarkImportanceDisplay(importances=np.linspace(0, 1, 468)).plot()
    >>> display.points_.get_offsets().shape
    (468, 2)
    """

    def __init__(self, *, importances, support=None, landmarks=None, image=None):
        self.importances = importances
        self.support = support
        self.landmarks = landmarks
        self.image = image

    @classmethod
    def from_estimator(cls, estimator, *, landmarks=None, image=None, ax=None, **kwargs):
        """Draw what a fitted selector found.

        Parameters
        ----------
        estimator : selector or Pipeline with one
            Fitted. The landmarks chosen by a selector without ``importances_``, such as
            :class:`ForwardLandmarkSelector`, are drawn alike, with importance 1 against 0.
        landmarks, image
            As in the class.
        ax, **kwargs
            As in :meth:`plot`. The title is the label that is explained, where it is text.

        Returns
        -------
        LandmarkImportanceDisplay
        """
        importances, support = _importances_of(estimator)
        display = cls(importances=importances, support=support, landmarks=landmarks, image=image)
        return display.plot(ax=ax, **{"title": explained_label(estimator), **kwargs})

    @classmethod
    def from_attributions(cls, attributions, *, support=None, landmarks=None, image=None, ax=None, **kwargs):
        """Draw the mean magnitude of attributions.

        Parameters
        ----------
        attributions : ndarray of shape (..., n_frames, 2, n_landmarks)
            As :func:`integrated_gradients` returns them. Magnitudes are summed over frames and coordinates, and
            averaged over the axes before.
        support, landmarks, image
            As in the class.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        LandmarkImportanceDisplay
        """
        attributions = np.asarray(attributions)
        if attributions.ndim < 3 or attributions.shape[-2] != 2:
            raise ValueError(
                f"attributions must have shape (..., n_frames, 2, n_landmarks); got {attributions.shape}."
            )
        magnitudes = np.abs(attributions).sum(axis=(-3, -2), dtype=float)
        importances = magnitudes.reshape(-1, magnitudes.shape[-1]).mean(axis=0)
        display = cls(importances=importances, support=support, landmarks=landmarks, image=image)
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_emotions(cls, estimators, *, landmarks=None, images=None, n_columns=3, figsize=None, **kwargs):
        """Draw several emotions side by side, with one colour bar.

        Parameters
        ----------
        estimators : EmotionClassifier or dict of label to selector or Pipeline
            Fitted.
        landmarks : dict of label to ndarray of shape (2, n_landmarks), or ndarray, default=None
            Where to draw them: for each emotion, or one for all. None draws the template.
        images : dict of label to ndarray, default=None
            Frame of each emotion.
        n_columns : int, default=3
        figsize : tuple of float, default=None
            In inches. None makes the figure as wide as a column of a paper (3.5) for up to three columns.
        **kwargs
            As in :meth:`plot`.

        Returns
        -------
        dict of label to LandmarkImportanceDisplay

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_emoxai import LandmarkImportanceDisplay, VarianceLandmarkSelector
        >>> from sklearn_emoxai.datasets import make_expressions
        >>> faces = make_expressions(n_subjects=4, n_repeats=1, n_frames=4, random_state=0)
        >>> chosen = {
        ...     emotion: VarianceLandmarkSelector(n_landmarks_to_select=32).fit(faces.data[faces.target == emotion])
        ...     for emotion in ("fear", "happiness")
        ... }
        >>> list(LandmarkImportanceDisplay.from_emotions(chosen))
        ['fear', 'happiness']
        """
        import matplotlib.pyplot as plt

        if hasattr(estimators, "estimator") and not hasattr(estimators, "items"):
            check_is_fitted(estimators)
        estimators = dict(getattr(estimators, "estimators_", estimators))
        if not estimators:
            raise ValueError("estimators must hold at least one emotion; got none.")
        n_columns = min(n_columns, len(estimators))
        n_rows = -(-len(estimators) // n_columns)
        figsize = figsize or (max(COLUMN_WIDTH, COLUMN_WIDTH / 3 * n_columns), 1.45 * n_rows + 0.45)
        figure, axes = plt.subplots(n_rows, n_columns, figsize=figsize, squeeze=False, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.02, wspace=0, hspace=0.02)
        for ax in axes.flat:
            ax.set_axis_off()
        displays = {}
        for ax, (emotion, estimator) in zip(axes.flat, estimators.items()):
            displays[emotion] = cls.from_estimator(
                estimator,
                landmarks=landmarks.get(emotion) if isinstance(landmarks, dict) else landmarks,
                image=(images or {}).get(emotion),
                ax=ax,
                **{"title": str(emotion), **kwargs},
            )
        if any(len(np.unique(display.importances)) > 2 for display in displays.values()):
            bar = figure.colorbar(
                displays[emotion].points_, ax=axes, location="bottom", shrink=0.6, aspect=35, pad=0.02
            )
            bar.set_label("importance, relative to the emotion's largest", fontsize=8)
            bar.ax.tick_params(labelsize=7)
        return displays

    def plot(self, *, ax=None, cmap=None, title=None, margin=0.12):
        """Draw the face.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        cmap : str, default=None
            Colours from the least to the most important landmark. None takes ``"YlGnBu"`` on white, where dark
            stands out, and ``"viridis"`` on a frame, where bright does.
        title : str, default=None
        margin : float, default=0.12
            Space around the face, as a share of its size.

        Returns
        -------
        self
        """
        import matplotlib.pyplot as plt

        importances, landmarks, chosen = self._checked()
        if ax is None:
            _, ax = plt.subplots(figsize=(COLUMN_WIDTH, 3.8), layout="constrained")
        points = landmarks.T
        framed = self.image is not None
        if framed:
            rows, columns = np.shape(self.image)[:2]
            ax.imshow(self.image, cmap="gray", vmin=0, vmax=255, extent=(0, columns, rows, 0))
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        width, height = np.ptp(points, axis=0) * (1 + margin)
        if framed:  # panels of one size, however the head is turned
            width = height = max(width, height)
        ax.set(
            xlim=(centre[0] - width / 2, centre[0] + width / 2),
            ylim=(centre[1] + height / 2, centre[1] - height / 2),
            aspect="equal",
        )
        ax.set_axis_off()
        # Marks grow with the axes, so that a small face is not covered by them.
        scale = np.clip(ax.get_window_extent().width / ax.figure.dpi / 3.2, 0.35, 1.5)
        if title is not None:
            ax.set_title(title, fontsize=10 if scale > 0.6 else 8)
        if len(importances) == facemesh.N_LANDMARKS:
            _draw_mesh(ax, points, scale, light=framed)
        style = {"cmap": cmap or ("viridis" if framed else "YlGnBu"), "vmin": 0, "vmax": 1}
        share = importances / (importances.max() or 1)
        # In increasing order, so that the most important are drawn last.
        rest, order = (np.flatnonzero(mask)[np.argsort(importances[mask])] for mask in (~chosen, chosen))
        self.others_ = None
        if len(rest):
            sizes = scale**2 * (1.5 + 10 * share[rest])
            self.others_ = ax.scatter(
                *points[rest].T, c=share[rest], s=sizes, alpha=0.55, linewidths=0, zorder=2, **style
            )
        self.points_ = ax.scatter(
            *points[order].T,
            c=share[order],
            s=scale**2 * (8 + 40 * share[order]),
            edgecolors="white" if framed else "0.1",
            linewidths=0.6 * scale if len(rest) else 0.2 * scale,
            zorder=3,
            **style,
        )
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _checked(self):
        """Importances, where to draw the landmarks, and the mask of the chosen ones."""
        importances = np.asarray(self.importances, dtype=float)
        if importances.ndim != 1 or not (importances >= 0).all():
            raise ValueError(
                "importances must be a vector of numbers that are not negative; got shape "
                f"{importances.shape}, least value {importances.min(initial=np.inf)}."
            )
        n_landmarks = len(importances)
        landmarks = facemesh.TEMPLATE if self.landmarks is None else np.asarray(self.landmarks)
        if landmarks.shape != (2, n_landmarks):
            raise ValueError(
                f"landmarks must have shape (2, {n_landmarks}), as many as importances; got {landmarks.shape}."
            )
        support = np.ones(n_landmarks, bool) if self.support is None else np.asarray(self.support)
        if support.dtype != bool or support.shape != (n_landmarks,):
            raise ValueError(
                f"support must be a mask of shape ({n_landmarks},); got {support.dtype}, shape {support.shape}."
            )
        return importances, landmarks, support


def _importances_of(estimator):
    """Importances and support of all landmarks, of a fitted selector, the one in a Pipeline, or an Explanation."""
    if isinstance(estimator, Explanation):
        return estimator.importances, estimator.support
    check_is_fitted(estimator)
    if not any(hasattr(part, "get_support") for part in fitted_parts(estimator)):
        raise ValueError(
            f"estimator must be a landmark selector, or hold one; got {type(estimator).__name__}."
        )
    parts = take_apart(estimator, estimator.n_features_in_)
    support = np.zeros(estimator.n_features_in_, dtype=bool)
    support[parts.landmarks] = True
    return (support.astype(float) if parts.importances is None else parts.importances), support


def _draw_mesh(ax, points, scale, *, light):
    """The mesh's edges, faint, and the outlines of face, eyes and lips."""
    from matplotlib.collections import LineCollection

    colour = "white" if light else "0.45"
    edges = LineCollection(points[facemesh.EDGES], linewidths=0.4 * scale, alpha=0.3, zorder=1)
    outlines = LineCollection(
        [points[np.append(facemesh.CONTOURS[name], facemesh.CONTOURS[name][0])] for name in _OUTLINES],
        linewidths=0.9 * scale,
        alpha=0.7,
        zorder=1,
    )
    for lines in (edges, outlines):
        lines.set_color(colour)
        ax.add_collection(lines)
