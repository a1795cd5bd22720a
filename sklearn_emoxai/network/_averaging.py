"""Several networks as one that answers the mean of their logits."""

import torch


def averaged(modules, arguments):
    """One ConvLSTM whose logits are the mean of those of several, and whose parts are theirs side by side.

    It has all of their filters and units. Its weights from one network's parts to another's are zero, so whatever
    explains or exports a network takes it as any other. It is exact but for rounding.

    Parameters
    ----------
    modules : list of ConvLSTM
        Of the same sizes, mean and scale.
    arguments : dict
        Of each of them.

    Returns
    -------
    arguments : dict
        Of the one.
    state : dict of str to torch.Tensor
        Its parameters and buffers.
    """
    n = len(modules)
    sizes = {name: n * arguments[name] for name in ("n_filters", "lstm_units", "fc_units")}
    states = [module.state_dict() for module in modules]
    state = {}
    for name in states[0]:
        parts = [each[name] for each in states]
        if name in ("mean", "scale", "norm.num_batches_tracked"):
            state[name] = parts[0]
        elif name == "fc2.weight":
            state[name] = torch.cat(parts, dim=1) / n
        elif name == "fc2.bias":
            state[name] = torch.stack(parts).mean(dim=0)
        elif name.startswith("lstm.") or name == "fc1.weight":
            gates = 4 if name.startswith("lstm.") else 1  # each gate's rows lie together
            by_gate = [part.unflatten(0, (gates, -1)) for part in parts]
            if parts[0].ndim == 1:
                state[name] = torch.cat(by_gate, dim=1).flatten()
            else:
                blocks = [torch.block_diag(*(part[g] for part in by_gate)) for g in range(gates)]
                state[name] = torch.cat(blocks)
        else:
            state[name] = torch.cat(parts)
    return arguments | sizes, state
