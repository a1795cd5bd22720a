import numpy as np
import pytest
from sklearn.feature_selection import f_classif
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
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


def test_bad_input_is_named(planted):
    X, emotion, _ = planted
    with pytest.raises(ValueError, match="at most the 20 landmarks of X; got 128"):
        RandomLandmarkSelector().fit(X)
    with pytest.raises(ValueError, match=r"y must hold at least two classes; got \['fear'\]"):
        UnivariateLandmarkSelector(n_landmarks_to_select=1).fit(X, np.repeat("fear", 60))
    with pytest.raises(ValueError, match="groups must have shape"):
        PermutationLandmarkSelector(SVM, n_landmarks_to_select=1).fit(X, emotion, groups=[1])
