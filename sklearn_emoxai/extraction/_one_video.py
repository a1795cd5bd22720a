"""The landmark sequence of one video."""

from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np

from .._validation import check_number, documented
from ..facemesh import N_LANDMARKS
from ._decoding import open_source
from ._detectors import DETECTORS, resolve_detector
from ._face_finder import FaceFinder, follows
from ._sampling import check_same_size, read_sampled, sample_indices

_MAX_BYTES_IN_MEMORY = 256 << 20  # of sampled frames; more of them are decoded a second time instead of kept
_SCOUT_INTERVAL = 5.0  # s between the frames in which the face is looked for to place the crop
_MAX_SCOUTS = 30
# A head moves one way in a short clip: its first and last frame tell its range. In a very short one it mostly stays
# where it is: the first frame is enough, unless the face then comes near the border of the square.
_SHORT, _VERY_SHORT = 2.5, 1.0  # s


@dataclass(frozen=True, eq=False)
class LandmarkSequence:
    """The landmarks of one face in one video.

    Attributes
    ----------
    landmarks : ndarray of shape (n_frames, 2, 468), float32
        x and y in square pixels of the original, upright frame: x to the right, y down, the origin in the outer
        corner of the upper left pixel, whose centre is (0.5, 0.5). One unit on both axes. NaN only with
        ``on_missing="nan"``.
    detected : ndarray of shape (n_frames,), bool
        False where no face was found and the landmarks are interpolated.
    timestamps : ndarray of shape (n_frames,), float64
        In seconds from the start of the video.
    frame_indices : ndarray of shape (n_frames,), int64
        Positions in the video; a clip shorter than n_frames repeats some.
    frame_size : tuple of two ints
        Width and height of the original, upright frame in square pixels.
    crop : tuple of three ints
        left, top and side of the square around the face, in pixels of the original frame.
    crop_size : int
        Side of the square that the detector saw, in pixels.
    n_source_frames : int
        Frames of the whole video.
    fps : float
        Frames per second: measured between the first and the last frame of the video.
    """

    landmarks: np.ndarray
    detected: np.ndarray
    timestamps: np.ndarray
    frame_indices: np.ndarray
    frame_size: tuple
    crop: tuple
    crop_size: int
    n_source_frames: int
    fps: float

    @property
    def landmarks_in_crop(self):
        """The landmarks in pixels of the resized crop, (n_frames, 2, 468), float32."""
        left, top, side = self.crop
        return ((self.landmarks - np.float32([[left], [top]])) * np.float32(self.crop_size / side)).astype(
            np.float32
        )


# What decides about the landmarks of a video, for the docstrings of all who take it.
documented_options = documented(
    options="""\
start, stop : float or None, default=None
    Part of the video, both ends included, in seconds; None is the video's own end.
fps : float, default=25.0
    Frames per second of image folders and arrays, which carry no time.
crop_size : int, default=300
    Side in pixels to which the square around the face is resized.
crop_margin : float, default=0.25
    Room around the face on each side, in face sizes.
grayscale : bool, default=True
    Whether the detector sees gray, as in the paper, or the colours of the video.
detector : {"auto", "bundled", "tasks"}, default="auto"
    Which generation of MediaPipe; "auto" takes the bundled graph where there is one.
model_path : path-like or None, default=None
    Model file of the Tasks detector; None takes the one that the environment variable
    ``EMOXAI_FACE_LANDMARKER`` names, else a file downloaded once.
on_missing : {"interpolate", "nan", "raise"}, default="interpolate"
    What to do about frames without a face: linear in time between the neighbours, and the nearest at the
    ends; NaN; or an error.
max_missing : float, default=0.5
    Largest share of the sampled frames without a face; more is an error.""",
)


