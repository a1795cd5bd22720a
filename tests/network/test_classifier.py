import pickle
import signal
import warnings

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, UnsetMetadataPassedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.utils import compute_class_weight
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping, EpochScoring

from sklearn_emoxai import ConvLSTM, ConvLSTMClassifier, NeutralDifference
from sklearn_emoxai.network import _classifier, _training, validation_split

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
            signal.raise_signal(signal.SIGINT)

    model = ConvLSTMClassifier(**SMALL, callbacks=[Interrupt()])
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not hasattr(model, "net_")
    assert signal.getsignal(signal.SIGINT) is before


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

    class Plain(NeuralNetClassifier):
        train_until_ended = _training.Net.train_until_ended

    monkeypatch.setattr(_classifier, "Net", Plain)
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


CLASS_WEIGHTS = [None, "balanced", {False: 1, True: 3}]
class_weights = pytest.mark.parametrize("class_weight", CLASS_WEIGHTS, ids=str)


class _Gradients(Callback):
    """Notes the gradients of the first batch."""

    def on_grad_computed(self, net, named_parameters, **kwargs):
        if not hasattr(self, "gradients_"):
            self.gradients_ = _gradients(named_parameters)


def _gradients(named_parameters):
    return {name: parameter.grad.clone() for name, parameter in named_parameters if parameter.requires_grad}


@class_weights
def test_integer_weights_give_the_loss_and_gradient_of_repeated_samples(data, class_weight):
    X, y, _ = data
    codes = y.astype(int)
    model = ConvLSTMClassifier(class_weight=class_weight)
    model.classes_ = np.array([False, True])
    repeats = np.random.default_rng(1).integers(0, 4, 60)
    torch.manual_seed(0)
    # In evaluation mode: batch normalisation takes the moments of the samples as they are, and not repeated.
    module = ConvLSTM(20, n_filters=4, lstm_units=6, fc_units=5).double().eval()

    def loss_and_gradients(rows, weights):
        module.zero_grad()
        logits, target = module(torch.from_numpy(X[rows]).double()), torch.from_numpy(codes[rows])
        per_class = model._class_weight(codes[rows], weights)
        if weights is None:
            weight = None if per_class is None else torch.from_numpy(per_class)
            loss = torch.nn.CrossEntropyLoss(weight=weight)(logits, target)
        else:
            weights = _classifier._loss_weights(codes[rows], per_class, weights)
            loss = _training.weighted_loss(logits, target, torch.from_numpy(weights))
        loss.backward()
        return loss, _gradients(module.named_parameters())

    weighted = loss_and_gradients(np.arange(60), repeats.astype(float))
    repeated = loss_and_gradients(np.repeat(np.arange(60), repeats), None)
    # The weights are float32.
    torch.testing.assert_close(weighted, repeated, rtol=1e-5, atol=1e-8)


@class_weights
@pytest.mark.parametrize("randomized_conv", [False, True])
def test_a_weighted_fit_is_one_on_repeated_samples_where_the_moments_agree(
    data, class_weight, randomized_conv
):
    # Each sequence is there with both labels, whose weights add up to 3: so the moments of batch normalisation
    # and the mean face are those of the repeated samples, and full batches are equal in all.
    X = np.concatenate([data[0][:30]] * 2)
    y = np.arange(60) >= 30
    repeats = np.random.default_rng(1).integers(0, 4, 30)
    repeats = np.concatenate([repeats, 3 - repeats])
    fits = []
    for rows, weights in [(np.arange(60), repeats), (np.repeat(np.arange(60), repeats), None)]:
        recorder = _Gradients()
        model = ConvLSTMClassifier(
            **SMALL | {"max_epochs": 3, "batch_size": 1000, "dropout": 0.0},
            randomized_conv=randomized_conv,
            class_weight=class_weight,
            callbacks=[recorder],
        )
        model.fit(X[rows], y[rows], sample_weight=weights)
        fits.append((model, recorder.gradients_))
    (weighted, gradients), (repeated, expected) = fits
    assert [row["train_loss"] for row in weighted.history_] == pytest.approx(
        [row["train_loss"] for row in repeated.history_], rel=1e-5
    )
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-6)


