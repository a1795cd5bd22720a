"""Frames in: video files, folders of images and arrays, decoded in order and one frame at a time."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ._silence import named_libraries, silenced_stderr

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
    >>> from sklearn_emoxai.extraction._decoding import natural_key
    >>> sorted(["f10.png", "f9.png", "f1.png"], key=natural_key)
    ['f1.png', 'f9.png', 'f10.png']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]


def _cv2():
    """Import OpenCV on first use: importing the package loads it nowhere."""
    with named_libraries():
        import cv2

    return cv2
