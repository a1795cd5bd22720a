import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_selection import f_classif
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    ForwardLandmarkSelector,
    IGLandmarkSelector,
    PermutationLandmarkSelector,
    RandomLandmarkSelector,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    VarianceLandmarkSelector,
    facemesh,
)

SVM = make_pipeline(SequenceFlattener(), SVC(kernel="linear", C=0.01))


def test_supervised_controls_keep_planted_landmarks(planted):
    X, emotion, _ = planted
    for selector in (
        UnivariateLandmarkSelector(n_landmarks_to_select=2),
        ForwardLandmarkSelector(n_landmarks_to_select=2),
        PermutationLandmarkSelector(SVM, n_landmarks_to_select=2, n_repeats=3, random_state=0),
    ):
        assert selector.fit(X, emotion == "fear").get_support(indices=True).tolist() == [3, 7]


def test_univariate_importance_is_the_mean_of_f(planted):
    X, emotion, _ = planted
    X[:, 0, 0, 5] = 1  # never moves there: F would be undefined
    F = np.array(
        [f_classif(X[:, p, c].astype(float)[:, [0, 3]], emotion)[0] for p in range(5) for c in range(2)]
    )
    found = UnivariateLandmarkSelector().set_params(n_landmarks_to_select=None).fit(X, emotion).importances_
    np.testing.assert_allclose(found[[0, 3]], F.mean(axis=0), rtol=1e-6)
    assert np.isfinite(found).all()


def test_forward_needs_no_second_copy_of_a_landmark(planted):
    X, emotion, _ = planted
    X[..., 11] = X[..., 3] + 0.01 * X[..., 11]
    first = (
        ForwardLandmarkSelector(n_landmarks_to_select=2).fit(X, emotion == "fear").get_support(indices=True)
    )
    assert first.tolist() in ([3, 7], [7, 11])


def test_variance_is_summed_over_frames_and_coordinates(planted):
    X, _, _ = planted
    found = VarianceLandmarkSelector(n_landmarks_to_select=None).fit(X).importances_
    np.testing.assert_allclose(found, X.astype(float).var(axis=0).sum(axis=(0, 1)), rtol=1e-6)


def test_permutation_importance_is_zero_for_what_the_estimator_ignores(planted):
    X, emotion, _ = planted
    before = X.copy()
    svm = make_pipeline(SequenceFlattener(), SVC(kernel="linear"))
    X[..., 11] = 0
    selector = PermutationLandmarkSelector(svm, random_state=0).set_params(n_landmarks_to_select=None)
    importances = selector.fit(X, emotion == "fear").importances_
    assert importances[11] == 0
    np.testing.assert_array_equal(np.delete(X, 11, axis=3), np.delete(before, 11, axis=3))


@pytest.mark.parametrize("spread", [False, True])
def test_random_rankings_are_permutations_that_a_seed_repeats(spread):
    X = np.random.default_rng(0).normal(size=(6, 2, 2, 30))
    rankings = [
        RandomLandmarkSelector(n_landmarks_to_select=5, spread=spread, random_state=seed).fit(X).ranking_
        for seed in (0, 0, 1)
    ]
    assert sorted(rankings[0]) == list(range(30))
    np.testing.assert_array_equal(rankings[0], rankings[1])
    assert not np.array_equal(rankings[0], rankings[2])


def test_every_landmark_is_drawn_first_equally_often():
    X = np.zeros((2, 2, 2, 4))
    first = [
        RandomLandmarkSelector(n_landmarks_to_select=1, random_state=s).fit(X).ranking_[0] for s in range(400)
    ]
    assert np.bincount(first, minlength=4).min() > 70


def test_spread_landmarks_lie_further_apart_than_others():
    face = facemesh.TEMPLATE[None, None]

    def nearest(spread):
        distances = []
        for seed in range(20):
            selector = RandomLandmarkSelector(n_landmarks_to_select=16, spread=spread, random_state=seed)
            points = selector.fit_transform(face)[0, 0].T
            apart = np.linalg.norm(points[:, None] - points, axis=2) + 9 * np.eye(16)
            distances.append(apart.min(axis=1).mean())
        return np.mean(distances)

    assert nearest(True) > 1.3 * nearest(False)


def test_landmarks_that_coincide_are_drawn_last_when_spread():
    X = np.zeros((2, 2, 2, 6))
    X[..., 4] = 1
    ranking = RandomLandmarkSelector(n_landmarks_to_select=None, spread=True, random_state=0).fit(X).ranking_
    assert 4 in ranking[:2]
    assert sorted(ranking) == list(range(6))


EVERY_SELECTOR = {
    "random": RandomLandmarkSelector(random_state=0),
    "variance": VarianceLandmarkSelector(),
    "forward": ForwardLandmarkSelector(),
    "univariate": UnivariateLandmarkSelector(),
    "permutation": PermutationLandmarkSelector(SVM, random_state=0),
    "integrated gradients": IGLandmarkSelector(ConvLSTMClassifier(), random_state=0),
}


@pytest.mark.parametrize("selector", EVERY_SELECTOR.values(), ids=EVERY_SELECTOR)
def test_a_wrong_number_of_landmarks_is_refused_before_anything_is_trained(selector, planted, monkeypatch):
    X, emotion, _ = planted

    def fit(*arguments, **metadata):
        raise AssertionError("trained")

    monkeypatch.setattr(ConvLSTMClassifier, "fit", fit)
    monkeypatch.setattr(SVC, "fit", fit)
    for wrong in (0, -3, 0.0, 1.01, "all"):
        with pytest.raises(ValueError, match="n_landmarks_to_select"):
            clone(selector).set_params(n_landmarks_to_select=wrong).fit(X, emotion == "fear")
    with pytest.raises(
        ValueError, match="n_landmarks_to_select must be at most the 20 landmarks of X; got 21"
    ):
        clone(selector).set_params(n_landmarks_to_select=21).fit(X, emotion == "fear")


@pytest.mark.parametrize("wanted", [3, 0.15])
def test_every_control_keeps_as_many_as_asked(wanted, planted):
    X, emotion, _ = planted
    for name in ("random", "variance", "forward", "univariate", "permutation"):
        selector = clone(EVERY_SELECTOR[name]).set_params(n_landmarks_to_select=wanted)
        reduced = selector.fit_transform(X, emotion == "fear")
        np.testing.assert_array_equal(reduced, X[..., np.sort(selector.ranking_[:3])])
        np.testing.assert_array_equal(selector.transform(selector.inverse_transform(reduced)), reduced)
        assert selector.get_feature_names_out().tolist() == [
            f"landmark{i}" for i in selector.get_support(indices=True)
        ]


def test_bad_input_is_named(planted):
    X, emotion, _ = planted
    with pytest.raises(ValueError, match="at most the 20 landmarks of X; got 128"):
        RandomLandmarkSelector().fit(X)
    with pytest.raises(ValueError, match=r"y must hold at least two classes; got \['fear'\]"):
        UnivariateLandmarkSelector(n_landmarks_to_select=1).fit(X, np.repeat("fear", 60))
    with pytest.raises(ValueError, match="groups must have shape"):
        PermutationLandmarkSelector(SVM, n_landmarks_to_select=1).fit(X, emotion, groups=[1])
