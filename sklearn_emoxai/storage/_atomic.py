"""Files that are there whole, or not at all."""

import contextlib
import os
import uuid


def write_atomically(path, data):
    """Write a file so that it is there whole, or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
