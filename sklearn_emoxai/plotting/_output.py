"""Where results are written."""

import os
from pathlib import Path


def check_output(output, suffix, *, force):
    """The path of a file to write, checked before any work is done.

    Raises
    ------
    ValueError
        If it has another suffix.
    FileExistsError
        If it exists, unless `force`.
    OSError
        If its folder does not exist or cannot be written to.
    """
    output = Path(output)
    if output.suffix.lower() != suffix:
        raise ValueError(f"output must end in {suffix}; got {str(output)!r}.")
    if output.is_dir():
        raise IsADirectoryError(f"output must be a file; {output} is a folder.")
    if output.exists() and not force:
        raise FileExistsError(f"{output} exists; force=True (--force) replaces it.")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"{output.parent}, the folder of output, does not exist.")
    if not os.access(output.parent, os.W_OK):
        raise PermissionError(f"{output.parent}, the folder of output, cannot be written to.")
    return output
