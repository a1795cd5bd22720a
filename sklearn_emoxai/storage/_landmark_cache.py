"""The cache of extracted videos."""

import hashlib
import io
import json
import warnings
from pathlib import Path

import numpy as np

from ._atomic import write_atomically


class LandmarkCache:
    """A folder with one file a video, named by a hash of all that decides about its landmarks.

    Each file begins with the SHA-256 of the rest, so that a damaged one is recognised. Files are written
    beside their place and moved there: several processes may share a folder.

    Parameters
    ----------
    folder : path-like
        Made if it does not exist.
    """

    def __init__(self, folder):
        self._folder = Path(folder)

    def get(self, key):
        """Return what `put` stored, a dict of arrays and plain values; None if nothing sound is there."""
        file = self._file(key)
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            warnings.warn(f"The cache entry {file} can't be read ({error.strerror}).", stacklevel=2)
            return None
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            warnings.warn(f"The cache entry {file} is damaged; its video is processed again.", stacklevel=2)
            return None
        with np.load(io.BytesIO(data[32:]), allow_pickle=False) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        return {**json.loads(str(content.pop("plain"))), **content}

    def put(self, key, content):
        """Store arrays and plain values; warn and go on where the folder can't be written."""
        arrays = {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
        plain = {name: value for name, value in content.items() if name not in arrays}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, plain=np.array(json.dumps(plain)), **arrays)
        data = buffer.getvalue()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file(key), hashlib.sha256(data).digest() + data)
        except OSError as error:
            warnings.warn(
                f"Landmarks can't be cached in {self._folder} ({error.strerror}); a later run starts anew.",
                stacklevel=2,
            )

    def _file(self, key):
        return self._folder / f"{key}.landmarks"


def hash_source(source):
    """Return the SHA-256 of a file's content, of a folder's names and contents, or of an array.

    Raises
    ------
    OSError
        A file can't be read.
    """
    digest = hashlib.sha256()
    if isinstance(source, np.ndarray):
        digest.update(f"{source.dtype} {source.shape}".encode())
        digest.update(np.ascontiguousarray(source).data)
        return digest.hexdigest()
    path = Path(source)
    files = sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
