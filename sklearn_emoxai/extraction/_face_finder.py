"""One face in the frames of a video: placing the crop, tracking, and looking again where it is lost."""

import contextlib

import numpy as np

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
from ._idle_detectors import borrowed_detector
from ._orientation import Orientation, roll

# MediaPipe's tracking gives wrong meshes without a sign of it for faces that moved by a third of their size
# or more (benchmarks/bench_extraction.py measures it): so it is used for close frames only, and checked where
# a mesh moved at all; a mesh that went wrong moved by 0.05 sizes or more.
_MAX_TRACKING_GAP = 0.07  # s
_MAX_UNCHECKED_SHIFT = 0.04  # sizes of the face
MEMORY = 0.5  # s; for so long the face is expected where it was last seen
_LEAST_MARGIN = 0.1  # sizes of the face; a face nearer to the crop's border has outgrown it
_MAX_FACES = 4


def follows(gap):
    """Whether frames so many seconds apart are close enough for a face to be tracked from one to the next."""
    return gap <= _MAX_TRACKING_GAP


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
    fits : bool
        Whether the crop has held one face, and room around it, in every frame so far.
    """

    def __init__(self, options, frame_size, gap):
        self._options, self._frame_size, self._tracking = options, frame_size, follows(gap)
        self._last = self._last_time = self._last_roll = None
        self._turned = False  # whether the detectors look at the frames turned by 180°

    def __enter__(self):
        self._open_detectors = contextlib.ExitStack()
        self._orientation = Orientation(self._options, self._frame_size, self._open_detectors)
        self._still = self._open(tracking=False, max_faces=_MAX_FACES)
        return self

    def __exit__(self, *exc_info):
        return self._open_detectors.__exit__(*exc_info)

    def _open(self, **how):
        options = self._options
        borrowed = borrowed_detector(options.detector, model_path=options.model_path, **how)
        return self._open_detectors.enter_context(borrowed)

    def place_crop(self, timestamps, frames):
        """Look for the face in a few frames and place the crop around it.

        Parameters
        ----------
        timestamps : ndarray of shape (n,)
            In seconds.
        frames : list of n ndarray of shape (height, width, 3), uint8
        """
        boxes, followed = self._look_about(timestamps, frames)
        seen = ~np.isnan(followed[:, 0])
        self._times, self._boxes = timestamps[seen], followed[seen]
        self.crop = whole_frame(self._frame_size)
        if seen.any():
            self.crop = crop_around(self._boxes, self._options.crop_margin, self._frame_size)
        alone = max(map(len, boxes)) <= 1
        self.fits = alone and bool(seen.any())
        self._mesh = self._still
        if self._tracking or self._still.n_refinements:
            self._mesh = self._open(tracking=True, max_faces=1 if alone else _MAX_FACES)

    def _look_about(self, timestamps, frames):
        """Return the boxes of all faces in some frames, and those of the largest face; settle which way up it is."""
        for turned in (False, True):
            self._turned = turned
            faces = [self._search(frame) for frame in frames]
            if any(map(len, faces)):
                break
        else:
            self._turned = False
        boxes = [face_boxes(found) for found in faces]
        followed = follow_largest(boxes, timestamps)
        if not np.isnan(followed).all():
            largest = int(np.nanargmax(followed[:, 2]))
            face = faces[largest][boxes[largest][:, 2].argmax()]
            if self._is_right(frames[largest], face) is False and not turned:
                self._turned = True
                boxes = [face_boxes(self._search(frame)) for frame in frames]
                followed = follow_largest(boxes, timestamps)
        return boxes, followed

    def _is_right(self, frame, face, last_roll=None):
        upright = 180 if self._turned else 0
        return self._orientation.is_right(frame, face, upright=upright, last_roll=last_roll)

    def find(self, frame, timestamp):
        """Return the followed face of a frame, (2, 468) in its pixels, or None."""
        expected, limit = self._expected(timestamp)
        face, box = self._find(frame, timestamp, expected, limit)
        steady = self._last is not None and follows(timestamp - self._last_time)
        last_roll = self._last_roll if steady else None
        right = face is not None and self._is_right(frame, face, last_roll)
        if not right and expected is not None:
            # The other way up: what it was taken for, or not found at all.
            self._mesh.forget(timestamp)
            self._turned = not self._turned
            face, box = self._choose(self._detect(frame, self.crop, timestamp, anew=True), expected, limit)
            right = face is not None and self._is_right(frame, face)
            if not right:
                self._mesh.forget(timestamp)
                self._turned = not self._turned
        if not right:
            face = None
        self.fits = self.fits and face is not None and self._has_room(box)
        if face is not None:
            self._last, self._last_time, self._last_roll = box, timestamp, roll(face)
        return face

    def _find(self, frame, timestamp, expected, limit):
        """Return the face where it is expected, whichever way up its mesh is, and its box; or None and None."""
        face = box = None
        anew = not self._tracking or self._last is None
        if not anew:
            faces = self._detect(frame, self.crop, timestamp, anew=False)
            face, box = self._choose(faces, expected, limit)
            anew = len(faces) > 0 and (face is None or self._moved(box, self._last))
        if anew:
            tracked = box
            face, box = self._choose(self._detect(frame, self.crop, timestamp, anew=True), expected, limit)
            if tracked is not None and box is not None and self._mesh.n_refinements == 0:
                self._judge_tracking(tracked, box, timestamp)
        if face is None and expected is not None:
            self.fits = False
            face, box = self._rescue(frame, timestamp, expected, limit)
        return face, box

    def _detect(self, frame, crop, timestamp, *, anew):
        size = self._options.crop_size if len(self._times) else crop[2]
        image = cut(frame, crop, size=size, grayscale=self._options.grayscale, turned=self._turned)
        if not anew:
            faces = self._mesh.detect(image, timestamp)
        elif self._mesh.n_refinements:
            faces = self._mesh.detect_anew(image, timestamp)
        else:  # which the detector without tracking does as well, and sooner
            faces = self._still.detect(image)
        return to_frame(faces, crop, size, turned=self._turned)

    def _judge_tracking(self, tracked, box, timestamp):
        """Draw the consequences where a new look at a frame was taken without the tracking detector."""
        if not self._moved(tracked, box):
            return
        if self._moved(box, self._last):
            self._mesh.forget(timestamp)  # it follows something else
        else:
            # It sees a face that stands still larger or smaller; each frame on its own takes no longer.
            self._tracking = False

    def _has_room(self, box):
        left, top, side = self.crop
        reach = (1 / 2 + _LEAST_MARGIN) * box[2]
        return (
            left <= box[0] - reach
            and box[0] + reach <= left + side
            and (top <= box[1] - reach and box[1] + reach <= top + side)
        )

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

    @staticmethod
    def _moved(box, before):
        return np.abs(box - before).max() > _MAX_UNCHECKED_SHIFT * before[2]

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
            image = cut(frame, square, grayscale=self._options.grayscale, turned=self._turned)
            faces = self._still.detect(image)
            off_centre.extend(np.abs(face_boxes(faces)[:, :2] - square[2] / 2).max(axis=1))
            found.append(to_frame(faces, square, square[2], turned=self._turned))
        found = np.concatenate(found)
        return found[distinct(face_boxes(found), np.array(off_centre))]

    def _expected(self, timestamp):
        """Return where the face should be and how far from there it may be.

        That is where it just was, else a place between the frames that placed the crop.
        """
        if self._last is not None and timestamp - self._last_time <= MEMORY:
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
