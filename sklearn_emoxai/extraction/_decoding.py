"""Frames in: video files, folders of images and arrays, decoded in order and one frame at a time."""

import os
from pathlib import Path

import numpy as np

from ._clip_files import IMAGE_SUFFIXES
from ._frame_source import FrameSource, read_head
from ._image_files import ImageFiles, open_image_folder
from ._video_file import VideoFile

MIN_FRAME_SIDE = 16  # pixels; below it a (T, H, W, 3) array was handed over with its axes in another order


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
        A video file; an image, or a folder of images; or an array of shape (n_frames, height, width) or
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
        return open_image_folder(path, fps)
    if not path.is_file():  # a pipe or a device would block, or never end
        raise ValueError(f"{path} must be a file or a folder of images.")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageFiles(os.fspath(path), [path], fps)
    head = read_head(path, "a video")
    if b"\0" not in head and not head.startswith((b"GIF8", b"YUV4MPEG2")):
        raise ValueError(f"{path} can't be read as a video: it is text.")
    return VideoFile(path)
