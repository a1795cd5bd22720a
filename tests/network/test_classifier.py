import pickle

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping

from sklearn_emoxai import ConvLSTMClassifier
from sklearn_emoxai.network import _classifier, validation_split

SMALL = {"n_filters": 4, "lstm_units": 6, "fc_units": 5, "lr": 1e-2, "max_epochs": 15, "random_state": 0}


@pytest.fixture
def data(planted):
    X, emotion, groups = planted
    return X, emotion == "fear", groups


@pytest.mark.parametrize("randomized_conv", [False, True])
def test_learns_to_tell_the_emotion_on_new_subjects(data, randomized_conv):
    X, y, groups = data
    train = groups < 4
    model = ConvLSTMClassifier(**SMALL, randomized_conv=randomized_conv).fit(X[train], y[train])
    assert model.score(X[~train], y[~train]) > 0.9


def test_r_emo_keeps_its_convolution_and_t_emo_does_not(data):
    X, y, _ = data

    class Recorder(Callback):
        def on_train_begin(self, net, **kwargs):
            weights.append(net.module_.conv.weight.detach().clone())

    for randomized_conv in (True, False):
        weights = []
        model = ConvLSTMClassifier(**SMALL, randomized_conv=randomized_conv, callbacks=[Recorder()]).fit(X, y)
        weights.append(model.module_.conv.weight)
        assert torch.equal(*weights) == randomized_conv


@pytest.mark.parametrize(
    "labels",
    [[False, True], [0, 1], [-1, 1], ["fear", "rest"], np.array(["a", "b"], dtype=object), [0.0, 1.0]],
    ids=repr,
)
def test_two_labels_of_any_type(data, labels):
    X, y, _ = data
    labels = np.asarray(labels)
    model = ConvLSTMClassifier(**SMALL).fit(X, labels[y.astype(int)])
    np.testing.assert_array_equal(model.classes_, labels)
    predicted = model.predict(X)
    assert predicted.dtype == labels.dtype
    np.testing.assert_array_equal(predicted == labels[1], model.decision_function(X) > 0)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(model.decision_function(X)), rtol=1e-5)


def test_more_than_two_classes(planted):
    X, emotion, _ = planted
    X[:, :, 0, 11] += 3 * (emotion == "anger")[:, None]
    model = ConvLSTMClassifier(**SMALL | {"max_epochs": 40}, validation_fraction=None).fit(X, emotion)
    assert model.predict_proba(X).shape == model.decision_function(X).shape == (60, 3)
    assert model.score(X, emotion) > 0.8


def test_equal_seeds_give_equal_networks_and_leave_the_callers_generators_alone(data):
    X, y, groups = data
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1]
    first, second = (ConvLSTMClassifier(**SMALL).fit(X, y, groups=groups).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])
    other = ConvLSTMClassifier(**SMALL | {"random_state": 1}).fit(X, y, groups=groups).predict_proba(X)
    assert not np.array_equal(first, other)


def test_validation_samples_are_those_of_whole_subjects(data):
    X, y, groups = data
    seen = []

    class Recorder(Callback):
        def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
            seen.append((set(groups[dataset_train.indices]), set(groups[dataset_valid.indices])))

    ConvLSTMClassifier(**SMALL, validation_fraction=0.2, callbacks=[Recorder()]).fit(X, y, groups=groups)
    train, valid = seen[0]
    assert train | valid == set(groups)
    assert not train & valid


def test_early_stopping_restores_the_weights_of_the_best_epoch(data):
    X, y, _ = data
    held_out = {}

    class Recorder(Callback):
        def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
            held_out["rows"] = dataset_valid.indices

    parameters = SMALL | {"lr": 0.1, "max_epochs": 60, "dropout": 0.0}
    model = ConvLSTMClassifier(**parameters, patience=3, validation_fraction=0.3, callbacks=[Recorder()])
    model.fit(X, np.random.default_rng(0).permutation(y))
    losses = [row["valid_loss"] for row in model.history_]
    assert model.n_iter_ == len(losses) == int(np.argmin(losses)) + 1 + 3
    rows = held_out["rows"]
    y_valid = np.random.default_rng(0).permutation(y)[rows].astype(int)
    loss = -np.log(model.predict_proba(X[rows])[np.arange(len(rows)), y_valid]).mean()
    assert loss == pytest.approx(min(losses), rel=1e-4)


