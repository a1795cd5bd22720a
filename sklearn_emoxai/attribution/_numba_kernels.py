"""The sums along a path, compiled by numba: the same as `_torch_kernels`, many times faster on a CPU."""

import math

import numpy as np
import torch
from torch.nn import functional as nnf

from ._numba import compiled, in_threads
from ._numba_lstm import lstm_backward, lstm_forward
from ._torch_kernels import just_below_one

__all__ = ["LANES", "NUMBERS_AT_ONCE", "Switches", "arrange", "lstm_backward", "lstm_forward"]

# LSTM units are padded to a multiple of this, so that compiled loops run without a remainder.
LANES = 16
# Size of the intermediate arrays: W is read once for all the samples that they hold.
NUMBERS_AT_ONCE = 48_000_000
# Units in a block.
UNITS_AT_ONCE = 4096


class Switches:
    """The units that switch between the baseline and each sample; see `_torch_kernels.Switches`.

    The sums are over units in the order of their step, which each row (a frame of a sample) has for every
    block of units. A block is so large that many of its units share a step, and half of its rows of W
    fit into a core's cache, where the sums of all frames and samples find it.
    """

    def __init__(self, X, z0, W, convolution):
        left, right, _, _ = convolution.padding
        self._shape, self._left = X.shape, left
        self._X = nnf.pad(X.flatten(0, 1), (left, right)).numpy()
        self._z0, self._W = z0[:, 0].numpy(), W
        self._kernel = convolution.rows.flatten(0, 1).contiguous().numpy()
        self._bias = convolution.bias.repeat_interleave(convolution.rows.shape[1]).numpy()
        self._rows_at_once = max(1, UNITS_AT_ONCE * len(self._kernel) // W.shape[1])

    def gates(self, alphas, A, D):
        """As `_torch_kernels.Switches.gates`."""
        n_rows, n_samples, n_steps = len(self._X), self._shape[1], len(alphas)
        n_blocks = -(-len(self._kernel) // self._rows_at_once)
        gates = _aligned((n_rows, n_steps, 2 * self._W.shape[2]), self._W.dtype)
        self._order = np.empty((n_rows, self._W.shape[1]), np.int32)
        self._starts = np.empty((n_rows, n_blocks, n_steps + 1), np.int32)
        grid = np.append(alphas.numpy(), np.inf).astype(gates.dtype)
        cells = np.arange(4 * n_steps + 1, dtype=grid.dtype) / (4 * n_steps)
        first = np.searchsorted(grid, cells, side="right").astype(np.int32)
        in_threads(
            _sum_gates, n_rows,
            self._X, self._kernel, self._bias, self._z0, n_samples, grid, first,
            grid.dtype.type(just_below_one(alphas.dtype)), self._W, self._rows_at_once, A.numpy(),
            D.flatten(0, 1).numpy(), gates, self._order, self._starts,
        )  # fmt: skip
        return torch.from_numpy(gates).unflatten(0, self._shape[:2])

    def gradient(self, gates):
        """As `_torch_kernels.Switches.gradient`."""
        gradient = np.zeros_like(self._X)
        rows = gates.flatten(0, 1).numpy()
        in_threads(
            _sum_gradient, len(rows),
            rows, self._W, self._kernel, self._z0, self._shape[1], self._rows_at_once, self._order,
            self._starts, gradient,
        )  # fmt: skip
        gradient = gradient[:, :, self._left : self._left + self._shape[3]]
        return gates[:, :, 0], torch.from_numpy(gradient).reshape(self._shape)


def arrange(W):
    """W of shape (U, 4 Q) as :class:`Switches` takes it, an array of shape (2, U, 2 Q)."""
    halves = W.unflatten(1, (2, -1)).transpose(0, 1).numpy()
    result = _aligned(halves.shape, halves.dtype)
    result[:] = halves
    return result


def _aligned(shape, dtype):
    """New array whose rows start at cache lines; unlike torch, numpy asks for large pages, too."""
    size = math.prod(shape)
    memory = np.empty(size + 64 // dtype.itemsize, dtype)
    start = -memory.ctypes.data % 64 // dtype.itemsize
    return memory[start : start + size].reshape(shape)


@compiled
def _convolve(image, kernel, bias, z):
    """Units of one filter at one height: z[x] = bias + Σ kernel[r, i] image[r, x + i]."""
    z[:] = bias
    for r in range(kernel.shape[0]):
        for i in range(kernel.shape[1]):
            weight, pixels = kernel[r, i], image[r, i:]
            for x in range(len(z)):
                z[x] += weight * pixels[x]


@compiled
def _sort_units(z, z0, grid, first, just_below, crossing, switching, step, order, starts, bend, rest):
    """Order of the units that switch, by the step that they switch before, and their hats' coefficients.

    From its switch on, s (z0 + α d) has the slope |d|. On the grid its slope is `bend` up to the first step k
    after the switch, and `bend` + `rest` = |d| beyond.
    """
    n_steps, n_cells, n = len(grid) - 1, len(first) - 1, 0
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for u in range(len(z)):
        # A rectified unit is off at exactly zero, on its way down as well: the number before its crossing.
        crossing[u] = -z0[u] / (z[u] - z0[u]) * (just_below if z0[u] > 0 else one)
    for u in range(len(z)):
        switching[n] = u
        n += (z[u] > 0) != (z0[u] > 0)
    starts[:] = 0
    for i in range(n):
        at = crossing[switching[i]]
        k = first[int(at * n_cells)]
        k += grid[k] <= at
        while grid[k] <= at:
            k += 1
        step[i] = k
        if k < n_steps:
            starts[k + 1] += 1
    for k in range(n_steps):
        starts[k + 1] += starts[k]
    for i in range(n):
        k = step[i]
        if k < n_steps:
            u, j = switching[i], starts[k]
            starts[k] += 1
            order[j] = u
            sign = -one if z0[u] > 0 else one
            slope = sign * (z[u] - z0[u])
            before = grid[k - 1] if k else zero
            bend[j] = (sign * z0[u] + grid[k] * slope) / (grid[k] - before)
            rest[j] = slope - bend[j]
    for k in range(n_steps, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0


@compiled
def _add_rows(W, order, starts, bend, rest, column, rows):
    """Add bend W_u to the row of each unit's step and rest W_u to the next; four units at once save stores."""
    n_columns = W.shape[1]
    beyond = np.zeros(n_columns, W.dtype)
    for k in range(len(rows)):
        a, b = rows[k, column:], rows[k + 1, column:] if k + 1 < len(rows) else beyond
        end = starts[k + 1]
        for i in range(starts[k], end, 4):
            # Beyond the last unit: it again, times zero.
            i1, i2, i3 = min(i + 1, end - 1), min(i + 2, end - 1), min(i + 3, end - 1)
            w0, w1, w2, w3 = W[order[i]], W[order[i1]], W[order[i2]], W[order[i3]]
            in1, in2, in3 = W.dtype.type(i1 > i), W.dtype.type(i2 > i1), W.dtype.type(i3 > i2)
            a0, a1, a2, a3 = bend[i], in1 * bend[i1], in2 * bend[i2], in3 * bend[i3]
            b0, b1, b2, b3 = rest[i], in1 * rest[i1], in2 * rest[i2], in3 * rest[i3]
            for j in range(n_columns):
                a[j] += a0 * w0[j] + a1 * w1[j] + a2 * w2[j] + a3 * w3[j]
                b[j] += b0 * w0[j] + b1 * w1[j] + b2 * w2[j] + b3 * w3[j]


@compiled
def _sum_gates(
    X, kernel, bias, z0, n_samples, grid, first, just_below, W, rows_at_once, A, D, gates, order, starts,
    start, stop,
):  # fmt: skip
    """A + α D and the switched units' part, for some rows (frame and sample) of `gates`."""
    n_columns = W.shape[1] // len(kernel)
    size = rows_at_once * n_columns
    z, crossing = np.empty(size, W.dtype), np.empty(size, W.dtype)
    switching, step = np.empty(size, np.int32), np.empty(size, np.int32)
    bend, rest = np.empty((stop - start, size), W.dtype), np.empty((stop - start, size), W.dtype)
    gates[start:stop] = 0
    for block in range(starts.shape[1]):
        first_row = block * rows_at_once
        last_row = min(first_row + rows_at_once, len(kernel))
        u, v = first_row * n_columns, last_row * n_columns
        for r in range(start, stop):
            for f in range(first_row, last_row):
                x = f * n_columns - u
                _convolve(X[r], kernel[f], bias[f], z[x : x + n_columns])
            _sort_units(
                z[: v - u], z0[r // n_samples, u:v], grid, first, just_below, crossing, switching, step,
                order[r, u:v], starts[r, block], bend[r - start], rest[r - start],
            )  # fmt: skip
        for half in range(2):
            for r in range(start, stop):
                _add_rows(
                    W[half, u:v], order[r, u:v], starts[r, block], bend[r - start], rest[r - start],
                    half * W.shape[2], gates[r],
                )  # fmt: skip
    zero = W.dtype.type(0)
    for r in range(start, stop):
        slope, value = D[r].copy(), A[r // n_samples].copy()
        for k in range(len(grid) - 1):
            width = grid[k] - (grid[k - 1] if k else zero)
            for j in range(len(slope)):
                slope[j] += gates[r, k, j]
                value[j] += width * slope[j]
                gates[r, k, j] = value[j]


@compiled
def _products(W, order, starts, column, rows, z):
    """Add to z the product of W_u with the row of the unit's step."""
    n_columns = W.shape[1]
    for k in range(len(rows)):
        row = rows[k, column:]
        end = starts[k + 1]
        for i in range(starts[k], end, 4):
            # Beyond the last unit: it again, to the same place.
            u0, u1 = order[i], order[min(i + 1, end - 1)]
            u2, u3 = order[min(i + 2, end - 1)], order[min(i + 3, end - 1)]
            w0, w1, w2, w3 = W[u0], W[u1], W[u2], W[u3]
            z0, z1, z2, z3 = z[u0], z[u1], z[u2], z[u3]
            for j in range(n_columns):
                z0 += w0[j] * row[j]
                z1 += w1[j] * row[j]
                z2 += w2[j] * row[j]
                z3 += w3[j] * row[j]
            z[u0], z[u1], z[u2], z[u3] = z0, z1, z2, z3


@compiled
def _sum_gradient(gates, W, kernel, z0, n_samples, rows_at_once, order, starts, gradient, start, stop):
    """Sum gates over the steps from each on, in place; add the switching units' part to `gradient`."""
    n_columns = W.shape[1] // len(kernel)
    z = np.empty((stop - start, rows_at_once * n_columns), W.dtype)
    for r in range(start, stop):
        for k in range(gates.shape[1] - 2, -1, -1):
            for j in range(gates.shape[2]):
                gates[r, k, j] += gates[r, k + 1, j]
    for block in range(starts.shape[1]):
        first_row = block * rows_at_once
        last_row = min(first_row + rows_at_once, len(kernel))
        u, v = first_row * n_columns, last_row * n_columns
        z[:] = 0
        for half in range(2):
            column = half * W.shape[2]
            for r in range(start, stop):
                _products(W[half, u:v], order[r, u:v], starts[r, block], column, gates[r], z[r - start])
        for r in range(start, stop):
            on, values = z0[r // n_samples, u:v], z[r - start]
            for x in range(v - u):
                values[x] = -values[x] if on[x] > 0 else values[x]
            for f in range(first_row, last_row):
                x = f * n_columns - u
                _spread(values[x : x + n_columns], kernel[f], gradient[r])


@compiled
def _spread(z, kernel, image):
    """Transpose of :func:`_convolve`."""
    for r in range(kernel.shape[0]):
        for i in range(kernel.shape[1]):
            weight, pixels = kernel[r, i], image[r, i:]
            for x in range(len(z)):
                pixels[x] += weight * z[x]
