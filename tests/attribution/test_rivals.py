"""Attributions beside integrated gradients: their truths, captum and the fast paths, and what they refuse."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_emoxai import ConvLSTM, landmark_attributions, pair_attributions
from sklearn_emoxai.attribution import ATTRIBUTIONS
from sklearn_emoxai.attribution._deep_lift import Pair

RIVALS = ATTRIBUTIONS[1:]
COMPLETE = ("shapley_sampling", "deep_lift")
SHAPES = {
    "defaults": {},
    "even kernel": {"kernel_size": (2, 4)},
    "joined coordinates": {"kernel_size": (2, 5), "padding": ("valid", "same")},
    "valid along landmarks": {"kernel_size": (1, 3), "padding": ("same", "valid")},
    "three classes": {"n_classes": 3},
}


class Linear(nn.Module):
    """Logit of class 1 is w · x."""

    def __init__(self, shape):
        super().__init__()
        self.w = nn.Parameter(torch.randn(shape))

    def forward(self, X):
        value = (X * self.w).flatten(1).sum(dim=1)
        return torch.stack([torch.zeros_like(value), value], dim=1)


def make_pairs(n_samples=5, n_baselines=2, n_landmarks=9, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 4, 2, n_landmarks)).astype(np.float32) for n in (n_samples, n_baselines))


def trained(n_landmarks=9, **shape):
    """A network away from its first weights, with batch statistics of its own."""
    torch.manual_seed(0)
    module = ConvLSTM(
        n_landmarks, **{"n_filters": 4, "lstm_units": 5, "fc_units": 4, "dropout": 0.1, **shape}
    )
    X = torch.randn(24, 4, 2, n_landmarks)
    y = torch.arange(24) % 2
    X[y == 1, :, 1, 2] += 2
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(X), y).backward()
        optimizer.step()
    return module.eval()


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_linear_model_is_explained_by_its_weights(attribution):
    torch.manual_seed(0)
    X, baselines = make_pairs()
    model = Linear(X.shape[1:])
    baselines = baselines[:1]  # several are one background for expected gradients
    found = pair_attributions(model, X, baselines, attribution=attribution, output="logit", n_steps=3)
    expected = (X[:, None] - baselines) * model.w.detach().numpy()
    if attribution in ("feature_ablation", "shapley_sampling"):  # of whole landmarks
        found, expected = found.sum(axis=(2, 3)), expected.sum(axis=(2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kernels", ["torch", "numba"])
@pytest.mark.parametrize(
    ("output", "shape"),
    [("logit" if name == "even kernel" else "probability", shape) for name, shape in SHAPES.items()],
    ids=SHAPES,
)
@pytest.mark.parametrize("attribution", [a for a in RIVALS if a not in ("deep_lift", "expected_gradients")])
def test_fast_path_and_captum_agree(attribution, output, shape, kernels, monkeypatch):
    if kernels == "numba":
        pytest.importorskip("numba")
    else:
        from sklearn_emoxai.attribution import _pathwise, _torch_kernels

        monkeypatch.setattr(_pathwise, "choose_kernels", lambda like: _torch_kernels)
    module = trained(**shape)
    X, baselines = make_pairs()
    both = [
        pair_attributions(
            module,
            X,
            baselines,
            attribution=attribution,
            output=output,
            n_steps=4,
            random_state=3,
            engine=engine,
        )
        for engine in ("pathwise", "captum")
    ]
    assert np.abs(both[0]).max() > 1e-3
    np.testing.assert_allclose(*both, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize("attribution", COMPLETE)
def test_complete_attributions_sum_to_the_difference(attribution, output, shape):
    X, baselines = make_pairs()
    _, delta = pair_attributions(
        trained(**shape), X, baselines, attribution=attribution, output=output, n_steps=3, random_state=0,
        return_convergence_delta=True,
    )  # fmt: skip
    np.testing.assert_allclose(delta, 0, atol=2e-5)


@pytest.mark.parametrize("attribution", ["gradient_shap", "expected_gradients"])
def test_draws_near_completeness_with_their_number(attribution):
    module = trained()
    X, baselines = make_pairs()
    few, many = (
        pair_attributions(
            module, X, baselines, attribution=attribution, n_steps=n_steps, random_state=0,
            return_convergence_delta=True,
        )[1]
        for n_steps in (2, 4000)
    )  # fmt: skip
    assert np.abs(many).mean() < 0.03 < np.abs(few).mean() / 5


def test_ablation_is_what_the_network_loses():
    module = trained()
    X, baselines = make_pairs(3, 1)
    effects = pair_attributions(module, X, baselines, attribution="feature_ablation").sum(axis=(2, 3))[:, 0]

    def F(X):
        with torch.no_grad():
            return torch.softmax(module(torch.as_tensor(X)), 1)[:, 1].numpy()

    for landmark in range(X.shape[3]):
        changed = X.copy()
        changed[..., landmark] = baselines[0, ..., landmark]
        np.testing.assert_allclose(effects[:, landmark], F(X) - F(changed), atol=1e-6)


class Recurrent(nn.Module):
    """A ConvLSTM whose gates let everything through alike, written in modules that captum's DeepLIFT sees."""

    def __init__(self, module, n_frames):
        super().__init__()
        self.module, self.relu, self.relu1 = module, nn.ReLU(), nn.ReLU()
        self.candidates = nn.ModuleList(nn.Tanh() for _ in range(n_frames))
        self.outs = nn.ModuleList(nn.Tanh() for _ in range(n_frames))

    def forward(self, X):
        m, lstm = self.module, self.module.lstm
        frames = m.norm(self.relu(m.conv(m.pad(m.standardize(X).flatten(0, 1).unsqueeze(1)))))
        bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
        gates = frames.reshape(*X.shape[:2], -1) @ lstm.weight_ih_l0.T + bias
        i, f, _, o = torch.sigmoid(bias).chunk(4)
        h = c = gates.new_zeros(len(X), lstm.hidden_size)
        for t in range(X.shape[1]):
            g = (gates[:, t] + h @ lstm.weight_hh_l0.T).chunk(4, dim=1)[2]
            c = f * c + i * self.candidates[t](g)
            h = o * self.outs[t](
                c.clone()
            )  # captum replaces the whole gradient of what an activation is given
        return m.fc2(self.relu1(m.fc1(h)))


