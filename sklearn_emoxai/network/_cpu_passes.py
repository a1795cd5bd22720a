"""The ConvLSTM on CPUs in few passes over memory: the same mathematics, its own backward pass.

A batch's feature maps and the LSTM's input weights are tens of megabytes each. Autograd allocates new ones
for every layer and batch, and the page faults of that cost as much as the arithmetic. Here they are
written to buffers that live as long as a training, and batch normalisation is folded into its neighbours.
"""

import torch

from ._convlstm import last_hidden_state

# Numbers of the LSTM's input weights that are worked on at once: a megabyte, which stays in the cache.
_AT_ONCE = 2**18


class Buffers:
    """Memory that is reused from batch to batch."""

    def __init__(self, dtype=torch.float32):
        self._dtype = dtype
        self._memory = {}

    def __call__(self, name, *shape):
        """Uninitialised tensor of this shape; its content is lost at the next call for the name."""
        n_numbers = torch.Size(shape).numel()
        memory = self._memory.get(name)
        if memory is None or len(memory) < n_numbers:
            memory = self._memory[name] = torch.empty(n_numbers, dtype=self._dtype)
        return memory[:n_numbers].view(shape)


def fused_logits(module, X, buffers=None):
    """Logits of each sequence, as :meth:`ConvLSTM.forward` computes them.

    In training mode, ``backward`` writes the gradients of all parameters, and X gets none; in evaluation
    mode there are no gradients.

    Parameters
    ----------
    module : ConvLSTM
        On the CPU; in training mode its batch normalisation must have positive weights.
    X : torch.Tensor of shape (n_samples, n_frames, n_coords, n_landmarks)
        Of the module's dtype.
    buffers : Buffers, optional
        One set serves one module in training; its memory is in use until ``backward`` is through.

    Returns
    -------
    torch.Tensor of shape (n_samples, n_classes)
    """
    X = module.standardize(X)
    buffers = Buffers(X.dtype) if buffers is None else buffers
    bias = module.lstm.bias_ih_l0 + module.lstm.bias_hh_l0
    with torch.set_grad_enabled(torch.is_grad_enabled() and module.training):
        if module.training:
            gates = _InputGates.apply(bias, module, X, buffers)
        else:
            gates = _evaluated_gates(bias, module, X, buffers)
        hidden = last_hidden_state(module.lstm, gates=gates)
        return module.fc2(torch.relu(module.fc1(module.dropout(hidden))))


def _evaluated_gates(bias, module, X, buffers):
    """What :class:`_InputGates` computes, by the running moments and for any weights of the norm."""
    norm = module.norm
    y, _ = _feature_maps(module, X, buffers)
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    y.mul_(scale[:, None]).add_(shift[:, None])
    return torch.addmm(bias, y.flatten(1), module.lstm.weight_ih_l0.t()).unflatten(0, X.shape[:2])


