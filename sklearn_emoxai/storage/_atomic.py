"""Files that are there whole, or not at all, and disks that have no room for them."""

import contextlib
import errno
import os
import uuid

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


@contextlib.contextmanager
def names_what_has_no_room(path):
    """Have the error of a full disk, which names no file, name a path."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def write_atomically(path, data):
    """Write a file so that it is there whole, or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with names_what_has_no_room(path), open(temporary, "xb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
