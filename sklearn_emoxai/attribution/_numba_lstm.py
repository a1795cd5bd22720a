"""An LSTM given its gate inputs, forwards and backwards, compiled by numba."""

import math

import numpy as np
import torch

from ._numba import compiled, in_threads
from ._torch_kernels import LEAST_GATE, LEAST_GRADIENT

# Paths that an LSTM follows at once, within a core's cache.
PATHS_AT_ONCE = 32


def lstm_forward(gates, W_hidden):
    """As `_torch_kernels.lstm_forward`, but the cells are c_1 to c_P alone."""
    n_frames, n_paths, _ = gates.shape
    cells = np.empty((n_frames, n_paths, W_hidden.shape[1]), W_hidden.numpy().dtype)
    hidden = np.zeros(cells.shape[1:], cells.dtype)
    numbers = _numbers(cells.dtype)
    in_threads(_lstm_forward, n_paths, gates.numpy(), _transposed(W_hidden), *numbers, cells, hidden)
    return torch.from_numpy(hidden), cells


def lstm_backward(gates, cells, W_hidden, d_hidden):
    """As `_torch_kernels.lstm_backward`."""
    numbers = _numbers(cells.dtype)
    d_hidden = np.ascontiguousarray(d_hidden.numpy())
    in_threads(_lstm_backward, len(d_hidden), gates.numpy(), _transposed(W_hidden), *numbers, cells, d_hidden)


def _transposed(W_hidden):
    return W_hidden.T.contiguous().numpy()


def _numbers(dtype):
    """What the loops need in the network's own dtype, as numba would compute in float64 with a literal.

    Returns
    -------
    constants : tuple
        Least gate, least gradient, log2(e), and log(2) in two parts.
    series : tuple of length 13
        1/k! from k = 13 down to 1: enough for float64 at up to log(2) / 2.
    power : tuple of two integers as wide as the dtype
        Exponent's offset and shift in the number format.
    """
    single = dtype == np.float32
    log2 = (0.693359375, -2.12194440e-4) if single else (0.693145751953125, 1.42860682030941723212e-6)
    constants = (-LEAST_GATE, LEAST_GRADIENT, 1 / math.log(2), *log2)
    series = (1 / math.factorial(k) for k in range(13, 0, -1))
    power = (np.int32(127), np.int32(23)) if single else (np.int64(1023), np.int64(52))
    return tuple(map(dtype.type, constants)), tuple(map(dtype.type, series)), power


@compiled
def _expm1(y, constants, series, power, bits, two):
    """exp(y) − 1, in place, in operations that vectorise; `two` is the memory of `bits` as numbers."""
    limit, _, log2_e, log2_high, log2_low = constants
    c13, c12, c11, c10, c9, c8, c7, c6, c5, c4, c3, c2, c1 = series
    bias, shift = power
    half, one = y.dtype.type(0.5), y.dtype.type(1)
    for j in range(len(y)):
        value = min(max(y[j], -limit), limit)
        n = np.floor(value * log2_e + half)
        bits[j] = (bits.dtype.type(n) + bias) << shift
        y[j] = (value - n * log2_high) - n * log2_low
    for j in range(len(y)):
        r = y[j]
        p = c13 * r + c12
        p = ((((p * r + c11) * r + c10) * r + c9) * r + c8) * r + c7
        p = (((((p * r + c6) * r + c5) * r + c4) * r + c3) * r + c2) * r + c1
        y[j] = p * r * two[j] + (two[j] - one)


@compiled
def _add_products(gates, hidden, W):
    """Add hidden @ W to gates, for two paths and four rows of W at once."""
    for q in range(0, len(gates), 2):
        single = q + 1 == len(gates)
        p = q if single else q + 1
        a, b = gates[q], gates[p]
        for i in range(0, len(W), 4):
            w0, w1, w2, w3 = W[i], W[i + 1], W[i + 2], W[i + 3]
            a0, a1, a2, a3 = hidden[q, i], hidden[q, i + 1], hidden[q, i + 2], hidden[q, i + 3]
            if single:
                for j in range(W.shape[1]):
                    a[j] += a0 * w0[j] + a1 * w1[j] + a2 * w2[j] + a3 * w3[j]
                continue
            b0, b1, b2, b3 = hidden[p, i], hidden[p, i + 1], hidden[p, i + 2], hidden[p, i + 3]
            for j in range(W.shape[1]):
                a[j] += a0 * w0[j] + a1 * w1[j] + a2 * w2[j] + a3 * w3[j]
                b[j] += b0 * w0[j] + b1 * w1[j] + b2 * w2[j] + b3 * w3[j]


