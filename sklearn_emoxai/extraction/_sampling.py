"""Frames of a source, evenly spread in time."""

from dataclasses import dataclass

import numpy as np


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
    >>> from sklearn_emoxai.extraction import sample_indices
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
