"""How fast the landmarks move, and how fast that changes."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._validation import check_sequences, documented, names_of_landmarks
from ..storage import in_blocks
from ._base import SequenceTransformer

_NAMES = ("velocity", "acceleration")


@documented()
class LandmarkMotion(SequenceTransformer):
    r"""Velocities and accelerations of the landmarks, beside the landmarks or in their place.

    They are laid out as further landmarks, x and y of each, so that whatever takes sequences takes these, too.

    Parameters
    ----------
    order : {1, 2}, default=2
        1 gives velocities, 2 velocities and accelerations.
    append : bool, default=True
        Whether the landmarks themselves stay, before their motion.
    frame_rate : float, default=None
        Frames per second of the sequences, after any resampling. None counts time in frames.

    Attributes
    ----------
    {shape_learnt}

    See Also
    --------
    NeutralDifference : Movement from the first frame, which needs no neighbours in time.

    Notes
    -----
    With frames :math:`\Delta t` apart, the velocity is :math:`v_t = (x_{t+1} - x_{t-1}) / 2 \Delta t`, and the
    acceleration the same of the velocities. At the first and the last frame, one-sided differences of second order take
    their place, so that constant accelerations are exact everywhere. The unit is that of X per frame or per second,
    and per its square.

    Sequences of one length in frames but of other durations have another time between frames each; ``frame_rate``
    is for those that share it. Noise of the tracker grows with each difference. Regions and mirror images are known
    of landmarks, not of their motion: align, mirror and subtract before.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import LandmarkMotion
    >>> X = np.zeros((1, 5, 2, 1))
    >>> X[0, :, 0, 0] = [0, 1, 4, 9, 16]
    >>> motion = LandmarkMotion().fit_transform(X)
    >>> motion.shape
    (1, 5, 2, 3)
    >>> motion[0, :, 0, 1].tolist(), motion[0, :, 0, 2].tolist()
    ([0.0, 2.0, 4.0, 6.0, 8.0], [2.0, 2.0, 2.0, 2.0, 2.0])
    """

    _parameter_constraints = {
        "order": [Interval(Integral, 1, 2, closed="both")],
        "append": ["boolean"],
        "frame_rate": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(self, *, order=2, append=True, frame_rate=None):
        self.order = order
        self.append = append
        self.frame_rate = frame_rate

    def transform(self, X):
        """Measure the motion.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_frames, 2, k * n_landmarks), float32
            The landmarks, if ``append``, all velocities, and with ``order=2`` all accelerations: k is ``order``, and
            one more if ``append``.

        Raises
        ------
        ValueError
            If X has another shape than in fit, or fewer than 3 frames.
        """
        check_is_fitted(self)
        X = check_sequences(X, fitted=self)
        if X.shape[1] < 3:
            raise ValueError(f"X must have at least 3 frames to measure motion; got {X.shape[1]}.")
        return in_blocks(lambda rows: self._motion(X[rows]), X)

    def _motion(self, X):
        step = 1.0 if self.frame_rate is None else 1 / self.frame_rate
        parts, latest = [X] if self.append else [], X
        for _ in range(self.order):
            latest = np.gradient(latest, step, axis=1, edge_order=2)
            parts.append(latest)
        return np.concatenate(parts, axis=3, dtype=np.float32)

    def get_feature_names_out(self, input_features=None):
        """Names of the landmarks and of their motion.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            Names of the landmarks. None names those of the 468-point mesh by region and index, and others
            landmark0, landmark1 and so on.

        Returns
        -------
        ndarray of shape (k * n_landmarks,), object
            Such as "velocity_chin_152".
        """
        check_is_fitted(self)
        names = names_of_landmarks(self, input_features).tolist()
        motion = [f"{what}_{name}" for what in _NAMES[: self.order] for name in names]
        return np.array([*(names if self.append else []), *motion], dtype=object)
