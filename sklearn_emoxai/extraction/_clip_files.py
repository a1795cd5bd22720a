"""Which files and folders are clips, by their names."""

import os
import re
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".apng", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".ivf", ".m1v", ".m2t",
    ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf",
    ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".xvid", ".y4m",
})
# fmt: on
# What systems leave in folders, besides names that begin with a dot, such as ._a.mp4 and .DS_Store of macOS.
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"}


def is_hidden(path):
    """Whether a file or folder is the system's rather than the user's."""
    return path.name.startswith(".") or path.name.lower() in _SYSTEM_FILES


def is_image(path):
    """Whether a file is an image that the user put there."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden(path)


def is_video(path):
    """True for a video file and for a folder with images."""
    if path.is_dir():
        return any(map(is_image, path.iterdir()))
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_videos(path):
    """Videos in a folder and its subfolders, in natural order: a folder that holds images is one video.

    Parameters
    ----------
    path : path-like
        Hidden files and folders in it are passed over, and so are links to folders that it lies in.

    Returns
    -------
    list of Path
        At least one: a file, a folder without videos and what does not exist are left to :func:`open_source`, which
        says what is wrong with them.
    """
    path = Path(path)
    if not path.is_dir() or is_video(path):
        return [path]
    return list(_clips_below(path, {os.path.realpath(path)})) or [path]


def _clips_below(folder, above):
    for path in sorted(folder.iterdir(), key=lambda path: natural_key(path.name)):
        if is_hidden(path):
            continue
        if is_video(path):
            yield path
        elif path.is_dir() and (real := os.path.realpath(path)) not in above:
            yield from _clips_below(path, above | {real})


def natural_key(name):
    """Return a sort key that compares runs of digits as numbers.

    Examples
    --------
    >>> from sklearn_emoxai.extraction._clip_files import natural_key
    >>> sorted(["f10.png", "f9.png", "f1.png"], key=natural_key)
    ['f1.png', 'f9.png', 'f10.png']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]
