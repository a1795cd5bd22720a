"""Callbacks that end a training, interrupts from outside, and what there is to watch."""

import signal
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler
from torch import nn

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    IGLandmarkSelector,
    PermutationLandmarkSelector,
)

SMALL = {"n_filters": 2, "lstm_units": 3, "fc_units": 3, "max_epochs": 6, "random_state": 0}


@pytest.fixture
def data(planted):
    X, emotion, _ = planted
    return X, emotion == "fear"


class StopsAt(Callback):
    """Ends the training at an event, the second time it comes."""

    def __init__(self, event, how="raise"):
        self.event, self.how = event, how

    def notify(self, event, net):
        if event == self.event and (self.how == "raise" or event == "on_epoch_end"):
            self.n_ = getattr(self, "n_", 0) + 1
            if self.n_ == 2 or event == "on_train_begin":
                if self.how == "raise":
                    raise KeyboardInterrupt
                net.stop_training = True

    def on_train_begin(self, net, **kwargs):
        self.n_ = 0
        self.notify("on_train_begin", net)

    def on_epoch_begin(self, net, **kwargs):
        self.notify("on_epoch_begin", net)

    def on_batch_end(self, net, **kwargs):
        self.notify("on_batch_end", net)

    def on_epoch_end(self, net, **kwargs):
        self.notify("on_epoch_end", net)


class CountsEpochs(Callback):
    """Hears of every epoch's end, and of the training's."""

    def __init__(self, heard):
        self.heard = heard

    def on_epoch_end(self, net, **kwargs):
        self.heard.append("epoch")

    def on_train_end(self, net, **kwargs):
        self.heard.append("end")


class Interrupts(Callback):
    """As if Ctrl-C were pressed while it runs."""

    def on_epoch_end(self, net, **kwargs):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("callback", "n_epochs"),
    [
        (StopsAt("on_epoch_end"), 2),
        (StopsAt("on_epoch_end", how="set"), 2),
        (StopsAt("on_epoch_begin"), 1),
        (StopsAt("on_batch_end"), 0),
    ],
)
def test_a_callback_ends_the_training_wherever_it_stops(callback, n_epochs, data):
    heard = []
    model = ConvLSTMClassifier(**SMALL, callbacks=[callback, CountsEpochs(heard)]).fit(*data)
    assert model.n_iter_ == n_epochs == len(model.history_)
    assert heard == ["epoch"] * n_epochs + ["end"]
    assert np.isfinite(model.predict_proba(data[0])).all()


def test_a_callback_that_stops_before_the_first_batch_is_refused(data):
    model = ConvLSTMClassifier(**SMALL, callbacks=[StopsAt("on_train_begin")])
    with pytest.raises(ValueError, match="callbacks must let the training begin"):
        model.fit(*data)
    assert not hasattr(model, "net_")


def test_a_stopped_training_is_that_of_fewer_epochs(data):
    stopped = ConvLSTMClassifier(**SMALL, callbacks=[StopsAt("on_epoch_end")]).fit(*data)
    shorter = ConvLSTMClassifier(**SMALL | {"max_epochs": 2}).fit(*data)
    np.testing.assert_array_equal(stopped.predict_proba(data[0]), shorter.predict_proba(data[0]))


def test_callbacks_end_the_trainings_of_estimators_around_the_network(planted):
    X, emotion, _ = planted
    network = ConvLSTMClassifier(**SMALL, callbacks=[StopsAt("on_epoch_end")])
    detector = EmotionClassifier(network).fit(X, emotion)
    assert [each.n_iter_ for each in detector.estimators_.values()] == [2, 2, 2]
    selector = IGLandmarkSelector(network, n_landmarks_to_select=2, n_steps=2, n_baselines=2, random_state=0)
    assert selector.fit(X, emotion == "fear").estimator_.n_iter_ == 2


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_callbacks_end_the_trainings_of_a_search(n_jobs, data):
    stopping = EarlyStopping("train_loss", patience=1, threshold=10, threshold_mode="abs", sink=len)
    network = ConvLSTMClassifier(**SMALL, callbacks=[stopping])
    search = GridSearchCV(network, {"lr": [1e-3, 1e-2]}, cv=2, n_jobs=n_jobs, error_score="raise").fit(*data)
    assert search.best_estimator_.n_iter_ == 2