def test_balanced_classes_count_samples_by_their_weights(data):
    _, y, _ = data
    weights = np.random.default_rng(1).integers(0, 4, 60)
    repeated = np.repeat(y, weights)
    expected = compute_class_weight("balanced", classes=np.array([False, True]), y=repeated)
    model = ConvLSTMClassifier(class_weight="balanced")
    model.classes_ = np.array([False, True])
    np.testing.assert_allclose(model._class_weight(y.astype(int), weights), expected)


def test_equal_weights_of_any_size_change_nothing(data):
    X, y, groups = data
    parameters = SMALL | {"validation_fraction": 0.3, "max_epochs": 4}
    plain = ConvLSTMClassifier(**parameters).fit(X, y, groups=groups)
    for size in (1, 1e-60, 1e300):
        model = ConvLSTMClassifier(**parameters).fit(X, y, groups=groups, sample_weight=np.full(60, size))
        for found, expected in zip(model.history_, plain.history_, strict=True):
            assert found == pytest.approx(expected, rel=1e-5)


def test_samples_of_weight_zero_teach_nothing(data):
    X, y, _ = data
    wrong = np.arange(60) % 4 == 1
    y_wrong = np.where(wrong, ~y, y)
    parameters = SMALL | {"max_epochs": 5}
    first, second = (
        ConvLSTMClassifier(**parameters).fit(X, labels, sample_weight=~wrong).predict_proba(X)
        for labels in (y, y_wrong)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, ConvLSTMClassifier(**parameters).fit(X, y_wrong).predict_proba(X))


def test_a_batch_without_weight_is_no_divergence(data):
    X, y, _ = data
    weights = np.zeros(60)
    weights[:2] = 1  # anger and fear
    model = ConvLSTMClassifier(**SMALL, batch_size=4).fit(X, y, sample_weight=weights)
    assert np.isfinite(model.predict_proba(X)).all()


def test_weights_move_the_decision_and_the_validation_loss(data):
    X, y, _ = data
    parameters = SMALL | {"validation_fraction": 0.3, "early_stopping": False}
    models = [
        ConvLSTMClassifier(**parameters).fit(X, y, sample_weight=np.where(y, *weights))
        for weights in ((1, 20), (20, 1))
    ]
    means = [model.predict_proba(X)[:, 1].mean() for model in models]
    assert means[0] < means[1]
    assert models[0].history_[0]["valid_loss"] != models[1].history_[0]["valid_loss"]


@pytest.mark.parametrize("weights", [{False: 1, True: 5}, {False: 0.2, True: 1}])
def test_weights_of_samples_multiply_those_of_classes(data, weights):
    X, y, _ = data
    parameters = SMALL | {"validation_fraction": 0.3, "max_epochs": 4}
    by_class = ConvLSTMClassifier(**parameters, class_weight=weights).fit(X, y)
    by_sample = ConvLSTMClassifier(**parameters).fit(
        X, y, sample_weight=np.where(y, weights[True], weights[False])
    )
    half = {label: weight**0.5 for label, weight in weights.items()}
    by_both = ConvLSTMClassifier(**parameters, class_weight=half).fit(
        X, y, sample_weight=np.where(y, half[True], half[False])
    )
    for model in (by_sample, by_both):
        for found, expected in zip(model.history_, by_class.history_, strict=True):
            assert found == pytest.approx(expected, rel=1e-4)


def test_callbacks_and_the_trained_net_know_nothing_of_weights(data):
    X, y, _ = data
    scoring = [
        EpochScoring("accuracy", name=f"accuracy_{caching}", use_caching=caching) for caching in (0, 1)
    ]
    model = ConvLSTMClassifier(**SMALL, validation_fraction=0.3, callbacks=scoring)
    model.fit(X, y, sample_weight=np.arange(60))
    np.testing.assert_allclose(model.net_.predict_proba(X), model.predict_proba(X), atol=1e-6)
    for row in model.net_.history:
        assert row["accuracy_0"] == row["accuracy_1"] == pytest.approx(row["valid_acc"])
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(59), r"sample_weight must have shape \(60,\).*\(59,\)"),
        (np.ones((60, 1)), r"sample_weight must have shape \(60,\).*\(60, 1\)"),
        (2.0, r"sample_weight must have shape \(60,\).*got \(\)"),
        (np.repeat([1, -2], 30), r"sample_weight must hold finite numbers that are at least 0; got -2\.0"),
        (np.repeat([1, np.nan], 30), "sample_weight must hold finite numbers .* got nan"),
        (np.repeat([1, np.inf], 30), "sample_weight must hold finite numbers .* got inf"),
        (["heavy"] * 60, "sample_weight must hold numbers; got values of dtype"),
        (np.zeros(60), "sample_weight must be positive for a sample of each class; got only zeros for False"),
        (np.arange(60) % 3 != 1, "sample_weight must be positive .* only zeros for True"),
    ],
    ids=["short", "column", "scalar", "negative", "nan", "inf", "text", "zeros", "zeros of a class"],
)
def test_wrong_weights_are_named(data, weights, message):
    X, y, _ = data
    with pytest.raises(ValueError, match=message):
        ConvLSTMClassifier(**SMALL).fit(X, y, sample_weight=weights)


