"""How the compiled kernels are compiled, where they are kept, and how they are shared among threads."""

import contextlib
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch

try:
    import numba
except ImportError:  # not everywhere; it also refuses versions of numpy that it does not know
    numba = None

# What is compiled, and the constants that are compiled into it.
_SOURCES = ("_numba.py", "_numba_kernels.py", "_numba_lstm.py", "_torch_kernels.py")


def compiled(function):
    """Compile for every type of argument on its first use, kept on disk where there is a place for it."""
    if numba is None:
        return function
    # Reordered sums and fused products, but neither NaN nor infinity assumed away.
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
    folder = numba.config.CACHE_DIR or _cache_folder()
    if folder is None:
        return numba.njit(**options)(function)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, folder
    try:
        return numba.njit(cache=True, **options)(function)
    finally:
        numba.config.CACHE_DIR = before


@cache
def _cache_folder():
    """A folder in the user's cache for kernels of just these sources; None where it can't be written.

    numba's own place, beside the package, may be read-only, outlives an uninstallation there, and would be taken for
    a package of this name. And numba compares a function's file alone: it misses constants of other files.
    """
    import pooch

    here = Path(__file__).parent
    digest = hashlib.sha256(b"".join((here / name).read_bytes() for name in _SOURCES)).hexdigest()[:16]
    folder = pooch.os_cache("sklearn-emoxai") / f"kernels-{digest}"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return str(folder)
    return None


def in_threads(function, n_rows, *arguments):
    """Call ``function(*arguments, start, stop)`` on parts of the rows, in as many threads as torch uses."""
    n_threads = min(torch.get_num_threads(), n_rows)
    bounds = [n_rows * i // n_threads for i in range(n_threads + 1)]
    if n_threads == 1:
        return function(*arguments, 0, n_rows)
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(lambda start, stop: function(*arguments, start, stop), bounds[:-1], bounds[1:]))
