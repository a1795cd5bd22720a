"""Typical samples and the global relevance of landmarks."""

import warnings

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import nn

from sklearn_emoxai import ConvLSTM, integrated_gradients, landmark_attributions, typical_samples
from sklearn_emoxai.attribution import BaselineWarning, _baselines

EMOTIONS = np.array(["anger", "fear", "joy"])
PLANTED = 5


@pytest.fixture(scope="module")
def data():
    """Sequences in which joy moves one landmark late."""
    rng = np.random.default_rng(0)
    labels = np.repeat(EMOTIONS, [6, 8, 10])
    X = rng.normal(scale=0.5, size=(24, 4, 2, 9)).astype(np.float32)
    X[labels == "joy", 2:, 1, PLANTED] += 3
    return X, labels


@pytest.fixture(scope="module")
def module(data):
    X, labels = data
    torch.manual_seed(0)
    module = ConvLSTM(9, n_filters=5, lstm_units=6, fc_units=4, dropout=0.1)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(50):
        optimizer.zero_grad()
        target = torch.as_tensor((labels == "joy").astype(int))
        nn.functional.cross_entropy(module(torch.as_tensor(X)), target).backward()
        optimizer.step()
    return module.eval()


class Ramp(nn.Module):
    """Logit of class 1 is the mean of the input, times ten."""

    def forward(self, X):
        mean = 10 * X.flatten(1).mean(dim=1)
        return torch.stack([torch.zeros_like(mean), mean], dim=1)


def brute_force_medoid(X, rows):
    flat = X[rows].reshape(len(rows), -1).astype(float)
    return rows[cdist(flat, flat).sum(axis=1).argmin()]


@pytest.mark.parametrize("block", [3, 512])
def test_typical_sample_is_the_medoid(data, monkeypatch, block):
    monkeypatch.setattr(_baselines, "BLOCK", block)
    X, labels = data
    expected = {str(e): brute_force_medoid(X, np.flatnonzero(labels == e)) for e in EMOTIONS}
    assert typical_samples(X, labels) == expected


def test_medoid_is_exact_far_from_the_origin(data):
    X, labels = data
    assert typical_samples(X.astype(float) + 1e5, labels) == typical_samples(X, labels)


def test_first_of_equal_samples_is_typical(data, monkeypatch):
    X, labels = data
    expected = typical_samples(X, labels)
    twice = np.concatenate([X, X, X])
    for block in (5, 7, 512):
        monkeypatch.setattr(_baselines, "BLOCK", block)
        assert typical_samples(twice, np.tile(labels, 3)) == expected


def test_typical_samples_reads_a_memory_map_in_blocks(data, tmp_path, monkeypatch):
    X, labels = data
    np.save(tmp_path / "X.npy", X)
    monkeypatch.setattr(_baselines, "BLOCK", 4)
    assert typical_samples(np.load(tmp_path / "X.npy", mmap_mode="r"), labels) == typical_samples(X, labels)


def test_unlikely_medoid_is_the_medoid_of_the_least_probable_half():
    X = np.array([0, 0.1, 0.2, 0.3, 1.0, 1.1, 1.2, 1.3], dtype=np.float32).reshape(-1, 1, 1, 1)
    order = np.array([4, 0, 5, 1, 6, 2, 7, 3])
    chosen = typical_samples(X[order], ["joy"] * 8, method="unlikely_medoid", model=Ramp())
    assert X[order][chosen["joy"]].item() == pytest.approx(0.1)
    all_of_them = typical_samples(X[order], ["joy"] * 8, method="unlikely_medoid", model=Ramp(), share=1.0)
    assert all_of_them == typical_samples(X[order], ["joy"] * 8)


def test_given_samples_are_checked_and_ordered(data):
    X, labels = data
    given = {"joy": 20, "anger": 0, "fear": 7}
    assert list(typical_samples(X, labels, method=given).items()) == sorted(given.items())
    with pytest.raises(ValueError, match=r"method must give a sample of each label; none for \['fear'\]"):
        typical_samples(X, labels, method={"joy": 20, "anger": 0})
    with pytest.raises(ValueError, match="indices of samples of their label; got 'joy': 0"):
        typical_samples(X, labels, method={**given, "joy": 0})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["a"]}, r"labels must have shape \(24,\).*got \(1,\)"),
        ({"method": "mean"}, "method must be one of medoid, unlikely_medoid or a mapping; got 'mean'"),
        ({"method": "unlikely_medoid"}, "model must be given"),
        ({"method": "unlikely_medoid", "model": Ramp(), "share": 0}, r"share must be in \(0, 1\]; got 0"),
    ],
)
def test_typical_samples_names_bad_input(data, options, message):
    X, labels = data
    with pytest.raises(ValueError, match=message):
        typical_samples(**{"X": X, "labels": labels, **options})


