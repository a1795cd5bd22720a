"""Which movements of the landmarks speak for an emotion."""

import numpy as np

from .. import facemesh
from ..selection import explained_label, fitted_parts
from ._importance import LandmarkImportanceDisplay


class LandmarkMovementDisplay:
    """The movement of each landmark that speaks for an emotion, as arrows on a face.

    Parameters
    ----------
    movements : ndarray of shape (2, n_landmarks)
        To the right and down, as :func:`landmark_attributions` and :class:`IGLandmarkSelector` give them.
    landmarks : ndarray of shape (2, n_landmarks), default=None
        Where to draw them; x to the right, y down. None draws the neutral template of the 468-point mesh.
    image : ndarray of shape (height, width) or (height, width, 3), uint8, default=None
        Frame to draw on, in whose pixels the landmarks are.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    arrows_ : matplotlib Quiver
        Those drawn, the longest last.

    See Also
    --------
    LandmarkImportanceDisplay : How much each landmark matters, whichever way it moves.

    Notes
    -----
    An arrow is the mean of attribution × displacement from the baseline: the direction in which the landmark speaks
    for the emotion, whether samples moved it there or the other way. Its length tells how much, not how far the
    landmark moves.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sklearn_emoxai import LandmarkMovementDisplay
    >>> movements = np.random.default_rng(0).normal(size=(2, 468))
    >>> LandmarkMovementDisplay(movements=movements).plot(n_arrows=20).arrows_.N
    20
    """

    def __init__(self, *, movements, landmarks=None, image=None):
        self.movements = movements
        self.landmarks = landmarks
        self.image = image

    @classmethod
    def from_estimator(cls, estimator, *, landmarks=None, image=None, ax=None, **kwargs):
        """Draw what a fitted selector found.

        Parameters
        ----------
        estimator : selector or Pipeline with one
            Fitted; a selector is any with ``movements_``.
        landmarks, image
            As in the class.
        ax, **kwargs
            As in :meth:`plot`. The title is the label that is explained, where it is text.

        Returns
        -------
        LandmarkMovementDisplay
        """
        parts = fitted_parts(estimator)
        movements = next((part.movements_ for part in parts if hasattr(part, "movements_")), None)
        if movements is None:
            raise ValueError(
                f"estimator must be a fitted selector with movements_, or hold one; got {type(estimator).__name__}."
            )
        display = cls(movements=movements, landmarks=landmarks, image=image)
        return display.plot(ax=ax, **{"title": explained_label(estimator), **kwargs})

    def plot(self, *, ax=None, n_arrows=64, length=0.3, title=None):
        """Draw the face and the longest arrows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        n_arrows : int, default=64
            Landmarks that get an arrow: those whose movements speak most.
        length : float, default=0.3
            Of the longest arrow, in inter-ocular distances of the template: a share of 1 / 2.3 of the face's width.
        title : str, default=None

        Returns
        -------
        self
        """
        movements = np.asarray(self.movements, dtype=float)
        if movements.ndim != 2 or len(movements) != 2 or not np.isfinite(movements).all():
            raise ValueError(
                f"movements must be finite and of shape (2, n_landmarks); got {movements.shape}."
            )
        size = np.hypot(*movements)
        face = LandmarkImportanceDisplay(importances=size, landmarks=self.landmarks, image=self.image)
        face.plot(ax=ax, title=title, margin=0.3)
        face.points_.set_visible(False)
        landmarks = facemesh.TEMPLATE if self.landmarks is None else np.asarray(self.landmarks)
        width = np.ptp(landmarks[0]) / np.ptp(facemesh.TEMPLATE[0])
        drawn = np.argsort(size, kind="stable")[-n_arrows:]
        self.arrows_ = face.ax_.quiver(
            *landmarks[:, drawn],
            *movements[:, drawn] * length * width / (size.max() or 1),
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.006,
            color="tab:red" if self.image is None else "yellow",
            zorder=4,
        )
        self.ax_, self.figure_ = face.ax_, face.figure_
        return self
