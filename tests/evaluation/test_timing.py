"""When landmarks matter, corrected for a network's habit of looking at late frames."""

import numpy as np
import pytest

from sklearn_emoxai import ConvLSTMClassifier, landmark_attributions, time_profile


def case(when, seed=0):
    """A network that has learnt two landmarks which tell the class in some frames only."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(scale=0.5, size=(200, 8, 2, 6)).astype(np.float32), np.arange(200) % 2
    X[y == 1, when, :, 2:4] += 1
    network = ConvLSTMClassifier(
        n_filters=4, lstm_units=8, fc_units=8, lr=1e-2, max_epochs=20, random_state=seed
    )
    return network.fit(X, y), X, y


@pytest.mark.parametrize("measure", ["attribution", "occlusion"])
def test_known_onset_is_found(measure):
    network, X, y = case(slice(3, 8))
    options = {"n_steps": 10} if measure == "attribution" else {}
    found = time_profile(network, X, y, baselines=X[y == 0][:4], measure=measure, **options)
    np.testing.assert_allclose([found.profile.sum(), found.reference.sum()], 1)
    np.testing.assert_allclose(found.relative, found.profile / found.reference)
    assert found.relative[:3].max() < 0.5 < 1 < found.relative[3]


def test_known_pulse_is_found():
    network, X, y = case(slice(3, 5))
    found = time_profile(network, X, y, baselines=X[y == 0][:4], n_steps=10)
    assert set(np.argsort(-found.relative)[:2]) == {3, 4}
    assert np.delete(found.relative, [3, 4]).max() < 1


def test_reference_is_the_same_network_of_frames_that_are_alike():
    network, X, y = case(slice(3, 5))
    alike = np.repeat(X.mean(axis=1, keepdims=True), 8, axis=1)
    again = ConvLSTMClassifier(**network.get_params()).fit(alike, y)
    found = time_profile(network, X, y, baselines=X[:2], n_steps=5)
    parts = landmark_attributions(again, alike, baselines=alike[:2], n_steps=5, return_parts=True)
    expected = parts.frame_importances.sum(axis=1)
    np.testing.assert_allclose(found.reference, expected / expected.sum(), rtol=1e-4)


def test_occlusion_is_what_the_network_loses_without_the_frames():
    network, X, y = case(slice(3, 5))
    X, y, baseline = X[:20], y[:20], X[:1]
    found = time_profile(network, X, y, baselines=baseline, measure="occlusion", window=3)
    F, lost = network.predict_proba(X)[:, 1], []
    for frame in range(8):
        without = X.copy()
        without[:, max(0, frame - 1) : frame + 2] = baseline[0, max(0, frame - 1) : frame + 2]
        lost.append(np.abs(F - network.predict_proba(without)[:, 1]).mean())
    np.testing.assert_allclose(found.profile, np.array(lost) / sum(lost), rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "gradient"}, "measure must be one of attribution, occlusion"),
        ({"window": 2}, "window must be odd"),
        ({"window": 9}, "window must be from 1 to 8"),
        ({"measure": "occlusion", "output": "prob"}, "output must be one of probability, logit; got 'prob'"),
        ({"measure": "occlusion", "target": 2}, "target must be one of the model's classes 0 to 1; got 2"),
        ({"measure": "occlusion", "baselines": np.zeros((1, 4, 2, 3))}, r"shape \(n_baselines, 8, 2, 3\)"),
        ({"measure": "occlusion", "n_steps": 3}, r"takes no further arguments; got \['n_steps'\]"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    X, y = np.zeros((4, 8, 2, 3), np.float32), np.arange(4) % 2
    network = ConvLSTMClassifier(n_filters=2, lstm_units=2, fc_units=2, max_epochs=1, random_state=0)
    with pytest.raises(ValueError, match=message):
        time_profile(network.fit(X, y), X, y, **{"baselines": X[:1]} | options)
