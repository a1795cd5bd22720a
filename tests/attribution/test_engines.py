"""Integrated gradients: the rules, the two engines and what they refuse."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from sklearn_emoxai import ConvLSTM, ConvLSTMClassifier, attribution, integrated_gradients
from sklearn_emoxai.attribution import _numba, _pathwise, _torch_kernels
from sklearn_emoxai.attribution._quadrature import METHODS, path_steps

SHAPES = {
    "defaults": {},
    "even kernel": {"kernel_size": (2, 4)},
    "wide kernel": {"kernel_size": (3, 7)},
    "joined coordinates": {"kernel_size": (2, 5), "padding": ("valid", "same")},
    "valid along landmarks": {"kernel_size": (1, 3), "padding": ("same", "valid")},
    "one by one": {"kernel_size": 1},
    "random convolution": {"randomized_conv": True},
    "three classes": {"n_classes": 3},
}


@pytest.fixture(params=["torch", "numba"])
def kernels(request, monkeypatch):
    """Both ways of the pathwise engine to sum along the paths."""
    if request.param == "numba":
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(_pathwise, "choose_kernels", lambda like: _torch_kernels)
    return request.param


def make_data(n_samples=24, n_frames=4, n_landmarks=9, seed=0):
    """Sequences in which class 1 moves landmark 2."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_frames, 2, n_landmarks)).astype(np.float32)
    y = np.arange(n_samples) % 2
    X[y == 1, :, 1, min(2, n_landmarks - 1)] += np.linspace(0, 3, n_frames, dtype=np.float32)
    return X, y


def train(X, y, n_steps=60, **shape):
    """A small network that has learnt the data, with batch statistics and gates of its own."""
    torch.manual_seed(0)
    module = ConvLSTM(
        X.shape[-1], **{"n_filters": 5, "lstm_units": 6, "fc_units": 4, "dropout": 0.1, **shape}
    )
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=0.02)
    for _ in range(n_steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(torch.as_tensor(X)), torch.as_tensor(y)).backward()
        optimizer.step()
    return module.eval()


def reference(module, X, baselines, method, n_steps, target=1, output="probability"):
    """The sum as it is written, one step at a time, by autograd in float64."""
    module = module.double()
    result = np.empty((len(X), len(baselines), *X.shape[1:]))
    for b, baseline in enumerate(torch.as_tensor(baselines).double()):
        difference = torch.as_tensor(X).double() - baseline
        total = torch.zeros_like(difference)
        for alpha, weight in zip(*path_steps(method, n_steps)):
            point = (baseline + alpha * difference).requires_grad_()
            logits = module(point)
            F = (torch.softmax(logits, 1) if output == "probability" else logits)[:, target].sum()
            total += weight * torch.autograd.grad(F, point)[0]
        result[:, b] = total * difference
    module.float()
    return result


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


class Linear(nn.Module):
    """w · x + b as the logit of class 1, for inputs of any shape."""

    def __init__(self, n_features):
        super().__init__()
        self.layer = nn.Linear(n_features, 2)

    def forward(self, X):
        return self.layer(X.flatten(1))


@pytest.mark.parametrize("method", METHODS)
def test_rule_integrates_constants_exactly_and_polynomials_nearly(method):
    alphas, weights = path_steps(method, 400)
    assert weights.sum() == pytest.approx(1)
    assert np.all(np.diff(alphas) > 0)
    assert weights @ (3 * alphas**2) == pytest.approx(1, abs=4e-3)


def test_right_rule_is_the_papers():
    alphas, weights = path_steps("riemann_right", 5)
    np.testing.assert_allclose(alphas, np.arange(1, 6) / 5)
    np.testing.assert_allclose(weights, 0.2)


def test_gauss_legendre_is_exact_up_to_degree_2m_minus_1():
    alphas, weights = path_steps("gausslegendre", 4)
    assert weights @ (8 * alphas**7) == pytest.approx(1, abs=1e-12)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("engine", ["pathwise", "captum"])
