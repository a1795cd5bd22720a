"""The recurrent half of the pathwise engine: an LSTM given its gate inputs, forwards and backwards."""

import torch

# Trained gates saturate: sigmoids, cells and gradients reach the subnormal numbers, which processors compute
# with up to a hundred times slower, as they do the tanh of 1e-13 to 1e-19. A sigmoid is kept above 2e-12
# and a gradient below 1e-20 is zero: both are far below the rounding of what they are added to.
LEAST_GATE = -40.0
LEAST_GRADIENT = 1e-20


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
    cells : torch.Tensor of shape (n_frames + 1, n_paths, 2 * lstm_units)
        c_0 = 0 to c_P, each beside its tanh.
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
