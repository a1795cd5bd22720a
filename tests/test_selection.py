import joblib
import numpy as np
import pytest
import torch
from scipy.linalg import qr
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier

from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, landmark_attributions
from sklearn_emoxai.attribution import BaselineWarning
from sklearn_emoxai.selection._strategies import pivoted_qr

NETWORK = ConvLSTMClassifier(n_filters=4, lstm_units=6, fc_units=5, lr=1e-2, max_epochs=20, random_state=0)


def _selector(estimator=NETWORK, **parameters):
    return IGLandmarkSelector(estimator, **{"n_landmarks_to_select": 2, "random_state": 0} | parameters)


@pytest.mark.parametrize("strategy", ["top", "qr"])
@pytest.mark.parametrize("with_emotion", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_selector_keeps_planted_landmarks(planted, strategy, with_emotion, seed):
    X, emotion, groups = planted
    network = ConvLSTMClassifier(**NETWORK.get_params() | {"random_state": seed})
    selector = _selector(network, strategy=strategy)
    selector.fit(X, emotion == "fear", emotion=emotion if with_emotion else None, groups=groups)
    assert selector.get_support(indices=True).tolist() == [3, 7]
    assert set(selector.ranking_[:2]) == {3, 7}
    assert sorted(selector.ranking_) == list(range(20))


def test_importances_are_the_papers_attributions(planted):
    X, emotion, groups = planted
    selector = _selector(strategy="top").fit(X, emotion == "fear", emotion=emotion, groups=groups)
    expected = landmark_attributions(selector.estimator_, X, labels=emotion, positive="fear")
    np.testing.assert_allclose(selector.importances_, expected)
    np.testing.assert_array_equal(selector.ranking_, np.argsort(-expected, kind="stable"))
    assert {label: emotion[i] for label, i in selector.typical_samples_.items()} == {
        e: e for e in set(emotion)
    }
    assert 0 < selector.convergence_delta_ < 0.1


def test_without_emotion_the_baselines_are_samples_of_the_rest(planted):
    X, emotion, _ = planted
    selector = _selector(n_baselines=4).fit(X, emotion == "fear")
    assert len(set(selector.typical_samples_.values())) == 4
    assert "fear" not in emotion[list(selector.typical_samples_.values())]


def test_transform_and_back(planted):
    X, emotion, _ = planted
    selector = _selector().fit(X, emotion == "fear", emotion=emotion)
    reduced = selector.transform(X)
    np.testing.assert_array_equal(reduced, X[..., [3, 7]])
    back = selector.inverse_transform(reduced)
    np.testing.assert_array_equal(back[..., [3, 7]], reduced)
    assert not np.delete(back, [3, 7], axis=-1).any()
    assert selector.get_feature_names_out().tolist() == ["landmark3", "landmark7"]
    with pytest.raises(ValueError, match="2 chosen landmarks; got 20"):
        selector.inverse_transform(X)


@pytest.mark.parametrize(
    ("wanted", "n_selected"), [(1, 1), (20, 20), (0.25, 5), (1.0, 20), (0.01, 1), (None, 20)]
)
def test_number_or_share_of_landmarks(planted, wanted, n_selected):
    X, emotion, _ = planted
    network = ConvLSTMClassifier(**NETWORK.get_params() | {"max_epochs": 1})
    selector = _selector(network, n_landmarks_to_select=wanted, n_steps=1).fit(X, emotion == "fear")
    assert selector.transform(X).shape == (60, 5, 2, n_selected)


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_mesh_landmarks_are_named_by_region():
    X = np.random.default_rng(0).normal(size=(12, 2, 2, 468)).astype(np.float32)
    network = ConvLSTMClassifier(**NETWORK.get_params() | {"max_epochs": 1, "validation_fraction": None})
    selector = _selector(network, n_landmarks_to_select=None, n_steps=1).fit(X, np.arange(12) % 2 == 0)
    assert selector.get_feature_names_out()[[1, 276]].tolist() == ["nose_1", "left_brow_276"]


class _Counting(ConvLSTMClassifier):
    n_fits = 0

    def fit(self, X, y, *, groups=None):
        _Counting.n_fits += 1
        return super().fit(X, y, groups=groups)


def test_with_memory_a_ranking_is_computed_once(planted, tmp_path):
    X, emotion, _ = planted
    network = _Counting(**NETWORK.get_params())
    _Counting.n_fits = 0
    with_memory, without = (
        [
            _selector(network, n_landmarks_to_select=k, memory=memory).fit(X, emotion == "fear")
            for k in (1, 2, 3)
        ]
        for memory in (joblib.Memory(tmp_path, verbose=0), None)
    )
    assert _Counting.n_fits == 1 + 3
    for cached, fresh in zip(with_memory, without):
        np.testing.assert_array_equal(cached.importances_, fresh.importances_)
        np.testing.assert_array_equal(cached.support_, fresh.support_)


def test_a_frozen_network_is_not_trained_again(planted):
    X, emotion, _ = planted
    network = ConvLSTMClassifier(**NETWORK.get_params()).fit(X, emotion == "fear")
    selector = _selector(FrozenEstimator(network)).fit(X, emotion == "fear", emotion=emotion)
    assert selector.estimator_.estimator is network
    assert selector.get_support(indices=True).tolist() == [3, 7]


class _Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(5 * 2 * 20, 2)

    def forward(self, X):
        return self.layer(X.flatten(1))


def test_a_users_own_skorch_net(planted):
    X, emotion, _ = planted
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        _Linear, criterion=torch.nn.CrossEntropyLoss, max_epochs=10, lr=0.05, train_split=None, verbose=0
    )
    selector = _selector(net).fit(X, (emotion == "fear").astype(int), emotion=emotion)
    assert selector.get_support(indices=True).tolist() == [3, 7]


