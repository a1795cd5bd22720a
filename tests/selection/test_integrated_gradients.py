import joblib
import numpy as np
import pytest
import torch
from scipy.linalg import qr
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from skorch import NeuralNetClassifier

from sklearn_emoxai import (
    ConvLSTMClassifier,
    IGLandmarkSelector,
    SequenceFlattener,
    facemesh,
    landmark_attributions,
)
from sklearn_emoxai.attribution import ATTRIBUTIONS, BaselineWarning
from sklearn_emoxai.selection._network_explanation import _draw
from sklearn_emoxai.selection._ranking import STRATEGIES, Forward, PivotedQR, order_landmarks

NETWORK = ConvLSTMClassifier(n_filters=4, lstm_units=6, fc_units=5, lr=1e-2, max_epochs=20, random_state=0)


def _selector(estimator=NETWORK, **parameters):
    return IGLandmarkSelector(estimator, **{"n_landmarks_to_select": 2, "random_state": 0} | parameters)


@pytest.mark.parametrize("strategy", ["forward", "qr", "top"])
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


@pytest.mark.parametrize("with_emotion", [True, False])
@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_planted_landmarks_are_found_by_every_attribution(planted, attribution, with_emotion):
    X, emotion, _ = planted
    selector = _selector(attribution=attribution, strategy="top", n_steps=8)
    selector.fit(X, emotion == "fear", emotion=emotion if with_emotion else None)
    assert selector.get_support(indices=True).tolist() == [3, 7]
    assert (selector.movements_[:, [3, 7]] > 0).all()  # fear moves them to the right and down
    if with_emotion:
        expected = landmark_attributions(
            selector.estimator_, X, labels=emotion, attribution=attribution, n_steps=8, random_state=0
        )
        np.testing.assert_allclose(selector.importances_, expected)


def test_memory_refuses_an_attribution_that_draws_without_a_seed(planted, tmp_path):
    X, emotion, _ = planted
    selector = _selector(attribution="gradient_shap", memory=str(tmp_path), random_state=None)
    with pytest.raises(ValueError, match="memory would keep one random result for good: random_state"):
        selector.fit(X, emotion == "fear", emotion=emotion)


def test_without_emotion_the_baselines_are_samples_of_the_rest(planted):
    X, emotion, _ = planted
    selector = _selector(n_baselines=4).fit(X, emotion == "fear")
    assert len(set(selector.typical_samples_.values())) == 4
    assert "fear" not in emotion[list(selector.typical_samples_.values())]


@pytest.mark.parametrize("with_emotion", [True, False])
def test_explained_samples_are_drawn_from_each_emotion(planted, with_emotion):
    X, emotion, _ = planted
    names = emotion if with_emotion else None
    some = _selector(max_samples=31, n_baselines=3).fit(X, emotion == "fear", emotion=names)
    every = _selector(n_baselines=3).fit(X, emotion == "fear", emotion=names)
    assert not np.array_equal(some.importances_, every.importances_)
    np.testing.assert_array_equal(some.estimator_.predict(X), every.estimator_.predict(X))
    assert some.get_support(indices=True).tolist() == [3, 7]
    for label, row in some.typical_samples_.items():
        assert emotion[row] == label if with_emotion else emotion[row] != "fear"
    limit = _selector(max_samples=60, n_baselines=3).fit(X, emotion == "fear", emotion=names)
    np.testing.assert_array_equal(limit.importances_, every.importances_)


def test_drawn_samples_keep_the_shares_and_miss_no_label():
    labels = np.repeat(["anger", "fear", "joy"], [600, 397, 3])
    rows = _draw(labels, 100, 0)
    assert list(rows) == sorted(set(rows))
    assert np.unique(labels[rows], return_counts=True)[1].tolist() == [60, 39, 1]
    np.testing.assert_array_equal(rows, _draw(labels, 100, 0))
    assert not np.array_equal(rows, _draw(labels, 100, 1))


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


@pytest.mark.parametrize("dtype", [bool, np.int32, np.int64])
def test_a_users_own_skorch_net(planted, dtype):
    X, emotion, _ = planted
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        _Linear, criterion=torch.nn.CrossEntropyLoss, max_epochs=10, lr=0.05, train_split=None, verbose=0
    )
    selector = _selector(net).fit(X, (emotion == "fear").astype(dtype), emotion=emotion)
    assert selector.get_support(indices=True).tolist() == [3, 7]