def test_engine_computes_the_sum_as_written(engine, method):
    X, y = make_data()
    module = train(X, y)
    result = integrated_gradients(module, X[:4], X[4:6], n_steps=13, method=method, engine=engine)
    assert relative(result, reference(module, X[:4], X[4:6], method, 13)) < 1e-5


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_engines_agree_on_trained_networks(shape, method):
    X, y = make_data()
    module = train(X, y, **shape)
    options = {"n_steps": 20, "method": method, "return_convergence_delta": True}
    pathwise, delta = integrated_gradients(module, X[:6], X[6:8], engine="pathwise", **options)
    captum, captum_delta = integrated_gradients(module, X[:6], X[6:8], engine="captum", **options)
    assert relative(pathwise, captum) < 1e-4
    np.testing.assert_allclose(delta, captum_delta, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("n_frames", [1, 5])
@pytest.mark.parametrize("n_landmarks", [1, 2])
@pytest.mark.parametrize("output", ["probability", "logit"])
def test_engines_agree_on_small_inputs_and_both_outputs(n_frames, n_landmarks, output):
    X, y = make_data(n_frames=n_frames, n_landmarks=n_landmarks)
    module = train(X, y)
    pathwise = integrated_gradients(module, X[:6], X[6:8], engine="pathwise", output=output, target=0)
    captum = integrated_gradients(module, X[:6], X[6:8], engine="captum", output=output, target=0)
    assert relative(pathwise, captum) < 1e-4


@pytest.mark.usefixtures("kernels")
def test_property_engines_agree_on_random_networks():
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(
        seed=st.integers(0, 10_000),
        kernel=st.tuples(st.integers(1, 2), st.integers(1, 6)),
        padding=st.tuples(*[st.sampled_from(["same", "valid"])] * 2),
        n_frames=st.integers(1, 4),
        n_landmarks=st.integers(6, 12),
        n_steps=st.integers(2, 30),
        method=st.sampled_from(METHODS),
        output=st.sampled_from(["probability", "logit"]),
        scale=st.sampled_from([0.1, 1.0, 5.0]),
    )
    def check(seed, kernel, padding, n_frames, n_landmarks, n_steps, method, output, scale):
        torch.manual_seed(seed)
        module = ConvLSTM(
            n_landmarks, n_filters=3, kernel_size=kernel, padding=padding, lstm_units=4, fc_units=5
        )
        for parameter in (*module.conv.parameters(), *module.norm.parameters(), *module.fc1.parameters()):
            nn.init.normal_(parameter)
        module.norm.running_mean.normal_()
        module.norm.running_var.uniform_(0.2, 3)
        module.eval()
        X = scale * torch.randn(4, n_frames, 2, n_landmarks)
        options = {"n_steps": n_steps, "method": method, "output": output}
        pathwise = integrated_gradients(module, X[:3], X[3:], engine="pathwise", **options)
        expected = reference(module, X[:3], X[3:], method, n_steps, output=output)
        assert np.abs(pathwise - expected).max() <= 1e-4 * np.abs(expected).max() + 1e-7

    check()


@pytest.mark.usefixtures("kernels")
def test_sample_that_is_the_baseline_gets_exact_zeros():
    X, y = make_data()
    attributions, delta = integrated_gradients(
        train(X, y), X[:3], X[:3], engine="pathwise", return_convergence_delta=True
    )
    for i in range(3):
        assert not attributions[i, i].any()
    np.testing.assert_allclose(np.diag(delta), 0, atol=1e-7)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("method", ["riemann_right", "riemann_left", "trapezoid"])
@pytest.mark.parametrize("zeros", ["baseline", "sample", "both ends of half the units"])
def test_units_exactly_at_zero_follow_torch(method, zeros):
    X, y = make_data()
    module = train(X, y, n_steps=10)
    with torch.no_grad():
        module.conv.bias.zero_()
    baselines = X[6:8].copy()
    if zeros == "baseline":
        baselines[:] = 0
    elif zeros == "sample":
        X = np.zeros_like(X)
    else:
        X[..., 4:] = baselines[..., 4:] = 0
    pathwise = integrated_gradients(module, X[:4], baselines, engine="pathwise", method=method, n_steps=8)
    captum = integrated_gradients(module, X[:4], baselines, engine="captum", method=method, n_steps=8)
    assert relative(pathwise, captum) < 1e-4


@pytest.mark.usefixtures("kernels")
def test_engines_agree_where_gates_saturate():
    X, y = make_data()
    module = train(X, y, n_steps=10)
    with torch.no_grad():
        module.lstm.weight_ih_l0.mul_(30)
    pathwise = integrated_gradients(module, X[:6], X[6:8], engine="pathwise")
    captum = integrated_gradients(module, X[:6], X[6:8], engine="captum")
    assert relative(pathwise, captum) < 1e-4


@pytest.mark.usefixtures("kernels")
def test_result_does_not_depend_on_batches_of_samples_or_steps(monkeypatch):
    X, y = make_data()
    module = train(X, y)
    whole = integrated_gradients(module, X[:7], X[7:9], n_steps=30)
    assert relative(integrated_gradients(module, X[:7], X[7:9], n_steps=30, batch_size=2), whole) < 1e-5
    monkeypatch.setattr(_pathwise, "STEPS_AT_ONCE", 7)
    assert relative(integrated_gradients(module, X[:7], X[7:9], n_steps=30), whole) < 1e-5


@pytest.mark.usefixtures("kernels")
def test_completeness_error_shrinks_with_the_steps():
    X, y = make_data()
    module = train(X, y)
    errors = []
    for n_steps in (10, 100, 1000):
        attributions, delta = integrated_gradients(
            module, X[:6], X[6:8], n_steps=n_steps, return_convergence_delta=True
        )
        with torch.no_grad():
            F = torch.softmax(module(torch.as_tensor(X[:8])), 1)[:, 1].numpy()
        sums = attributions.sum(axis=(2, 3, 4))
        np.testing.assert_allclose(delta, sums - (F[:6, None] - F[None, 6:]), atol=1e-5)
        errors.append(np.abs(delta).mean())
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_auto_steps_reach_the_tolerance_with_no_more_than_needed(monkeypatch):
    X, y = make_data()
    module = train(X, y)
    used = []
    attributions = _pathwise.PathwiseEngine.attributions
    monkeypatch.setattr(
        _pathwise.PathwiseEngine,
        "attributions",
        lambda self, X, method, n_steps: (
            used.append((len(X), n_steps)) or attributions(self, X, method, n_steps)
        ),
    )
    _, delta = integrated_gradients(
        module, X[:6], X[6:7], n_steps="auto", tolerance=0.005, return_convergence_delta=True
    )
    F = _pathwise.PathwiseEngine(module, "probability", 1).outputs(X[:7])
    assert np.all(np.abs(delta[:, 0]) <= 0.005 * np.maximum(np.abs(F[:6] - F[6]), 0.05))
    assert used[0] == (6, 50)
    assert len(used) > 1
    assert used[1][0] < 6 or used[1][1] == 100


def test_auto_steps_warn_where_the_tolerance_is_out_of_reach():
    X, y = make_data()
    with pytest.warns(ConvergenceWarning, match="pairs miss tolerance=1e-12"):
        integrated_gradients(train(X, y), X[:1], X[1:2], n_steps="auto", tolerance=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 2, 4)])
