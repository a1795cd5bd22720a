"""Landmarks of some moments, turned into sequences of a fixed number of frames."""

import numpy as np


def resample(landmarks, times, n_frames):
    """Landmarks at evenly spaced moments, linearly between the nearest measured ones.

    Parameters
    ----------
    landmarks : ndarray of shape (n_measured, 2, n_landmarks)
    times : ndarray of shape (n_measured,)
        Strictly increasing.
    n_frames : int
        Moments, from the first to the last measured one.

    Returns
    -------
    ndarray of shape (n_frames, 2, n_landmarks), float32

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai.datasets._resample import resample
    >>> resample(np.array([0.0, 4.0]).reshape(2, 1, 1), np.array([0, 4]), 3).ravel().tolist()
    [0.0, 2.0, 4.0]
    """
    moments = np.linspace(times[0], times[-1], n_frames)
    after = np.clip(np.searchsorted(times, moments), 1, max(len(times) - 1, 1))
    if len(times) == 1:
        return np.repeat(landmarks, n_frames, axis=0).astype(np.float32)
    before = after - 1
    share = (moments - times[before]) / (times[after] - times[before])
    share = share[:, None, None]
    return ((1 - share) * landmarks[before] + share * landmarks[after]).astype(np.float32)
