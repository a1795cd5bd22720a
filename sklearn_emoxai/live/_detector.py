"""A fitted detector on a stream of frames."""

from collections import deque
from dataclasses import dataclass
from numbers import Real

import numpy as np

from .._validation import check_number
from ..evaluation import as_detector
from ..extraction import FaceFollower, sample_indices
from ..facemesh import N_LANDMARKS
from ..preprocessing import NeutralDifference
from ..selection import fitted_parts
from ._neutral import REFERENCES, FirstSecond, Running, placed_like, shape_of
from ._onnx import answers

_FORGET = 0.5  # s without a face: what was seen before it says nothing about now
_ANOTHER_PERSON = 2.0  # s without a face: the next one may be another person's


@dataclass(frozen=True, eq=False)
class LiveResult:
    """What a detector sees at one frame.

    Attributes
    ----------
    timestamp : float
        The frame's, in seconds.
    landmarks : ndarray of shape (2, 468), float32, or None
        In pixels of the frame, as in :class:`LandmarkSequence`; None where there is no face.
    probabilities : dict or None
        Label → probability; None where there is no face.
    neutral : {"window", "first second", "running", "calibrated"} or None
        What served as the neutral face; None for a detector that subtracts none.
    n_faces : int
        Faces in the frame, counted every 2 s; one is followed.
    chosen : dict
        Label → landmarks that its detector looks at, ndarray of int.
    """

    timestamp: float
    landmarks: np.ndarray | None
    probabilities: dict | None
    neutral: str | None
    n_faces: int
    chosen: dict

    @property
    def face(self):
        """Whether the frame shows the face."""
        return self.landmarks is not None

    @property
    def emotion(self):
        """The most probable label; None where there is no face."""
        return None if self.probabilities is None else max(self.probabilities, key=self.probabilities.get)

    def places(self, label):
        """Where the landmarks are that the detector of a label looks at.

        Parameters
        ----------
        label : label
            One of ``probabilities``.

        Returns
        -------
        ndarray of shape (2, n_chosen), float32, or None
            In pixels of the frame; None where there is no face.
        """
        return None if self.landmarks is None else self.landmarks[:, self.chosen[label]]


