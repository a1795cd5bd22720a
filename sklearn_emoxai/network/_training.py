"""What skorch is given to train a ConvLSTM: the net, its batches, the validation split, a progress bar."""

import contextlib
import re
import threading
import warnings
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedGroupKFold
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import Callback, PassthroughScoring
from skorch.dataset import Dataset
from skorch.exceptions import SkorchException
from skorch.utils import to_device
from torch.nn.functional import cross_entropy
from torch.utils.data import Subset
from tqdm.auto import tqdm

from ._convlstm import ConvLSTM
from ._cpu_passes import Buffers, fused_logits
from ._interrupts import interrupts_seen

# Loss of a network that has hardly learnt, over the entropy of the classes' shares.
STANDSTILL = 0.95

# torch draws from one generator a process: threads that train at once would draw each other's numbers.
RANDOM_NUMBERS = threading.RLock()


# What the errors of callbacks speak of that miss a loss or score of validation samples.
_MISSES_VALIDATION = re.compile(r"\bvalid(ation|_)|found in history")


class TrainingEnded(KeyboardInterrupt):
    """A callback ends the training; skorch's own ``partial_fit`` knows the base class."""


def target_of(estimator, y):
    """Booleans and integers as a skorch net's loss takes them: int64, or float32 for one output; all else as it is.

    Parameters
    ----------
    estimator : estimator
        That is to be fitted.
    y : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if not isinstance(estimator, NeuralNet) or y.dtype.kind not in "biu":
        return y
    return y.astype(np.float32 if isinstance(estimator, NeuralNetBinaryClassifier) else np.int64)


class Net(NeuralNetClassifier):
    """A skorch net that trains a :class:`ConvLSTM` on a CPU in fewer passes over memory.

    Once trained it calls the module as every skorch net does. Validation accuracy comes from the
    outputs that the validation loss is computed from; skorch's own reads all samples once more.
    """

    def train_until_ended(self, data, X, y):
        """Train the initialised net until the last epoch, or until a callback ends it.

        Not skorch's ``fit``, which swallows an interrupt from outside, too, and passes a half-trained net off as
        trained.

        Parameters
        ----------
        data : tuple
            What ``fit_loop`` takes: X and y, or a dataset.
        X : ndarray of shape (n_samples, ...)
        y : ndarray of shape (n_samples,)
            Both for the callbacks.

        Raises
        ------
        KeyboardInterrupt
            If the training is interrupted from outside.
        ValueError
            If a callback finds nothing to watch, or ends the training before it has begun.
        """
        with interrupts_seen() as self.interrupts_:
            with contextlib.suppress(TrainingEnded):
                self.notify("on_train_begin", X=X, y=y)
                self.fit_loop(*data)
            self.notify("on_train_end", X=X, y=y)
        del self.interrupts_
        if not any("train_loss" in batch for epoch in self.history for batch in epoch["batches"]):
            raise ValueError("callbacks must let the training begin; one ended it before the first batch.")

    def notify(self, method_name, **arguments):
        """Tell the net's own method and all callbacks of an event; one of them may end the training with it.

        skorch's way is a KeyboardInterrupt, others set ``stop_training``.
        """
        getattr(self, method_name)(self, **arguments)
        ended = False
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **arguments)
            except KeyboardInterrupt:
                if getattr(self, "interrupts_", True):
                    raise
                ended = True
            except (KeyError, ValueError, SkorchException) as error:
                if self.train_split is not None or not _MISSES_VALIDATION.search(str(error)):
                    raise
                raise ValueError(
                    f"callbacks: {type(callback).__name__} watches what only validation samples give, and there are "
                    f"none; set validation_fraction, such as 0.1, or let it watch train_loss ({error})."
                ) from error
        ended |= method_name == "on_epoch_end" and getattr(self, "stop_training", False)
        if ended and method_name != "on_train_end":
            raise TrainingEnded

    @property
    def _default_callbacks(self):
        scoring = PassthroughScoring("valid_acc", lower_is_better=False)
        return [callback for callback in super()._default_callbacks if callback[0] != "valid_acc"] + [
            ("valid_acc", scoring)
        ]

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Take the memory that the batches share."""
        self.buffers_ = Buffers()

    def on_train_end(self, net, X=None, y=None, **kwargs):
        """Give it back: the gradients lie there."""
        self.module_.zero_grad()
        del self.buffers_

    def infer(self, x, **fit_params):
        """Logits of a batch."""
        buffers, module = getattr(self, "buffers_", None), self.module_
        on_cpu = torch.device(self.device).type == "cpu"
        if buffers is not None and on_cpu and not fit_params and (module.norm.weight > 0).all():
            return fused_logits(module, x, buffers)
        return super().infer(x, **fit_params)

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        """Loss of a batch, weighted where the samples have weights."""
        if not hasattr(y_true, "sample_weight"):
            return super().get_loss(y_pred, y_true, *args, **kwargs)
        codes, weights = to_device((y_true, y_true.sample_weight), self.device)
        return weighted_loss(y_pred, codes, weights)

    def validation_step(self, batch, **fit_params):
        """Loss and outputs of a batch; its accuracy is noted in the history."""
        step = super().validation_step(batch, **fit_params)
        right = step["y_pred"].argmax(dim=1) == to_device(batch[1], self.device)
        self.history.record_batch("valid_acc", right.float().mean().item())
        return step