def test_deep_lift_is_captums_where_no_gate_moves():
    module = trained()
    with torch.no_grad():
        Q = module.lstm.hidden_size
        for weight in (module.lstm.weight_ih_l0, module.lstm.weight_hh_l0):
            for gate in (0, 1, 3):
                weight[gate * Q : (gate + 1) * Q] = 0
    X, baselines = make_pairs()
    twin = Recurrent(module, X.shape[1]).eval()
    np.testing.assert_allclose(
        twin(torch.as_tensor(X)).detach(), module(torch.as_tensor(X)).detach(), atol=1e-5
    )
    ours, captums = (
        pair_attributions(model, X, baselines, attribution="deep_lift") for model in (module, twin)
    )
    assert np.abs(ours).max() > 1e-3
    np.testing.assert_allclose(ours, captums, rtol=1e-3, atol=1e-6)


def test_a_product_of_two_factors_is_shared_evenly():
    x = torch.tensor([[2.0, 5.0]]).requires_grad_()
    pair = Pair(x, torch.tensor([[1.0, 3.0]]))
    a, b = (Pair(*(each[:, k] for each in pair)) for k in (0, 1))
    product = a.times(b)
    assert product.sample.item() == 10
    multipliers = torch.autograd.grad(product.sample.sum(), x)[0]
    # Shapley: a adds (5 + 3) / 2 for its change of 1, b (2 + 1) / 2 each of its 2; together 10 − 3.
    assert multipliers.tolist() == [[4.0, 1.5]]


def test_attributions_of_pairs_make_the_landmarks():
    labels = np.array(["anger", "fear", "joy"])[np.arange(9) % 3]
    module = trained()
    X, _ = make_pairs(9, 1)
    for attribution in RIVALS:
        options = {"attribution": attribution, "n_steps": 3, "random_state": 0}
        parts = landmark_attributions(module, X, labels=labels, return_parts=True, **options)
        assert parts.importances.shape == (9,)
        assert parts.importances.min() > 0
        assert parts.means.shape == (3, 3, 4, 9)
        if attribution in ("feature_ablation", "deep_lift", "gradient_x_input"):  # nothing is drawn
            pairs = pair_attributions(module, X, X[list(parts.typical_samples.values())], **options)
            others = labels[:, None] != np.array(["anger", "fear", "joy"])
            expected = np.mean(
                [np.abs(pairs[others[:, b], b]).sum(axis=(1, 2)).mean(axis=0) for b in range(3)], axis=0
            )
            np.testing.assert_allclose(parts.importances, expected, rtol=1e-4)


@pytest.mark.parametrize("attribution", RIVALS)
@pytest.mark.parametrize("engine", ["auto", "captum"])
def test_draws_do_not_depend_on_the_batch_size_and_leave_generators_alone(attribution, engine):
    if (attribution, engine) == ("deep_lift", "captum"):
        module = Recurrent(trained(), 4).eval()
    else:
        module = trained()
    X, _ = make_pairs(6, 1)
    options = {"attribution": attribution, "n_steps": 3, "random_state": 0, "engine": engine}
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    found = [
        landmark_attributions(module, X, labels=["a", "b"] * 3, batch_size=size, **options) for size in (1, 4)
    ]
    np.testing.assert_allclose(*found, rtol=1e-4)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_movements_point_where_the_emotion_is():
    torch.manual_seed(0)
    X, baselines = make_pairs(40, 1)
    model = Linear(X.shape[1:])
    parts = landmark_attributions(
        model, X, baselines=baselines, output="logit", attribution="gradient_x_input", return_parts=True
    )
    w, d = model.w.detach().numpy(), X - baselines
    np.testing.assert_allclose(parts.movements, (w * (d**2).mean(axis=0)).sum(axis=0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(
        parts.signed_importances, (w * d.mean(axis=0)).sum(axis=(0, 1)), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attribution": "lime"}, "attribution must be one of integrated_gradients, .*; got 'lime'"),
        (
            {"attribution": "deep_lift", "n_steps": "auto"},
            'n_steps must be an int with attribution="deep_lift"',
        ),
        (
            {"attribution": "expected_gradients", "engine": "pathwise"},
            'engine must be "auto" or "captum" with',
        ),
        ({"attribution": "deep_lift", "engine": "captum"}, "whose gates captum does not see"),
    ],
)
def test_what_cannot_be_computed_is_refused(options, message):
    X, baselines = make_pairs()
    with pytest.raises(ValueError, match=message):
        pair_attributions(ConvLSTM(9, n_filters=2, lstm_units=3, fc_units=2), X, baselines, **options)