class LiveDetector:
    """Follows a face in a stream of frames and tells each emotion's probability at each of them.

    Parameters
    ----------
    estimator : classifier of sequences
        Fitted, with ``predict_proba``, on the 468 landmarks of the mesh: an :class:`EmotionClassifier`, a
        :class:`ConvLSTMClassifier`, a Pipeline, or a search around one.
    window : float, default=2.0
        Seconds that the detector looks back. Choose it near the length of the clips trained on.
    neutral : {"first second", "running", "window"}, default="first second"
        What serves as the neutral face of a detector that subtracts one, until `calibrate` is called; see Notes.
    positive : str, default=None
        Of a classifier of two labels the one that is the emotion; None is the second. It names a second label that is
        no word, such as True.
    crop_size, crop_margin, grayscale, detector, model_path
        As in :func:`extract_landmarks`. None is as there, or as a :class:`LandmarkExtractor` in the estimator has it.

    Attributes
    ----------
    labels : list of str
        In the order of the estimator's ``classes_``.
    n_frames : int
        Frames that the estimator takes.
    chosen : dict
        Label → landmarks that reach its classifier, ndarray of int.
    importances : dict
        Label → importance of each of these, as shares of the largest; None where no selector found any.
    subtracts_neutral : bool
        Whether a :class:`NeutralDifference` is in the estimator.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        If the estimator is not fitted, is no classifier, has no ``predict_proba`` or takes other landmarks, or a
        parameter is out of its range.

    See Also
    --------
    annotate_video : The same for a finished video, written as a video.

    Notes
    -----
    At each frame the estimator gets the ``n_frames`` frames nearest to moments that are evenly spread over the last
    `window` seconds, or over the time since the face was first seen where that is shorter. Only frames with a face
    count, and what lies before half a second without one is forgotten. So memory and time per frame do not grow.

    With a reference, the first of the estimator's frames is the neutral face in the place of what the window begins
    with: "first second" is the median shape of the first second with a face, begun anew after two seconds without one;
    "running" the median of the calmest half of the last 30 s; "window" takes the window's own first frame, as on the
    clips that the estimator was fitted on. Until there is a reference, and after `calibrate` until its second is over,
    the window's first frame serves.

    With onnxruntime and onnx installed, as by the extra ``live``, the estimator runs as one ONNX graph if it is made of
    what :func:`export_onnx` knows. Else it is ``predict_proba`` that answers, some 6 ms a frame for six emotions.

    At the end of a clip that is not longer than `window`, with ``neutral="window"``, the estimator gets the same frames
    as by :class:`LandmarkExtractor`. Their landmarks differ a little: a stream's are tracked from frame to frame, and
    the square around the face can only be placed by what was seen so far.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import EmotionClassifier, LandmarkAligner, LiveDetector, SequenceFlattener
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> made = make_expressions(n_subjects=4, random_state=0)
    >>> pipeline = make_pipeline(LandmarkAligner(), SequenceFlattener(), LogisticRegression(max_iter=1000))
    >>> classifier = EmotionClassifier(pipeline).fit(made.data, made.target)
    >>> with LiveDetector(classifier) as live:
    ...     result = live.update(np.zeros((480, 640, 3), dtype=np.uint8), timestamp=0.0)
    >>> result.face, result.probabilities
    (False, None)
    """

    def __init__(
        self,
        estimator,
        *,
        window=2.0,
        neutral="first second",
        positive=None,
        crop_size=None,
        crop_margin=None,
        grayscale=None,
        detector=None,
        model_path=None,
    ):
        check_number("window", window, Real, 1e-3)
        if neutral not in REFERENCES:
            raise ValueError(f"neutral must be one of {REFERENCES}; got {neutral!r}.")
        self.estimator, self.window, self.neutral = estimator, window, neutral
        self._detector = _checked(as_detector(estimator, positive=positive))
        self.labels, self.n_frames = self._detector.labels, self._detector.n_frames
        parts = {label: self._detector.parts(label)[0] for label in self.labels}
        self.chosen = {label: part.landmarks for label, part in parts.items()}
        self.importances = {label: _shares(part) for label, part in parts.items()}
        self.subtracts_neutral = any(
            isinstance(part, NeutralDifference) for part in _all_parts(self._detector.estimator)
        )
        extractor = self._detector.extractor_for(
            crop_size=crop_size,
            crop_margin=crop_margin,
            grayscale=grayscale,
            detector=detector,
            model_path=model_path,
        )
        seen = ("crop_size", "crop_margin", "grayscale", "detector", "model_path")
        self._follower = FaceFollower(**{name: getattr(extractor, name) for name in seen})
        self._answers = answers(self._detector)
        self._open = False
        self.reset()

    def reset(self):
        """Forget the stream so far, and the calibration; the next frame may have any time stamp."""
        self._times, self._landmarks = deque(), deque()
        self._last = self._last_face = -np.inf
        self._calibration = None
        self._reference = {"first second": FirstSecond, "running": Running}.get(self.neutral, _none)()
        if self._open:
            self._follower.restart()

    def calibrate(self):
        """Take the next second for the neutral face, until the next call."""
        self._calibration = FirstSecond()

    def update(self, frame, timestamp):
        """Take the next frame.

        Parameters
        ----------
        frame : ndarray of shape (height, width, 3), uint8
            RGB. Its size may change.
        timestamp : float
            In seconds, from any start; later than that of the frame before.

        Returns
        -------
        LiveResult

        Raises
        ------
        ValueError, TypeError
            If the frame has another shape or dtype, or the time stamp is not later.
        """
        frame = _checked_frame(frame)
        self._check_time(timestamp)
        if not self._open:
            self._follower.__enter__()
            self._open = True
        return self.update_landmarks(self._follower.follow(frame, timestamp), timestamp)

    def update_landmarks(self, landmarks, timestamp):
        """Take the landmarks of the next frame, of a tracker of your own.

        Parameters
        ----------
        landmarks : ndarray of shape (2, 468) or None
            In pixels; None where there is no face.
        timestamp : float
            As in `update`.

        Returns
        -------
        LiveResult

        Raises
        ------
        ValueError, TypeError
            If they have another shape or are not finite, or the time stamp is not later.
        """
        self._check_time(timestamp)
        shape = None
        if landmarks is not None:
            landmarks = np.asarray(landmarks, dtype=np.float32)
            if landmarks.shape != (2, N_LANDMARKS):
                raise ValueError(f"landmarks must have shape (2, {N_LANDMARKS}); got {landmarks.shape}.")
            if not np.isfinite(landmarks).all():
                raise ValueError(
                    "landmarks must be finite, and None where there is no face; got NaN or infinity."
                )
            shape = shape_of(landmarks)
        self._last = timestamp
        if shape is None:
            return self._result(None, None, None)
        self._take(landmarks, shape, timestamp)
        X, neutral = self._sequence()
        values = self._answers(X).tolist()
        return self._result(landmarks, dict(zip(self.labels, values)), neutral)

    def _result(self, landmarks, probabilities, neutral):
        n_faces = self._follower.n_faces if self._open else int(landmarks is not None)
        return LiveResult(self._last, landmarks, probabilities, neutral, n_faces, self.chosen)

    def _check_time(self, timestamp):
        if not isinstance(timestamp, Real) or not np.isfinite(timestamp):
            raise TypeError(f"timestamp must be a finite number of seconds; got {timestamp!r}.")
        if timestamp <= self._last:
            raise ValueError(f"timestamp must increase; got {timestamp} after {self._last}.")

    def _take(self, landmarks, shape, timestamp):
        """Take note of a face."""
        absent, self._last_face = timestamp - self._last_face, timestamp
        if absent > _FORGET:
            self._times.clear()
            self._landmarks.clear()
        if absent > _ANOTHER_PERSON and self._reference is not None:
            self._reference.forget()
        self._times.append(timestamp)
        self._landmarks.append(landmarks)
        while self._times[0] < timestamp - self.window - 1e-6:
            self._times.popleft()
            self._landmarks.popleft()
        for reference in (self._reference, self._calibration):
            if reference is not None:
                reference.update(shape, timestamp)

    def _sequence(self):
        """What the estimator gets, (1, n_frames, 2, 468), and what its neutral face is."""
        rows = sample_indices(self._times, self.n_frames)
        X = np.stack([self._landmarks[i] for i in rows])[None]
        if not self.subtracts_neutral:
            return X, None
        if self._calibration is not None:
            neutral, reference = "calibrated", self._calibration
        else:
            neutral, reference = self.neutral, self._reference
        if reference is None or reference.shape is None:
            return X, "window"
        X[0, 0] = placed_like(reference.shape, X[0, 0])
        return X, neutral

    def close(self):
        """Give back the face detectors; the next `update` starts them again."""
        if self._open:
            self._open = False
            self._follower.__exit__(None, None, None)
            self._follower.restart()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()