def test_linear_model_gets_weight_times_difference(method, shape):
    torch.manual_seed(0)
    module = Linear(int(np.prod(shape)))
    X, baselines = torch.randn(4, *shape), torch.randn(2, *shape)
    attributions = integrated_gradients(module, X, baselines, output="logit", method=method, n_steps=6)
    w = module.layer.weight[1].detach().reshape(shape)
    np.testing.assert_allclose(attributions, (w * (X[:, None] - baselines)).numpy(), atol=1e-6)


@pytest.mark.parametrize("engine", ["pathwise", "captum"])
def test_module_is_left_as_it_was(engine):
    X, y = make_data()
    module = train(X, y, randomized_conv=True)
    module.train()
    module.norm.eval()
    modes = [part.training for part in module.modules()]
    trainable = [parameter.requires_grad for parameter in module.parameters()]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    first = integrated_gradients(module, X[:2], X[2:3], engine=engine, n_steps=5)
    assert [part.training for part in module.modules()] == modes
    assert [parameter.requires_grad for parameter in module.parameters()] == trainable
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    np.testing.assert_array_equal(
        first, integrated_gradients(module.eval(), X[:2], X[2:3], engine=engine, n_steps=5)
    )


def test_module_is_restored_after_an_error():
    module = Linear(4).train()
    with pytest.raises(ValueError, match="model must take inputs of shape"):
        integrated_gradients(module, np.ones((2, 5)), np.ones((1, 5)))
    assert module.training
    assert module.layer.weight.requires_grad