@documented_options
def extract_landmarks(
    source,
    *,
    n_frames=None,
    start=None,
    stop=None,
    fps=25.0,
    crop_size=300,
    crop_margin=0.25,
    grayscale=True,
    detector="auto",
    model_path=None,
    on_missing="interpolate",
    max_missing=0.5,
):
    """Find the face mesh in the frames of one video.

    Parameters
    ----------
    source : path-like or ndarray
        A video file; an image, or a folder of them in natural order; or an array of shape (n_frames, height, width) or
        (n_frames, height, width, 3), uint8, gray or RGB.
    n_frames : int or None, default=None
        Frames, evenly spread in time, the first and the last among them. A shorter clip repeats the nearest
        frames. None takes every frame.
    {options}

    Returns
    -------
    LandmarkSequence

    Raises
    ------
    FileNotFoundError
        The path does not exist, or the model file.
    ValueError
        The source is no video, a parameter is out of range, or too many frames hold no face.
    TypeError
        ``source`` or a parameter is of another type.

    Notes
    -----
    The face is first looked for in a few frames to place one square crop for the whole video: around the largest
    face, followed through these frames, with a margin, black beyond the frame's border. They are 3 to 30, about 5 s
    apart; 2 in a clip of at most 2.5 s; and in one of at most 1 s whose every frame is read, the first alone, as long
    as the face stays a tenth of its size from the border. Where the whole frame shows no face, overlapping parts of
    it are searched.

    Each frame's crop is resized and given to the detector. It tracks the face from one frame to the next
    where these are at most 0.07 s apart, and looks anew for a face that moved by more than 0.04 of its size.
    Where frames are further apart, as most sampled ones are, each is looked at on its own, three times over,
    each time from where the face was found before: MediaPipe's tracking gives wrong meshes, without a sign of
    it, of a face that moved by a third of its size or more. A frame whose crop shows no face, or another
    one, is searched around the place where the face should be, and as a whole, before it counts as missing.

    References
    ----------
    {paper}

    Examples
    --------
    >>> from matplotlib.cbook import get_sample_data
    >>> import numpy as np
    >>> from PIL import Image
    >>> from sklearn_emoxai import extract_landmarks
    >>> with get_sample_data("grace_hopper.jpg") as file:
    ...     portrait = np.asarray(Image.open(file))
    >>> sequence = extract_landmarks(portrait[None])
    >>> sequence.landmarks.shape, sequence.frame_size, sequence.detected.tolist()
    ((1, 2, 468), (512, 600), [True])
    >>> bool((sequence.landmarks_in_crop <= sequence.crop_size).all())
    True
    """
    options = Options(
        n_frames,
        start,
        stop,
        fps,
        crop_size,
        crop_margin,
        grayscale,
        detector,
        model_path,
        on_missing,
        max_missing,
    )
    return extract(source, options.resolved())


@dataclass(frozen=True)
class Options:
    """Everything that decides about the landmarks of a given video."""

    n_frames: int | None
    start: float | None
    stop: float | None
    fps: float
    crop_size: int
    crop_margin: float
    grayscale: bool
    detector: str
    model_path: str | None
    on_missing: str
    max_missing: float

    def resolved(self):
        """Return these options with the detector settled; raise for one that is out of range."""
        if self.n_frames is not None:
            check_number("n_frames", self.n_frames, Integral, 1)
        for name in ("start", "stop"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), Real, 0)
        if None not in (self.start, self.stop) and self.stop < self.start:
            raise ValueError(f"stop must not lie before start={self.start}; got {self.stop}.")
        check_number("fps", self.fps, Real, 1e-3, 1e6)
        check_number("crop_size", self.crop_size, Integral, 32, 8192)
        check_number("crop_margin", self.crop_margin, Real, 0, 10)
        check_number("max_missing", self.max_missing, Real, 0, 1)
        check_choice("detector", self.detector, DETECTORS)
        check_choice("on_missing", self.on_missing, ("interpolate", "nan", "raise"))
        detector, model_path = resolve_detector(self.detector, self.model_path)
        return replace(self, detector=detector, model_path=model_path)

    def key(self):
        """Return a text that differs wherever the landmarks of one video and detector may."""
        return repr([(name, value) for name, value in vars(self).items() if name != "model_path"])


