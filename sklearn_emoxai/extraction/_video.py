"""Frames in: video files, folders of images and arrays, read in order and one frame at a time."""

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset({".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})
MIN_FRAME_SIDE = 16  # pixels; below it a (T, H, W, 3) array was handed over with its axes in another order


class FrameSource:
    """Base of the sources of frames.

    Attributes
    ----------
    name : str
        What error messages call the source: the path, or "array of shape …".
    n_frames_hint : int
        Announced number of frames; a container may announce a wrong one. 0 where unknown.
    fps : float
        Announced frames per second.
    n_frame_bytes : int
        Memory of one decoded frame.
    """

    name: str
    n_frames_hint: int
    fps: float
    n_frame_bytes: int

    def frames(self) -> Iterator[tuple[float, object]]:
        """Yield (timestamp in seconds, decode) for every frame, in order.

        ``decode()`` gives the frame as an ndarray of shape (height, width, 3), uint8, RGB. It is to be
        called before the next frame is asked for, or not at all.
        """
        raise NotImplementedError


class VideoFile(FrameSource):
    """A video file, decoded by the FFmpeg that comes with OpenCV; rotation metadata is applied."""

    def __init__(self, path):
        self.name, self._path = str(path), path
        with self._open() as (cv2, capture):
            self.n_frames_hint = max(0, int(min(capture.get(cv2.CAP_PROP_FRAME_COUNT), 1 << 31)))
            fps = capture.get(cv2.CAP_PROP_FPS)
            self.n_frame_bytes = 3 * int(
                capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            )
        self.fps = float(fps) if np.isfinite(fps) and 0 < fps <= 1000 else 25.0

    @contextlib.contextmanager
    def _open(self):
        cv2 = _cv2()
        with silenced_stderr():
            # An absolute path and a named backend: no file name is taken for a URL or an image pattern.
            # One thread: others decode ahead, and complain of damaged frames after the silence.
            threads = [cv2.CAP_PROP_N_THREADS, 1]
            capture = cv2.VideoCapture(os.path.abspath(self._path), cv2.CAP_FFMPEG, threads)
        try:
            if not capture.isOpened():
                raise ValueError(f"{self.name} can't be read as a video: it is damaged, or no video.")
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
            yield cv2, capture
        finally:
            with silenced_stderr():
                capture.release()

    def frames(self):
        """See FrameSource. Frames that can't be decoded are passed over."""
        with self._open() as (cv2, capture):

            def decode():
                with silenced_stderr():
                    ok, frame = capture.retrieve()
                if not ok or frame is None:
                    raise ValueError(f"{self.name} can't be read as a video: a frame can't be decoded.")
                return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

            previous = -1 / self.fps
            while True:
                with silenced_stderr():
                    ok = capture.grab()
                if not ok:
                    return
                timestamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                # Some containers hold no times, or times that run back: count on at the announced rate.
                if not timestamp > previous:
                    timestamp = previous + 1 / self.fps
                previous = timestamp
                yield timestamp, decode


class ImageFolder(FrameSource):
    """A folder with one image a frame, in natural order: frame2 comes before frame10."""

    def __init__(self, path, fps):
        self.name, self.fps = str(path), fps
        self.files = sorted(
            (f for f in Path(path).iterdir() if f.suffix.lower() in IMAGE_SUFFIXES and f.name[0] != "."),
            key=lambda f: natural_key(f.name),
        )
        if not self.files:
            raise ValueError(
                f"{self.name} must hold images ({', '.join(sorted(IMAGE_SUFFIXES))}); it has none."
            )
        self.n_frames_hint, self.n_frame_bytes = len(self.files), read_image(self.files[0]).nbytes

    def frames(self):
        """See FrameSource. Time is the position divided by fps."""
        for i, file in enumerate(self.files):
            yield i / self.fps, lambda file=file: read_image(file)


class FrameArray(FrameSource):
    """An array of shape (n_frames, height, width) or (n_frames, height, width, 3), uint8."""

    def __init__(self, frames, fps):
        self.name, self.fps = f"array of shape {frames.shape}", fps
        if frames.dtype != np.uint8:
            raise TypeError(f"Arrays of frames must be uint8, gray or RGB, in 0 … 255; got {frames.dtype}.")
        if frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[3] != 3):
            raise ValueError(
                "Arrays of frames must have shape (n_frames, height, width) or (n_frames, height, width, 3); "
                f"got {frames.shape}."
            )
        if len(frames) and min(frames.shape[1:3]) < MIN_FRAME_SIDE:
            raise ValueError(
                f"Frames must be at least {MIN_FRAME_SIDE} pixels high and wide; got {frames.shape[1:3]} "
                f"in an array of shape {frames.shape}."
            )
        self._frames = frames
        self.n_frames_hint = len(frames)
        self.n_frame_bytes = 3 * int(np.prod(frames.shape[1:3]))

    def frames(self):
        """See FrameSource. Time is the position divided by fps."""
        for i, frame in enumerate(self._frames):
            yield i / self.fps, lambda frame=frame: _as_rgb(frame)


def _as_rgb(frame):
    if frame.ndim == 2:
        return np.repeat(frame[..., None], 3, axis=2)
    return np.ascontiguousarray(frame)


def open_source(source, *, fps=25.0):
    """Return the FrameSource for a path or an array.

    Parameters
    ----------
    source : str, PathLike or ndarray
        A video file; a folder of images; or an array of shape (n_frames, height, width) or
        (n_frames, height, width, 3), uint8, gray or RGB.
    fps : float, default=25.0
        Frames per second of folders and arrays, which carry no time.

    Raises
    ------
    FileNotFoundError
        The path does not exist.
    ValueError
        The file is no video, the folder holds no image, or the array has another shape.
    TypeError
        ``source`` is of another type, or the array of another dtype.
    """
    if isinstance(source, np.ndarray):
        return FrameArray(source, fps)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"A source must be a path or an array of frames; got {type(source).__name__}.")
    path = Path(source)
    if "\0" in str(path) or not path.exists():
        raise FileNotFoundError(f"{str(path)!r} does not exist.")
    if path.is_dir():
        return ImageFolder(path, fps)
    if not path.is_file():  # a pipe or a device would block, or never end
        raise ValueError(f"{path} must be a file or a folder of images.")
    with open(path, "rb") as stream:
        head = stream.read(4096)
    # FFmpeg draws text files as terminals, and follows playlists to other files and to the network.
    if b"\0" not in head and not head.startswith(b"GIF8"):
        raise ValueError(f"{path} can't be read as a video: it is {'text' if head else 'empty'}.")
    return VideoFile(path)


