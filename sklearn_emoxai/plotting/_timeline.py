"""When each region of the face matters."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import facemesh
from ..selection import explained_label, take_apart
from ._style import REGION_ORDER, new_axes


class AttributionTimelineDisplay:
    """Importance of each region of the face in each frame.

    Parameters
    ----------
    profile : ndarray of shape (n_frames, n_landmarks)
        Importance of every landmark in every frame.
    regions : dict of str to sequence of int, default=None
        Landmarks of each region, from the top row down. None takes those of the 468-point mesh.
    first_frame : int, default=1
        Number of the profile's first frame in the clip: 2 where :class:`NeutralDifference` took out the first.

    Attributes
    ----------
    values_ : ndarray of shape (n_regions, n_frames)
        What is drawn.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    mesh_ : matplotlib QuadMesh

    Notes
    -----
    A network that reads the frames in order and keeps its last state, as :class:`ConvLSTMClassifier` does, gives the
    last frames more importance even before it is trained. That an emotion's importance is largest there is no
    evidence that its end matters most; :ref:`the guide <late_frames>` has numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sklearn_emoxai import AttributionTimelineDisplay
    >>> profile = np.outer([0, 1, 2], [1, 0, 3])
    >>> regions = {"brows": [0, 1], "lips": [2]}
    >>> AttributionTimelineDisplay(profile=profile, regions=regions).plot(aggregate="sum").values_
    array([[0., 1., 2.],
           [0., 3., 6.]])
    """

    def __init__(self, *, profile, regions=None, first_frame=1):
        self.profile = profile
        self.regions = regions
        self.first_frame = first_frame

    @classmethod
    def from_estimator(cls, estimator, *, regions=None, first_frame=None, ax=None, **kwargs):
        """Draw what a fitted selector found.

        Parameters
        ----------
        estimator : selector or Pipeline with one
            Fitted; the selector is one with ``profile_``, as :class:`IGLandmarkSelector`.
        regions
            As in the class.
        first_frame : int, default=None
            As in the class; None asks the Pipeline, or the selector, which know of a neutral frame that was
            subtracted before.
        ax, **kwargs
            As in :meth:`plot`. The title is the label that is explained, where it is text.

        Returns
        -------
        AttributionTimelineDisplay
        """
        check_is_fitted(estimator)
        profile, first = getattr(estimator, "profile_", None), getattr(estimator, "first_frame_", 1)
        if profile is None:
            parts = take_apart(estimator, estimator.n_features_in_)
            profile, first = parts.profile, parts.first_frame
        if profile is None:
            raise ValueError(
                f"estimator must be a selector with profile_, or hold one; got {type(estimator).__name__}."
            )
        first = first if first_frame is None else first_frame
        display = cls(profile=profile, regions=regions, first_frame=first)
        return display.plot(ax=ax, **{"title": explained_label(estimator), **kwargs})

    @classmethod
    def from_attributions(cls, attributions, *, regions=None, first_frame=1, ax=None, **kwargs):
        """Draw the mean magnitude of attributions.

        Parameters
        ----------
        attributions : ndarray of shape (..., n_frames, 2, n_landmarks)
            As :func:`integrated_gradients` returns them. Magnitudes are summed over the coordinates, and averaged
            over the axes before.
        regions, first_frame
            As in the class.
        ax, **kwargs
            As in :meth:`plot`.

        Returns
        -------
        AttributionTimelineDisplay
        """
        attributions = np.asarray(attributions)
        if attributions.ndim < 3 or attributions.shape[-2] != 2:
            raise ValueError(
                f"attributions must have shape (..., n_frames, 2, n_landmarks); got {attributions.shape}."
            )
        magnitudes = np.abs(attributions).sum(axis=-2, dtype=float)
        profile = magnitudes.reshape(-1, *magnitudes.shape[-2:]).mean(axis=0)
        return cls(profile=profile, regions=regions, first_frame=first_frame).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, aggregate="mean", cmap="YlGnBu", title=None):
        """Draw a row a region and a column a frame.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        aggregate : {"mean", "sum"}, default="mean"
            Over the landmarks of a region. The mesh has 97 landmarks on the nose and 5 between the brows: only
            the mean compares regions, only the sum adds up to the whole.
        cmap : str, default="YlGnBu"
        title : str, default=None

        Returns
        -------
        self
        """
        if aggregate not in ("mean", "sum"):
            raise ValueError(f'aggregate must be "mean" or "sum"; got {aggregate!r}.')
        profile, regions = np.asarray(self.profile, dtype=float), self.regions
        if profile.ndim != 2:
            raise ValueError(f"profile must have shape (n_frames, n_landmarks); got {profile.shape}.")
        if regions is None:
            if profile.shape[1] != facemesh.N_LANDMARKS:
                raise ValueError(
                    f"regions must name the landmarks of each region: profile has {profile.shape[1]} landmarks, "
                    f"and only those of the {facemesh.N_LANDMARKS}-point mesh are known."
                )
            regions = {name: facemesh.REGIONS[name] for name in REGION_ORDER}
        rows = [getattr(profile[:, list(landmarks)], aggregate)(axis=1) for landmarks in regions.values()]
        self.values_ = np.stack(rows)
        ax = new_axes(ax, height=0.6 + 0.16 * len(regions))
        self.mesh_ = ax.pcolormesh(self.values_, cmap=cmap, vmin=0, edgecolors="white", linewidth=0.4)
        ax.invert_yaxis()
        n_frames = len(profile)
        ticks = np.unique(np.linspace(0, n_frames - 1, min(n_frames, 10)).round().astype(int))
        ax.set_xticks(ticks + 0.5, ticks + self.first_frame, fontsize=7)
        ax.set_yticks(np.arange(len(regions)) + 0.5, [name.replace("_", " ") for name in regions], fontsize=7)
        ax.set_xlabel(f"frame, of {n_frames + self.first_frame - 1}", fontsize=8)
        ax.set_title(title or "", fontsize=9)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        bar = ax.figure.colorbar(self.mesh_, ax=ax, pad=0.02, aspect=30)
        bar.set_label(f"importance, {aggregate} of the region's landmarks", fontsize=7)
        bar.ax.tick_params(labelsize=6)
        self.ax_, self.figure_ = ax, ax.figure
        return self
