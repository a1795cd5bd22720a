"""A ConvLSTM's outputs as whole landmarks are replaced: feature ablation and sampled Shapley values."""

import torch
from torch.nn import functional as nnf

from ._model import class_output
from ._pathwise import Convolution, PathwiseEngine


class ChangedLandmarksEngine(PathwiseEngine):
    """F of a :class:`~sklearn_emoxai.ConvLSTM` as landmarks go, in all frames, to where another sequence has them.

    With the parameters of :class:`PathwiseEngine`, whose folded weights it uses.

    Notes
    -----
    A landmark is seen by the units of a few columns c of the convolution only, those within the kernel's width. So
    the gate inputs change by sums over these: for each offset i of the kernel one product of
    ReLU(z + Δz) − ReLU(z) with W's rows of column c, for all landmarks at once. All of them together cost as many
    products with W as the kernel is wide, where captum evaluates the network for each of them.
    """

    @torch.no_grad()
    def start(self, baseline):
        """Prepare the baseline, of shape (n_frames, 2, n_landmarks), of the pairs to come."""
        self._baseline = self._enter(baseline[None])
        self._convolution = Convolution(self.module, self._baseline.shape[2])

    def default_batch_size(self, input_shape, n_steps):
        """Samples whose intermediate arrays have the size that suits the kernels."""
        n_frames, _, n_landmarks = input_shape
        width = self._convolution_width()
        numbers = n_frames * ((width + 4) * len(self._W) + 4 * (n_landmarks + 1) * self._W.shape[1])
        return max(1, self._kernels.NUMBERS_AT_ONCE // numbers)

    def _convolution_width(self):
        return self.module.conv.kernel_size[1]

    def _outputs_on_the_way(self, before, after, ranks=None):
        """F before any landmark has changed, and with those changed.

        Parameters
        ----------
        before, after : torch.Tensor of shape (n_frames, n_samples, 2, n_landmarks)
            Where the landmarks come from, and where they go.
        ranks : torch.Tensor of shape (n_samples, n_landmarks), int, optional
            The place of each landmark in the order of changes. Without it each is changed alone.

        Returns
        -------
        torch.Tensor of shape (n_samples, 1 + n_landmarks)
            First that of `before`. Then, of each landmark, with it alone changed, or of each place in the order, with
            all up to it.
        """
        gates = self._gate_changes(before, after, ranks)
        if ranks is not None:
            order = ranks.argsort(dim=1)
            gates = gates.gather(2, order[None, :, :, None].expand_as(gates)).cumsum_(dim=2)
        first = torch.relu(self._convolution(before)) @ self._W + self._bias
        gates = torch.cat([first[:, :, None], gates + first[:, :, None]], dim=2)
        hidden, _ = self._kernels.lstm_forward(gates.flatten(1, 2), self._W_hidden)
        logits = self.module.fc2(torch.relu(self.module.fc1(hidden[:, : self._n_units])))
        return class_output(logits, self._output, self._target).unflatten(0, gates.shape[1:3])

    def _gate_changes(self, before, after, ranks):
        """What each landmark's change adds to the gates, of shape (n_frames, n_samples, n_landmarks, 4 Q)."""
        n_frames, n_samples, _, n_landmarks = before.shape
        rows, (left, right, _, _) = self._convolution.rows, self._convolution.padding
        n_filters, height, _, width = rows.shape
        n_columns = n_landmarks + left + right - width + 1
        z = self._convolution(before).unflatten(-1, (n_filters, height, n_columns))
        difference = nnf.pad(after - before, (left, right))
        # d[i]: the change of z at column c as the landmark at offset i from it changes.
        d = [
            torch.einsum("fhr,pnrc->pnfhc", rows[..., i], difference[..., i : i + n_columns])
            for i in range(width)
        ]
        if ranks is not None:
            padded = nnf.pad(ranks, (left, right))
            rank = [padded[:, i : i + n_columns] for i in range(width)]
        W = self._W.unflatten(0, (n_filters * height, n_columns)).transpose(0, 1)
        changes = z.new_zeros(n_columns + width - 1, n_frames * n_samples, W.shape[2])
        for i in range(width):
            z_i = z
            if ranks is not None:
                z_i = z.clone()
                for j in range(width):
                    if j != i:
                        earlier = (rank[j] < rank[i]).to(z)
                        z_i.addcmul_(d[j], earlier[None, :, None, None])
            switched = torch.relu(z_i + d[i]).sub_(torch.relu(z_i)).flatten(2, 3).flatten(0, 1)
            changes[i : i + n_columns] += torch.bmm(switched.permute(2, 0, 1), W)
        changes = changes[left : left + n_landmarks]
        return changes.permute(1, 0, 2).unflatten(0, (n_frames, n_samples))


class FastFeatureAblation(ChangedLandmarksEngine):
    """F(x) less F with one landmark from the baseline, spread evenly over the landmark's coordinates and frames."""

    @torch.no_grad()
    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, of shape (n_samples, n_frames, 2, n_landmarks)."""
        X = self._enter(X)
        F = self._outputs_on_the_way(X, self._baseline.expand_as(X))
        return spread(F[:, :1] - F[:, 1:], X.transpose(0, 1).shape)


class FastShapleySampling(ChangedLandmarksEngine):
    """Mean change of F as a landmark joins those before it in random orders, from the baseline to the sample.

    Parameters
    ----------
    module, output, target
        As in :class:`PathwiseEngine`.
    draws : Draws
    """

    def __init__(self, module, output, target, draws):
        super().__init__(module, output, target)
        self._draws = draws

    @torch.no_grad()
    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, of shape (n_samples, n_frames, 2, n_landmarks)."""
        X = self._enter(X)
        before = self._baseline.expand_as(X)
        orders = torch.stack([self._draws.orders(n_steps, X.shape[3]) for _ in range(X.shape[1])])
        ranks = orders.argsort(dim=2).to(X.device)
        total = X.new_zeros(X.shape[1], X.shape[3])
        for step in range(n_steps):
            F = self._outputs_on_the_way(before, X, ranks[:, step])
            total += F.diff(dim=1).gather(1, ranks[:, step])
        return spread(total / n_steps, X.transpose(0, 1).shape)


def spread(effects, shape):
    """Effects of whole landmarks, (n_samples, n_landmarks), in equal parts on what there is of each in `shape`."""
    n_parts = torch.Size(shape[1:-1]).numel()
    return (effects / n_parts).reshape(shape[0], *[1] * (len(shape) - 2), shape[-1]).expand(shape)
