import numpy as np
import pytest
import torch

from sklearn_emoxai import ConvLSTM
from sklearn_emoxai.convlstm import last_hidden_state


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