def _qr(X, importances):
    return PivotedQR(X, np.arange(len(X)) % 2 == 0, importances)


def test_pivoted_qr_is_that_of_lapack_on_single_columns():
    rng = np.random.default_rng(0)
    X = np.zeros((30, 3, 2, 8), np.float32)
    X[:, :, 0] = rng.normal(size=(30, 1, 8))  # the vertical coordinate stands still
    importances = rng.uniform(0.5, 1, size=8)
    columns = X[:, 0, 0].astype(float)
    _, _, expected = qr((columns - columns.mean(axis=0)) * importances, pivoting=True, mode="economic")
    np.testing.assert_array_equal(order_landmarks(_qr(X, importances)), expected)


def test_pivoted_qr_takes_a_copy_last():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3, 2, 6)).astype(np.float32)
    X[..., 1] = X[..., 0]
    ranking = order_landmarks(_qr(X, np.array([1, 0.99, 0.5, 0.5, 0.5, 0.5])))
    assert ranking[0] == 0
    assert ranking[-1] == 1
    assert sorted(ranking) == list(range(6))


def _ridge_error(A, target, ridge):
    """Least penalised squared error of a ridge regression."""
    return target @ np.linalg.solve(A @ A.T / ridge + np.eye(len(A)), target)


def test_forward_takes_what_lowers_the_error_of_a_ridge_regression_most():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3, 2, 8)).astype(np.float32)
    X[..., 5] = X[..., 2] + 0.1 * X[..., 5]
    positive = np.arange(40) % 2 == 0
    X[:, :, :, [2, 5]] += positive[:, None, None, None]
    importances = rng.uniform(0.1, 1, size=8)
    A = (X.astype(float).mean(axis=1) - X.astype(float).mean(axis=(0, 1))) * np.sqrt(importances)
    ridge, target = Forward.ridge * (A**2).sum() / 8, positive - 0.5
    chosen = []
    while len(chosen) < 8:
        left = [i for i in range(8) if i not in chosen]
        errors = [_ridge_error(A[:, :, [*chosen, i]].reshape(40, -1), target, ridge) for i in left]
        chosen.append(left[int(np.argmin(errors))])
    assert order_landmarks(Forward(X, positive, importances)).tolist() == chosen
    assert chosen[1] not in (2, 5)  # one of the two that repeat each other has been enough


@pytest.mark.parametrize("strategy", STRATEGIES.values())
def test_what_nothing_tells_apart_follows_by_importance(strategy):
    X = np.zeros((6, 2, 2, 4), np.float32)
    X[:, :, 0, 2] = np.arange(6)[:, None]  # nothing else moves
    positive = np.arange(6) > 2
    assert order_landmarks(strategy(X, positive, np.array([3, 1, 5, 4.0]))).tolist() == [2, 3, 0, 1]
    assert order_landmarks(strategy(X, positive, np.zeros(4)))[1:].tolist() in ([1, 2, 3], [0, 1, 3])


def test_strategies_scale_to_many_samples_alike():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2, 2, 12)).astype(np.float32)
    positive, importances = np.arange(30) % 3 == 0, rng.uniform(size=12)
    for strategy in STRATEGIES.values():
        once = order_landmarks(strategy(X, positive, importances))
        thrice = order_landmarks(strategy(np.tile(X, (3, 1, 1, 1)), np.tile(positive, 3), importances))
        np.testing.assert_array_equal(once, thrice)


def test_profile_is_the_importance_frame_by_frame(planted):
    X, emotion, _ = planted
    X[:, :3, :, 7] -= 2.5 * (emotion == "fear")[:, None, None]  # 7 tells in the last two frames only
    selector = _selector().fit(X, emotion == "fear", emotion=emotion)
    assert selector.profile_.shape == (5, 20)
    np.testing.assert_allclose(selector.profile_.sum(axis=0), selector.importances_)
    expected = landmark_attributions(
        selector.estimator_, X, labels=emotion, positive="fear", return_parts=True
    )
    np.testing.assert_allclose(selector.profile_, expected.frame_importances)
    assert selector.profile_[3:, 7].min() > 2 * selector.profile_[:3, 7].max()


