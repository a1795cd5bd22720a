"""The sums along a path and the LSTM in torch: on any device, without numba."""

import warnings
from itertools import pairwise

import torch
from torch.nn import functional as nnf

# LSTM units are padded to a multiple of this: torch needs no padding.
LANES = 1
# Size of the intermediate arrays, about 50 MB: larger ones are slower to allocate.
NUMBERS_AT_ONCE = 12_000_000
# Trained gates saturate: sigmoids, cells and gradients reach the subnormal numbers, which processors compute
# with up to a hundred times slower, as they do the tanh of 1e-13 to 1e-19. A sigmoid is kept above 2e-12
# and a gradient below 1e-20 is zero: both are far below the rounding of what they are added to.
LEAST_GATE = -40.0
LEAST_GRADIENT = 1e-20
# Sorts behind every row of a pattern; rows are sorted as 32-bit integers, which is twice as fast.
_NO_ROW = torch.iinfo(torch.int32).max


def just_below_one(dtype):
    """The number before 1."""
    return 1 - torch.finfo(dtype).eps / 2


def arrange(W):
    """W of shape (U, 4 Q) as :class:`Switches` takes it."""
    return W


class Switches:
    """The units that switch between the baseline and each sample.

    Parameters
    ----------
    X : torch.Tensor of shape (n_frames, n_samples, 2, n_landmarks)
    z0 : torch.Tensor of shape (n_frames, 1, U)
        The convolution at the baseline.
    W : object
        What :func:`arrange` made of W.
    convolution : Convolution
    """

    def __init__(self, X, z0, W, convolution):
        z = convolution(X)
        self._W, self._convolution, self._shape = W, convolution, X.shape
        self._n_rows, self._n_units = z.shape[0] * z.shape[1], z.shape[2]
        self._flat = ((z > 0) != (z0 > 0)).view(-1).nonzero().squeeze(1)
        self._row = self._flat // z.shape[2]
        self._unit = self._flat - self._row * z.shape[2]
        z0_units = self._row // z.shape[1] * z.shape[2] + self._unit
        self._z0 = z0.view(-1).index_select(0, z0_units)
        self._d = z.view(-1).index_select(0, self._flat).sub_(self._z0)

    def gates(self, alphas, A, D):
        """Gate inputs at positions of the paths: A + α D and the part of the units that have switched.

        Parameters
        ----------
        alphas : torch.Tensor of shape (n_steps,)
            Increasing positions.
        A : torch.Tensor of shape (n_frames, 4 Q)
        D : torch.Tensor of shape (n_frames, n_samples, 4 Q)

        Returns
        -------
        torch.Tensor of shape (n_frames, n_samples, n_steps, 4 Q)
        """
        order = self._sort(alphas)
        d = self._d.index_select(0, order)
        self._sign = torch.sign(d)
        offset, slope = (
            nnf.embedding_bag(self._sorted_unit, self._W, self._starts[:-1], per_sample_weights=c, mode="sum")
            .reshape(*self._shape[:2], len(alphas), -1)
            for c in (self._z0.index_select(0, order).mul_(self._sign), d.abs())
        )  # fmt: skip
        offset[:, :, 0] += A[:, None]
        slope[:, :, 0] += D
        _accumulate(offset.unbind(2))
        _accumulate(slope.unbind(2))
        return offset.addcmul_(slope, alphas[:, None])

    def _sort(self, alphas):
        """Order of the units by row, which is a frame, a sample and the first step after the switch.

        Units that switch after the last step are left out.
        """
        # A rectified unit is off at exactly zero, on its way down as well: the number before its crossing.
        below = just_below_one(alphas.dtype)
        crossing = (-self._z0 / self._d).mul_(torch.where(self._d > 0, 1.0, below))
        step = torch.searchsorted(alphas, crossing, right=True)
        row = (self._row * len(alphas) + step).masked_fill_(step == len(alphas), _NO_ROW)
        row, order = row.int().sort(stable=True)
        rows = torch.arange(self._n_rows * len(alphas) + 1, dtype=row.dtype, device=row.device)
        self._starts = torch.searchsorted(row, rows)
        order = order[: self._starts[-1]]
        self._sorted_flat = self._flat.index_select(0, order)
        self._sorted_unit = self._unit.index_select(0, order)
        return order

    def gradient(self, gates):
        """Sums of the gradient at the gates, and what comes through the switching units.

        Parameters
        ----------
        gates : torch.Tensor of shape (n_frames, n_samples, n_steps, 4 Q)
            Weighted gradient at the gate inputs of :meth:`gates`; overwritten.

        Returns
        -------
        total : torch.Tensor of shape (n_frames, n_samples, 4 Q)
            Its sum over the steps.
        gradient : torch.Tensor of shape (n_frames, n_samples, 2, n_landmarks)
        """
        # A unit that switches before α_k passes on, or no longer does, the gradients from k on.
        _accumulate(gates.unbind(2)[::-1])
        rows = gates.flatten(0, 2)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            pattern = torch.sparse_csr_tensor(
                self._starts,
                self._sorted_unit,
                self._sign,
                (len(rows), self._n_units),
                check_invariants=False,
            )
        at_units = gates.new_zeros(self._n_rows, self._n_units)
        products = torch.sparse.sampled_addmm(pattern, rows, self._W.T, beta=0).values()
        at_units.view(-1)[self._sorted_flat] = products * self._sign
        return gates[:, :, 0], self._convolution.transpose(at_units, self._shape)


