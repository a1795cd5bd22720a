"""DeepLIFT of a ConvLSTM, whose gates captum's does not see: they multiply."""

import torch

from ._model import class_output, to_module
from ._pathwise import PathwiseEngine

# Below such a difference of its inputs, an activation has its derivative for a slope.
LEAST_DIFFERENCE = 1e-6


class DeepLiftEngine(PathwiseEngine):
    r"""DeepLIFT through a :class:`~sklearn_emoxai.ConvLSTM`: complete to rounding, in one pass.

    With the parameters of :class:`PathwiseEngine`.

    Notes
    -----
    Sample and baseline run through the network side by side, in one that is linear between the two. An activation
    has the slope Δa/Δz (the rescale rule); a product ab, of a gate with a cell, gives each factor its change times the
    other's mean, Δa (b + b')/2 + Δb (a + a')/2, which is what Shapley values are for two factors. The sum is
    F(x) − F(x').
    A softmax is a sigmoid of the logit less the logarithm of the others' exponentials added up.

    References
    ----------
    Shrikumar, Greenside, Kundaje, "Learning Important Features Through Propagating Activation Differences",
    arXiv:1704.02685.
    """

    def start(self, baseline):
        """Keep the baseline, of shape (n_frames, 2, n_landmarks), of the pairs to come."""
        self._baseline = to_module(baseline[None], self.module)

    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, of shape (n_samples, n_frames, 2, n_landmarks)."""
        X = to_module(X, self.module).detach()
        with torch.enable_grad():
            pair = Pair(X.requires_grad_(), self._baseline.expand_as(X))
            F = self._F(pair)
            multipliers = torch.autograd.grad(F.sample.sum(), pair.sample)[0]
        return multipliers * (X.detach() - self._baseline)

    def _F(self, X):
        module = self.module
        shape = X.sample.shape[:2]
        frames = X.map(lambda x: module.pad(module.standardize(x).flatten(0, 1).unsqueeze(1)))
        maps = frames.map(module.conv).activate(torch.relu).map(module.norm)
        lstm = module.lstm
        bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
        gates = maps.map(
            lambda x: torch.nn.functional.linear(
                x.reshape(-1, shape[1], lstm.input_size), lstm.weight_ih_l0, bias
            )
        )
        h = c = Pair(*(gate.new_zeros(len(gate), lstm.hidden_size) for gate in gates))
        for t in range(shape[1]):
            gate = Pair(*(torch.addmm(g[:, t], x, lstm.weight_hh_l0.t()) for g, x in zip(gates, h)))
            i, f, g, o = (Pair(*parts) for parts in zip(*(x.chunk(4, dim=1) for x in gate)))
            i, f, o = (each.activate(torch.sigmoid) for each in (i, f, o))
            c = f.times(c).plus(i.times(g.activate(torch.tanh)))
            h = o.times(c.activate(torch.tanh))
        logits = h.map(module.fc1).activate(torch.relu).map(module.fc2)
        if self._output == "logit":
            return logits.map(lambda x: class_output(x, "logit", self._target))
        if logits.sample.shape[1] == 1:
            return logits.map(lambda x: class_output(x, "logit", self._target)).activate(torch.sigmoid)
        explained = logits.map(lambda x: x[:, self._target])
        others = [k for k in range(logits.sample.shape[1]) if k != self._target]
        rest = logits.map(lambda x: x[:, others])
        if len(others) > 1:
            largest = torch.maximum(*(x.detach().max(dim=1, keepdim=True).values for x in rest))
            powers = Pair(*(x - largest for x in rest)).activate(torch.exp)
            rest = powers.map(lambda x: x.sum(dim=1, keepdim=True)).activate(torch.log)
            rest = Pair(*(x + largest for x in rest))
        return Pair(*(a - b[:, 0] for a, b in zip(explained, rest))).activate(torch.sigmoid)


class Pair:
    """A layer's values at samples, linear in the layer's inputs, and at the baseline."""

    def __init__(self, sample, baseline):
        self.sample, self.baseline = sample, baseline

    def __iter__(self):
        yield self.sample
        yield self.baseline

    def map(self, linear):
        """Pass both through an affine layer."""
        return Pair(linear(self.sample), linear(self.baseline))

    def plus(self, other):
        """Add a pair."""
        return Pair(self.sample + other.sample, self.baseline + other.baseline)

    def activate(self, function):
        """Pass both through a function of single values, by the slope between the two."""
        at = self.sample.detach().requires_grad_()
        value = function(at)
        derivative = torch.autograd.grad(value.sum(), at)[0]
        at, value, baseline = at.detach(), value.detach(), function(self.baseline)
        difference = at - self.baseline
        near = difference.abs() < LEAST_DIFFERENCE
        slope = torch.where(near, derivative, (value - baseline) / difference.masked_fill(near, 1))
        return Pair(value + slope * (self.sample - at), baseline)

    def times(self, other):
        """Multiply by a pair; each factor's change counts with the other's mean."""
        a, b = self.sample.detach(), other.sample.detach()
        slope_a, slope_b = (b + other.baseline) / 2, (a + self.baseline) / 2
        product = a * b + slope_a * (self.sample - a) + slope_b * (other.sample - b)
        return Pair(product, self.baseline * other.baseline)
