"""Modules of the user's own: what they may return and be, and what is said of those that can't be explained."""

import dataclasses
import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as nnf

from sklearn_emoxai import (
    ConvLSTM,
    IGLandmarkSelector,
    integrated_gradients,
    landmark_attributions,
    randomization_check,
    typical_samples,
)


class Plain(nn.Module):
    """A recurrent network of two classes, with dropout."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.lstm = nn.LSTM(40, 8, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.dropout(self.lstm(x.flatten(2))[0][:, -1]))


class Returns(Plain):
    """The same, whose logits are handed over in another way."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(super().forward(x))


@dataclasses.dataclass
class Output:
    loss: object
    logits: torch.Tensor


Named = namedtuple("Named", "states logits")

WRAPS = {
    "tuple": lambda z: (z, z[:, :1]),
    "tuple in a tuple": lambda z: ((z, None), None),
    "list": lambda z: [z],
    "dict": lambda z: {"states": z[:, :1], "logits": z},
    "dict of one": lambda z: {"emotion": z},
    "ordered dict": lambda z: OrderedDict(loss=None, logits=z),
    "dataclass": lambda z: Output(None, z),
    "named tuple": lambda z: Named(z[:, :1], z),
}


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(12, 5, 2, 20)).astype(np.float32)


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_logits_are_found_in_what_a_module_returns(wrap, X):
    expected, delta = integrated_gradients(Plain(), X[:3], X[3:5], return_convergence_delta=True)
    found, found_delta = integrated_gradients(Returns(wrap), X[:3], X[3:5], return_convergence_delta=True)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_delta, delta)


