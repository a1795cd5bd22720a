"""One face in the frames of a video: placing the crop, tracking, and looking again where it is lost."""

import contextlib

import numpy as np

from ._detectors import open_detector
from ._face_crop import (
    crop_around,
    cut,
    distinct,
    face_boxes,
    follow_largest,
    nearest,
    reach,
    search_squares,
    to_frame,
    whole_frame,
)

# MediaPipe's tracking gives wrong meshes without a sign of it for faces that moved by a third of their size
# or more (benchmarks/bench_extraction.py measures it): so it is used for close frames only, and checked where
# a mesh moved at all; a mesh that went wrong moved by 0.05 sizes or more.
_MAX_TRACKING_GAP = 0.07  # s
_MAX_UNCHECKED_SHIFT = 0.04  # sizes of the face
_MEMORY = 0.5  # s; for so long the face is expected where it was last seen
_MAX_FACES = 4


class FaceFinder:
    """Finds the largest face of one video in its frames, in order; used in a ``with`` block.

    Parameters
    ----------
    options : Options
        Resolved.
    frame_size : tuple of two ints
        Width and height in pixels.
    gap : float
        Typical time between the frames, in seconds.

    Attributes
    ----------
    crop : tuple of three ints
        left, top and side of the square around the face; the whole frame until `place_crop` finds one.
    """

    def __init__(self, options, frame_size, gap):
        self._options, self._frame_size, self._tracking = options, frame_size, gap <= _MAX_TRACKING_GAP
        self._last = self._last_time = None

    def __enter__(self):
        self._open_detectors = contextlib.ExitStack()
        self._still = self._open(tracking=False, max_faces=_MAX_FACES)
        return self

    def __exit__(self, *exc_info):
        self._open_detectors.close()

    def _open(self, **how):
        detector = open_detector(self._options.detector, model_path=self._options.model_path, **how)
        return self._open_detectors.enter_context(detector)

    def place_crop(self, timestamps, frames):
        """Look for the face in a few frames and place the crop around it.

        Parameters
        ----------
        timestamps : ndarray of shape (n,)
            In seconds.
        frames : list of n ndarray of shape (height, width, 3), uint8
        """
        boxes = [face_boxes(self._search(frame)) for frame in frames]
        followed = follow_largest(boxes, timestamps)
        seen = ~np.isnan(followed[:, 0])
        self._times, self._boxes = timestamps[seen], followed[seen]
        self.crop = whole_frame(self._frame_size)
        if seen.any():
            self.crop = crop_around(self._boxes, self._options.crop_margin, self._frame_size)
        alone = max(map(len, boxes)) <= 1
        self._mesh = self._open(tracking=True, max_faces=1 if alone else _MAX_FACES)

    def find(self, frame, timestamp):
        """Return the followed face of a frame, (2, 468) in its pixels, or None."""
        expected, limit = self._expected(timestamp)
        face = box = None
        anew = not self._tracking or self._last is None
        if not anew:
            faces = self._detect(frame, self.crop, timestamp, anew=False)
            face, box = self._choose(faces, expected, limit)
            anew = len(faces) > 0 and (face is None or self._has_moved(box))
        if anew:
            face, box = self._choose(self._detect(frame, self.crop, timestamp, anew=True), expected, limit)
        if face is None and expected is not None:
            face, box = self._rescue(frame, timestamp, expected, limit)
        if face is not None:
            self._last, self._last_time = box, timestamp
        return face

    def _detect(self, frame, crop, timestamp, *, anew):
        size = self._options.crop_size if len(self._times) else crop[2]
        image = cut(frame, crop, size=size, grayscale=self._options.grayscale)
        detect = self._mesh.detect_anew if anew else self._mesh.detect
        return to_frame(detect(image, timestamp), crop, size)

    def _rescue(self, frame, timestamp, expected, limit):
        """Look for the face outside the crop: around the place where it should be, and everywhere."""
        side = int(4 * expected[2])
        around = (int(expected[0]) - side // 2, int(expected[1]) - side // 2, side)
        faces = self._look(frame, [around, whole_frame(self._frame_size)])
        _, box = self._choose(faces, expected, limit)
        if box is None:
            return None, None
        crop = crop_around(box[None], self._options.crop_margin, self._frame_size)
        return self._choose(self._detect(frame, crop, timestamp, anew=True), expected, limit)

    def _has_moved(self, box):
        return np.abs(box - self._last).max() > _MAX_UNCHECKED_SHIFT * self._last[2]

    def _search(self, frame):
        """Return all faces of the first level of squares that shows any, (n_faces, 2, 468)."""
        for squares in search_squares(self._frame_size):
            faces = self._look(frame, squares)
            if len(faces):
                break
        return faces

    def _look(self, frame, squares):
        """Return the distinct faces in some squares of a frame, (n_faces, 2, 468), each frame on its own."""
        found, off_centre = [], []
        for square in squares:
            image = cut(frame, square, grayscale=self._options.grayscale)
            faces = self._still.detect(image)
            off_centre.extend(np.abs(face_boxes(faces)[:, :2] - square[2] / 2).max(axis=1))
            found.append(to_frame(faces, square, square[2]))
        found = np.concatenate(found)
        return found[distinct(face_boxes(found), np.array(off_centre))]

    def _expected(self, timestamp):
        """Return where the face should be and how far from there it may be.

        That is where it just was, else a place between the frames that placed the crop.
        """
        if self._last is not None and timestamp - self._last_time <= _MEMORY:
            return self._last, reach(timestamp - self._last_time)
        if not len(self._times):
            return None, np.inf
        expected = np.array([np.interp(timestamp, self._times, column) for column in self._boxes.T])
        return expected, reach(np.abs(self._times - timestamp).min())

    @staticmethod
    def _choose(faces, expected, limit):
        """Return the face nearest to the expected box and its box; without expectation the largest face's.

        Both are None where there is no such face.
        """
        if not len(faces):
            return None, None
        boxes = face_boxes(faces)
        chosen = boxes[:, 2].argmax() if expected is None else nearest(boxes, expected, limit)
        return (None, None) if chosen is None else (faces[chosen], boxes[chosen])
