"""Detectors of finished videos, kept for the next: starting one takes as long as several frames of it."""

import atexit
import contextlib
import os

from ._detectors import open_detector

_MOST_IDLE = 2  # of a kind; one holds some 40 MB
_idle = {}


@contextlib.contextmanager
def borrowed_detector(detector, *, model_path, tracking, max_faces, sure=False):
    """A detector that knows of no frame, for one video: one from an earlier video of this process, or a new one.

    It is kept for later videos unless this one ends in an error. What a tracking detector remembers of a video is one
    region for each face and, of Tasks, a filter over time; `begin_video` has both dropped. The tests compare
    landmarks from new detectors and from old ones to the bit.

    Parameters
    ----------
    detector : {"bundled", "tasks"}
    model_path : str or None
        Resolved.
    tracking, max_faces, sure
        As of `FaceMeshDetector`.

    Yields
    ------
    FaceMeshDetector
    """
    model = None
    if model_path is not None:  # another file may come to lie there
        status = os.stat(model_path)
        model = model_path, status.st_mtime_ns, status.st_size
    # A detector's threads do not follow it into a forked process.
    kept = _idle.setdefault((os.getpid(), detector, model, tracking, max_faces, sure), [])
    try:
        found = kept.pop()
        found.begin_video()
    except IndexError:
        found = open_detector(
            detector, model_path=model_path, tracking=tracking, max_faces=max_faces, sure=sure
        )
    try:
        yield found
    except BaseException:
        found.close()
        raise
    if found.has_answered and len(kept) < _MOST_IDLE:  # until then it keeps standard error silent
        kept.append(found)
    else:
        found.close()


@atexit.register
def close_idle_detectors():
    """Close the detectors that this process keeps."""
    for key in [key for key in _idle if key[0] == os.getpid()]:
        for detector in _idle.pop(key):
            # At the end of the process Python has stopped the thread through which Tasks would close.
            with contextlib.suppress(RuntimeError):
                detector.close()