def test_pivoted_qr_is_that_of_lapack_on_single_columns():
    rng = np.random.default_rng(0)
    X = np.zeros((30, 3, 2, 8), np.float32)
    X[:, :, 0] = rng.normal(size=(30, 1, 8))  # the vertical coordinate stands still
    importances = rng.uniform(0.5, 1, size=8)
    columns = X[:, 0, 0].astype(float)
    _, _, expected = qr((columns - columns.mean(axis=0)) * importances, pivoting=True, mode="economic")
    np.testing.assert_array_equal(pivoted_qr(X, importances), expected)


def test_pivoted_qr_takes_a_copy_last():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3, 2, 6)).astype(np.float32)
    X[..., 1] = X[..., 0]
    ranking = pivoted_qr(X, np.array([1, 0.99, 0.5, 0.5, 0.5, 0.5]))
    assert ranking[0] == 0
    assert ranking[-1] == 1
    assert sorted(ranking) == list(range(6))


def test_bad_input_is_named(planted):
    X, emotion, groups = planted
    y = emotion == "fear"
    with pytest.raises(
        ValueError, match="n_landmarks_to_select must be at most the 20 landmarks of X; got 21"
    ):
        _selector(n_landmarks_to_select=21).fit(X, y)
    for wrong in (0, -1, 1.5, 0.0):
        with pytest.raises(ValueError, match="n_landmarks_to_select"):
            _selector(n_landmarks_to_select=wrong).fit(X, y)
    with pytest.raises(ValueError, match=r"y must hold two classes.*\[True\]"):
        _selector().fit(X, np.ones(60, bool))
    with pytest.raises(ValueError, match="two classes.*anger.*fear.*happiness"):
        _selector().fit(X, emotion)
    with pytest.raises(ValueError, match=r"emotion must have shape \(60,\).*\(59,\)"):
        _selector().fit(X, y, emotion=emotion[1:])
    with pytest.raises(ValueError, match=r"emotion must hold one label.*\['anger', 'fear', 'happiness'\]"):
        _selector().fit(X, ~(emotion == "anger") | (groups == 0), emotion=emotion)
    mislabelled = y.copy()
    mislabelled[4] = False
    with pytest.raises(ValueError, match="emotion must differ from 'fear'.*sample 4"):
        _selector().fit(X, mislabelled, emotion=emotion)
    with pytest.raises(ValueError, match="n_baselines=41 needs as many samples of class False.*got 40"):
        _selector(n_baselines=41).fit(X, y)
    with pytest.raises(ValueError, match="X contains NaN"):
        _selector().fit(np.where(X > 2, np.nan, X), y)


def test_baselines_that_show_the_emotion_are_reported(planted):
    X, emotion, _ = planted
    network = ConvLSTMClassifier(
        **NETWORK.get_params() | {"max_epochs": 1, "class_weight": {False: 1, True: 50}}
    )
    with pytest.warns(BaselineWarning, match="the typical samples of"):
        _selector(network).fit(X, emotion == "fear", emotion=emotion)