def test_an_interrupt_is_raised_and_leaves_the_estimator_unfitted(data):
    X, y, _ = data

    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    model = ConvLSTMClassifier(**SMALL, callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def test_a_users_own_early_stopping_ends_the_training(data):
    X, y, _ = data
    stopping = EarlyStopping(monitor="train_loss", patience=1, threshold=10, threshold_mode="abs", sink=len)
    model = ConvLSTMClassifier(**SMALL, validation_fraction=None, callbacks=[stopping]).fit(X, y)
    assert model.n_iter_ == 2
    assert len(stopping.get_params()) > 0  # a fit takes nothing from the caller's callback


def test_callbacks_are_still_there_for_a_second_fit(data):
    X, y, _ = data
    epochs = []

    class Recorder(Callback):
        def on_epoch_end(self, net, **kwargs):
            epochs.append(1)

    model = ConvLSTMClassifier(**SMALL | {"max_epochs": 2}, callbacks=[Recorder()])
    model.fit(X, y)
    model.fit(X, y)
    assert len(epochs) == 4


def test_class_weight_moves_the_decision(data):
    X, y, _ = data
    means = [
        ConvLSTMClassifier(**SMALL, class_weight=weight).fit(X, y).predict_proba(X)[:, 1].mean()
        for weight in ({False: 20, True: 1}, {False: 1, True: 20})
    ]
    assert means[0] < means[1]


def test_no_batch_of_one_sample(data):
    X, y, _ = data
    sizes = []

    class Recorder(Callback):
        def on_batch_begin(self, net, batch=None, training=False, **kwargs):
            if training:
                sizes.append(len(batch[0]))

    ConvLSTMClassifier(**SMALL | {"max_epochs": 1}, validation_fraction=None, callbacks=[Recorder()]).fit(
        X[:33], y[:33]
    )
    assert sorted(sizes) == [11, 11, 11]


def test_pickle_and_clone_keep_what_they_should(data):
    X, y, _ = data
    model = ConvLSTMClassifier(**SMALL).fit(X, y)
    dumped = pickle.dumps(model)
    np.testing.assert_array_equal(pickle.loads(dumped).predict_proba(X), model.predict_proba(X))
    n_weights = sum(p.numel() for p in model.module_.parameters())
    assert (
        len(dumped) < 4 * n_weights + 30_000
    )  # neither the data, the optimizer nor a second copy of the weights
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "net_")


def test_precision_is_set_for_the_fit_only(data):
    X, y, _ = data
    seen = []

    class Recorder(Callback):
        def on_epoch_begin(self, net, **kwargs):
            seen.append(torch.get_float32_matmul_precision())

    ConvLSTMClassifier(**SMALL | {"max_epochs": 1}, precision="medium", callbacks=[Recorder()]).fit(X, y)
    assert seen == ["medium"]
    assert torch.get_float32_matmul_precision() == "highest"


def test_progress_bar(data, capsys):
    X, y, _ = data
    ConvLSTMClassifier(**SMALL | {"max_epochs": 2}, verbose=1).fit(X, y)
    assert "2/2" in capsys.readouterr().err
    ConvLSTMClassifier(**SMALL | {"max_epochs": 2}).fit(X, y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_filters": 0}, "n_filters"),
        ({"dropout": 1.0}, "dropout"),
        ({"validation_fraction": 0}, "validation_fraction"),
        ({"precision": "bfloat16"}, "precision"),
        ({"kernel_size": (3, 3), "padding": "valid"}, "kernel_size"),
        ({"padding": "full"}, "padding"),
        ({"padding": ("same", "same", "same")}, "padding"),
        ({"kernel_size": (3, 3)}, r'got \(3, 3\)\. padding="same" makes room'),
        ({"kernel_size": (2, 0)}, r"kernel_size must be .* got \(2, 0\)"),
        ({"kernel_size": (2, 3, 3)}, "kernel_size must be"),
        ({"kernel_size": (2.5, 3)}, "kernel_size must be"),
        ({"device": "toaster"}, "device must be \"auto\" or .* got 'toaster'"),
        ({"class_weight": "equal"}, "class_weight"),
    ],
)
def test_wrong_parameters_are_named(data, parameters, message):
    X, y, _ = data
    with pytest.raises(ValueError, match=message):
        ConvLSTMClassifier(**SMALL | parameters).fit(X, y)


def test_wrong_data_is_named(data):
    X, y, groups = data
    model = ConvLSTMClassifier(**SMALL)
    with pytest.raises(ValueError, match="y must hold at least two classes; got"):
        model.fit(X, np.ones(len(X)))
    with pytest.raises(ValueError, match=r"groups must have shape \(60,\).*\(59,\)"):
        model.fit(X, y, groups=groups[1:])
    holding_out = clone(model).set_params(validation_fraction=0.1)
    with pytest.raises(ValueError, match="groups must hold at least two groups.*got 1"):
        holding_out.fit(X, y, groups=np.zeros(60))
    with pytest.raises(ValueError, match="validation_fraction=0.1"):
        holding_out.fit(X[:3], [0, 0, 1])
    model.fit(X, y)
    with pytest.raises(ValueError, match="4 frames and 20 landmarks.*fitted on 5 frames and 20"):
        model.predict(X[:, 1:])
    with pytest.raises(ValueError, match="5 frames and 19 landmarks.*fitted on 5 frames and 20"):
        model.predict(X[..., 1:])