def _all_parts(estimator):
    """Every fitted estimator in one, those of each emotion among them."""
    for part in fitted_parts(estimator):
        yield part
        if hasattr(getattr(part, "estimators_", None), "items"):
            for binary in part.estimators_.values():
                yield from fitted_parts(binary)


def _checked(detector):
    name = type(detector.estimator).__name__
    if detector.unit != "probability":
        raise TypeError(f"estimator must have predict_proba; {name} has none.")
    if detector.n_frames is None:
        raise TypeError(f"estimator must tell n_frames_in_, or its first step; {name} does not.")
    if detector.n_landmarks != N_LANDMARKS:
        raise ValueError(
            f"estimator must be fitted on the {N_LANDMARKS} landmarks that a camera's frames give; it was fitted on "
            f"{detector.n_landmarks}."
        )
    return detector


def _checked_frame(frame):
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
        kind = frame.dtype if isinstance(frame, np.ndarray) else type(frame).__name__
        raise TypeError(f"frame must be an ndarray of uint8; got {kind}.")
    if frame.ndim != 3 or frame.shape[2] != 3 or min(frame.shape[:2]) < 16:
        raise ValueError(
            f"frame must have shape (height, width, 3), with 16 pixels or more on each side; got {frame.shape}."
        )
    return frame


def _shares(parts):
    """Importances of the landmarks that reach a classifier, as shares of the largest."""
    if parts.importances is None:
        return None
    values = np.abs(parts.importances[parts.landmarks])
    return values / (values.max() or 1)


def _none():
    return None