@compiled
def _lstm_forward(gates, W, constants, series, power, cells, hidden, start, stop):
    """Run the LSTM over some paths; the gates become activated, the cells and the last h are kept."""
    size = hidden.shape[1]
    one, two_ = W.dtype.type(1), W.dtype.type(2)
    least = constants[1]
    y = np.empty(4 * size, W.dtype)
    bits = np.full(4 * size, power[0])
    two = bits.view(W.dtype)
    for first in range(start, stop, PATHS_AT_ONCE):
        last = min(first + PATHS_AT_ONCE, stop)
        for t in range(len(gates)):
            if t:
                _add_products(gates[t, first:last], hidden[first:last], W)
            for q in range(first, last):
                gate, c, h = gates[t, q], cells[t, q], hidden[q]
                i, f, g, o = gate[:size], gate[size : 2 * size], gate[2 * size : 3 * size], gate[3 * size :]
                for j in range(4 * size):
                    y[j] = -gate[j]
                for j in range(2 * size, 3 * size):
                    y[j] = two_ * y[j]
                _expm1(y, constants, series, power, bits, two)
                for j in range(4 * size):
                    gate[j] = one / (two_ + y[j])
                for j in range(size):
                    g[j] = -y[2 * size + j] * g[j]
                for j in range(size):
                    c[j] = i[j] * g[j] + (f[j] * cells[t - 1, q, j] if t else W.dtype.type(0))
                    y[j] = -two_ * c[j]
                _expm1(y[:size], constants, series, power, bits, two)
                for j in range(size):
                    value = -o[j] * y[j] / (two_ + y[j])
                    h[j] = value if abs(value) > least else W.dtype.type(0)


@compiled
def _lstm_backward(gates, W, constants, series, power, cells, d_hidden, start, stop):
    """Gradient at the gate inputs of some paths, in place of the activated gates."""
    size = d_hidden.shape[1]
    zero, one, two_, least = W.dtype.type(0), W.dtype.type(1), W.dtype.type(2), constants[1]
    d_cell, y, bits = np.empty(size, W.dtype), np.empty(size, W.dtype), np.full(size, power[0])
    two = bits.view(W.dtype)
    for q in range(start, stop):
        d_h = d_hidden[q]
        d_cell[:] = 0
        for t in range(len(gates) - 1, -1, -1):
            gate = gates[t, q]
            i, f, g, o = gate[:size], gate[size : 2 * size], gate[2 * size : 3 * size], gate[3 * size :]
            for j in range(size):
                y[j] = -two_ * cells[t, q, j]
            _expm1(y, constants, series, power, bits, two)
            for j in range(size):
                tanh = -y[j] / (two_ + y[j])
                d_c = d_cell[j] + d_h[j] * o[j] * (one - tanh * tanh)
                before = cells[t - 1, q, j] if t else zero
                d_o = d_h[j] * tanh * o[j] * (one - o[j])
                d_i = d_c * g[j] * i[j] * (one - i[j])
                d_f = d_c * before * f[j] * (one - f[j])
                d_g = d_c * i[j] * (one - g[j] * g[j])
                d_c = d_c * f[j]
                d_cell[j] = d_c if abs(d_c) > least else zero
                i[j] = d_i if abs(d_i) > least else zero
                f[j] = d_f if abs(d_f) > least else zero
                g[j] = d_g if abs(d_g) > least else zero
                o[j] = d_o if abs(d_o) > least else zero
            if t:
                _row_products(W, gate, d_h)


@compiled
def _row_products(W, row, out):
    """Put W @ row into out, four rows of W at once."""
    zero = W.dtype.type(0)
    for i in range(0, len(W), 4):
        w0, w1, w2, w3 = W[i], W[i + 1], W[i + 2], W[i + 3]
        z0, z1, z2, z3 = zero, zero, zero, zero
        for j in range(W.shape[1]):
            z0 += w0[j] * row[j]
            z1 += w1[j] * row[j]
            z2 += w2[j] * row[j]
            z3 += w3[j] * row[j]
        out[i], out[i + 1], out[i + 2], out[i + 3] = z0, z1, z2, z3