def weighted_loss(logits, codes, weights):
    """Weighted mean of the samples' cross-entropies.

    It is divided by the sum of the weights, as torch divides that of weighted classes.

    Parameters
    ----------
    logits : torch.Tensor of shape (n_samples, n_classes)
    codes : torch.Tensor of shape (n_samples,)
    weights : torch.Tensor of shape (n_samples,)
        At least 0.

    Returns
    -------
    torch.Tensor of shape ()
        Zero where all weights are: a batch may consist of samples that are left out.
    """
    total = weights.sum()
    losses = cross_entropy(logits, codes, reduction="none")
    return (weights * losses).sum() / torch.where(total > 0, total, 1)


def restored_net(arguments, weights, device):
    """A net that predicts as the one did that these came from.

    Parameters
    ----------
    arguments : dict
        Of :class:`ConvLSTM`.
    weights : dict
        Name → ndarray, the module's parameters and buffers.
    device : str

    Returns
    -------
    Net
        Trimmed for prediction.
    """
    net = Net(
        ConvLSTM,
        **{f"module__{name}": value for name, value in arguments.items()},
        predict_nonlinearity=partial(torch.softmax, dim=1),
        criterion=torch.nn.CrossEntropyLoss,
        iterator_valid=Batches,
        classes=np.arange(arguments["n_classes"]),
        device=device,
        verbose=0,
    )
    with RANDOM_NUMBERS, torch.random.fork_rng():
        net.initialize()
    net.module_.load_state_dict({name: as_tensor(values) for name, values in weights.items()})
    net.trim_for_prediction()
    return net


def validation_split(codes, groups, fraction, random_state):
    """Indices of the training and of the validation samples; None where nothing is held out."""
    if fraction is None:
        return None
    if groups is None:
        valid = np.zeros(len(codes), dtype=bool)
        for code in np.unique(codes):
            members = random_state.permutation(np.flatnonzero(codes == code))
            valid[members[: max(round(fraction * len(members)), 1)]] = True
        train, valid = np.flatnonzero(~valid), np.flatnonzero(valid)
    else:
        n_groups = len(np.unique(groups))
        if n_groups < 2:
            raise ValueError(
                f"groups must hold at least two groups to hold out validation_fraction={fraction}; got {n_groups}."
            )
        n_splits = min(max(round(1 / fraction), 2), n_groups)
        splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=random_state)
        with warnings.catch_warnings():
            # The check below has the last word.
            warnings.filterwarnings("ignore", "The least populated class")
            folds = list(splitter.split(codes, codes, groups))
        train, valid = next((fold for fold in folds if _has_all_classes(codes, *fold)), folds[0])
    if not _has_all_classes(codes, train, valid):
        raise ValueError(
            f"validation_fraction={fraction} leaves a class out of the training or the validation samples; "
            f"{len(codes)} samples{'' if groups is None else f' of {n_groups} groups'} are too few. Raise it, or "
            "pass None to train on every sample."
        )
    return train, valid


def _has_all_classes(codes, *parts):
    return all(len(set(codes[part])) == len(set(codes)) for part in parts)