def test_estimators_are_explained_through_their_module():
    X, y = make_data()
    estimator = ConvLSTMClassifier(
        n_filters=4, lstm_units=3, fc_units=3, max_epochs=2, validation_fraction=None, random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(
        integrated_gradients(estimator, X[:2], X[2:4]), integrated_gradients(estimator.module_, X[:2], X[2:4])
    )


@pytest.mark.usefixtures("kernels")
def test_double_precision_is_kept():
    X, y = make_data()
    module = train(X, y)
    expected = reference(module, X[:3], X[3:4], "riemann_right", 9)
    attributions = integrated_gradients(module.double(), X[:3].astype(float), X[3:4], n_steps=9)
    assert attributions.dtype == np.float64
    assert relative(attributions, expected) < 1e-10


def test_networks_elsewhere_or_without_numba_take_torchs_kernels(monkeypatch):
    assert _pathwise.choose_kernels(torch.empty(0, device="meta")) is _torch_kernels
    monkeypatch.setattr(_numba, "numba", None)  # as where it is not installed
    assert _pathwise.choose_kernels(torch.empty(0)) is _torch_kernels


def test_the_modules_of_compiled_kernels_can_be_imported_without_numba():
    code = "import sys; sys.modules['numba'] = None; import sklearn_emoxai.attribution._numba_kernels as m; print(m)"
    subprocess.run([sys.executable, "-c", code], check=True)


ATTRIBUTE = """
import numpy as np, torch
from sklearn_emoxai import ConvLSTM, integrated_gradients
torch.manual_seed(0)
X = np.random.default_rng(0).normal(size=(3, 4, 2, 9)).astype("float32")
print(integrated_gradients(ConvLSTM(9), X[:2], X[2:], engine="pathwise").sum())
"""


def _attribute_in_a_new_process(**environment):
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", ATTRIBUTE],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stderr == ""
    return float(process.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="XDG_CACHE_HOME moves the user's cache on Linux")
def test_compiled_kernels_are_kept_in_the_users_cache_and_used_again(tmp_path):
    pytest.importorskip("numba")
    package = Path(attribution.__file__).parent
    beside = set(package.rglob("*.nb?"))
    first = _attribute_in_a_new_process(XDG_CACHE_HOME=str(tmp_path))
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    assert kept
    assert {path.relative_to(tmp_path).parts[1].split("-")[0] for path in kept} == {"kernels"}
    assert _attribute_in_a_new_process(XDG_CACHE_HOME=str(tmp_path)) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")} == kept
    assert set(package.rglob("*.nb?")) == beside


@pytest.mark.skipif(sys.platform != "linux", reason="XDG_CACHE_HOME moves the user's cache on Linux")
def test_without_a_place_for_them_kernels_are_compiled_all_the_same(tmp_path, monkeypatch):
    numba = pytest.importorskip("numba")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    _numba._cache_folder.cache_clear()
    try:
        assert _numba._cache_folder() is None
        assert _numba.compiled(lambda x: 2 * x)(21) == 42
    finally:
        _numba._cache_folder.cache_clear()


def test_compiled_kernels_are_taken_where_numba_is_installed():
    pytest.importorskip("numba")
    kernels = _pathwise.choose_kernels(torch.empty(0, dtype=torch.float64))
    assert kernels.__name__.endswith("_numba_kernels")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_lstm_is_torchs(dtype):
    pytest.importorskip("numba")
    from sklearn_emoxai.attribution import _numba_kernels

    rng = np.random.default_rng(0)
    gates = torch.as_tensor(rng.normal(size=(3, 37, 64), scale=5).astype(dtype))
    gates[0, 0, ::2], gates[0, 0, 1::2] = 60, -60
    W_hidden = torch.as_tensor(rng.normal(size=(64, 16)).astype(dtype))
    d_hidden = torch.as_tensor(rng.normal(size=(37, 16)).astype(dtype))
    results = []
    for kernels in (_torch_kernels, _numba_kernels):
        copy = gates.clone()
        hidden, cells = kernels.lstm_forward(copy, W_hidden)
        kernels.lstm_backward(copy, cells, W_hidden, d_hidden.clone())
        results.append((hidden.numpy(), copy.numpy()))
    tolerance = 50 * np.finfo(dtype).eps
    for ours, theirs in zip(*results):
        assert np.abs(ours - theirs).max() < tolerance * np.abs(theirs).max()


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_compiled_sums_do_not_depend_on_the_threads(n_threads):
    pytest.importorskip("numba")
    X, y = make_data(n_samples=5, n_frames=1)
    module = train(X, y, n_steps=5)
    expected = integrated_gradients(module, X, X[:1], engine="pathwise")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(n_threads)
        result = integrated_gradients(module, X, X[:1], engine="pathwise")
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.usefixtures("kernels")
def test_read_only_and_reversed_arrays_are_taken():
    X, y = make_data()
    module = train(X, y, n_steps=5)
    expected = integrated_gradients(module, X[:3], X[3:5])
    X.setflags(write=False)
    np.testing.assert_array_equal(integrated_gradients(module, X[:3], X[3:5]), expected)
    backwards = np.ascontiguousarray(X[..., ::-1])[..., ::-1]
    np.testing.assert_array_equal(integrated_gradients(module, backwards[:3], backwards[3:5]), expected)


def test_auto_engine_takes_captum_for_subclasses_that_change_forward():
    class Doubled(ConvLSTM):
        def forward(self, X):
            return 2 * super().forward(X)

    torch.manual_seed(0)
    X = torch.randn(3, 4, 2, 9)
    module = Doubled(9, n_filters=3, lstm_units=4, fc_units=5).eval()
    with pytest.raises(ValueError, match=r'engine="pathwise" needs a ConvLSTM; got Doubled. engine="captum"'):
        integrated_gradients(module, X[:2], X[2:], engine="pathwise")
    auto = integrated_gradients(module, X[:2], X[2:], output="logit")
    assert relative(auto, reference(module, X[:2], X[2:], "riemann_right", 50, output="logit")) < 1e-5


X_OK = np.zeros((3, 4, 2, 9), dtype=np.float32)
BAD = {
    "baselines of another shape": ({"baselines": X_OK[:, :3]}, ValueError, r"4, 2, 9.*\(3, 3, 2, 9\)"),
    "no baseline": ({"baselines": X_OK[:0]}, ValueError, "at least one baseline"),
    "baselines of text": ({"baselines": np.array(["a"])}, TypeError, "baselines must hold real numbers"),
    "no sample": ({"X": X_OK[:0]}, ValueError, r"X must have shape .* got \(0, 4, 2, 9\)"),
    "NaN": ({"X": np.full_like(X_OK, np.nan)}, ValueError, "X must be finite"),
    "no steps": ({"n_steps": 0}, ValueError, "n_steps must be at least 1; got 0"),
    "half a step": ({"n_steps": 1.5}, TypeError, "n_steps must be an int"),
    "one point of a trapezoid": ({"n_steps": 1, "method": "trapezoid"}, ValueError, "at least 2"),
    "one step of captum": ({"n_steps": 1, "engine": "captum"}, ValueError, "at least 2"),
    "unknown method": ({"method": "simpson"}, ValueError, "method must be one of riemann_right"),
    "unknown engine": ({"engine": "fast"}, ValueError, "engine must be one of auto, pathwise, captum"),
    "unknown output": ({"output": "log"}, ValueError, "output must be one of probability, logit"),
    "no such class": ({"target": 2}, ValueError, "classes 0 to 1; got 2"),
    "class from the end": ({"target": -1}, ValueError, "classes 0 to 1; got -1"),
    "class by name": ({"target": "joy"}, TypeError, "target must be an int"),
    "no batch": ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
    "no model": ({"model": "net"}, TypeError, "model must be a torch.nn.Module .* got str"),
    "foreign module": ({"model": Linear(72), "engine": "pathwise"}, ValueError, "captum. explains any"),
    "other landmarks": ({"model": ConvLSTM(8)}, ValueError, r"take inputs of shape \(2, 4, 2, 9\)"),
    "softmax inside": (
        {"model": nn.Sequential(nn.Flatten(), nn.Linear(72, 2), nn.Softmax(1))},
        ValueError,
        'already probabilities.*output="logit"',
    ),
    "output not two-dimensional": ({"model": nn.Identity()}, ValueError, r"shape \(n_samples, n_classes\)"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named(change, error, message):
    arguments = {"model": ConvLSTM(9, n_filters=2), "X": X_OK, "baselines": X_OK, **change}
    with pytest.raises(error, match=message):
        integrated_gradients(**arguments)


def test_output_logit_explains_a_module_that_ends_in_a_softmax():
    torch.manual_seed(0)
    logits = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    X = torch.randn(3, 3, 2, 2)
    np.testing.assert_allclose(
        integrated_gradients(nn.Sequential(logits, nn.Softmax(1)), X[:2], X[2:], output="logit"),
        integrated_gradients(logits, X[:2], X[2:], output="probability"),
        atol=1e-6,
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("engine", ["pathwise", "captum"])
def test_gpu_gives_the_same_without_a_global_switch(engine):
    X, y = make_data()
    module = train(X, y)
    expected = integrated_gradients(module, X[:4], X[4:6], engine=engine, n_steps=20)
    enabled = torch.backends.cudnn.enabled
    on_gpu = integrated_gradients(module.cuda(), X[:4], X[4:6], engine=engine, n_steps=20)
    assert torch.backends.cudnn.enabled == enabled
    assert relative(on_gpu, expected) < 1e-4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_explains_a_cudnn_lstm_in_evaluation_mode():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, X):
            return self.head(self.lstm(X.flatten(2))[1][0][-1])

    torch.manual_seed(0)
    module, X = Recurrent(), torch.randn(3, 4, 2, 3)
    expected = integrated_gradients(module, X[:2], X[2:])
    assert relative(integrated_gradients(module.cuda(), X[:2], X[2:]), expected) < 1e-4
