"""Native libraries that print to standard error, made to keep silent."""

import contextlib
import os
import threading

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
