"""The network against Keras, whose layers the paper names, with the same weights."""

import os

import numpy as np
import pytest
import torch

from sklearn_emoxai import ConvLSTM, ConvLSTMClassifier

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    import keras
except ImportError:
    pytest.skip("Keras is not installed", allow_module_level=True)

# TensorFlow's own deprecations are not ours to fix.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

KERNELS = [
    (3, "same"),
    (3, ("same", "valid")),
    ((2, 3), ("valid", "same")),
    ((2, 1), "valid"),
    ((1, 4), "same"),
    ((2, 5), "same"),
]


def _described_by_the_paper(module, n_frames, n_landmarks, padding):
    """Keras' network of the paper's description, with the weights of our module.

    Keras pads both axes alike: where ours differ, the zeros are a layer of their own.
    """
    padding = (padding, padding) if isinstance(padding, str) else padding
    left, right, top, bottom = module.pad.padding
    # The paper's network, behind the mean face and the scale that are ours.
    scale, mean = module.scale.item(), module.mean.numpy()[..., None]
    standardize = keras.layers.Rescaling(1 / scale, offset=-mean / scale)
    layers = [keras.Input((n_frames, 2, n_landmarks, 1)), standardize]
    if padding[0] != padding[1]:
        zeros = keras.layers.ZeroPadding2D(((top, bottom), (left, right)))
        layers.append(keras.layers.TimeDistributed(zeros))
    mode = padding[0] if padding[0] == padding[1] else "valid"
    conv = keras.layers.Conv2D(
        module.conv.out_channels, module.conv.kernel_size, padding=mode, activation="relu"
    )
    layers += [
        keras.layers.TimeDistributed(conv),
        keras.layers.BatchNormalization(epsilon=module.norm.eps),
        # Ours flattens filters first.
        keras.layers.Permute((1, 4, 2, 3)),
        keras.layers.TimeDistributed(keras.layers.Flatten()),
        keras.layers.LSTM(module.lstm.hidden_size),
        keras.layers.Dropout(module.dropout.p),
        keras.layers.Dense(module.fc1.out_features, activation="relu"),
        keras.layers.Dense(module.fc2.out_features, activation="softmax"),
    ]
    network = keras.Sequential(layers)
    lstm, norm = module.lstm, module.norm
    weights = [
        module.conv.weight.permute(2, 3, 1, 0),
        module.conv.bias,
        norm.weight,
        norm.bias,
        norm.running_mean,
        norm.running_var,
        lstm.weight_ih_l0.T,
        lstm.weight_hh_l0.T,
        lstm.bias_ih_l0 + lstm.bias_hh_l0,
        *(tensor.T for dense in (module.fc1, module.fc2) for tensor in (dense.weight, dense.bias[None])),
    ]
    shapes = [weight.shape for weight in network.get_weights()]
    network.set_weights(
        [weight.detach().numpy().reshape(shape) for weight, shape in zip(weights, shapes, strict=True)]
    )
    return network


@pytest.mark.parametrize(("kernel_size", "padding"), KERNELS)
@pytest.mark.parametrize(("n_landmarks", "n_classes"), [(9, 2), (30, 3)])
def test_same_weights_give_keras_probabilities(kernel_size, padding, n_landmarks, n_classes):
    torch.manual_seed(0)
    module = ConvLSTM(
        n_landmarks,
        n_filters=4,
        kernel_size=kernel_size,
        padding=padding,
        lstm_units=6,
        fc_units=5,
        n_classes=n_classes,
    ).eval()
    with torch.no_grad():
        for tensor in (*module.parameters(), module.norm.running_mean):
            tensor += 0.3 * torch.randn_like(tensor)
        module.norm.running_var.uniform_(0.5, 2)
        module.mean.normal_()
        module.scale.fill_(1.7)
        X = torch.randn(8, 5, 2, n_landmarks)
        ours = torch.softmax(module(X), dim=1).numpy()
    network = _described_by_the_paper(module, 5, n_landmarks, padding)
    np.testing.assert_allclose(network.predict(X[..., None].numpy(), verbose=0), ours, rtol=0, atol=1e-5)
    assert ours.std(axis=0).min() > 1e-3  # the inputs make a difference


@pytest.mark.parametrize("randomized_conv", [False, True])
def test_a_trained_classifier_gives_keras_probabilities(planted, randomized_conv):
    X, emotion, _ = planted
    model = ConvLSTMClassifier(
        n_filters=4,
        lstm_units=6,
        fc_units=5,
        lr=1e-2,
        max_epochs=40,
        early_stopping=False,
        randomized_conv=randomized_conv,
        random_state=0,
    ).fit(X, emotion == "fear")
    network = _described_by_the_paper(model.module_, X.shape[1], X.shape[3], model.padding)
    found = network.predict(X[..., None], verbose=0)
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=0, atol=1e-5)
    assert np.ptp(found[:, 1]) > 0.5


def test_weights_are_drawn_as_keras_draws_them():
    """Standard deviations and exact values, layer by layer."""
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    module = ConvLSTM(40, n_filters=30, kernel_size=3, lstm_units=20, fc_units=50)
    drawn_by_keras = _described_by_the_paper(module, 3, 40, "same")
    ours = drawn_by_keras.get_weights()
    fresh = keras.models.clone_model(drawn_by_keras).get_weights()
    for mine, theirs in zip(ours, fresh, strict=True):
        if np.ptp(theirs) in (0, 1):  # zeros, ones and the forget gate's ones
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine.std() == pytest.approx(theirs.std(), rel=0.15)
    recurrent = ours[7]
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(20), atol=1e-5)
