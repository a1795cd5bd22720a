"""Whether a mesh is the right way up on the face.

Of a head that is upside down MediaPipe finds a mesh as well: a plausible face, of high presence, with the eyes on the
mouth. Its shape does not tell; but the same head turned by 180° is found there, too, and more surely.
"""

import math

import numpy as np

from ..facemesh import TEMPLATE
from ._face_crop import crop_around, cut, face_boxes, to_frame
from ._idle_detectors import borrowed_detector

# Turned by the roll of its mesh, a head is upright if the mesh is right, and upside down if it is the wrong way up. On
# 56 pictures (rendered, photographs, frames of videos) the sure detector saw every head within 30° of upright.
_TURNS = (0, 25, -25)  # degrees; further looks while the two ways are equally sure
_VIEW = 300  # pixels
_MARGIN = 0.4  # sizes of the face; a mesh that is the wrong way up lies beside it
_EYES = [33, 263]  # outer corners
_MAX_ANGLE, _MAX_DISTANCE = 15, 0.25  # degrees and distances of the eyes, between meshes of one face

# The face's pixels, brought into the mesh's own frame, are alike in a picture turned by any angle (correlations from .6
# in 99 %) unless the mesh is the wrong way up (up to .5).
_MIN_CORRELATION = 0.65
_PATCH = 24
_MAX_REFERENCES = 4
_STEADY = 45  # degrees; a head turns less between neighbouring frames
_PLAIN, _TILTED = 30, 60  # degrees; a mesh beyond may be the wrong way up, or distorted


def roll(face):
    """Return the angle of the line of the eyes in degrees, clockwise from the horizontal."""
    (x, other_x), (y, other_y) = face[:, _EYES]
    return math.degrees(math.atan2(other_y - y, other_x - x))


def angle_between(one, other):
    """Return the angle between two directions in degrees, 0 to 180."""
    return abs((one - other + 180) % 360 - 180)


def agree(face, other):
    """Whether two meshes are of one face and the same way up."""
    unit = np.linalg.norm(np.diff(face[:, _EYES], axis=1))
    distance = np.linalg.norm(face - other, axis=0).mean()
    return distance <= _MAX_DISTANCE * unit and angle_between(roll(face), roll(other)) <= _MAX_ANGLE


class Orientation:
    """Judges the meshes of one face in one video.

    Parameters
    ----------
    options : Options
        Resolved.
    frame_size : tuple of two ints
        Width and height.
    stack : ExitStack
        Keeps the detector that it borrows.
    """

    def __init__(self, options, frame_size, stack):
        self._options, self._frame_size, self._stack = options, frame_size, stack
        self._detector, self._references, self._doubtful = None, [], False

    def is_right(self, frame, face, *, upright, last_roll=None):
        """Whether a mesh is the right way up, and seen so; None where that can't be told.

        Parameters
        ----------
        frame : ndarray of shape (height, width, 3), uint8
        face : ndarray of shape (2, 468)
            In pixels of the frame.
        upright : float
            Roll of a head, in degrees, that the detector saw upright.
        last_roll : float or None
            Roll of the face in the neighbouring frame before, if there was one.
        """
        now = roll(face)
        tilt = angle_between(now, upright)
        if tilt > 90:
            return False  # more reliable the other way up
        if last_roll is not None and angle_between(now, last_roll) <= _STEADY and tilt <= _PLAIN:
            return True
        patch = _patch(frame, face)
        if tilt <= _TILTED and any(patch @ reference >= _MIN_CORRELATION for reference in self._references):
            return True
        plain = tilt <= _PLAIN and not (self._references or self._doubtful)
        right = self._compare(frame, face, plain)
        if right:
            self._references = [patch, *self._references][:_MAX_REFERENCES]
        else:
            self._doubtful = True
        return right

    def _compare(self, frame, face, plain):
        """Compare how sure a face is, made upright by its roll, with how sure it is turned by another 180°.

        Where all looks ``plain``, it is right as soon as the other way shows nothing.
        """
        square = crop_around(face_boxes(face[None]), _MARGIN, self._frame_size)
        view = cut(frame, square, size=_VIEW, grayscale=self._options.grayscale)
        for angle in _TURNS:
            turned = self._sees(view, square, angle + 180 - roll(face))
            if not len(turned) and plain:
                return True
            own = self._sees(view, square, angle - roll(face))
            if len(own) != len(turned):
                return any(agree(face, other) for other in own)
            plain = False
        return None

    def _sees(self, view, square, angle):
        """Return the sure faces in a square of a frame, turned clockwise, (n_faces, 2, 468) in pixels of the frame."""
        import cv2

        if self._detector is None:
            options = self._options
            borrowed = borrowed_detector(
                options.detector, model_path=options.model_path, tracking=False, max_faces=1, sure=True
            )
            self._detector = self._stack.enter_context(borrowed)
        middle = (_VIEW - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), -angle, 1.0)
        faces = self._detector.detect(cv2.warpAffine(view, matrix, (_VIEW, _VIEW)))
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        back = np.array([[cosine, sine], [-sine, cosine]])
        return to_frame(back @ (faces - _VIEW / 2) + _VIEW / 2, square, _VIEW)


def _template_in_patch():
    low, high = TEMPLATE.min(axis=1, keepdims=True), TEMPLATE.max(axis=1, keepdims=True)
    points = (TEMPLATE - (low + high) / 2) / (high - low).max() * (_PATCH - 1) + (_PATCH - 1) / 2
    return np.linalg.pinv(np.vstack([points, np.ones(points.shape[1])]))


_FROM_PATCH = _template_in_patch()
_Y, _X = np.mgrid[:_PATCH, :_PATCH] - (_PATCH - 1) / 2
_OVAL = (_X / 10) ** 2 + (_Y / 11.5) ** 2 < 1


def _patch(frame, face):
    """Return the face's gray pixels in the frame of its mesh, a vector of length 1 around the mean 0."""
    import cv2

    size = 2 * _PATCH
    low, high = face.min(axis=1), face.max(axis=1)
    side = max(1, int(np.ceil((high - low).max())))
    left, top = np.round((low + high - side) / 2).astype(int).tolist()
    gray = cv2.GaussianBlur(cut(frame, (left, top, side), size=size)[..., 0], (0, 0), 1.0)
    in_cut = (face - [[left], [top]]) * (size / side) - 0.5
    matrix = in_cut @ _FROM_PATCH
    patch = cv2.warpAffine(gray, matrix, (_PATCH, _PATCH), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    values = patch[_OVAL].astype(float)
    values -= values.mean()
    return values / max(np.linalg.norm(values), 1e-9)