@pytest.mark.slow
def test_importances_of_several_networks_are_averaged(planted):
    X, emotion, _ = planted
    y = emotion == "fear"
    selector = _selector(n_repeats=3, strategy="top").fit(X, y, emotion=emotion)
    each = [landmark_attributions(net, X, labels=emotion, positive="fear") for net in selector.estimators_]
    np.testing.assert_allclose(selector.importances_, np.mean(each, axis=0))
    assert not np.allclose(each[0], each[1])
    assert not np.allclose(each[1], each[2])
    assert selector.estimator_ is selector.estimators_[0]
    np.testing.assert_array_equal(each[0], _selector(strategy="top").fit(X, y, emotion=emotion).importances_)
    parallel = _selector(n_repeats=3, strategy="top", n_jobs=2).fit(X, y, emotion=emotion)
    np.testing.assert_array_equal(parallel.importances_, selector.importances_)


def test_with_memory_more_networks_cost_the_new_ones_only(planted, tmp_path):
    X, emotion, _ = planted
    network = _Counting(**NETWORK.get_params())
    _Counting.n_fits = 0
    for n_repeats in (1, 2, 3):
        _selector(network, n_repeats=n_repeats, memory=str(tmp_path)).fit(X, emotion == "fear")
    assert _Counting.n_fits == 3


@pytest.fixture(scope="module")
def mesh():
    """Mesh sequences and a network of them that is trained already."""
    X = np.random.default_rng(0).normal(size=(40, 2, 2, facemesh.N_LANDMARKS)).astype(np.float32)
    y = np.arange(40) % 2 == 0
    network = ConvLSTMClassifier(**NETWORK.get_params() | {"max_epochs": 2, "validation_fraction": None})
    return X, y, FrozenEstimator(network.fit(X, y))


def _on_mesh(mesh, **parameters):
    X, y, network = mesh
    selector = IGLandmarkSelector(network, n_steps=2, random_state=0, **parameters)
    return selector.fit(X, y)


MESH_IGNORE = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")


@MESH_IGNORE
@pytest.mark.parametrize("strategy", ["forward", "qr", "top"])
def test_symmetric_takes_mirror_images_together(mesh, strategy):
    selector = _on_mesh(mesh, strategy=strategy, symmetric=True)
    place = np.argsort(selector.ranking_)
    assert (np.abs(place - place[facemesh.MIRROR]) <= 1).all()
    assert sorted(selector.ranking_) == list(range(468))
    if strategy == "top":
        first = selector.ranking_[0]
        mean = (selector.importances_ + selector.importances_[facemesh.MIRROR]) / 2
        assert mean[first] == mean.max()
        assert selector.importances_[first] >= selector.importances_[facemesh.MIRROR[first]]
    for k in (7, 8, 9, 10):
        support = _on_mesh(mesh, strategy=strategy, symmetric=True, n_landmarks_to_select=k).support_
        assert support.sum() == k
        unpaired = np.flatnonzero(support & ~support[facemesh.MIRROR])
        assert len(unpaired) <= 1  # a pair that is cut by the number keeps its better half
        assert unpaired.tolist() in ([], [selector.ranking_[k - 1]])


@MESH_IGNORE
@pytest.mark.parametrize("strategy", ["forward", "qr", "top"])
def test_by_region_goes_round_the_regions(mesh, strategy):
    ranking = _on_mesh(mesh, strategy=strategy, by_region=True).ranking_
    region = {i: name for name, landmarks in facemesh.REGIONS.items() for i in landmarks}
    names = [region[i] for i in ranking]
    n_regions = len(facemesh.REGIONS)
    for start in range(0, 5 * n_regions, n_regions):  # the smallest regions have five landmarks
        assert set(names[start : start + n_regions]) == set(facemesh.REGIONS)
    assert sorted(ranking) == list(range(468))
    if strategy == "top":
        plain = _on_mesh(mesh, strategy=strategy).ranking_
        nose = [i for i in plain if region[i] == "nose"]
        assert [i for i in ranking if region[i] == "nose"] == nose


@MESH_IGNORE
def test_by_region_with_pairs_represents_both_sides(mesh):
    ranking = _on_mesh(mesh, by_region=True, symmetric=True).ranking_
    place = np.argsort(ranking)
    assert (np.abs(place - place[facemesh.MIRROR]) <= 1).all()
    first = set(ranking[: 2 * len(facemesh.REGIONS)])
    assert all(first & set(landmarks) for landmarks in facemesh.REGIONS.values())


