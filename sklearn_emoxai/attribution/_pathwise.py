"""The pathwise engine: integrated gradients of a ConvLSTM from the units that switch on the path."""

import warnings
from functools import lru_cache
from itertools import pairwise

import torch
from torch.nn import functional as nnf

from sklearn_emoxai.convlstm import ConvLSTM

from ._model import class_output, model_outputs, to_module
from ._quadrature import path_steps
from ._recurrent import lstm_backward, lstm_forward

# Steps that are followed at once; longer sums are split into stretches of this many.
STEPS_AT_ONCE = 512
# Sorts behind every row of a pattern; rows are sorted as 32-bit integers, which is twice as fast.
_NO_ROW = torch.iinfo(torch.int32).max


def why_not_pathwise(module, X):
    """What keeps the pathwise engine from this module, as the rest of a sentence; None if nothing."""
    if type(module).forward is not ConvLSTM.forward:
        return f"needs a ConvLSTM; got {type(module).__name__}."
    if X.ndim != 4:
        return f"needs X of shape (n_samples, n_frames, 2, n_landmarks); got {X.shape}."
    return None


class PathwiseEngine:
    """Integrated gradients of a :class:`~sklearn_emoxai.ConvLSTM` along straight paths.

    Parameters
    ----------
    module : ConvLSTM
        In eval mode.
    output : {"probability", "logit"}
    target : int

    Notes
    -----
    Shapes: P frames, n samples, m steps, U = F × H × W units after the convolution, Q LSTM units.
    On the path z(α) = z(x') + α d, d = z(x) − z(x'), so a unit switches at most once, at α* = −z(x')/d.
    With W the LSTM's input weights that batch normalisation is folded into, and "on" the units that are
    on at x', the LSTM's gates get

        A + α D + Σ_{switched before α} ± W_u (z_u(x') + α d_u),

    + for a unit that switches on and − for one that switches off. A is a product for the baseline
    alone. D = W on (z(x) − z(x')) and its transpose, the gradient through the units that are on at x',
    are linear maps between 2 L coordinates and 4 Q gates that depend on x' alone: `_to_gates`, one for
    each frame. So a path costs no dense product with W, only sparse ones over the units that switch.
    """

    @torch.no_grad()
    def __init__(self, module, output, target):
        self.module = module
        self._output, self._target = output, target
        scale, shift = _affine(module.norm)
        size = module.conv.out_channels
        weight = module.lstm.weight_ih_l0.detach()
        per_filter = weight.reshape(len(weight), size, -1)
        # Row u of W: what unit u sends to the 4 Q gates.
        self._W = (per_filter * scale[:, None]).reshape(weight.shape).T.contiguous()
        bias = module.lstm.bias_ih_l0 + module.lstm.bias_hh_l0 + per_filter.sum(dim=2) @ shift
        self._bias = bias.detach()
        self._W_hidden = module.lstm.weight_hh_l0.detach()

    @property
    def dtype(self):
        """NumPy's name of the module's dtype."""
        return str(self._W.dtype).removeprefix("torch.")

    def outputs(self, X):
        """F of every sample, by the module itself."""
        return model_outputs(self.module, X, self._output, self._target)

    def default_batch_size(self, input_shape, n_steps):
        """Samples whose intermediate arrays take about 50 MB: larger ones are slower to allocate."""
        steps = STEPS_AT_ONCE if n_steps == "auto" else min(n_steps, STEPS_AT_ONCE)
        numbers = input_shape[0] * (2 * len(self._W) + 3 * self._W.shape[1] * steps)
        return max(1, 12_000_000 // numbers)

    @torch.no_grad()
    def start(self, baseline):
        """Prepare the baseline, of shape (n_frames, 2, n_landmarks), of the paths to come."""
        self._baseline = to_module(baseline, self.module)[:, None]
        self._z0 = self._units(self._baseline)
        self._A = torch.relu(self._z0) @ self._W + self._bias
        self._to_gates = self._linear_maps(self._z0[:, 0] > 0)

    def _units(self, X):
        """z, of shape (n_frames, n_samples, U), of X of shape (n_frames, n_samples, 2, n_landmarks)."""
        images = X.reshape(-1, 1, *X.shape[2:])
        return self.module.conv(self.module.pad(images)).reshape(*X.shape[:2], -1)

    def _linear_maps(self, on):
        """W on z of each frame as a map from coordinates, of shape (n_frames, 2 L, 4 Q).

        Parameters
        ----------
        on : torch.Tensor of shape (n_frames, U), bool
        """
        kernel = self._kernel_rows()
        n_filters, height, n_rows, width = kernel.shape
        n_columns = on.shape[1] // (n_filters * height)
        W = self._W.reshape(n_filters * height, n_columns, -1).transpose(0, 1)
        on = on.reshape(len(on), n_filters, height, n_columns).permute(3, 0, 1, 2)
        masked = on[..., None, None, :, :] * kernel.permute(2, 3, 0, 1)
        # One product a column, for all frames, coordinates and offsets; then offsets are added up.
        parts = torch.bmm(masked.reshape(n_columns, -1, n_filters * height), W)
        parts = parts.reshape(n_columns, -1, n_rows, width, W.shape[2])
        left, right, _, _ = self.module.pad.padding
        maps = parts.new_zeros(parts.shape[1], n_rows, n_columns + width - 1, W.shape[2])
        for dx in range(width):
            maps[:, :, dx : dx + n_columns] += parts[:, :, :, dx].permute(1, 2, 0, 3)
        return maps[:, :, left : maps.shape[2] - right].flatten(1, 2)

    def _kernel_rows(self):
        """Weight from coordinate row r at column offset dx to a unit, of shape (F, H, 2, kernel width)."""
        kernel = self.module.conv.weight.detach()[:, 0]
        n_rows = self._baseline.shape[2]
        _, _, top, bottom = self.module.pad.padding
        height = n_rows + top + bottom - kernel.shape[1] + 1
        rows = kernel.new_zeros(len(kernel), height, n_rows + top + bottom, kernel.shape[2])
        for y in range(height):
            rows[:, y, y : y + kernel.shape[1]] = kernel
        return rows[:, :, top : top + n_rows]

    @torch.no_grad()
    def attributions(self, X, method, n_steps):
        """Integrated gradients of samples against the baseline.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        torch.Tensor of shape (n_samples, n_frames, 2, n_landmarks)
        """
        # Frames come first throughout, so that one LSTM step reads one block.
        X = to_module(X, self.module).transpose(0, 1).contiguous()
        difference = X - self._baseline
        alphas, weights = (torch.as_tensor(a).to(X) for a in _cached_steps(method, n_steps))
        switches = Switches(self._units(X), self._z0)
        gradient = torch.zeros_like(difference)
        for stretch in zip(alphas.split(STEPS_AT_ONCE), weights.split(STEPS_AT_ONCE)):
            gradient += self._gradient(difference, switches, *stretch)
        return (gradient * difference).transpose(0, 1)

    def _gradient(self, difference, switches, alphas, weights):
        """Weighted sum of the gradients at some positions of each path, shaped like `difference`."""
        pattern = Pattern(switches, alphas)
        gates = self._gates(difference.flatten(2), pattern, alphas)
        paths = gates.flatten(1, 2)
        hidden, cells = lstm_forward(paths, self._W_hidden)
        lstm_backward(paths, cells, self._W_hidden, self._d_hidden(hidden, weights))
        # A unit that switches before α_k passes on, or no longer does, the gradients from k on.
        _accumulate(gates.unbind(2)[::-1])
        gradient = gates[:, :, 0] @ self._to_gates.transpose(1, 2)
        at_units = pattern.products(gates.flatten(0, 2), self._W)
        return gradient.reshape(difference.shape) + self._spread(at_units, pattern, difference.shape)

    def _gates(self, difference, pattern, alphas):
        """A + α D and the switched units' part, of shape (n_frames, n_samples, n_steps, 4 Q)."""
        offset, slope = (
            sums.reshape(*difference.shape[:2], len(alphas), -1) for sums in pattern.row_sums(self._W)
        )
        offset[:, :, 0] += self._A
        slope[:, :, 0] += difference @ self._to_gates
        _accumulate(offset.unbind(2))
        _accumulate(slope.unbind(2))
        return offset.addcmul_(slope, alphas[:, None])

    def _d_hidden(self, hidden, weights):
        """Gradient of the weighted sum of F at the last hidden states."""
        weights = weights.repeat(len(hidden) // len(weights))
        with torch.enable_grad():
            hidden.requires_grad_()
            logits = self.module.fc2(torch.relu(self.module.fc1(hidden)))
            total = class_output(logits, self._output, self._target) @ weights
        return torch.autograd.grad(total, hidden)[0]

    def _spread(self, at_units, pattern, shape):
        """Transposed convolution of values at the switching units, onto the coordinates."""
        kernel = self.module.conv.weight
        left, right, top, _ = self.module.pad.padding
        image = at_units.new_zeros(pattern.shape)
        image.view(-1)[pattern.flat] = at_units
        n_columns = shape[3] + left + right - kernel.shape[3] + 1
        image = nnf.conv_transpose2d(image.reshape(len(image), len(kernel), -1, n_columns), kernel)
        return image[:, 0, top : top + shape[2], left : left + shape[3]].reshape(shape)


class Switches:
    """The units that switch between the baseline and each sample.

    Parameters
    ----------
    z : torch.Tensor of shape (n_frames, n_samples, U)
        The convolution at the samples.
    z0 : torch.Tensor of shape (n_frames, 1, U)
        The convolution at the baseline.
    """

    def __init__(self, z, z0):
        self.shape = (z.shape[0] * z.shape[1], z.shape[2])
        self.flat = ((z > 0) != (z0 > 0)).view(-1).nonzero().squeeze(1)
        self.row = self.flat // z.shape[2]
        self.unit = self.flat - self.row * z.shape[2]
        self.z0 = z0.view(-1).index_select(0, self.row // z.shape[1] * z.shape[2] + self.unit)
        self.d = z.view(-1).index_select(0, self.flat).sub_(self.z0)


class Pattern:
    """Switching units as a sparse matrix: a row for each frame, sample and step, a column for each unit.

    A unit's step is the first after it has switched; one that switches after the last step is left out.

    Parameters
    ----------
    switches : Switches
    alphas : torch.Tensor of shape (n_steps,)
        Increasing positions on the path.
    """

    def __init__(self, switches, alphas):
        # A rectified unit is off at exactly zero, on its way down as well: the number before its crossing.
        just_below = 1 - torch.finfo(alphas.dtype).eps / 2
        crossing = (-switches.z0 / switches.d).mul_(torch.where(switches.d > 0, 1.0, just_below))
        step = torch.searchsorted(alphas, crossing, right=True)
        row = (switches.row * len(alphas) + step).masked_fill_(step == len(alphas), _NO_ROW)
        row, order = row.int().sort(stable=True)
        n_rows = switches.shape[0] * len(alphas)
        self.starts = torch.searchsorted(row, torch.arange(n_rows + 1, dtype=row.dtype, device=row.device))
        order = order[: self.starts[-1]]
        self.shape = switches.shape
        self.flat, self.unit = switches.flat.index_select(0, order), switches.unit.index_select(0, order)
        d = switches.d.index_select(0, order)
        self.sign = torch.sign(d)
        self._values = (switches.z0.index_select(0, order).mul_(self.sign), d.abs())

    def row_sums(self, W):
        """Σ ± z_u(x') W_u and Σ ± d_u W_u over the units of each row, both of shape (n_rows, 4 Q)."""
        return [
            nnf.embedding_bag(self.unit, W, self.starts[:-1], per_sample_weights=values, mode="sum")
            for values in self._values
        ]

    def products(self, rows, W):
        """± W_u · rows_r for each unit u in its row r, of shape (n_units_that_switch,)."""
        size = (len(self.starts) - 1, self.shape[1])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            matrix = torch.sparse_csr_tensor(self.starts, self.unit, self.sign, size, check_invariants=False)
        return torch.sparse.sampled_addmm(matrix, rows, W.T, beta=0).values() * self.sign


def _accumulate(tensors):
    """Add to each tensor, in place, those before it; over a middle axis faster than torch.cumsum."""
    for before, after in pairwise(tensors):
        after += before


_cached_steps = lru_cache(maxsize=16)(path_steps)


def _affine(norm):
    """Scale and shift of a batch normalisation in eval mode, each of shape (n_filters,)."""
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - norm.running_mean * scale
