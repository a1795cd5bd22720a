"""Where on the face the landmarks matter."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import facemesh


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
    def from_estimator(cls, selector, *, landmarks=None, image=None, ax=None, **kwargs):
        """Draw what a fitted selector found.

        Parameters
        ----------
        selector : IGLandmarkSelector
            Fitted.
        landmarks, image
            As in the class.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        LandmarkImportanceDisplay
        """
        check_is_fitted(selector)
        display = cls(
            importances=selector.importances_,
            support=selector.get_support(),
            landmarks=landmarks,
            image=image,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, cmap="viridis", title=None, margin=0.15):
        """Draw the face.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        cmap : str, default="viridis"
            Colours from the least to the most important of the chosen landmarks.
        title : str, default=None
        margin : float, default=0.15
            Space around the face, as a share of its size.

        Returns
        -------
        self
        """
        import matplotlib.pyplot as plt
        from matplotlib.collections import LineCollection

        importances = np.asarray(self.importances)
        landmarks = facemesh.TEMPLATE if self.landmarks is None else np.asarray(self.landmarks)
        if landmarks.shape != (2, len(importances)):
            raise ValueError(
                f"landmarks must have shape (2, {len(importances)}), as many as importances; got "
                f"{landmarks.shape}."
            )
        if ax is None:
            _, ax = plt.subplots(figsize=(4, 4.5))
        points = landmarks.T
        if self.image is not None:
            height, width = np.shape(self.image)[:2]
            ax.imshow(self.image, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
        dark = self.image is not None
        if len(importances) == facemesh.N_LANDMARKS:
            mesh = LineCollection(points[facemesh.EDGES], linewidths=0.4, alpha=0.35)
            mesh.set_color("white" if dark else "0.5")
            ax.add_collection(mesh)
        chosen = np.ones(len(importances), bool) if self.support is None else np.asarray(self.support)
        # In increasing order, so that the most important are drawn last.
        order = np.flatnonzero(chosen)[np.argsort(importances[chosen])]
        share = importances[order] / (importances.max() or 1)
        self.points_ = ax.scatter(
            *points[order].T,
            c=share,
            s=6 + 34 * share,
            cmap=cmap,
            vmin=0,
            vmax=1,
            edgecolors="white" if dark else "0.2",
            linewidths=0.3,
            zorder=3,
        )
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        half = (1 + margin) * np.ptp(points, axis=0).max() / 2
        ax.set(
            xlim=(centre[0] - half, centre[0] + half),
            ylim=(centre[1] + half, centre[1] - half),
            aspect="equal",
            title=title,
        )
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self