def warn_of_standstill(network, codes, class_weight, sample_weight):
    """Warn where a fit came nowhere near below the loss of always answering the classes' shares.

    Parameters
    ----------
    network : ConvLSTMClassifier
        With its history.
    codes : ndarray of shape (n_samples,), int
    class_weight : ndarray of shape (n_classes,) or None
    sample_weight : ndarray of shape (n_samples,) or None
    """
    shares = np.bincount(codes, weights=sample_weight).astype(float)
    if class_weight is not None:
        shares *= class_weight
    shares /= shares.sum()
    entropy = -np.sum(shares * np.log(shares))
    losses = [row["train_loss"] for row in network.history_]  # none where a callback ended it at once
    if losses and min(losses) > STANDSTILL * entropy:
        epochs = f"max_epochs={network.max_epochs}" if network.max_epochs else f"{network.n_iter_} epochs"
        # Without numbers of this fit, so that many alike in a search or comparison warn once.
        warnings.warn(
            f"The network has hardly moved from its start in {epochs} at lr={network.lr:g}: "
            "its training loss is that of always answering the classes' shares. Raise max_epochs or lr, unless the "
            "sequences tell nothing of y.",
            ConvergenceWarning,
            stacklevel=4,  # past scikit-learn's wrapper of fit
        )


def standardize_on(module, X, rows):
    """Set a ConvLSTM's ``mean`` and ``scale`` to those of some sequences, read a few at a time."""
    parts = np.array_split(rows, -(-len(rows) // 256))
    n_frames = len(rows) * X.shape[1]
    mean = sum(X[part].sum(axis=(0, 1), dtype=np.float64) for part in parts) / n_frames
    variance = sum(((X[part] - mean) ** 2).sum() for part in parts) / (n_frames * mean.size)
    module.mean.copy_(torch.as_tensor(mean))
    module.scale.fill_(np.sqrt(variance) or 1.0)


def checked_device(device):
    """A device of this machine; "auto" is a GPU where there is one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f'device must be "auto" or a torch device of this machine; got {device!r}.'
        ) from error
    return device


def device_or_cpu(device):
    """Where a network goes that may have been trained on another machine."""
    try:
        return checked_device(device)
    except ValueError:
        warnings.warn(f"This machine has no device {device!r}; the network is put on the CPU.", stacklevel=3)
        return "cpu"


class Split:
    """A fixed split of a dataset, in the form that skorch asks for."""

    def __init__(self, train, valid):
        self.train = train
        self.valid = valid

    def __call__(self, dataset, y=None):
        return Subset(dataset, self.train), Subset(dataset, self.valid)


class Weighted(Dataset):
    """Sequences, their codes and their weights in the loss."""

    def __init__(self, X, codes, weights):
        super().__init__(X, codes)
        self.weights = weights

    def __getitem__(self, rows):
        return *super().__getitem__(rows), self.weights[rows]


class Batches:
    """Batches of a dataset, each read in one indexing operation, so that a memory map is never loaded whole.

    They are of nearly equal size, so that no batch of one sample is left to batch norm. Unlike torch's
    DataLoader this draws no random number unless it shuffles. Batches are pairs, as skorch and its callbacks
    expect them; weights travel as an attribute of y.
    """

    def __init__(self, dataset, *, batch_size, shuffle=False):
        self.dataset = dataset
        self.n_batches = -(-len(dataset) // batch_size)
        self.shuffle = shuffle

    def __len__(self):
        return self.n_batches

    def __iter__(self):
        n_samples = len(self.dataset)
        order = torch.randperm(n_samples).numpy() if self.shuffle else np.arange(n_samples)
        for rows in np.array_split(order, self.n_batches):
            X, y, *weights = self.dataset[rows]
            y = torch.as_tensor(y)
            if weights:
                y.sample_weight = as_tensor(weights[0])
            yield as_tensor(X), y


def as_tensor(X):
    """A copy of X as a tensor: X may be read-only, which torch warns of, or a memory map."""
    return torch.from_numpy(np.array(X))


class Progress(Callback):
    """A progress bar over the epochs."""

    def __init__(self, max_epochs):
        self.max_epochs = max_epochs

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=self.max_epochs, desc="epochs", unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Move it on."""
        losses = {k: net.history[-1][k] for k in ("train_loss", "valid_loss") if k in net.history[-1]}
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close it."""
        self.bar_.close()


@contextlib.contextmanager
def matmul_precision(precision):
    """Set torch's precision of float32 matrix products, and restore the caller's."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