def test_each_class_weighs_on_both_sides_of_the_validation_split(data):
    X, y, _ = data
    train, valid = validation_split(y.astype(int), None, 0.3, np.random.RandomState(0))
    model = ConvLSTMClassifier(**SMALL, validation_fraction=0.3)
    for rows, part in [(train, "training"), (valid, "validation")]:
        weights = np.ones(60)
        weights[rows] = ~y[rows]
        with pytest.raises(ValueError, match=f"a {part} sample of each class; got only zeros for True"):
            model.fit(X, y, sample_weight=weights)


def test_weights_are_routed_when_asked_for_and_groups_always(data):
    X, y, groups = data
    weights = np.arange(60)
    model = ConvLSTMClassifier(**SMALL | {"max_epochs": 2})
    pipeline = Pipeline([("difference", NeutralDifference()), ("classify", model)])
    differences = NeutralDifference().fit_transform(X)
    expected = (
        clone(model).fit(differences, y, groups=groups, sample_weight=weights).predict_proba(differences)
    )
    stepwise = clone(pipeline).fit(X, y, classify__sample_weight=weights, classify__groups=groups)
    np.testing.assert_array_equal(stepwise.predict_proba(X), expected)
    with config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            clone(pipeline).fit(X, y, groups=groups, sample_weight=weights)
        asking = clone(pipeline)
        asking["classify"].set_fit_request(sample_weight=True)
        assert clone(pipeline).fit(X, y, groups=groups)
        routed = clone(asking).fit(X, y, groups=groups, sample_weight=weights)
        alone = asking["classify"].set_score_request(sample_weight=True)
        scores = cross_val_score(alone, X, y, cv=2, params={"groups": groups, "sample_weight": weights})
    np.testing.assert_array_equal(routed.predict_proba(X), expected)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"joy": 2}, r"class_weight must have keys out of the labels \['anger', 'rest'\]; got 'joy'"),
        ({1: 2}, r"class_weight must have keys out of the labels \['anger', 'rest'\]; got 1"),
        ({"anger": -1}, "class_weight must hold finite numbers above 0; got -1 for the label 'anger'"),
        ({"anger": 0}, "class_weight must hold finite numbers above 0; got 0 for the label 'anger'"),
        ({"rest": "much"}, "class_weight must hold finite numbers above 0; got 'much' for the label 'rest'"),
    ],
)
def test_weights_of_other_classes_are_refused_in_the_users_labels(weights, message):
    X, y = np.random.default_rng(0).normal(size=(8, 3, 2, 5)), ["anger", "rest"] * 4
    with pytest.raises(ValueError, match=message):
        ConvLSTMClassifier(class_weight=weights, max_epochs=1).fit(X, y)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_network_that_has_hardly_moved_warns_once_and_a_trained_one_does_not(class_weight):
    X = np.random.default_rng(0).normal(size=(60, 5, 2, 20)).astype(np.float32)
    y = np.arange(60) % 4 == 0
    X[y, -1] += 2
    network = ConvLSTMClassifier(n_filters=4, class_weight=class_weight, random_state=0)
    with pytest.warns(
        ConvergenceWarning, match="hardly moved from its start in max_epochs=2 at lr=0.0001"
    ) as found:
        network.set_params(lr=1e-4, max_epochs=2).fit(X, y)
    assert len(found) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.set_params(lr=1e-2, max_epochs=30).fit(X, y)
