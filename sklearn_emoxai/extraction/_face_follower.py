"""One face in a stream of frames that has no end, such as a camera's."""

import numpy as np

from ._face_crop import crop_around, search_squares
from ._face_finder import MEMORY, FaceFinder, follows
from ._one_video import Options
from ._orientation import Orientation

_LOOK_INTERVAL = 0.25  # s between searches where there is no face: one takes as long as several frames
_COUNT_INTERVAL = 2.0  # s between the looks for other faces
_LEVELS = 2  # of squares to search: faces down to about an eighth of the frame's width


class FaceFollower(FaceFinder):
    """Finds one face in the frames of a stream, in order; used in a ``with`` block.

    It finds faces as :func:`extract_landmarks` does, by the same detectors in the same crop of the same size. What
    differs is what needs a whole video: the square is placed around the face as it is first seen, and again where
    the face comes near its border or is lost. Detectors are started once, and nothing is kept of earlier frames.

    Parameters
    ----------
    crop_size, crop_margin, grayscale, detector, model_path
        As in :func:`extract_landmarks`.

    Attributes
    ----------
    n_faces : int
        Faces in the frame when all of it was last searched, every 2 s. The largest of the first frame with a face
        is followed.
    """

    def __init__(self, *, crop_size=300, crop_margin=0.25, grayscale=True, detector="auto", model_path=None):
        options = Options(
            n_frames=None,
            start=None,
            stop=None,
            fps=25.0,
            crop_size=crop_size,
            crop_margin=crop_margin,
            grayscale=grayscale,
            detector=detector,
            model_path=model_path,
            on_missing="nan",
            max_missing=1.0,
        )
        super().__init__(options.resolved(), None, np.inf)
        self._opened, self._tracks = {}, True
        self.restart()

    def restart(self):
        """Forget every frame; the time stamps of the next may begin anew."""
        self._last, self._recentred, self.n_faces = None, False, 0
        self._frame_size = None  # the next frame begins anew
        self._previous = self._next_look = self._next_count = -np.inf
        for detector in self._opened.values():
            detector.begin_video()

    def __exit__(self, *exc_info):
        self._opened.clear()
        return super().__exit__(*exc_info)

    def follow(self, frame, timestamp):
        """Return the followed face of the next frame, or None.

        Parameters
        ----------
        frame : ndarray of shape (height, width, 3), uint8
            RGB. Its size may change from frame to frame.
        timestamp : float
            In seconds, later than that of the frame before.

        Returns
        -------
        ndarray of shape (2, 468), float64, or None
            In pixels of the frame.
        """
        if frame.shape[1::-1] != self._frame_size:
            self._frame_size, self._last = frame.shape[1::-1], None
            self._orientation = Orientation(self._options, self._frame_size, self._open_detectors)
            self._next_look = -np.inf
        gap, self._previous = timestamp - self._previous, timestamp
        if (self._last is None or timestamp - self._last_time > MEMORY) and not self._placed(
            frame, timestamp
        ):
            return None
        self._count(frame, timestamp)
        # Where the square has just moved, what the detector remembers lies elsewhere.
        tracking = self._tracking = self._tracks and follows(gap) and not self._recentred
        face = self.find(frame, timestamp)
        self._tracks = self._tracks and (self._tracking or not tracking)
        self._recentred = face is not None and not self._has_room(self._last)
        if self._recentred:
            self.crop = crop_around(self._last[None], self._options.crop_margin, self._frame_size)
        return face

    def _placed(self, frame, timestamp):
        """Whether the square lies around a face that this frame shows."""
        self._last = None
        if timestamp < self._next_look:
            return False
        self._tracking = True  # a detector that tracks is opened
        self.place_crop(np.array([timestamp]), [frame])
        found = len(self._times) > 0
        self._next_look = -np.inf if found else timestamp + _LOOK_INTERVAL
        if not found:
            self.n_faces = 0
        return found

    def _count(self, frame, timestamp):
        if timestamp >= self._next_count:
            self._next_count = timestamp + _COUNT_INTERVAL
            self.n_faces = max(1, len(self._look(frame, search_squares(self._frame_size)[0])))

    def _search(self, frame):
        for squares in search_squares(self._frame_size)[:_LEVELS]:
            faces = self._look(frame, squares)
            if len(faces):
                break
        return faces

    def _open(self, **how):
        """One detector of a kind, however often the square is placed."""
        key = tuple(sorted(how.items()))
        if key not in self._opened:
            self._opened[key] = super()._open(**how)
        return self._opened[key]
