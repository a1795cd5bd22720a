"""Native libraries that print to standard error, made to keep silent."""

import contextlib
import os
import re
import shutil
import subprocess
import threading

_stderr_lock = threading.Lock()
_stderr_users = 0
_stderr_saved = -1
_sink = None  # where the text goes, if not to nowhere


@contextlib.contextmanager
def named_libraries():
    """Turn the failure to load a shared library of the system into an error that says where to get it.

    Raises
    ------
    OSError
        One is missing, with the packages of Debian and Ubuntu that hold what OpenCV and MediaPipe need.
    """
    try:
        yield
    except (ImportError, OSError) as error:
        missing = re.search(r"(lib\S+\.so\S*): cannot open shared object file", str(error))
        if missing is None:
            raise
        raise OSError(
            f"{missing[1]} is missing on this system, which OpenCV and MediaPipe need. On Debian and Ubuntu: "
            "apt install libgl1 libegl1 libgles2 libglib2.0-0"
        ) from error


@contextlib.contextmanager
def last_words():
    """Show what native libraries print on standard error after all, if they end the process meanwhile.

    Beneath `silenced_stderr`, for the start of a detector, where MediaPipe aborts on systems that it can't work on.
    The text goes to ``tail``, which is stopped in the end; if this process dies, it shows the last lines.
    """
    global _sink
    command = shutil.which("tail")
    try:
        shown = os.dup(2)
    except OSError:
        shown = None
    if command is None or shown is None or _stderr_users:
        yield
        return
    with subprocess.Popen([command, "-n", "12"], stdin=subprocess.PIPE, stdout=shown) as tail:
        os.close(shown)
        _sink = tail.stdin.fileno()
        try:
            yield
        finally:
            _sink = None
            tail.kill()


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
                os.dup2(null if _sink is None else _sink, 2)
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