class _InputGates(torch.autograd.Function):
    """What the frames add to the LSTM's gates, of shape (n_samples, n_frames, 4 Q).

    With r = ReLU(conv(x)), batch normalisation is s r + t, s = γ/σ, t = β − μ s, with one value for
    each filter. The LSTM's input weights W are applied to y = s r; t passes through W once a batch.
    n counts frames, F filters, J units of a feature map, M = n J.
    """

    @staticmethod
    def forward(ctx, bias, module, X, buffers):
        norm, weight = module.norm, module.lstm.weight_ih_l0
        y, patches = _feature_maps(module, X, buffers)
        mean, var = _batch_moments(norm, y)
        inv_std = torch.rsqrt(var + norm.eps)
        scale = norm.weight * inv_std
        shift = norm.bias - mean * scale
        y *= scale[:, None]
        filter_sums = weight.unflatten(1, y.shape[1:]).sum(dim=2)
        gates = torch.addmm(bias + filter_sums @ shift, y.flatten(1), weight.t())
        ctx.saved = module, buffers, patches, y, filter_sums, mean, inv_std, scale, shift
        return gates.unflatten(0, X.shape[:2])

    @staticmethod
    def backward(ctx, d_gates):
        module, buffers, patches, y, filter_sums, mean, inv_std, scale, shift = ctx.saved
        conv, norm, weight = module.conv, module.norm, module.lstm.weight_ih_l0
        G = d_gates.flatten(0, 1)
        G_sum = G.sum(dim=0)

        # The buffer may hold a gradient that this one is to be added to.
        out = buffers("weight", *weight.shape) if weight.grad is None else torch.empty_like(weight)
        d_weight = torch.mm(G.t(), y.flatten(1), out=out)
        # Σ y dy over a filter's units is Σ W dW, before t's part of dW is added.
        y_dy = torch.zeros_like(scale)
        n_rows = max(1, _AT_ONCE // weight.shape[1])
        for W, dW, g in zip(*(rows.split(n_rows) for rows in (weight, d_weight, G_sum))):
            W, dW = W.unflatten(1, y.shape[1:]), dW.unflatten(1, y.shape[1:])
            y_dy += torch.mul(W, dW, out=buffers("product", *W.shape)).sum(dim=(0, 2))
            dW += (g[:, None] * shift)[:, :, None]
        d_beta = G_sum @ filter_sums
        d_gamma = (y_dy / scale - mean * d_beta) * inv_std
        _add_grad(weight, d_weight)
        _add_grad(norm.weight, d_gamma)
        _add_grad(norm.bias, d_beta)

        if conv.weight.requires_grad:
            # dr = s (dy − dβ/M − (r − μ)/σ dγ/M), as s dy + slope y + constant
            dy = torch.mm(G, weight, out=buffers("dy", len(G), weight.shape[1])).view_as(y)
            M = y.numel() / y.shape[1]
            slope = -d_gamma * inv_std / scale / M
            dy.addcmul_(y, slope[:, None]).sub_((d_beta / M + slope * scale * mean)[:, None])
            torch.ops.aten.threshold_backward.grad_input(dy, y, 0, grad_input=dy)
            d_kernel = torch.bmm(dy, patches.transpose(1, 2)).sum(dim=0) * scale[:, None]
            # Contiguous: torch's fused Adam reads a gradient as it lies in memory.
            _add_grad(conv.weight, d_kernel[:, :-1].contiguous().view_as(conv.weight))
            _add_grad(conv.bias, d_kernel[:, -1].contiguous())
        return G_sum, None, None, None


def _feature_maps(module, X, buffers):
    """Compute r = ReLU(conv(x)) of every frame, of shape (n, n_filters, J), and the patches it comes from."""
    conv = module.conv
    patches = _patches(module, X.flatten(0, 1), buffers)
    kernel = torch.cat([conv.weight.flatten(1), conv.bias[:, None]], dim=1).expand(len(patches), -1, -1)
    r = buffers("y", len(patches), conv.out_channels, patches.shape[2])
    return torch.bmm(kernel, patches, out=r).relu_(), patches


def _patches(module, images, buffers):
    """What the kernel sees at each of its J places, and a one for its bias, of shape (n, k + 1, J)."""
    rows, columns = module.conv.kernel_size
    padded = module.pad(images)
    windows = padded.unfold(1, rows, 1).unfold(2, columns, 1).permute(0, 3, 4, 1, 2)
    shape = windows.shape
    patches = buffers("patches", len(images), rows * columns + 1, shape[3] * shape[4])
    patches[:, :-1].view(shape).copy_(windows)
    patches[:, -1] = 1
    return patches


def _batch_moments(norm, r):
    """Mean and variance of each filter's values in the batch, which the norm takes note of."""
    M = r.numel() // r.shape[1]
    mean = r.sum(dim=2).sum(dim=0, dtype=torch.float64) / M
    squares = torch.linalg.vector_norm(r, dim=2).double().square().sum(dim=0) / M
    var = (squares - mean.square()).clamp_(min=0)
    norm.running_mean.lerp_(mean.to(r.dtype), norm.momentum)
    norm.running_var.lerp_((var * (M / max(M - 1, 1))).to(r.dtype), norm.momentum)
    norm.num_batches_tracked += 1
    return mean.to(r.dtype), var.to(r.dtype)


def _add_grad(parameter, grad):
    """What autograd does with a gradient, but for the copy of a tensor that is kept."""
    if parameter.requires_grad:
        parameter.grad = grad if parameter.grad is None else parameter.grad.add_(grad)
