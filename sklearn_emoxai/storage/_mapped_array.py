"""Arrays in files: sent to other processes by name, and cut into parts on disk."""

import mmap
import os
import socket
import tempfile
import weakref
from pathlib import Path

import numpy as np

LARGEST_IN_MEMORY = 256 << 20  # bytes; larger selections of a MappedArray go to a file of their own
_BLOCK = 32 << 20  # bytes that are copied at once


class MappedArray(np.memmap):
    """A memory map that is pickled by the name of its file, and whose large selections are files, too.

    What numpy would copy into memory, as a cross-validation's ``X[train]``, is copied in blocks to a
    temporary file (in ``TMPDIR``), if it is larger than 256 MiB; the file goes with its array. A view is a
    view. A part that is not contiguous is pickled with its content.

    See Also
    --------
    open_mapped : Makes one of a file.
    """

    def __getitem__(self, key):
        """As numpy's, but for large copies."""
        whole = key if isinstance(key, tuple) else (key,)
        copies = any(isinstance(part, list | np.ndarray) for part in whole)
        if not copies or not is_large(self):
            return self._part(key)
        first, rest = whole[0], whole[1:]
        if isinstance(first, list | np.ndarray):
            if np.ndim(first) != 1 or not all(_takes_all(part) for part in rest):
                return self._part(key)
            rows = np.arange(len(self))[first]
            return in_blocks(np.asarray(self).__getitem__, self, rows)
        if not _takes_all(first):
            return self._part(key)
        return in_blocks(lambda rows: np.asarray(self[rows])[key], self)

    def _part(self, key):
        part = super().__getitem__(key)
        return part if getattr(part, "_mmap", None) is not None else np.asarray(part)[()]

    def __array_wrap__(self, array, context=None, return_scalar=False):
        """What is computed is an ordinary array."""
        return np.asarray(array)[()] if return_scalar or not array.shape else np.asarray(array)

    def __reduce__(self):
        """The file's name and the place in it."""
        if self._mmap is None or not self.flags.c_contiguous or not self.size:
            return np.array(self).__reduce__()
        root = self
        while not isinstance(root.base, mmap.mmap):
            root = root.base
        offset = root.offset + self.ctypes.data - root.ctypes.data
        return open_mapped, (os.fspath(root.filename), self.dtype, self.shape, offset)


def is_large(X):
    """Whether X lies in a file and is too large to be copied into memory."""
    return isinstance(X, MappedArray) and X._mmap is not None and X.nbytes > LARGEST_IN_MEMORY


def _takes_all(part):
    return part is Ellipsis or (isinstance(part, slice) and part == slice(None))


def open_mapped(path, dtype, shape, offset, mode="r"):
    """Map a part of a file.

    Parameters
    ----------
    path : path-like
    dtype : dtype
    shape : tuple of int
    offset : int
        In bytes.
    mode : {"r", "r+"}, default="r"

    Returns
    -------
    MappedArray
        In C order.

    Raises
    ------
    FileNotFoundError
        There is no such file, as seen from this machine.
    ValueError
        It is too short.
    """
    try:
        found = np.memmap(path, dtype, mode, offset, shape)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is not there on {socket.gethostname()}; an array in a file can be used where its file is seen "
            "under the same path. Put the store, and TMPDIR for parts of it, on storage that all machines share."
        ) from error
    except ValueError as error:
        raise ValueError(f"{path} is cut off: {error}.") from error
    return found.view(MappedArray)


def in_blocks(function, X, rows=None):
    """Apply a function of sequences a block at a time where X is a large file; at once elsewhere.

    Parameters
    ----------
    function : callable
        Takes rows, an index array or slice, and returns an array with as many rows.
    X : ndarray
        Only its size and type are looked at.
    rows : ndarray of int, default=None
        None is all.

    Returns
    -------
    ndarray
        A `MappedArray` on a temporary file where X is one and large.
    """
    n_rows = len(X) if rows is None else len(rows)
    if not is_large(X) or n_rows * X[:1].nbytes <= LARGEST_IN_MEMORY:
        return function(slice(None) if rows is None else rows)
    step = max(_BLOCK // X[:1].nbytes, 1)
    handle, path = tempfile.mkstemp(prefix="emoxai-", suffix=".part")
    try:
        with open(handle, "wb") as stream:
            for start in range(0, n_rows, step):
                part = slice(start, start + step)
                block = np.ascontiguousarray(function(part if rows is None else rows[part]))
                block.tofile(stream)
        mapped = open_mapped(path, block.dtype, (n_rows, *block.shape[1:]), 0, "r+")
    except BaseException:
        os.unlink(path)
        raise
    weakref.finalize(mapped._mmap, Path.unlink, Path(path), missing_ok=True)
    return mapped


def register_size(sizeof):
    """Tell Dask that a MappedArray is a name, not gigabytes: it is then sent with each task, not scattered.

    Parameters
    ----------
    sizeof : dask.sizeof.sizeof
        Which Dask passes to the entry points of its group ``dask.sizeof``.
    """
    sizeof.register(MappedArray)(lambda X: 200)