def test_mirror_and_regions_need_the_mesh(planted):
    X, emotion, _ = planted
    for name in ("symmetric", "by_region"):
        with pytest.raises(ValueError, match=f"{name}=True needs the 468 landmarks.*; X has 20"):
            _selector(**{name: True}).fit(X, emotion == "fear")


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
    with pytest.raises(ValueError, match="n_baselines=5 needs.* in y among max_samples=6; got 4"):
        _selector(max_samples=6).fit(X, y)
    unlabelled = emotion.astype(object)
    unlabelled[5] = None
    with pytest.raises(ValueError, match="emotion must hold a label for each sample; sample 5 has None"):
        _selector().fit(X, y, emotion=unlabelled)
    with pytest.raises(ValueError, match="emotion must differ from 'fear'"):
        _selector().fit(X, y, emotion=np.repeat("fear", 60))
    for name, wrong in [
        ("n_repeats", 0),
        ("max_samples", 0),
        ("n_baselines", 0),
        ("strategy", "best"),
        ("symmetric", "yes"),
    ]:
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            _selector(**{name: wrong}).fit(X, y)
    with pytest.raises(ValueError, match="n_repeats must be 1 with a FrozenEstimator; got 2"):
        _selector(FrozenEstimator(NETWORK), n_repeats=2).fit(X, y)
    with pytest.raises(ValueError, match="X contains NaN"):
        _selector().fit(np.where(X > 2, np.nan, X), y)


def test_baselines_that_show_the_emotion_are_reported(planted):
    X, emotion, _ = planted
    network = ConvLSTMClassifier(
        **NETWORK.get_params() | {"max_epochs": 5, "class_weight": {False: 1, True: 500}}
    )
    with pytest.warns(BaselineWarning, match="the typical samples of"):
        _selector(network).fit(X, emotion == "fear", emotion=emotion)


@pytest.mark.filterwarnings("always::sklearn_emoxai.attribution.BaselineWarning")
def test_a_search_warns_of_baselines_once_and_the_next_one_again(planted):
    X, emotion, _ = planted
    network = ConvLSTMClassifier(
        **NETWORK.get_params() | {"max_epochs": 8, "class_weight": {False: 1, True: 500}}
    )
    svm = make_pipeline(_selector(network, n_steps=2), SequenceFlattener(), SVC())
    search = GridSearchCV(svm, {"svc__C": [1]}, cv=2)
    calls = [
        *[lambda: search.fit(X, emotion == "fear", emotion=emotion)] * 2,
        lambda: cross_validate(svm, X, emotion == "fear", cv=2, params={"emotion": emotion}),
    ]
    for call in calls:
        with pytest.warns(BaselineWarning) as caught, config_context(enable_metadata_routing=True):
            call()
        assert [each.filename for each in caught if each.category is BaselineWarning] == [__file__]


class _Gru(torch.nn.Module):
    def __init__(self, n_landmarks=20):
        super().__init__()
        self.gru, self.out = (
            torch.nn.GRU(2 * n_landmarks, 6, batch_first=True),
            torch.nn.Linear(6, 2),
        )

    def forward(self, X):
        return self.out(self.gru(X.flatten(2))[0][:, -1])


class _Unseeded(NeuralNetClassifier):
    def fit(self, X, y):
        return super().fit(X, np.asarray(y, dtype=np.int64))


class _SeedsItself(_Unseeded):
    def fit(self, X, y):
        torch.manual_seed(0)
        return super().fit(X, y)


def _net(kind):
    return kind(_Gru, criterion=torch.nn.CrossEntropyLoss, max_epochs=2, train_split=None, verbose=0)


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
@pytest.mark.slow
def test_networks_without_a_random_state_are_seeded_by_the_selectors(planted, tmp_path):
    X, emotion, _ = planted
    y = emotion == "fear"
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again = (_selector(_net(_Unseeded), n_repeats=3).fit(X, y) for _ in range(2))
    other = _selector(_net(_Unseeded), n_repeats=3, random_state=1).fit(X, y)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(first.importances_, again.importances_)
    assert not np.array_equal(first.importances_, other.importances_)
    weights = [one.module_.out.weight for one in first.estimators_]
    assert not any(torch.equal(a, b) for a, b in zip(weights, weights[1:] + weights[:1]))
    kept = _selector(_net(_Unseeded), memory=str(tmp_path)).fit(X, y)
    np.testing.assert_array_equal(kept.importances_, _selector(_net(_Unseeded)).fit(X, y).importances_)


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_networks_that_are_one_and_the_same_are_noticed(planted):
    X, emotion, _ = planted
    with pytest.raises(
        ValueError, match="n_repeats=2 needs networks that differ; _SeedsItself trained the same"
    ):
        _selector(_net(_SeedsItself), n_repeats=2).fit(X, emotion == "fear")