def test_an_interrupt_in_a_callback_is_raised_out_of_a_search(data):
    network = ConvLSTMClassifier(**SMALL, callbacks=[Interrupts()])
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(network, {"lr": [1e-3]}, cv=2).fit(*data)


def test_a_handler_of_the_users_own_is_called_and_left_in_place(data):
    calls = []

    def handler(number, frame):  # a graceful one: the callback that looks at it ends the training
        calls.append(number)

    class Graceful(Interrupts):
        def on_epoch_end(self, net, **kwargs):
            super().on_epoch_end(net)
            if calls:
                raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        assert ConvLSTMClassifier(**SMALL, callbacks=[Graceful()]).fit(*data).n_iter_ == 1
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(calls) == 1


def test_callbacks_end_a_training_in_another_thread(data):
    models = []

    def train():
        models.append(ConvLSTMClassifier(**SMALL, callbacks=[StopsAt("on_epoch_end")]).fit(*data))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert [model.n_iter_ for model in models] == [2]


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(200, 2)

    def forward(self, x):
        return self.out(x.flatten(1))


class OfBooleans(NeuralNetClassifier):
    """skorch's, which takes "this emotion or not" for its labels."""

    def fit(self, X, y, **fit_params):
        return super().fit(X, np.asarray(y).astype(int), **fit_params)


SKORCH = {"criterion": nn.CrossEntropyLoss, "train_split": None, "verbose": 0, "max_epochs": 3}


@pytest.mark.parametrize(
    "around",
    [
        lambda net: IGLandmarkSelector(net, n_landmarks_to_select=2, n_steps=2, random_state=0),
        lambda net: PermutationLandmarkSelector(net, n_landmarks_to_select=2),
        EmotionClassifier,
    ],
)
def test_an_interrupt_that_a_skorch_net_swallows_is_raised_all_the_same(around, planted):
    X, emotion, _ = planted
    net = OfBooleans(Flat, **SKORCH, callbacks=[("stop", Interrupts())])
    assert len(clone(net).fit(X, np.arange(len(X)) % 2).history) == 1  # as if it had finished
    estimator = around(net)
    y = emotion if isinstance(estimator, EmotionClassifier) else emotion == "fear"
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, y)
    assert not hasattr(estimator, "support_")


NEED_VALIDATION = {
    "early stopping": EarlyStopping(),
    "checkpoint": Checkpoint(),
    "learning rate": LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
    "a name of its own": [EpochScoring("f1", name="emotion_f1"), EarlyStopping("emotion_f1")],
}


@pytest.mark.parametrize("callbacks", NEED_VALIDATION.values(), ids=NEED_VALIDATION)
def test_what_watches_validation_samples_says_that_there_are_none(callbacks, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
    with pytest.raises(ValueError, match=r"callbacks: \w+ watches .*set validation_fraction, such as 0.1"):
        ConvLSTMClassifier(**SMALL, callbacks=callbacks).fit(*data)
    ConvLSTMClassifier(**SMALL, callbacks=callbacks, validation_fraction=0.3).fit(*data)


def test_an_error_of_a_callbacks_own_stays_what_it_is(data):
    class Faulty(Callback):
        def on_epoch_end(self, net, **kwargs):
            {}["key"]

    with pytest.raises(KeyError, match="key"):
        ConvLSTMClassifier(**SMALL, callbacks=[Faulty()]).fit(*data)


def test_a_frozen_estimator_is_not_disturbed(data):
    frozen = FrozenEstimator(ConvLSTMClassifier(**SMALL).fit(*data))
    before = signal.getsignal(signal.SIGINT)
    IGLandmarkSelector(frozen, n_landmarks_to_select=2, n_steps=2, n_baselines=2, random_state=0).fit(*data)
    assert signal.getsignal(signal.SIGINT) is before
