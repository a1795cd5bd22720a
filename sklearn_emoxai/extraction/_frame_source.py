"""What every source of frames has in common."""

import os
from collections.abc import Iterator

import numpy as np

MAX_PIXELS = 1 << 26  # of one frame, 8192 × 8192; more is taken for a damaged header or a decompression bomb
_MIN_BITS = 15  # of 16, that a picture must use to be taken at its word


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


def check_size(name, width, height):
    """Raise ValueError if a frame has more pixels than are read."""
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"{name} must have at most {MAX_PIXELS} pixels a frame; it has {width} × {height} = {width * height}."
        )


def check_range(name, largest):
    """Raise ValueError if the largest value of a picture of 16 bits leaves the upper ones empty; black may pass."""
    used = int(largest).bit_length()
    if 0 < used < _MIN_BITS:
        raise ValueError(
            f"{name} must use the whole range of its 16 bits; the largest value is {largest}, of {used} bits. Cameras "
            "of 10, 12 or 14 bits write such pictures: scale them to 8 bits, all by the same factor."
        )


def read_head(path, what):
    """Return the first bytes of a file.

    Raises
    ------
    ValueError
        The file is empty, or stands for one that Git LFS has not fetched.
    """
    with open(path, "rb") as stream:
        head = stream.read(4096)
    if not head:
        raise ValueError(f"{os.fspath(path)} can't be read as {what}: it is empty.")
    if head.startswith(b"version https://git-lfs"):
        raise ValueError(
            f"{os.fspath(path)} can't be read as {what}: it is a Git LFS pointer, and `git lfs pull` fetches "
            "the file that it stands for."
        )
    return head


def over_white(rgba):
    """Return (height, width, 4) uint8 pixels as they look before a white page, (height, width, 3)."""
    alpha = rgba[..., 3:]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    alpha = alpha.astype(np.uint16)
    return ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