@dataclass
class SampledFrames:
    """Frames of one source, evenly spread in time, and the times of all its frames.

    Attributes
    ----------
    timestamps : ndarray of shape (n_source_frames,)
        Of every frame of the source, in seconds.
    indices : ndarray of shape (n_frames,)
        Positions of the sampled frames in the source; a short clip repeats some.
    frames : dict of int to ndarray of shape (height, width, 3), uint8
        The sampled frames by their position.
    """

    timestamps: np.ndarray
    indices: np.ndarray
    frames: dict


def sample_indices(timestamps, n_frames, *, start=None, stop=None):
    """Return the frames nearest to n_frames times, evenly spread over a part of the clip.

    The first and the last frame of the part are always among them. A part of fewer frames than
    n_frames repeats the nearest ones.

    Parameters
    ----------
    timestamps : ndarray of shape (n_source_frames,)
        Increasing, in seconds.
    n_frames : int or None
        None takes every frame of the part.
    start, stop : float or None
        The part, both ends included, in seconds; None is the clip's own end.

    Returns
    -------
    indices : ndarray of shape (n_frames,), int64
        Empty if the part holds no frame.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai.extraction._video import sample_indices
    >>> sample_indices(np.arange(9) / 25, 5)
    array([0, 2, 4, 6, 8])
    >>> sample_indices(np.arange(3) / 25, 5)
    array([0, 0, 1, 1, 2])
    """
    timestamps = np.asarray(timestamps, dtype=float)
    # The tolerance takes up the rounding of containers, which count in milliseconds or coarser.
    first = 0 if start is None else int(np.searchsorted(timestamps, start - 1e-6))
    last = len(timestamps) if stop is None else int(np.searchsorted(timestamps, stop + 1e-6))
    if last <= first:
        return np.empty(0, dtype=np.int64)
    if n_frames is None:
        return np.arange(first, last)
    part = timestamps[first:last]
    wanted = np.linspace(part[0], part[-1], n_frames)
    middle = (part[1:] + part[:-1]) / 2
    return first + np.searchsorted(middle + 1e-6, wanted).clip(0, len(part) - 1)