@pytest.mark.parametrize(
    ("estimator", "parameters", "name"),
    [
        (ConvLSTMClassifier(), {}, "estimator__random_state"),
        (_net(_Unseeded), {"random_state": None}, "random_state"),
        (NETWORK, {"random_state": None}, "random_state"),  # of the clusters
        (None, {"random_state": None}, "random_state"),
    ],
)
def test_memory_refuses_what_no_seed_fixes(planted, tmp_path, estimator, parameters, name):
    X, emotion, _ = planted
    with pytest.raises(ValueError, match=f"for good: {name} must be fixed, such as 0; got None"):
        _selector(estimator, memory=str(tmp_path), **parameters).fit(X, emotion == "fear")


@pytest.mark.parametrize("estimator", [SVC(), make_pipeline(SequenceFlattener(), SVC())])
def test_an_estimator_without_a_module_is_refused_before_its_fit(planted, estimator, monkeypatch):
    X, emotion, _ = planted
    monkeypatch.setattr(SVC, "fit", lambda *_: pytest.fail("was fitted"))
    with pytest.raises(
        TypeError, match=f"estimator must have a torch module.*got {type(estimator).__name__}"
    ):
        _selector(estimator).fit(X, emotion == "fear")


def test_of_the_baselines_of_several_networks_one_warning_comes_at_the_users_line(planted):
    X, emotion, _ = planted
    network = ConvLSTMClassifier(
        **NETWORK.get_params() | {"max_epochs": 5, "class_weight": {False: 1, True: 500}}
    )
    with pytest.warns(BaselineWarning, match="train it longer") as caught:
        _selector(network, n_repeats=2).fit(X, emotion == "fear", emotion=emotion)
    assert [one.filename for one in caught if one.category is BaselineWarning] == [__file__]
    # Both networks have hardly moved, which is told once, too.
    assert [one.category for one in caught if one.category is not BaselineWarning] == [ConvergenceWarning]


@pytest.mark.parametrize("rest", ["rest", "Other", "neutral", "not fear", "none"])
def test_a_class_called_rest_is_not_explained_silently(rest, planted):
    X, emotion, _ = planted
    y = np.where(emotion == "fear", "fear", rest)
    network = ConvLSTMClassifier(n_filters=2, lstm_units=3, fc_units=3, lr=1e-2, max_epochs=5, random_state=0)
    selector = IGLandmarkSelector(network, n_landmarks_to_select=2, n_steps=3, n_baselines=2, random_state=0)
    explained = max("fear", rest)
    if explained == rest:
        with pytest.warns(UserWarning, match=f"the class {rest!r} of y is explained.*positive='fear'"):
            selector.fit(X, y)
    selector.set_params(positive="fear").fit(X, y)  # and no warning
    assert selector.classes_.tolist() == [rest, "fear"]
    of_booleans = clone(selector).set_params(positive=None).fit(X, y == "fear")
    if explained == "fear":
        np.testing.assert_array_equal(selector.importances_, of_booleans.importances_)


def test_the_explained_class_is_that_of_the_parameter(planted):
    X, emotion, _ = planted
    y = np.where(emotion == "fear", "fear", "rest")
    network = ConvLSTMClassifier(n_filters=2, lstm_units=3, fc_units=3, lr=1e-2, max_epochs=5, random_state=0)
    selector = IGLandmarkSelector(
        network, n_landmarks_to_select=2, positive="fear", n_steps=3, n_baselines=2, random_state=0
    ).fit(X, y)
    baselines = X[list(selector.typical_samples_.values())]
    expected = landmark_attributions(selector.estimator_, X, baselines=baselines, target=0, n_steps=3)
    np.testing.assert_allclose(selector.importances_, expected, rtol=1e-6)
    assert set(y[list(selector.typical_samples_.values())]) == {"rest"}
    with (
        pytest.warns(UserWarning, match="'rest' of y is explained"),
        pytest.raises(
            ValueError, match="of class 'rest' in y; got .* positive='fear' explains the other class"
        ),
    ):
        clone(selector).set_params(positive=None).fit(X, y, emotion=emotion)
    with pytest.raises(ValueError, match="positive must be one of the classes of y.*got 'joy'"):
        selector.set_params(positive="joy").fit(X, y)