@pytest.mark.parametrize("explain", ["all", "positive"])
@pytest.mark.parametrize("engine", ["pathwise", "captum"])
def test_relevance_is_the_papers_mean(data, module, engine, explain):
    X, labels = data
    parts = landmark_attributions(
        module,
        X,
        labels=labels,
        positive="joy",
        explain=explain,
        engine=engine,
        n_steps=12,
        return_parts=True,
    )
    magnitudes = np.abs(
        integrated_gradients(module, X, X[list(parts.typical_samples.values())], n_steps=12)
    ).sum(axis=3)
    by_baseline = []
    for b, emotion in enumerate(EMOTIONS):
        explained = (labels != emotion) & ((labels == "joy") | (explain == "all"))
        if explained.any():
            by_baseline.append(magnitudes[explained, b].mean(axis=0))
    expected = np.mean(by_baseline, axis=0)
    np.testing.assert_allclose(parts.frame_importances, expected, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(parts.importances, expected.sum(axis=0), rtol=2e-3)


def test_parts_are_consistent(data, module):
    X, labels = data
    parts = landmark_attributions(module, X, labels=labels, positive="joy", return_parts=True)
    np.testing.assert_allclose(parts.importances, parts.frame_importances.sum(axis=0))
    np.testing.assert_allclose(parts.importances, parts.by_baseline.mean(axis=0))
    np.testing.assert_array_equal(parts.n_pairs, [[0, 6, 6], [8, 0, 8], [10, 10, 0]])
    weighted = np.nansum(parts.means.sum(axis=2) * parts.n_pairs[..., None], axis=1)
    np.testing.assert_allclose(parts.by_label, weighted / parts.n_pairs.sum(axis=1)[:, None])
    assert np.isnan(parts.means[0, 0]).all()
    assert parts.labels == ["anger", "fear", "joy"]
    assert parts.typical_samples == typical_samples(X, labels)
    with torch.no_grad():
        F = torch.softmax(module(torch.as_tensor(X)), 1)[:, 1].numpy()
    np.testing.assert_allclose(parts.baseline_outputs, F[list(parts.typical_samples.values())], rtol=1e-5)
    _, delta = integrated_gradients(
        module, X, X[list(parts.typical_samples.values())], return_convergence_delta=True
    )
    others = labels[:, None] != EMOTIONS
    assert parts.convergence_delta == pytest.approx(np.abs(delta[others]).mean(), rel=1e-3)
    difference = np.abs(F[:, None] - parts.baseline_outputs)[others].mean()
    assert parts.relative_delta == pytest.approx(parts.convergence_delta / difference, rel=1e-3)


def test_planted_landmark_and_its_frames_come_first(data, module):
    X, labels = data
    parts = landmark_attributions(module, X, labels=labels, positive="joy", return_parts=True)
    assert parts.importances.argmax() == PLANTED
    assert parts.frame_importances[2:, PLANTED].min() > parts.frame_importances[:2, PLANTED].max()


def test_given_baselines_serve_every_sample(data, module):
    X, labels = data
    parts = landmark_attributions(module, X, baselines=X[:2], return_parts=True)
    expected = np.abs(integrated_gradients(module, X, X[:2])).sum(axis=(2, 3)).mean(axis=(0, 1))
    np.testing.assert_allclose(parts.importances, expected, rtol=1e-4)
    assert parts.typical_samples is None
    assert parts.labels == [None]
    by_mask = landmark_attributions(module, X, baselines=X[:2], positive=labels == "joy", explain="positive")
    np.testing.assert_allclose(
        by_mask, landmark_attributions(module, X[labels == "joy"], baselines=X[:2]), rtol=1e-4
    )


def test_result_does_not_depend_on_the_batch_size(data, module):
    X, labels = data
    np.testing.assert_allclose(
        landmark_attributions(module, X, labels=labels, batch_size=3),
        landmark_attributions(module, X, labels=labels),
        rtol=1e-4,
    )


def test_memory_map_is_read_in_batches(data, module, tmp_path):
    X, labels = data
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        landmark_attributions(module, mapped, labels=labels), landmark_attributions(module, X, labels=labels)
    )


def test_constant_network_has_no_relevance_and_no_error(data):
    X, labels = data
    constant = ConvLSTM(9, n_filters=2, lstm_units=3, fc_units=2)
    with torch.no_grad():
        constant.fc2.weight.zero_()
    parts = landmark_attributions(constant, X, labels=labels, positive="joy", return_parts=True)
    assert not parts.importances.any()
    assert parts.relative_delta == 0


def test_unsound_baselines_are_reported():
    X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(12, 1, 1, 1)
    labels = np.repeat(["anger", "fear", "joy"], 4)
    with pytest.warns(BaselineWarning, match=r"typical samples of {'joy': 0.9.*} for the explained emotion"):
        landmark_attributions(Ramp(), X, labels=labels, positive="fear")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        landmark_attributions(Ramp(), X, labels=labels, positive="joy")
        landmark_attributions(Ramp(), X, labels=labels, positive=labels == "joy")
        landmark_attributions(Ramp(), X, labels=labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "labels or baselines must be given, one of the two; got neither"),
        ({"labels": ["a"] * 24, "baselines": np.zeros((1, 4, 2, 9))}, "got both"),
        ({"labels": ["a"] * 24}, r"at least two labels; got only \['a'\]"),
        ({"baselines": np.zeros((1, 4, 2, 8))}, "baselines must have shape"),
        ({"labels": ["a", "b"] * 12, "explain": "some"}, "explain must be one of all, positive; got 'some'"),
        ({"labels": ["a", "b"] * 12, "explain": "positive"}, "positive must name the positive class"),
        ({"labels": ["a", "b"] * 12, "positive": "c"}, r"one of the labels \(a, b\).*got 'c'"),
        ({"baselines": np.zeros((1, 4, 2, 9)), "positive": "c"}, "none without labels"),
        ({"labels": ["a", "b"] * 12, "positive": [1, 0]}, r"boolean mask of shape \(24,\)"),
        (
            {"baselines": np.zeros((1, 4, 2, 9)), "positive": np.zeros(24, bool), "explain": "positive"},
            "samples to explain",
        ),
    ],
)
def test_landmark_attributions_names_bad_input(data, module, options, message):
    with pytest.raises(ValueError, match=message):
        landmark_attributions(module, data[0], **options)
