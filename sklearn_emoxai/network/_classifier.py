"""The ConvLSTM network as a scikit-learn classifier, trained by skorch."""

from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback, EarlyStopping

from .._validation import (
    MetadataMixin,
    check_class_weight,
    check_each_class_weighs,
    check_fit,
    check_labels,
    check_per_sample,
    check_sample_weight,
    check_sequences,
    documented,
)
from ._averaging import averaged
from ._convlstm import ConvLSTM
from ._cpu_passes import Buffers, fused_logits
from ._training import (
    RANDOM_NUMBERS,
    Batches,
    Net,
    Progress,
    Split,
    Weighted,
    as_tensor,
    checked_device,
    device_or_cpu,
    matmul_precision,
    restored_net,
    standardize_on,
    validation_split,
    warn_of_standstill,
)

# What max_epochs=None trains for, in mini-batches; and in epochs, where there are many samples.
_UPDATES, _FEWEST_EPOCHS = 500, 10
_PAPER = {
    "n_filters": 40,
    "lstm_units": 58,
    "fc_units": 63,
    "dropout": 0.5,
    "lr": 1e-4,
    "max_epochs": 100,
    "validation_fraction": 0.1,
}


class DecidesByLargest:
    """Decisions and predictions of a classifier from one value a class, which ``_decision_values(X)`` gives."""

    def decision_function(self, X):
        """Decision value of each class; its log-odds or logit where the classifier knows probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes, that of the second less that of the first: the second is predicted where it is positive.
        """
        check_is_fitted(self)
        values = self._decision_values(X)
        return values[:, 1] - values[:, 0] if len(self.classes_) == 2 else values

    def predict(self, X):
        """The class with the largest decision value.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self._decision_values(X).argmax(axis=1)]


@documented()
class ConvLSTMClassifier(MetadataMixin, DecidesByLargest, ClassifierMixin, BaseEstimator):
    """Classifier of landmark sequences by a convolution, an LSTM and two dense layers.

    Parameters
    ----------
    n_filters : int, default=8
        Filters of the convolution, F in the paper.
    kernel_size : int or tuple of two ints, default=(2, 3)
        Size of the convolution's kernel along (coordinates, landmarks).
    padding : {"same", "valid"} or tuple of two of these, default=("valid", "same")
        Zero padding along (coordinates, landmarks), as in :class:`ConvLSTM`.
    lstm_units : int, default=16
        Units of the LSTM layer, Q in the paper.
    fc_units : int, default=63
        Neurons of the first dense layer, R in the paper.
    dropout : float, default=0.7
        Share of the last hidden state that is dropped in training.
    n_networks : int, default=1
        Networks that are trained, each from its own random weights; the answer is the mean of their logits.
        They are kept side by side as one :class:`ConvLSTM` of as many times the filters and units.
    randomized_conv : bool, default=False
        False trains every weight (T-EMO); True keeps the convolution as it was drawn (R-EMO).
    lr : float, default=1e-3
        Learning rate of Adam.
    batch_size : int, default=16
        Largest size of a mini-batch. The batches of an epoch are as equal as they can be.
    max_epochs : int or None, default=None
        Largest number of epochs. None is as many as make 500 mini-batches, and at least 10: what a network needs is
        a number of updates, which few samples give in many epochs.
    validation_fraction : float or None, default=None
        Share of the samples, or of the groups, held out to watch the loss; 0.1 in the paper. None trains on every
        sample for ``max_epochs``: with some dozens of subjects, those held out are missed more than they tell.
    early_stopping : bool, default=True
        Whether to stop when the validation loss, if there is one, has not fallen for ``patience`` epochs, and to
        take the weights of the best epoch.
    patience : int, default=10
        Epochs to wait for a lower validation loss.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss, as in :class:`sklearn.svm.SVC`. "balanced" counts samples by their
        ``sample_weight``.
    precision : {"highest", "high", "medium"}, default="highest"
        Precision of float32 matrix products while this estimator trains and predicts, as in
        :func:`torch.set_float32_matmul_precision`. The caller's own setting is restored.
    device : str, default="auto"
        A torch device; "auto" takes a GPU where there is one.
    callbacks : list of skorch callbacks, default=None
        Added to the estimator's own. One ends the training by raising KeyboardInterrupt, as skorch's
        ``EarlyStopping`` does, or by setting ``net.stop_training = True``, which counts at the end of the epoch. What
        watches the validation loss needs ``validation_fraction``.
    random_state : int, RandomState instance or None, default=None
        Draws the validation samples, the weights, the order of samples and the dropout. torch's global generators
        are left untouched.
    verbose : int, default=0
        1 shows a progress bar over the epochs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    net_ : skorch.NeuralNetClassifier
        The trained net, trimmed for prediction.
    module_ : ConvLSTM
        Its module, in evaluation mode; logits in the order of ``classes_``.
    history_ : list of dict
        ``epoch``, ``train_loss`` and, with validation, ``valid_loss`` and ``valid_acc`` of every epoch; of several
        networks one after another, with ``network``.
    n_iter_ : int
        Epochs trained to their end, by the network that has most.
    {shape_learnt}

    See Also
    --------
    ConvLSTM : The module, with the equations of its layers.

    Notes
    -----
    The frames are centred on the training samples' mean face, and divided by their standard deviation from
    it (:class:`ConvLSTM`'s ``mean`` and ``scale``), which the paper does not mention.

    The loss of a batch is the weighted mean of its samples' cross-entropies, Σ w l / Σ w, where w is the weight of
    the sample times that of its class. Batch normalisation takes the moments of the samples as they are. So where
    all samples are one batch, integer weights equal repeated samples in the loss and its gradient with respect to
    the logits, but not in these moments; smaller batches are drawn from the samples, each once an epoch.

    The defaults were found on recordings of people, where three such networks averaged, which may have velocities, are
    above or level with one of the paper's size and learning rate (:ref:`results`); :meth:`from_paper` gives that.

    References
    ----------
    {paper}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import ConvLSTMClassifier
    >>> X = np.random.default_rng(0).normal(size=(40, 5, 2, 20)).astype("float32")
    >>> y = np.repeat(["happiness", "rest"], 20)
    >>> X[:20, -1] += 2
    >>> ConvLSTMClassifier(lr=1e-2, random_state=0).fit(X, y).score(X, y)
    1.0
    """

    _parameter_constraints = {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "padding": [StrOptions({"same", "valid"}), tuple, list],
        "lstm_units": [Interval(Integral, 1, None, closed="left")],
        "fc_units": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_networks": [Interval(Integral, 1, None, closed="left")],
        "randomized_conv": ["boolean"],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "precision": [StrOptions({"highest", "high", "medium"})],
        "device": [str],
        "callbacks": [list, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_filters=8,
        kernel_size=(2, 3),
        padding=("valid", "same"),
        lstm_units=16,
        fc_units=63,
        dropout=0.7,
        n_networks=1,
        randomized_conv=False,
        lr=1e-3,
        batch_size=16,
        max_epochs=None,
        validation_fraction=None,
        early_stopping=True,
        patience=10,
        class_weight=None,
        precision="highest",
        device="auto",
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.padding = padding
        self.lstm_units = lstm_units
        self.fc_units = fc_units
        self.dropout = dropout
        self.n_networks = n_networks
        self.randomized_conv = randomized_conv
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.class_weight = class_weight
        self.precision = precision
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def from_paper(cls, **parameters):
        """The network of the paper's size, trained as the paper trains it.

        40 filters, 58 LSTM units and 63 neurons, Adam at 1e-4, and a tenth held out for validation. The paper gives
        neither dropout nor number of epochs: 0.5 and, at most, 100 are ours.

        Parameters
        ----------
        **parameters
            Of the class, in the place of these.

        Returns
        -------
        ConvLSTMClassifier

        Examples
        --------
        >>> from sklearn_emoxai import ConvLSTMClassifier
        >>> ConvLSTMClassifier.from_paper(randomized_conv=True).n_filters
        40
        """
        return cls(**(_PAPER | parameters))

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, emotion=None, groups=None, sample_weight=None):
        """Train the network from scratch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
            May be a memory map; it is read batch by batch.
        y : array-like of shape (n_samples,)
            Two or more classes, of any type that can be sorted.
        emotion : ignored
        groups : array-like of shape (n_samples,), default=None
            Subjects. Where given, the validation samples are those of whole subjects.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the training and validation loss, at least 0; they multiply
            ``class_weight``. Zero leaves a sample out of the loss. The mean face, the scale and the moments of
            batch normalisation are those of the samples as they are, since they describe the input, and weights
            matter neither to the draw of the validation samples nor to ``valid_acc``. To keep a sample from
            these as well, take it out of X.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X, y, groups or sample_weight have a wrong shape, X holds NaN, y holds one class, a class is
            missing, or has no weight, in the training or the validation samples, a weight is negative or not
            finite, class_weight has a key that is no label, a callback watches a validation loss that there is not, or
            the training diverges.
        KeyboardInterrupt
            If training is interrupted from outside, as by Ctrl-C; the estimator is then left as it was.

        Warns
        -----
        ConvergenceWarning
            If the training loss came nowhere near below that of always answering the classes' shares, as at a small
            ``lr`` after few epochs.
        """
        X = check_fit(self, X)
        y = check_labels(X, y)
        groups = check_per_sample(X, groups, name="groups")
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes; got {self.classes_.tolist()}.")
        sample_weight = check_sample_weight(X, y, sample_weight)
        random_state = check_random_state(self.random_state)
        split = validation_split(codes, groups, self.validation_fraction, random_state)
        if split is not None and sample_weight is not None:
            for part, rows in zip(("training ", "validation "), split):
                check_each_class_weighs(y[rows], sample_weight[rows], part=part)
        seeds = random_state.randint(np.iinfo(np.int32).max, size=self.n_networks).tolist()
        class_weight = self._class_weight(codes, sample_weight)
        data = (X, codes)
        if sample_weight is not None:
            data = (Weighted(X, codes, _loss_weights(codes, class_weight, sample_weight)),)

        rows = np.arange(len(X)) if split is None else split[0]
        nets = []
        with RANDOM_NUMBERS, torch.random.fork_rng(), matmul_precision(self.precision):
            for seed in seeds:
                torch.manual_seed(seed)
                net = self._make_net(class_weight, split, len(rows)).initialize()
                standardize_on(net.module_, X, rows)
                net.train_until_ended(data, X, codes)
                nets.append(net)

        # An epoch that a callback cut off has no loss.
        self.history_ = [
            {key: row[key] for key in ("epoch", "train_loss", "valid_loss", "valid_acc") if key in row}
            | ({"network": i} if len(nets) > 1 else {})
            for i, net in enumerate(nets)
            for row in net.history
            if "train_loss" in row
        ]
        for row in self.history_:
            if not np.isfinite(row["train_loss"]):
                raise ValueError(
                    f"lr must be small enough for the training loss to fall; got {self.lr}, and the training loss "
                    f"became {row['train_loss']}."
                )
        self.n_iter_ = max((row["epoch"] for row in self.history_), default=0)
        warn_of_standstill(self, codes, class_weight, sample_weight)
        self.net_ = self._joined(nets)
        return self

    def __getstate__(self):
        """Plain values and arrays: in the place of the net, its module's arguments and weights."""
        state = dict(super().__getstate__())
        if "net_" in state:
            net = state.pop("net_")
            weights = {name: tensor.numpy(force=True) for name, tensor in net.module_.state_dict().items()}
            state["_trained"] = {"arguments": net.get_params_for("module"), "weights": weights}
        return state

    def __setstate__(self, state):
        state = dict(state)
        trained = state.pop("_trained", None)
        super().__setstate__({"n_networks": 1} | state)  # older files lack it
        if trained is not None:
            self.net_ = restored_net(**trained, device=device_or_cpu(self.device))

    @property
    def module_(self):
        """The trained :class:`ConvLSTM`, in evaluation mode."""
        check_is_fitted(self, "net_")
        return self.net_.module_

    def _joined(self, nets):
        """The net that predicts: the trained one, or one that averages several."""
        if len(nets) == 1:
            nets[0].trim_for_prediction()
            return nets[0]
        arguments, state = averaged([net.module_ for net in nets], nets[0].get_params_for("module"))
        state = {name: tensor.numpy(force=True) for name, tensor in state.items()}
        return restored_net(arguments, state, device_or_cpu(self.device))

    def _class_weight(self, codes, sample_weight):
        """Weight of each class, None where they have none."""
        if self.class_weight is None:
            return None
        if sample_weight is not None and self.class_weight == "balanced":
            # As newer versions of scikit-learn do by compute_class_weight(sample_weight=...).
            counts = np.bincount(codes, weights=sample_weight / sample_weight.max())
            return counts.sum() / (len(counts) * counts)
        if self.class_weight != "balanced":
            check_class_weight(self.class_weight, self.classes_.tolist())
        return compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[codes])

    def _make_net(self, class_weight, split, n_samples):
        weight = None if class_weight is None else torch.as_tensor(class_weight, dtype=torch.float32)
        max_epochs = self.max_epochs
        if max_epochs is None:
            max_epochs = max(_FEWEST_EPOCHS, -(-_UPDATES // -(-n_samples // self.batch_size)))
        callbacks = _checked_callbacks(self.callbacks)
        if self.verbose:
            callbacks.append(("progress", Progress(max_epochs)))
        if split is not None and self.early_stopping:
            stopping = EarlyStopping(patience=self.patience, load_best=True, sink=_no_sink)
            callbacks.append(("early_stopping", stopping))
        return Net(
            ConvLSTM,
            module__n_landmarks=self.n_features_in_,
            module__n_filters=self.n_filters,
            module__kernel_size=self.kernel_size,
            module__padding=self.padding,
            module__lstm_units=self.lstm_units,
            module__fc_units=self.fc_units,
            module__dropout=self.dropout,
            module__n_classes=len(self.classes_),
            module__randomized_conv=self.randomized_conv,
            predict_nonlinearity=partial(torch.softmax, dim=1),
            criterion=torch.nn.CrossEntropyLoss,
            criterion__weight=weight,
            optimizer=torch.optim.Adam,
            optimizer__fused=True,
            lr=self.lr,
            batch_size=self.batch_size,
            max_epochs=max_epochs,
            iterator_train=Batches,
            iterator_train__shuffle=True,
            iterator_valid=Batches,
            train_split=None if split is None else Split(*split),
            classes=np.arange(len(self.classes_)),
            callbacks=callbacks,
            callbacks__print_log=None,
            device=checked_device(self.device),
            verbose=0,
        )

    def _decision_values(self, X):
        """Logits."""
        X = check_sequences(X, fitted=self)
        module = self.module_
        device = module.fc2.bias.device
        # Not by skorch's loop: this one is faster, and never holds the feature maps of many sequences.
        logits = np.empty((len(X), len(self.classes_)), dtype=np.float32)
        buffers, size = Buffers(), self._sequences_at_once()
        with matmul_precision(self.precision), torch.inference_mode():
            for start in range(0, len(X), size):
                batch = as_tensor(X[start : start + size]).to(device)
                found = fused_logits(module, batch, buffers) if device.type == "cpu" else module(batch)
                logits[start : start + size] = found.cpu()
        return logits

    def _sequences_at_once(self):
        """Sequences whose feature maps take about 64 MB."""
        return max(1, 2**24 // (self.n_frames_in_ * self.module_.lstm.input_size))

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float32
            In the order of ``classes_``.
        """
        check_is_fitted(self)
        return softmax(self._decision_values(X), axis=1)


def _loss_weights(codes, class_weight, sample_weight):
    """Weight of each sample in the loss, float32."""
    # Their unit does not matter to the loss; with the largest as the unit, none is beyond float32's range.
    weights = sample_weight / sample_weight.max()
    if class_weight is not None:
        weights *= class_weight[codes]
    return weights.astype(np.float32)


def _checked_callbacks(callbacks):
    """A new list of the user's callbacks, each as skorch takes them: alone or with its name."""
    for item in callbacks or []:
        callback = item[1] if isinstance(item, tuple) and len(item) == 2 else item
        if not isinstance(callback, Callback) and not (
            isinstance(callback, type) and issubclass(callback, Callback)
        ):
            raise TypeError(f"callbacks must hold skorch callbacks or (name, callback) pairs; got {item!r}.")
    return list(callbacks or [])


def _no_sink(text):
    """Where early stopping's message goes: ``n_iter_`` tells the same."""
