"""The pathwise engine: integrated gradients of a ConvLSTM from the units that switch on the path."""

from functools import lru_cache

import torch
from torch.nn import functional as nnf

from ..network import ConvLSTM
from . import _torch_kernels
from ._model import class_output, model_outputs, parameter_dtype, to_module
from ._quadrature import path_steps

# Steps that are followed at once; longer sums are split into stretches of this many.
STEPS_AT_ONCE = 512


def why_not_pathwise(module, X):
    """What keeps the pathwise engine from this module, as the rest of a sentence; None if nothing."""
    # Of a scripted module, even the look at its class's forward fails.
    if not isinstance(module, ConvLSTM) or type(module).forward is not ConvLSTM.forward:
        return f"needs a ConvLSTM; got {type(module).__name__}."
    dtype = parameter_dtype(module)
    if dtype not in (torch.float32, torch.float64):
        return f"needs parameters of float32 or float64; got {dtype}."
    if X.ndim != 4:
        return f"needs X of shape (n_samples, n_frames, 2, n_landmarks); got {X.shape}."
    return None


def choose_kernels(like):
    """The module that sums along the paths: compiled for a CPU where numba is installed, or else torch's.

    Parameters
    ----------
    like : torch.Tensor
        On the device and of the dtype of the module.
    """
    if like.device.type != "cpu":
        return _torch_kernels
    from . import _numba, _numba_kernels

    return _torch_kernels if _numba.numba is None else _numba_kernels


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
    each frame. So a path costs no dense product with W, only sums over the units that switch; these and
    the LSTM itself are in the module `_kernels`.
    """

    @torch.no_grad()
    def __init__(self, module, output, target):
        self.module = module
        self._output, self._target = output, target
        scale, shift = _affine(module.norm)
        weight = module.lstm.weight_ih_l0.detach()
        self._kernels = choose_kernels(weight)
        self._n_units = module.lstm.hidden_size
        per_filter = weight.reshape(len(weight), module.conv.out_channels, -1)
        # Row u of W: what unit u sends to the 4 Q gates.
        self._W = self._pad_gates((per_filter * scale[:, None]).reshape(weight.shape).T)
        self._arranged_W = self._kernels.arrange(self._W)
        bias = module.lstm.bias_ih_l0 + module.lstm.bias_hh_l0 + per_filter.sum(dim=2) @ shift
        self._bias = self._pad_gates(bias)
        W_hidden = self._pad_gates(module.lstm.weight_hh_l0.detach().T)
        self._W_hidden = nnf.pad(W_hidden, (0, 0, 0, self._n_padding)).T.contiguous()

    @property
    def _n_padding(self):
        """LSTM units of zero weights that the kernels want: their hidden state stays zero."""
        return -self._n_units % self._kernels.LANES

    def _pad_gates(self, values):
        """Gates of the units and of the padding, from values whose last axis is 4 Q long."""
        gates = values.unflatten(-1, (4, self._n_units))
        return nnf.pad(gates, (0, self._n_padding)).flatten(-2).contiguous()

    @property
    def dtype(self):
        """NumPy's name of the module's dtype."""
        return str(self._W.dtype).removeprefix("torch.")

    def outputs(self, X):
        """F of every sample, by the module itself."""
        return model_outputs(self.module, X, self._output, self._target)

    def default_batch_size(self, input_shape, n_steps):
        """Samples whose intermediate arrays have the size that suits the kernels."""
        steps = STEPS_AT_ONCE if n_steps == "auto" else min(n_steps, STEPS_AT_ONCE)
        numbers = input_shape[0] * (2 * len(self._W) + 3 * self._W.shape[1] * steps)
        return max(1, self._kernels.NUMBERS_AT_ONCE // numbers)

    def _enter(self, X):
        """Samples or baselines as the convolution takes them, frames first: one LSTM step reads one block.

        Standardising them changes no attribution, (x − x') ∂F/∂x: a factor of x divides the gradient.
        """
        return self.module.standardize(to_module(X, self.module)).transpose(0, 1).contiguous()

    @torch.no_grad()
    def start(self, baseline):
        """Prepare the baseline, of shape (n_frames, 2, n_landmarks), of the paths to come."""
        self._baseline = self._enter(baseline[None])
        self._convolution = Convolution(self.module, self._baseline.shape[2])
        self._z0 = self._convolution(self._baseline)
        self._A = (torch.relu(self._z0) @ self._W + self._bias)[:, 0]
        self._to_gates = self._convolution.linear_maps(self._z0[:, 0] > 0, self._W)

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
        X = self._enter(X)
        difference = X - self._baseline
        slope = difference.flatten(2) @ self._to_gates
        alphas, weights = (torch.as_tensor(a).to(X) for a in self._steps(method, n_steps))
        switches = self._kernels.Switches(X, self._z0, self._arranged_W, self._convolution)
        gradient = torch.zeros_like(difference)
        for stretch in zip(alphas.split(STEPS_AT_ONCE), weights.split(STEPS_AT_ONCE)):
            total, through_switches = self._gradient(switches, slope, *stretch)
            gradient += (total @ self._to_gates.transpose(1, 2)).reshape(X.shape) + through_switches
        return (gradient * difference).transpose(0, 1)

    def _steps(self, method, n_steps):
        """Increasing positions on the paths, and their weights."""
        return _cached_steps(method, n_steps)

    def _gradient(self, switches, slope, alphas, weights):
        """Weighted sums of gradients over some positions: at the gates, and through switching units."""
        gates = switches.gates(alphas, self._A, slope)
        paths = gates.flatten(1, 2)
        hidden, cells = self._kernels.lstm_forward(paths, self._W_hidden)
        d_hidden = self._d_hidden(hidden, weights)
        self._kernels.lstm_backward(paths, cells, self._W_hidden, d_hidden)
        return switches.gradient(gates)

    def _d_hidden(self, hidden, weights):
        """Gradient of the weighted sum of F at the last hidden states."""
        weights = weights.repeat(len(hidden) // len(weights))
        with torch.enable_grad():
            hidden.requires_grad_()
            logits = self.module.fc2(torch.relu(self.module.fc1(hidden[:, : self._n_units])))
            total = class_output(logits, self._output, self._target) @ weights
        return torch.autograd.grad(total, hidden)[0]


class Convolution:
    """The module's convolution of frames, its transpose, and its products with the LSTM's weights.

    Attributes
    ----------
    rows : torch.Tensor of shape (F, H, 2, kernel width)
        Weight from coordinate row r at column offset i to a unit of a filter at a height.
    bias : torch.Tensor of shape (F,)
    padding : tuple of int
        Zeros (left, right, top, bottom) around a frame.
    """

    def __init__(self, module, n_coords):
        self.padding, self.bias = module.pad.padding, module.conv.bias.detach()
        self._module, self._weight = module, module.conv.weight.detach()
        self.rows = self._kernel_rows(n_coords)

    def __call__(self, X):
        """z, of shape (n_frames, n_samples, U), of X of shape (n_frames, n_samples, 2, n_landmarks)."""
        images = X.reshape(-1, 1, *X.shape[2:])
        return self._module.conv(self._module.pad(images)).reshape(*X.shape[:2], -1)

    def transpose(self, z, shape):
        """Values at the units, of shape (n_frames * n_samples, U), spread onto X's shape."""
        left, right, top, _ = self.padding
        n_columns = shape[3] + left + right - self._weight.shape[3] + 1
        images = nnf.conv_transpose2d(z.reshape(len(z), len(self._weight), -1, n_columns), self._weight)
        return images[:, 0, top : top + shape[2], left : left + shape[3]].reshape(shape)

    def linear_maps(self, on, W):
        """W on z of each frame as a map from coordinates, of shape (n_frames, 2 L, 4 Q).

        Parameters
        ----------
        on : torch.Tensor of shape (n_frames, U), bool
        W : torch.Tensor of shape (U, 4 Q)
        """
        n_filters, height, n_rows, width = self.rows.shape
        n_columns = on.shape[1] // (n_filters * height)
        W = W.reshape(n_filters * height, n_columns, -1).transpose(0, 1)
        on = on.reshape(len(on), n_filters, height, n_columns).permute(3, 0, 1, 2)
        masked = on[..., None, None, :, :] * self.rows.permute(2, 3, 0, 1)
        # One product a column, for all frames, coordinates and offsets; then offsets are added up.
        parts = torch.bmm(masked.reshape(n_columns, -1, n_filters * height), W)
        parts = parts.reshape(n_columns, -1, n_rows, width, W.shape[2])
        left, right, _, _ = self.padding
        maps = parts.new_zeros(parts.shape[1], n_rows, n_columns + width - 1, W.shape[2])
        for dx in range(width):
            maps[:, :, dx : dx + n_columns] += parts[:, :, :, dx].permute(1, 2, 0, 3)
        return maps[:, :, left : maps.shape[2] - right].flatten(1, 2)

    def _kernel_rows(self, n_coords):
        """The attribute `rows`."""
        kernel = self._weight[:, 0]
        _, _, top, bottom = self.padding
        height = n_coords + top + bottom - kernel.shape[1] + 1
        rows = kernel.new_zeros(len(kernel), height, n_coords + top + bottom, kernel.shape[2])
        for y in range(height):
            rows[:, y, y : y + kernel.shape[1]] = kernel
        return rows[:, :, top : top + n_coords]


_cached_steps = lru_cache(maxsize=16)(path_steps)


def _affine(norm):
    """Scale and shift of a batch normalisation in eval mode, each of shape (n_filters,)."""
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - norm.running_mean * scale