def test_every_way_of_asking_takes_a_tuple(X):
    module, plain, labels = Returns(WRAPS["tuple"]), Plain(), ["joy", "fear"] * 6
    options = {"typical": "unlikely_medoid", "labels": labels, "positive": "joy", "n_steps": 5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of untrained networks' baselines
        np.testing.assert_array_equal(
            landmark_attributions(module, X, **options), landmark_attributions(plain, X, **options)
        )
    assert typical_samples(X, labels, method="unlikely_medoid", model=module) == typical_samples(
        X, labels, method="unlikely_medoid", model=plain
    )
    found = randomization_check(module, X, baselines=X[:1], n_repeats=1, n_steps=5, random_state=0)
    assert found.correlation < 0.9


@pytest.mark.parametrize("shape", ["column", "vector", "column in a tuple"])
@pytest.mark.parametrize("target", [0, 1])
def test_a_single_logit_is_that_of_class_1_against_class_0(shape, target, X):
    wraps = {
        "column": lambda z: z[:, 1:],
        "vector": lambda z: z[:, 1],
        "column in a tuple": lambda z: (z[:, 1:], z),
    }
    two = Returns(lambda z: torch.stack([torch.zeros_like(z[:, 1]), z[:, 1]], dim=1))
    one = Returns(wraps[shape])
    np.testing.assert_allclose(
        integrated_gradients(one, X[:3], X[3:5], target=target),
        integrated_gradients(two, X[:3], X[3:5], target=target),
        atol=1e-7,
    )
    sign = 1 if target == 1 else -1
    np.testing.assert_allclose(
        integrated_gradients(one, X[:3], X[3:5], target=target, output="logit"),
        sign * integrated_gradients(two, X[:3], X[3:5], target=1, output="logit"),
        atol=1e-7,
    )


def test_engines_agree_on_a_convlstm_of_one_logit(X):
    torch.manual_seed(0)
    module = ConvLSTM(20, n_filters=2, lstm_units=3, fc_units=4, n_classes=1).eval()
    fast = integrated_gradients(module, X[:2], X[2:4], engine="pathwise")
    np.testing.assert_allclose(fast, integrated_gradients(module, X[:2], X[2:4], engine="captum"), atol=1e-6)
    assert np.abs(fast).max() > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("make", [Plain, lambda: ConvLSTM(20, n_filters=2, lstm_units=3, fc_units=4)])
def test_a_module_of_another_precision_is_explained_as_exactly_as_it_computes(make, dtype, X):
    torch.manual_seed(0)
    module = make().eval()
    exact = integrated_gradients(module, X[:2], X[2:4])
    found = integrated_gradients(module.to(dtype), X[:2], X[2:4])
    assert found.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    np.testing.assert_allclose(found, exact, atol=0.1 * np.abs(exact).max())
    assert next(module.parameters()).dtype == dtype


@pytest.mark.parametrize("how", ["script", "trace", "freeze", "compile", "export"])
def test_scripted_traced_compiled_and_exported_modules_are_explained(how, X):
    plain = Plain().eval()
    example = torch.as_tensor(X[:2])
    makers = {
        "script": lambda: torch.jit.script(plain),
        "trace": lambda: torch.jit.trace(plain, example),
        "freeze": lambda: torch.jit.freeze(torch.jit.script(plain)),
        "compile": lambda: torch.compile(plain),
        "export": lambda: torch.export.export(plain, (example,), dynamic_shapes={"x": {0: batch}}).module(),
    }
    batch = torch.export.Dim("n", min=1, max=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of TorchScript and of LSTMs that are exported
        module = makers[how]()
    np.testing.assert_allclose(
        integrated_gradients(module, X[:2], X[2:4]), integrated_gradients(plain, X[:2], X[2:4]), atol=1e-6
    )


def test_a_compiled_convlstm_keeps_the_fast_engine(X):
    torch.manual_seed(0)
    module = ConvLSTM(20, n_filters=2, lstm_units=3, fc_units=4).eval()
    np.testing.assert_array_equal(
        integrated_gradients(torch.compile(module), X[:2], X[2:4], engine="pathwise"),
        integrated_gradients(module, X[:2], X[2:4], engine="pathwise"),
    )


@pytest.mark.parametrize("engine", ["pathwise", "captum"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_own_gradient_mode_does_not_matter(mode, engine, X):
    torch.manual_seed(0)
    module = ConvLSTM(20, n_filters=2, lstm_units=3, fc_units=4).eval()
    expected = integrated_gradients(module, X[:2], X[2:4], engine=engine)
    with mode():
        np.testing.assert_array_equal(integrated_gradients(module, X[:2], X[2:4], engine=engine), expected)
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
        assert not torch.is_grad_enabled()


def test_train_mode_and_frozen_parameters_change_nothing(X):
    expected = integrated_gradients(Plain().eval(), X[:2], X[2:4])
    module = Plain().train().requires_grad_(False)
    np.testing.assert_array_equal(integrated_gradients(module, X[:2], X[2:4]), expected)
    assert module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


class BatchFirstForgotten(Plain):
    """Its LSTM takes the samples for the frames of one sequence."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(40, 8)


class FramesFirst(BatchFirstForgotten):
    """The same LSTM, given its frames first, as it wants them."""

    def forward(self, x):
        return self.out(self.lstm(x.flatten(2).transpose(0, 1))[0][-1])


def test_an_lstm_that_gets_its_frames_first_is_explained(X):
    found, delta = integrated_gradients(
        FramesFirst(), X[:2], X[2:4], n_steps=200, return_convergence_delta=True
    )
    assert np.abs(delta).max() < 1e-3 < np.abs(found).max()


class DropoutAtAllTimes(Plain):
    """Its dropout does not know of the eval mode."""

    def forward(self, x):
        return self.out(nnf.dropout(self.lstm(x.flatten(2))[0][:, -1]))


class NoGradient(Plain):
    def __init__(self, mode):
        super().__init__()
        self.mode = mode

    def forward(self, x):
        with self.mode():
            return super().forward(x)


class Raises(Plain):
    def forward(self, x):
        raise KeyError("landmarks")


BAD = {
    "no_grad": (lambda: NoGradient(torch.no_grad), "with a gradient"),
    "inference_mode": (lambda: NoGradient(torch.inference_mode), "with a gradient"),
    "detach": (lambda: Returns(torch.detach), "with a gradient"),
    "classes": (lambda: Returns(lambda z: z.argmax(1)), "torch.int64, which has no gradient"),
    "transposed": (lambda: Returns(lambda z: z.T), "must return (logits of shape|the logits of each sample)"),
    "frames": (lambda: Returns(lambda z: z[:, None].expand(-1, 5, -1)), r"shape \(2, 5, 2\)"),
    "dict without logits": (
        lambda: Returns(lambda z: {"a": z, "b": z}),
        "named logits; got a dict of a, b",
    ),
    "empty tuple": (lambda: Returns(lambda z: ()), "first in a tuple or list"),
    "array": (lambda: Returns(lambda z: z.detach().numpy()), "got ndarray"),
    "nothing": (lambda: Returns(lambda z: None), "got NoneType"),
    "sigmoid": (lambda: Returns(lambda z: torch.sigmoid(z[:, 0])), "already probabilities"),
    "sigmoid of a column": (lambda: Returns(lambda z: torch.sigmoid(z)[:, 1:]), "already probabilities"),
    "softmax in a tuple": (lambda: Returns(lambda z: (z.softmax(1), z)), "already probabilities"),
    "dropout at all times": (DropoutAtAllTimes, "random numbers"),
    "LSTM over the batch": (BatchFirstForgotten, "mixes them, as an LSTM without batch_first"),
    "not finite": (lambda: Returns(lambda z: z / 0), "finite logits"),
    "own error": (Raises, "must take inputs of shape .*landmarks"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_explained_is_told_what_the_model_must_return(make, message, X):
    module = make().train()
    with pytest.raises(ValueError, match=f"^model must .*{message}|^model {message}"):
        integrated_gradients(module, X[:2], X[2:4])
    assert module.training


def test_a_fixed_batch_size_is_named_wherever_it_shows(X):
    traced = Returns(lambda z: z.view(2, 2))
    with pytest.raises(ValueError, match=r"^model must take inputs of shape \(25, 5, 2, 20\)"):
        integrated_gradients(traced, X[:2], X[2:4])


def test_gradients_that_are_not_finite_are_named(X):
    steep = Returns(lambda z: torch.sqrt(z - z.detach()) + z)
    with pytest.raises(ValueError, match="model must have finite gradients"):
        integrated_gradients(steep, X[:2], X[2:4])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_whose_weights_cannot_be_drawn_anew_is_no_check_of_explanations(X):
    with pytest.raises(ValueError, match="model must have layers with reset_parameters"):
        randomization_check(torch.jit.script(Plain()), X, baselines=X[:1], n_repeats=1, n_steps=2)


class Dict(Plain):
    def forward(self, x):
        return {"logits": super().forward(x)}


class OneLogit(Plain):
    def forward(self, x):
        return super().forward(x)[:, 1]


def fitted_selector(net, X, dtype=int):
    y = (np.arange(len(X)) % 2).astype(dtype)
    X = X.copy()
    X[..., [3, 7]] += 2 * y[:, None, None, None]
    selector = IGLandmarkSelector(net, n_landmarks_to_select=2, n_steps=3, n_baselines=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return selector.fit(X, y)


def test_selectors_take_nets_whose_modules_return_a_dict(X):
    from skorch import NeuralNetClassifier

    class LogitsOfDict(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return super().get_loss(y_pred["logits"], y_true, *args, **kwargs)

    options = {"criterion": nn.CrossEntropyLoss, "max_epochs": 2, "train_split": None, "verbose": 0}
    found = fitted_selector(LogitsOfDict(Dict, **options), X)
    expected = fitted_selector(NeuralNetClassifier(Plain, **options), X)
    np.testing.assert_allclose(found.importances_, expected.importances_, rtol=1e-5)


def test_selectors_take_binary_nets_of_one_logit():
    from skorch import NeuralNetBinaryClassifier

    X = np.random.default_rng(0).normal(size=(60, 5, 2, 20)).astype(np.float32)
    net = NeuralNetBinaryClassifier(OneLogit, max_epochs=20, lr=0.5, train_split=None, verbose=0)
    assert set(fitted_selector(net, X, np.float32).get_support(indices=True)) == {3, 7}
