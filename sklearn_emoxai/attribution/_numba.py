"""How the compiled kernels are compiled and shared among threads."""

from concurrent.futures import ThreadPoolExecutor

import torch
from numba import njit


def compiled(function):
    """Compile for every type of argument on its first use, kept on disk where there is a place for it."""
    # Reordered sums and fused products, but neither NaN nor infinity assumed away.
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return njit(**options)(function)


def in_threads(function, n_rows, *arguments):
    """Call ``function(*arguments, start, stop)`` on parts of the rows, in as many threads as torch uses."""
    n_threads = min(torch.get_num_threads(), n_rows)
    bounds = [n_rows * i // n_threads for i in range(n_threads + 1)]
    if n_threads == 1:
        return function(*arguments, 0, n_rows)
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(lambda start, stop: function(*arguments, start, stop), bounds[:-1], bounds[1:]))
