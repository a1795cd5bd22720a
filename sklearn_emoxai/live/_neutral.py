"""What a live detector takes for the neutral face: references that follow a stream of face shapes.

A shape is an ndarray of shape (468,), complex: landmarks x + iy in inter-ocular distances, the origin between the eyes.
"""

from collections import deque

import numpy as np

from ..preprocessing import EYES

REFERENCES = ("window", "first second", "running")
_RIGHT_EYE, _LEFT_EYE = (list(eye) for eye in EYES[468])


def _eyes(landmarks):
    z = landmarks[0] + 1j * landmarks[1]
    return z, z[_RIGHT_EYE].mean(), z[_LEFT_EYE].mean()


def shape_of(landmarks):
    """Shape of a face, without place, size and rotation; None where its eyes coincide.

    Parameters
    ----------
    landmarks : ndarray of shape (2, 468)
    """
    z, a, b = _eyes(landmarks)
    return None if a == b else (z - (a + b) / 2) / (b - a)


def placed_like(shape, landmarks):
    """A shape with its eyes where those of other landmarks are, (2, 468) in their unit."""
    _, a, b = _eyes(landmarks)
    z = shape * (b - a) + (a + b) / 2
    return np.stack([z.real, z.imag])


class FirstSecond:
    """Median shape of the first second with a face.

    Attributes
    ----------
    shape : ndarray of shape (468,), complex, or None
        None until the second is over.
    """

    def __init__(self, duration=1.0):
        self._duration = duration
        self.forget()

    def forget(self):
        """Begin anew with the next face."""
        self._shapes, self._start, self.shape = [], None, None

    def update(self, shape, timestamp):
        """Take the shape of the next frame with a face."""
        if self.shape is not None:
            return
        if self._start is None:
            self._start = timestamp
        self._shapes.append(shape)
        if timestamp - self._start >= self._duration:
            self.shape, self._shapes = _median(self._shapes), []


class Running:
    """Median of the calmest half of the last 30 s, of five shapes a second.

    Calm is what differs little from the shape a fifth of a second before.

    Attributes
    ----------
    shape : ndarray of shape (468,), complex, or None
        None in the first 3 s.
    """

    _INTERVAL, _KEPT, _LEAST = 0.2, 150, 15

    def __init__(self):
        self.forget()

    def forget(self):
        """Begin anew with the next face."""
        self._shapes, self._speeds = deque(maxlen=self._KEPT), deque(maxlen=self._KEPT)
        self._last, self.shape = -np.inf, None

    def update(self, shape, timestamp):
        """Take the shape of the next frame with a face."""
        if timestamp - self._last < self._INTERVAL:
            return
        self._last = timestamp
        self._speeds.append(np.abs(shape - self._shapes[-1]).mean() if self._shapes else np.inf)
        self._shapes.append(shape)
        if len(self._shapes) >= self._LEAST:
            calm = np.argsort(self._speeds)[: (len(self._shapes) + 1) // 2]
            self.shape = _median([self._shapes[i] for i in calm])


def _median(shapes):
    shapes = np.stack(shapes)
    return np.median(shapes.real, axis=0) + 1j * np.median(shapes.imag, axis=0)