def check_choice(name, value, choices):
    """Raise ValueError if the argument ``name`` is none of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}; got {value!r}.")


def extract(source, options):
    """Carry out `extract_landmarks` with resolved Options."""
    source = open_source(source, fps=options.fps)
    in_memory = _MAX_BYTES_IN_MEMORY // max(1, source.n_frame_bytes)
    announced = source.n_frames_hint / source.fps
    n_scouts = int(np.clip(announced / _SCOUT_INTERVAL, None, min(in_memory, _MAX_SCOUTS)))
    n_scouts = max(2 if announced <= _SHORT else 3, n_scouts)
    keep = options.n_frames is not None and options.n_frames <= in_memory
    part = {"start": options.start, "stop": options.stop}
    sampled = read_sampled(source, options.n_frames if keep else n_scouts, **part)
    timestamps, indices = sampled.timestamps, sampled.indices
    positions = np.unique(indices)
    scouts = positions[np.unique(np.linspace(0, len(positions) - 1, n_scouts).round().astype(int))]
    if not keep:
        indices = sample_indices(timestamps, options.n_frames, **part)
        positions = np.unique(indices)
    frame_shape = sampled.frames[int(scouts[0])].shape

    def frames():
        return sampled.frames.items() if keep else _decode_again(source, positions, frame_shape)

    gap = np.median(np.diff(timestamps[positions])) if len(positions) > 1 else np.inf
    attempts = [scouts[:1], scouts] if announced <= _VERY_SHORT and follows(gap) else [scouts]
    for places in attempts:
        landmarks = np.full((len(positions), 2, N_LANDMARKS), np.nan)
        with FaceFinder(options, frame_shape[1::-1], gap) as finder:
            finder.place_crop(timestamps[places], [sampled.frames[int(i)] for i in places])
            if places is attempts[-1] and not keep:
                sampled.frames.clear()
            for row, (i, frame) in enumerate(frames()):
                face = finder.find(frame, timestamps[i])
                if face is not None:
                    landmarks[row] = face
                elif places is not attempts[-1]:
                    break
        if finder.fits:
            break
    detected = ~np.isnan(landmarks[:, 0, 0])
    _fill_missing(landmarks, detected, timestamps[positions], source.name, options)
    rows = np.searchsorted(positions, indices)
    duration = timestamps[-1] - timestamps[0]
    return LandmarkSequence(
        landmarks=landmarks[rows].astype(np.float32),
        detected=detected[rows],
        timestamps=timestamps[indices],
        frame_indices=indices,
        frame_size=frame_shape[1::-1],
        crop=finder.crop,
        crop_size=options.crop_size,
        n_source_frames=len(timestamps),
        fps=float((len(timestamps) - 1) / duration) if duration > 0 else source.fps,
    )


def _decode_again(source, positions, shape):
    """Yield (position, frame) for the frames at the increasing ``positions``, one in memory at a time."""
    wanted, given = set(positions.tolist()), 0
    for i, (_, decode) in enumerate(source.frames()):
        if i in wanted:
            frame = decode()
            check_same_size(source, i, frame, shape)
            given += 1
            yield i, frame
    if given != len(wanted):
        raise ValueError(f"{source.name} gave other frames when it was read a second time.")


def _fill_missing(landmarks, detected, timestamps, name, options):
    """Fill the frames without a face in place, or raise ValueError."""
    missing = 1 - detected.mean()
    limit = 0.0 if options.on_missing == "raise" else options.max_missing
    if missing > limit or not detected.any():
        raise ValueError(
            f"{name} shows no face in {missing:.0%} of {len(detected)} frames; at most {limit:.0%} are "
            f"allowed (max_missing={options.max_missing}, on_missing={options.on_missing!r})."
        )
    if options.on_missing == "interpolate" and missing:
        known = landmarks[detected].reshape(detected.sum(), -1)
        for column, values in zip(landmarks.reshape(len(landmarks), -1).T, known.T):
            column[~detected] = np.interp(timestamps[~detected], timestamps[detected], values)
