"""A detector's probabilities of one sequence at a time, in few calls: checks and batches cost more than it does."""

from contextlib import contextmanager
from itertools import accumulate

import numpy as np
import torch
from scipy.special import expit, softmax

from ._recipe import Select, recipe_of


class OneAtATime:
    """Probabilities of one sequence, as ``predict_proba`` gives them but for rounding.

    Steps that several emotions share are taken once. Batch normalisation is folded into the weights that follow it, and
    the recurrent steps of all networks are one product.

    Parameters
    ----------
    detector : Detector

    Raises
    ------
    ValueError
        If the detector is not made of the parts that this knows, or its networks differ in their sizes or are not on
        the CPU.
    """

    def __init__(self, detector):
        self._branches = recipe_of(detector, purpose="OneAtATime")
        self._keys = [list(accumulate(step.key for step in branch.steps)) for branch in self._branches]
        self._several = detector.by_emotion is not None
        modules = [branch.module for branch in self._branches]
        sizes = {(each.lstm.hidden_size, each.fc1.out_features, each.fc2.out_features) for each in modules}
        if len(sizes) > 1 or any(each.fc2.bias.device.type != "cpu" for each in modules):
            raise ValueError("OneAtATime knows networks of one size, on the CPU.")
        with torch.no_grad():
            self._inputs = [_folded(module) for module in modules]

            def stacked(*path):
                return torch.stack([_attribute(module, path) for module in modules])

            self._recurrent = stacked("lstm", "weight_hh_l0").transpose(1, 2).contiguous()
            self._dense = [
                (stacked(name, "weight").transpose(1, 2).contiguous(), stacked(name, "bias")[:, None])
                for name in ("fc1", "fc2")
            ]

    def __call__(self, X):
        """Probabilities of the labels.

        Parameters
        ----------
        X : ndarray of shape (1, n_frames, 2, n_landmarks), float32

        Returns
        -------
        ndarray of shape (n_labels,)
        """
        with torch.inference_mode(), _one_thread():
            gates = [
                gates_of(torch.from_numpy(frames))
                for gates_of, frames in zip(self._inputs, self._prepared(X))
            ]
            if len({len(each) for each in gates}) == 1:
                logits = self._logits(torch.stack(gates), slice(None))
            else:  # some keep the neutral frame
                logits = torch.cat(
                    [self._logits(each[None], slice(i, i + 1)) for i, each in enumerate(gates)]
                )
        return self._joined(logits.numpy())

    def _prepared(self, X):
        """Frames (n_frames, 2, n_selected) for each network."""
        known = {}
        for branch, keys in zip(self._branches, self._keys):
            frames = X
            for step, key in zip(branch.steps, keys):
                if isinstance(step, Select):
                    frames = frames[..., step.landmarks]
                    continue
                if key not in known:
                    # As a plain array: to select landmarks' names as well takes longer than the landmarks.
                    known[key] = np.asarray(step.transformer.transform(frames))
                frames = known[key]
            yield np.ascontiguousarray(frames[0])

    def _logits(self, gates, networks):
        """Logits (n_networks, n_classes) of the input gates (n_networks, n_frames, 4 Q) of some of the networks."""
        recurrent = self._recurrent[networks]
        h = c = gates.new_zeros(len(gates), 1, recurrent.shape[1])
        for gate in gates.unbind(1):
            i, f, g, o = torch.baddbmm(gate[:, None], h, recurrent).chunk(4, dim=2)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        (weight_1, bias_1), (weight_2, bias_2) = ((w[networks], b[networks]) for w, b in self._dense)
        return torch.baddbmm(bias_2, torch.baddbmm(bias_1, h, weight_1).relu_(), weight_2)[:, 0]

    def _joined(self, logits):
        if not self._several:
            return softmax(logits[0])
        yes = expit(logits[:, 1] - logits[:, 0])
        for i, branch in enumerate(self._branches):
            if branch.sigmoid is not None:
                a, b = branch.sigmoid
                yes[i] = expit(-(a * (logits[i, 1] - logits[i, 0]) + b))
        total = yes.sum()
        return yes / total if total > 0 else np.full_like(yes, 1 / len(yes))


@contextmanager
def _one_thread():
    """Products this small are slower on several threads, and by far where the face detector's want the same cores."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _folded(module):
    """The function from frames (n_frames, 2, n_landmarks) to the gates' inputs (n_frames, 4 Q) of a ConvLSTM."""
    norm, lstm = module.norm, module.lstm
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    filters, height, width = len(scale), *module.conv.kernel_size
    by_filter = lstm.weight_ih_l0.unflatten(1, (filters, -1))
    # Rows in the order of the maps below, in which the filters are last.
    weight = (by_filter * scale[:, None]).transpose(1, 2).flatten(1).t().contiguous()
    bias = lstm.bias_ih_l0 + lstm.bias_hh_l0 + by_filter.sum(dim=2) @ shift
    kernel, offset = module.conv.weight.detach().flatten(1).t().contiguous(), module.conv.bias.detach()

    def gates(frames):
        patches = module.pad(module.standardize(frames)).unfold(1, height, 1).unfold(2, width, 1)
        maps = torch.addmm(offset, patches.reshape(-1, height * width), kernel).relu_()
        return torch.addmm(bias, maps.view(len(frames), -1), weight)

    return gates


def _attribute(module, path):
    for name in path:
        module = getattr(module, name)
    return module.detach()