def read_sampled(source, n_frames, *, start=None, stop=None):
    """Read a source once, in order, and keep n_frames frames evenly spread in time.

    A second reading follows only where the container announced another number of frames than it has, or
    where the frame rate varies. Never more than n_frames frames are held.

    Parameters
    ----------
    source : FrameSource
    n_frames : int
    start, stop : float or None
        Part of the clip, in seconds, as in `sample_indices`.

    Returns
    -------
    SampledFrames

    Raises
    ------
    ValueError
        No frame can be decoded, or none lies between start and stop.
    """
    announced = np.arange(source.n_frames_hint if source.n_frames_hint <= 1_000_000 else 0) / source.fps
    guess = sample_indices(announced, n_frames, start=start, stop=stop)
    timestamps, frames = _read(source, guess)
    if not len(timestamps):
        raise ValueError(f"{source.name} holds no frame that can be decoded.")
    indices = sample_indices(timestamps, n_frames, start=start, stop=stop)
    if not len(indices):
        raise ValueError(
            f"{source.name} has no frame between start={start} and stop={stop} s; it runs from "
            f"{timestamps[0]:.3f} to {timestamps[-1]:.3f} s."
        )
    if set(indices.tolist()) - frames.keys():
        frames.clear()
        timestamps, frames = _read(source, indices)
        if set(indices.tolist()) - frames.keys():
            raise ValueError(f"{source.name} gave other frames when it was read a second time.")
    return SampledFrames(timestamps, indices, {int(i): frames[i] for i in np.unique(indices)})


def _read(source, indices):
    """Return the times of all frames, and the decoded frames at the positions ``indices``."""
    wanted, timestamps, frames, shape = set(indices.tolist()), [], {}, None
    for i, (timestamp, decode) in enumerate(source.frames()):
        timestamps.append(timestamp)
        if i in wanted:
            frames[i] = decode()
            shape = shape or frames[i].shape
            check_same_size(source, i, frames[i], shape)
    return np.array(timestamps), frames


def check_same_size(source, i, frame, shape):
    """Raise ValueError if frame i has another size than the frames before it."""
    if frame.shape != shape:
        raise ValueError(
            f"All frames of {source.name} must have one size; frame {i} is "
            f"{frame.shape[1]} × {frame.shape[0]} after {shape[1]} × {shape[0]}."
        )


def read_image(path):
    """Return an image file as an ndarray of shape (height, width, 3), uint8, RGB, upright."""
    cv2 = _cv2()
    data = np.fromfile(path, np.uint8)
    with silenced_stderr():
        try:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        except cv2.error:  # for example more pixels than OpenCV reads
            image = None
    if image is None:
        raise ValueError(f"{path} can't be read as an image: it is damaged, or no image.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def natural_key(name):
    """Return a sort key that compares runs of digits as numbers.

    Examples
    --------
    >>> from sklearn_emoxai.extraction._video import natural_key
    >>> sorted(["f10.png", "f9.png", "f1.png"], key=natural_key)
    ['f1.png', 'f9.png', 'f10.png']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


_stderr_lock = threading.Lock()
_stderr_users = 0
_stderr_saved = -1


@contextlib.contextmanager
def silenced_stderr():
    """Send what native libraries print to file descriptor 2 to nowhere, for as short as possible.

    The descriptor belongs to the whole process: the first thread in redirects it, the last one out puts it
    back. Python's own output through ``sys.stderr`` of other threads is lost in between, so only single calls
    into FFmpeg and MediaPipe belong in here.
    """
    global _stderr_users, _stderr_saved
    with _stderr_lock:
        if _stderr_users == 0:
            try:
                _stderr_saved = os.dup(2)
            except OSError:  # the process has no standard error
                _stderr_saved = -1
            else:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 2)
                os.close(null)
        _stderr_users += 1
    try:
        yield
    finally:
        with _stderr_lock:
            _stderr_users -= 1
            if _stderr_users == 0 and _stderr_saved >= 0:
                os.dup2(_stderr_saved, 2)
                os.close(_stderr_saved)


def _cv2():
    """Import OpenCV on first use: importing the package loads it nowhere."""
    import cv2

    return cv2
