"""aeon's MiniRocket as a peer: the recipe of docs/comparison.rst."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_emoxai import EmotionClassifier, SequenceChannels, compare

convolution_based = pytest.importorskip("aeon.transformations.collection.convolution_based")


class MiniRocket(convolution_based.MiniRocket):
    """aeon's, in pipelines that route metadata."""

    get_metadata_routing = BaseEstimator.get_metadata_routing


@pytest.fixture
def faces():
    """Ten frames in which landmark 3 jumps for fear and landmark 5 for joy; six subjects."""
    rng = np.random.default_rng(0)
    X = rng.normal(scale=0.3, size=(90, 10, 2, 8)).astype(np.float32)
    emotion = np.array(["anger", "fear", "joy"])[np.arange(90) % 3]
    X[emotion == "fear", 5:, :, 3] += 3
    X[emotion == "joy", 5:, :, 5] += 3
    return X, emotion, np.arange(90) // 15


@pytest.fixture
def model():
    ridge = RidgeClassifierCV(np.logspace(-3, 3, 10))
    rocket = MiniRocket(n_kernels=500, random_state=0)
    return make_pipeline(SequenceChannels(), rocket, StandardScaler(with_mean=False), ridge)


def test_the_layout_is_aeons(faces):
    from aeon.utils.validation.collection import get_n_cases, get_n_channels, get_n_timepoints

    channels = SequenceChannels().fit_transform(faces[0])
    assert (get_n_cases(channels), get_n_channels(channels), get_n_timepoints(channels)) == (90, 16, 10)


def test_minirocket_tells_emotions_of_new_subjects(faces, model):
    X, emotion, subjects = faces
    train = subjects < 4
    assert model.fit(X[train], emotion[train]).score(X[~train], emotion[~train]) > 0.9
    joined = EmotionClassifier(model).fit(X[train], emotion[train], groups=subjects[train])
    assert joined.score(X[~train], emotion[~train]) > 0.9


def test_minirocket_is_compared_with_others(faces, model):
    X, emotion, subjects = faces
    found = compare({"MiniRocket": model}, X, emotion, groups=subjects, n_splits=2, n_runs=1, random_state=0)
    assert found.groupby("emotion")["roc_auc"].mean().min() > 0.9