class _TurnFilters(Callback):
    """Turn the sign of some batch-norm weights before the training starts."""

    def on_train_begin(self, net, **kwargs):
        with torch.no_grad():
            net.module_.norm.weight[:2] *= -1


@pytest.mark.parametrize("callbacks", [None, [_TurnFilters()]], ids=["as drawn", "negative norm"])
@pytest.mark.parametrize("randomized_conv", [False, True])
def test_training_is_that_of_a_plain_skorch_net(data, monkeypatch, randomized_conv, callbacks):
    X, y, _ = data
    parameters = SMALL | {"max_epochs": 4, "validation_fraction": 0.3, "callbacks": callbacks}
    ours = ConvLSTMClassifier(**parameters, randomized_conv=randomized_conv).fit(X, y)
    monkeypatch.setattr(_classifier, "Net", NeuralNetClassifier)
    plain = ConvLSTMClassifier(**parameters, randomized_conv=randomized_conv).fit(X, y)
    for found, expected in zip(ours.history_, plain.history_, strict=True):
        assert found == pytest.approx(expected, rel=1e-5)
    for found, expected in zip(ours.module_.parameters(), plain.module_.parameters()):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_what_only_training_needs_is_gone_after_it(data):
    X, y, _ = data
    model = ConvLSTMClassifier(**SMALL).fit(X, y)
    assert not model.module_.training
    assert all(parameter.grad is None for parameter in model.module_.parameters())
    assert not hasattr(model.net_, "buffers_")


def test_many_sequences_are_predicted_in_pieces(data, monkeypatch):
    X, y, _ = data
    model = ConvLSTMClassifier(**SMALL).fit(X, y)
    whole = model.predict_proba(X)
    monkeypatch.setattr(ConvLSTMClassifier, "_sequences_at_once", lambda self: 7)
    np.testing.assert_allclose(model.predict_proba(X), whole, atol=1e-6)
    np.testing.assert_allclose(model.net_.predict_proba(X), whole, atol=1e-6)


def test_place_and_unit_of_the_landmarks_do_not_matter(data):
    X, y, _ = data
    expected = ConvLSTMClassifier(**SMALL).fit(X, y).predict_proba(X)
    face = np.random.default_rng(1).normal(size=(2, 20))
    moved = 30 * (X + face).astype(np.float32)
    np.testing.assert_allclose(
        ConvLSTMClassifier(**SMALL).fit(moved, y).predict_proba(moved), expected, atol=1e-3
    )


def test_mean_face_and_scale_are_those_of_the_training_samples_alone(data):
    X, y, _ = data
    rows = {}

    class Recorder(Callback):
        def on_epoch_begin(self, net, dataset_train=None, **kwargs):
            rows["train"] = dataset_train.indices

    model = ConvLSTMClassifier(**SMALL, validation_fraction=0.3, callbacks=[Recorder()]).fit(X, y)
    trained = X[rows["train"]]
    mean = trained.mean(axis=(0, 1))
    np.testing.assert_allclose(model.module_.mean, mean, atol=1e-5)
    np.testing.assert_allclose(model.module_.scale, (trained - mean).std(), rtol=1e-5)


def test_callbacks_of_another_kind_are_refused(data):
    X, y, _ = data
    with pytest.raises(TypeError, match="callbacks must hold skorch callbacks.*got 3"):
        ConvLSTMClassifier(**SMALL, callbacks=[3]).fit(X, y)


def test_a_training_that_diverges_is_no_fit(data):
    X, y, _ = data
    model = ConvLSTMClassifier(**SMALL | {"lr": 1e30})
    with pytest.raises(
        ValueError, match=r"lr must be small enough .*got 1e\+30, and the training loss became"
    ):
        model.fit(X, y)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("batch_size", [1, 16])
def test_smallest_sequences_and_batches(batch_size):
    X = np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1).repeat(2, axis=2)
    model = ConvLSTMClassifier(
        **SMALL, kernel_size=(2, 1), batch_size=batch_size, validation_fraction=None
    ).fit(X, np.arange(8) > 3)
    assert np.isfinite(model.predict_proba(X)).all()
    assert ConvLSTMClassifier(**SMALL, validation_fraction=None).fit(X[:2], [0, 1]).predict(X).shape == (8,)


def test_validation_subjects_show_both_classes_where_a_class_is_rare():
    groups = np.repeat(np.arange(20), 3)
    codes = np.isin(groups, [4, 11]).astype(int)
    for seed in range(5):
        train, valid = validation_split(codes, groups, 0.1, np.random.RandomState(seed))
        assert set(codes[train]) == set(codes[valid]) == {0, 1}
        assert not set(groups[train]) & set(groups[valid])
