"""Several networks in one, how long training lasts by default, and the paper's network."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from skorch.callbacks import Callback

from sklearn_emoxai import ConvLSTMClassifier, load, save
from sklearn_emoxai.attribution import integrated_gradients

SMALL = {"n_filters": 3, "lstm_units": 5, "fc_units": 4, "lr": 1e-2, "max_epochs": 4, "random_state": 7}


class Ith(np.random.RandomState):
    """Draws what one of several networks is given, for a network that is trained alone."""

    def __init__(self, seed, i, n):
        super().__init__(seed)
        self.i, self.n = i, n

    def randint(self, *arguments, size=None, **options):
        assert size == 1
        return super().randint(*arguments, size=self.n, **options)[[self.i]]


def logits(classifier, X):
    with torch.no_grad():
        return classifier.module_(torch.from_numpy(X)).numpy()


def one_and_three(X, y, *, fit=None, **parameters):
    """A fitted average of three networks, and the three trained apart."""
    parameters = SMALL | parameters
    fit = fit or {}
    one = ConvLSTMClassifier(**parameters, n_networks=3).fit(X, y, **fit)
    apart = [
        ConvLSTMClassifier(**parameters | {"random_state": Ith(parameters["random_state"], i, 3)})
        for i in range(3)
    ]
    return one, [each.fit(X, y, **fit) for each in apart]


KINDS = {
    "default": {},
    "kernel of three, padded": {"kernel_size": 3, "padding": "same"},
    "R-EMO": {"randomized_conv": True},
    "balanced": {"class_weight": "balanced"},
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_the_mean_of_the_logits_of_networks_trained_apart(planted, kind, n_classes):
    X, emotion, _ = planted
    y = emotion if n_classes == 3 else emotion == "fear"
    one, apart = one_and_three(X, y, **KINDS[kind])
    each = np.stack([logits(network, X) for network in apart])
    assert each.std(axis=0).mean() > 0.01  # they are no copies of one another
    np.testing.assert_allclose(logits(one, X), each.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(one.predict_proba(X), softmax(each.mean(axis=0), axis=1), atol=1e-5)
    assert one.module_.lstm.hidden_size == 3 * SMALL["lstm_units"]
    trained = [parameter.requires_grad for parameter in one.module_.conv.parameters()]
    assert trained == [kind != "R-EMO"] * 2


def test_weights_of_samples_reach_each_network(planted):
    X, emotion, _ = planted
    weights = np.random.default_rng(0).uniform(0.1, 3, size=len(X))
    one, apart = one_and_three(X, emotion == "fear", fit={"sample_weight": weights})
    mean = np.mean([logits(network, X) for network in apart], axis=0)
    np.testing.assert_allclose(logits(one, X), mean, atol=1e-5)
    unweighted, _ = one_and_three(X, emotion == "fear")
    assert np.abs(logits(unweighted, X) - mean).max() > 1e-3


@pytest.mark.parametrize("grouped", [False, True])
def test_networks_share_one_split(planted, grouped):
    X, emotion, groups = planted
    seen = []

    class Recorder(Callback):
        def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
            seen.append(tuple(dataset_valid.indices))

    one, apart = one_and_three(
        X,
        emotion == "fear",
        fit={"groups": groups} if grouped else None,
        validation_fraction=0.2,
        callbacks=[Recorder()],
    )
    assert len(seen) == 6 * SMALL["max_epochs"]
    assert len(set(seen)) == 1
    np.testing.assert_allclose(
        logits(one, X), np.mean([logits(network, X) for network in apart], axis=0), atol=1e-5
    )


@pytest.mark.parametrize("parameters", [{}, {"kernel_size": 3, "padding": "same"}], ids=str)
def test_the_pathwise_engine_explains_the_average_as_captum_does(planted, parameters):
    X, emotion, _ = planted
    one = ConvLSTMClassifier(**SMALL | parameters, n_networks=3).fit(X, emotion == "fear")
    found = {
        engine: integrated_gradients(one, X[:8], X[8:10], target=1, n_steps=20, engine=engine)
        for engine in ("pathwise", "captum")
    }
    assert np.abs(found["captum"]).max() > 1e-3
    np.testing.assert_allclose(found["pathwise"], found["captum"], atol=1e-5)


def test_saving_keeps_the_answers_of_an_average(planted, tmp_path):
    X, emotion, _ = planted
    one = ConvLSTMClassifier(**SMALL, n_networks=3).fit(X, emotion)
    save(one, tmp_path / "model.skops")
    loaded = load(tmp_path / "model.skops")
    assert loaded.get_params() == one.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(X), one.predict_proba(X))


def test_the_history_tells_the_networks_apart(planted):
    X, emotion, _ = planted
    one = ConvLSTMClassifier(**SMALL, n_networks=2).fit(X, emotion)
    epochs = range(1, SMALL["max_epochs"] + 1)
    told = [(row["network"], row["epoch"]) for row in one.history_]
    assert told == [(network, epoch) for network in range(2) for epoch in epochs]
    assert one.n_iter_ == SMALL["max_epochs"]
    alone = ConvLSTMClassifier(**SMALL).fit(X, emotion)
    assert not any("network" in row for row in alone.history_)


def test_a_network_that_diverges_among_others_is_said(planted, monkeypatch):
    X, emotion, _ = planted
    diverged = []

    class Diverges(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if not diverged:
                diverged.append(net.module_.fc2.bias.data.fill_(np.nan))

    model = ConvLSTMClassifier(**SMALL, n_networks=3, callbacks=[Diverges()])
    with pytest.raises(ValueError, match="lr must be small enough.* became nan"):
        model.fit(X, emotion)
    assert not hasattr(model, "net_")


def test_training_of_several_networks_leaves_the_callers_generators_alone(planted):
    X, emotion, _ = planted
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1]
    ConvLSTMClassifier(**SMALL, n_networks=3).fit(X, emotion)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "n_epochs"),
    [
        (60, 16, 125),  # of 4 mini-batches
        (49, 16, 125),
        (60, 7, 56),  # of 9 mini-batches, 500 and 4 more
        (60, 1, 10),  # at least so many
    ],
)
def test_training_lasts_as_many_mini_batches_as_it_says(planted, n_samples, batch_size, n_epochs):
    X, emotion, _ = planted
    model = ConvLSTMClassifier(
        n_filters=1, lstm_units=2, fc_units=2, kernel_size=(2, 1), batch_size=batch_size, random_state=0
    ).fit(X[:n_samples], emotion[:n_samples] == "fear")
    assert model.n_iter_ == n_epochs
    assert len(model.history_) == n_epochs


def test_held_out_samples_make_no_mini_batches(planted):
    X, emotion, groups = planted
    model = ConvLSTMClassifier(
        n_filters=1, lstm_units=2, fc_units=2, validation_fraction=0.5, early_stopping=False, random_state=0
    ).fit(X, emotion == "fear", groups=groups)
    assert model.n_iter_ == 250  # of 30 samples, 2 mini-batches


def test_the_papers_network_has_the_papers_sizes_unless_told_otherwise():
    paper = ConvLSTMClassifier.from_paper()
    sizes = [paper.n_filters, paper.lstm_units, paper.fc_units]
    assert sizes == [40, 58, 63]
    training = [paper.lr, paper.dropout, paper.max_epochs, paper.validation_fraction, paper.n_networks]
    assert training == [1e-4, 0.5, 100, 0.1, 1]
    other = ConvLSTMClassifier.from_paper(n_filters=2, validation_fraction=None, randomized_conv=True)
    assert [other.n_filters, other.lstm_units, other.validation_fraction] == [2, 58, None]
    assert other.randomized_conv
    assert ConvLSTMClassifier().get_params() != paper.get_params()
