import copy

import numpy as np
import pytest
import torch

from sklearn_emoxai import ConvLSTM
from sklearn_emoxai.network._convlstm import last_hidden_state
from sklearn_emoxai.network._cpu_passes import Buffers, fused_logits


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_last_hidden_state_follows_the_lstm_equations():
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(7, 4, batch_first=True)
    x = np.random.default_rng(0).normal(size=(3, 5, 7))
    W, U, b_w, b_u = (getattr(lstm, name).detach().double().numpy() for name in lstm._flat_weights_names)
    h = c = np.zeros((3, 4))
    for t in range(5):
        i, f, g, o = np.split(x[:, t] @ W.T + b_w + h @ U.T + b_u, 4, axis=1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
    found = last_hidden_state(lstm, torch.as_tensor(x, dtype=torch.float32)).detach()
    np.testing.assert_allclose(found, h, atol=1e-6)


def test_network_computes_the_papers_layers():
    torch.manual_seed(0)
    network = ConvLSTM(6, n_filters=3, kernel_size=3, lstm_units=4, fc_units=5).eval()
    network.norm.running_mean.uniform_(-1, 1)
    network.norm.running_var.uniform_(0.5, 2)
    X = torch.randn(2, 4, 2, 6)
    padded = torch.nn.functional.pad(X, (1, 1, 1, 1))
    frames = torch.zeros(2, 4, 3, 2, 6)
    for row in range(2):
        for column in range(6):
            window = padded[:, :, row : row + 3, column : column + 3]
            frames[..., row, column] = torch.einsum("npab,fab->npf", window, network.conv.weight[:, 0])
    frames = torch.relu(frames + network.conv.bias[:, None, None])
    mean, var = (v[:, None, None] for v in (network.norm.running_mean, network.norm.running_var))
    frames = (frames - mean) / torch.sqrt(var + network.norm.eps)
    hidden = network.lstm(frames.reshape(2, 4, -1))[1][0][-1]
    expected = network.fc2(torch.relu(network.fc1(hidden)))
    torch.testing.assert_close(network(X), expected)


@pytest.mark.parametrize("n_landmarks", [1, 5])
@pytest.mark.parametrize(
    ("kernel_size", "padding"),
    [(1, "valid"), (3, "same"), ((2, 1), ("valid", "same")), ((2, 3), ("valid", "same")), ((1, 4), "same")],
)
def test_any_kernel_fits_any_number_of_landmarks(n_landmarks, kernel_size, padding):
    network = ConvLSTM(n_landmarks, n_filters=2, kernel_size=kernel_size, padding=padding, n_classes=3)
    assert network(torch.zeros(2, 3, 2, n_landmarks)).shape == (2, 3)


def test_a_kernel_larger_than_the_frame_is_refused():
    with pytest.raises(ValueError, match=r"kernel_size .* got \(3, 3\)"):
        ConvLSTM(5, kernel_size=3, padding="valid")


@pytest.mark.parametrize("padding", ["full", ("same", "full")])
def test_unknown_padding_is_named(padding):
    with pytest.raises(ValueError, match="padding must be .*full"):
        ConvLSTM(5, padding=padding)


def test_gates_are_not_saturated_by_wide_inputs():
    torch.manual_seed(0)
    lstm = ConvLSTM(468).lstm
    gates = torch.randn(50, lstm.input_size) @ lstm.weight_ih_l0.detach().T
    assert gates.std() < 2


KERNELS = [
    (1, "valid"),
    (3, "same"),
    ((2, 3), ("valid", "same")),
    ((2, 1), ("valid", "same")),
    ((1, 4), "same"),
]


def _drawn(kernel_size, padding, **arguments):
    """A network whose every parameter matters."""
    torch.manual_seed(0)
    network = ConvLSTM(
        12,
        n_filters=5,
        kernel_size=kernel_size,
        padding=padding,
        lstm_units=6,
        fc_units=7,
        dropout=0.0,
        **arguments,
    )
    with torch.no_grad():
        network.norm.weight.uniform_(0.5, 2)
        for parameter in (network.norm.bias, network.conv.bias, network.norm.running_mean):
            parameter.uniform_(-1, 1)
        network.norm.running_var.uniform_(0.5, 2)
    return network


@pytest.mark.parametrize("randomized_conv", [False, True])
@pytest.mark.parametrize(("kernel_size", "padding"), KERNELS)
def test_fused_training_has_the_gradients_of_autograd(kernel_size, padding, randomized_conv):
    plain = _drawn(kernel_size, padding, randomized_conv=randomized_conv).double()
    fused, buffers = copy.deepcopy(plain), Buffers(torch.float64)
    for n_samples in (7, 9, 4):  # the buffers serve batches of all sizes
        X, y = torch.randn(n_samples, 4, 2, 12).double() + 3, torch.arange(n_samples) % 2
        losses = []
        for network, logits in ((plain, plain(X)), (fused, fused_logits(fused, X, buffers))):
            network.zero_grad()
            losses.append(torch.nn.functional.cross_entropy(logits, y))
            losses[-1].backward()
        torch.testing.assert_close(*losses, rtol=1e-12, atol=0)
        for (name, expected), found in zip(plain.named_parameters(), fused.parameters()):
            if randomized_conv and name.startswith("conv"):
                assert found.grad is None
                continue
            torch.testing.assert_close(found.grad, expected.grad, rtol=1e-9, atol=1e-12)
        for expected, found in zip(plain.norm.buffers(), fused.norm.buffers()):
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_fused_gradients_add_up_and_pass_frozen_parameters_by():
    once, twice = (_drawn(3, "same") for _ in range(2))
    X = torch.randn(5, 4, 2, 12)
    twice.norm.weight.requires_grad_(False)
    for network, times in ((once, 1), (twice, 2)):
        buffers = Buffers()
        for _ in range(times):
            fused_logits(network, X, buffers).square().sum().backward()
    assert twice.norm.weight.grad is None
    torch.testing.assert_close(twice.lstm.weight_ih_l0.grad, 2 * once.lstm.weight_ih_l0.grad)
    torch.testing.assert_close(twice.conv.weight.grad, 2 * once.conv.weight.grad)


@pytest.mark.parametrize(("kernel_size", "padding"), KERNELS)
def test_fused_evaluation_is_the_networks(kernel_size, padding):
    network = _drawn(kernel_size, padding, n_classes=3).eval()
    with torch.no_grad():
        network.norm.weight[:3] = torch.tensor([-1.0, 0.0, -0.3])
    X = torch.randn(6, 4, 2, 12)
    logits = fused_logits(network, X)
    torch.testing.assert_close(logits, network(X).detach(), rtol=1e-5, atol=1e-5)
    assert not logits.requires_grad