def lstm_forward(gates, W_hidden):
    """Run an LSTM layer from a zero state over gate inputs; they become the activated gates in place.

    Parameters
    ----------
    gates : torch.Tensor of shape (n_frames, n_paths, 4 * lstm_units)
        Input and bias part of i, f, g, o before their activation, in torch's order.
    W_hidden : torch.Tensor of shape (4 * lstm_units, lstm_units)

    Returns
    -------
    hidden : torch.Tensor of shape (n_paths, lstm_units)
        The last hidden state, h_P.
    cells : object
        What :func:`lstm_backward` wants to know of the cells.
    """
    n_frames, n_paths, _ = gates.shape
    cells = gates.new_zeros(n_frames + 1, n_paths, 2 * W_hidden.shape[1])
    hidden = gates.new_zeros(n_paths, W_hidden.shape[1])
    for gate, before, after in zip(gates, cells[:-1], cells[1:]):
        i, f, g, o = gate.addmm_(hidden, W_hidden.T).clamp_(min=LEAST_GATE).chunk(4, dim=1)
        gate[:, : 2 * i.shape[1]].sigmoid_()
        g.tanh_()
        o.sigmoid_()
        cell, tanh_cell = after.chunk(2, dim=1)
        torch.mul(f, before.chunk(2, dim=1)[0], out=cell).addcmul_(i, g)
        torch.tanh(cell, out=tanh_cell)
        hidden = torch.hardshrink(o * tanh_cell, LEAST_GRADIENT)
    return hidden, cells


def lstm_backward(gates, cells, W_hidden, d_hidden):
    """Gradient at the gate inputs; it replaces the activated gates in place.

    Parameters
    ----------
    gates, cells
        As :func:`lstm_forward` left and returned them.
    W_hidden : torch.Tensor of shape (4 * lstm_units, lstm_units)
    d_hidden : torch.Tensor of shape (n_paths, lstm_units)
        Gradient at h_P.
    """
    one = gates.new_ones(())
    d_cell = torch.zeros_like(d_hidden)
    for t in reversed(range(len(gates))):
        i, f, g, o = gates[t].chunk(4, dim=1)
        cell_before, tanh_cell = cells[t].chunk(2, dim=1)[0], cells[t + 1].chunk(2, dim=1)[1]
        d_cell.addcmul_(d_hidden * o, torch.addcmul(one, tanh_cell, tanh_cell, value=-1))
        slope = torch.addcmul(gates[t], gates[t], gates[t], value=-1)
        torch.addcmul(one, g, g, value=-1, out=slope.chunk(4, dim=1)[2])
        d_gates = torch.cat([d_cell * g, d_cell * cell_before, d_cell * i, d_hidden * tanh_cell], dim=1)
        d_cell = torch.hardshrink(d_cell * f, LEAST_GRADIENT)
        gates[t] = torch.hardshrink(d_gates.mul_(slope), LEAST_GRADIENT)
        d_hidden = gates[t] @ W_hidden


def _accumulate(tensors):
    """Add to each tensor, in place, those before it; over a middle axis faster than torch.cumsum."""
    for before, after in pairwise(tensors):
        after += before
