import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import SequenceFlattener, early_decisions
from sklearn_emoxai.evaluation._early import _seen


class ByOneFrame(ClassifierMixin, BaseEstimator):
    """Decides by the first landmark's x in one frame, and notes what it has seen."""

    classes_ = np.array(["anger", "fear"])

    def __init__(self, frame):
        self.frame = frame
        self.seen = []

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        self.seen.append(X)
        return X[:, self.frame, 0, 0]


@pytest.fixture
def data():
    """The emotion shows from the fourth of six frames on."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6, 2, 5)).astype(np.float32)
    y = np.where(np.arange(60) % 3 == 0, "fear", "anger")
    X[y == "fear", 3:] += 2
    return X, y, np.repeat(np.arange(10), 6)


def test_nothing_is_seen_of_later_frames(data):
    X, y, _ = data
    spy = ByOneFrame(5)
    found = early_decisions(spy, X, y)
    assert found["n_frames"].tolist() == [1, 2, 3, 4, 5, 6]
    for count, seen in enumerate(spy.seen, start=1):
        np.testing.assert_array_equal(seen[:, :count], X[:, :count])
        np.testing.assert_array_equal(seen[:, count:], np.repeat(X[:, [count - 1]], 6 - count, axis=1))
    expected = [roc_auc_score(y == "fear", X[:, count, 0, 0]) for count in range(6)]
    np.testing.assert_allclose(found["roc_auc"], expected)


def test_the_score_rises_once_the_emotion_shows(data):
    X, y, groups = data
    train = groups < 5
    model = make_pipeline(SequenceFlattener(), LogisticRegression()).fit(X[train], y[train])
    found = early_decisions(model, X[~train], y[~train], groups=groups[~train]).set_index("n_frames")
    assert found.loc[3, "roc_auc"] < 0.7
    assert found.loc[6, "roc_auc"] > 0.95
    values = model.decision_function(X[~train])
    assert found.loc[6, "roc_auc"] == pytest.approx(roc_auc_score(y[~train] == "fear", values))
    assert (found["low"] <= found["roc_auc"]).all()
    assert (found["roc_auc"] <= found["high"]).all()
    assert (found["low"] < found["high"]).any()


def test_stretched_frames_are_evenly_spread_over_the_whole(data):
    X, *_ = data
    np.testing.assert_allclose(_seen(X, 6, "stretch"), X, atol=1e-6)
    np.testing.assert_array_equal(_seen(X, 1, "stretch"), _seen(X, 1, "hold"))
    three = _seen(X, 3, "stretch")  # moments 0, .4, .8, 1.2, 1.6, 2
    np.testing.assert_allclose(three[:, [0, 5]], X[:, [0, 2]], atol=1e-6)
    np.testing.assert_allclose(three[:, 2], 0.2 * X[:, 0] + 0.8 * X[:, 1], atol=1e-6)


def test_one_subject_has_no_interval(data):
    X, y, _ = data
    found = early_decisions(ByOneFrame(5), X, y, groups=np.zeros(60), n_frames=6)
    assert found["roc_auc"].item() > 0.8
    assert found[["low", "high"]].isna().all().all()


def test_a_classifier_must_be_fitted(data):
    X, y, _ = data
    with pytest.raises(NotFittedError):
        early_decisions(make_pipeline(SequenceFlattener(), LogisticRegression()), X, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fill": "zeros"}, "fill must be one of 'hold', 'stretch'; got 'zeros'"),
        ({"n_frames": [7]}, "n_frames must be from 1 to 6; got 7"),
        ({"y": ["fear"] * 60}, "y must hold both classes; got only 'fear'"),
        ({"y": ["joy"] * 60}, r"binary with the classes of y; it has \['anger', 'fear'\], y \['joy'\]"),
        ({"confidence": 1}, "confidence must be between 0 and 1; got 1"),
    ],
)
def test_bad_input_is_named(data, change, message):
    X, y, _ = data
    arguments = {"y": y} | change
    with pytest.raises(ValueError, match=message):
        early_decisions(ByOneFrame(5), X, **arguments)
