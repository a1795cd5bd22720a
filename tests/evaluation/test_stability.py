"""Stability where similar landmarks stand in for one another, and its interval for few runs."""

import numpy as np
import pytest

from sklearn_emoxai import facemesh, landmark_similarity, selection_stability


def similarity(c):
    """Of four landmarks, the first two of which are alike."""
    C = np.eye(4)
    C[0, 1] = C[1, 0] = c
    return C


@pytest.mark.parametrize("c", [0, 0.6, 1])
def test_redundancy_by_hand(c):
    # Half the squared distance of the runs is 1 − c. Of two landmarks of four, an indicator's variance is 1/4 and a
    # covariance (2/4)(1/3) − 1/4 = −1/12, so that the trace is 4/4 − 2 c/12.
    found = selection_stability([[1, 0, 1, 0], [0, 1, 1, 0]], similarity=similarity(c))
    assert found.stability == pytest.approx(1 - (1 - c) / (1 - c / 6))


def test_redundancy_of_selections_that_differ_in_size_by_hand():
    # Runs {1}, {2}, {1, 2, 3}, c = 1/2. Halves of squared distances: 1 − c, (1 + 1)/2 and (1 + 1)/2.
    # k: mean 5/3, mean square 11/3. Variance 5/12 · 7/12 = 35/144; covariance (11/3 − 5/3)/12 − 25/144 = −1/144.
    found = selection_stability([[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0]], similarity=similarity(0.5))
    observed = (0.5 + 1 + 1) / 3
    expected = 4 * 35 / 144 - 2 * 0.5 / 144
    assert found.stability == pytest.approx(1 - observed / expected)


def test_without_similarity_it_is_nogueiras():
    Z = np.random.default_rng(0).uniform(size=(7, 30)) < 0.3
    plain = selection_stability(Z)
    assert selection_stability(Z, similarity=np.eye(30), random_state=0).stability == pytest.approx(
        plain.stability
    )
    assert selection_stability(Z, interval="bootstrap", random_state=0).stability == pytest.approx(
        plain.stability
    )


@pytest.mark.parametrize("kind", ["distance", "region"])
def test_neighbours_are_stable_only_for_the_adjusted_measure(kind):
    chosen = np.zeros((4, 468), bool)
    brow = facemesh.REGIONS["left_brow"]
    from_first = np.hypot(*(facemesh.TEMPLATE[:, brow] - facemesh.TEMPLATE[:, brow[:1]]))
    chosen[np.arange(4), brow[np.argsort(from_first)[:4]]] = True
    assert selection_stability(chosen).stability < 0.01
    found = selection_stability(chosen, similarity=landmark_similarity(kind, scale=0.3), random_state=0)
    assert found.stability > 0.8
    if kind == "region":
        assert found.stability == pytest.approx(1)


@pytest.mark.parametrize("kind", ["distance", "region"])
def test_random_selections_have_no_stability_on_average(kind):
    rng = np.random.default_rng(0)
    C = landmark_similarity(kind)
    found = [
        selection_stability(
            [rng.permutation(468) < 16 for _ in range(3)], similarity=C, n_bootstrap=2
        ).stability
        for _ in range(150)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(150)


def test_interval_of_three_runs_is_wide_enough():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=40) ** 2
    truth = 1 - np.mean(p * (1 - p)) / (p.mean() * (1 - p.mean()))
    covered = {}
    for interval in ("asymptotic", "bootstrap"):
        runs = [
            selection_stability(
                rng.uniform(size=(3, 40)) < p, interval=interval, n_bootstrap=100, random_state=0
            )
            for _ in range(200)
        ]
        covered[interval] = np.mean([run.low <= truth <= run.high for run in runs])
    assert covered["bootstrap"] > 0.93
    assert covered["asymptotic"] < 0.7


def test_three_equal_runs_are_no_proof_of_stability():
    found = selection_stability([[1, 0, 1, 0]] * 3, interval="bootstrap", random_state=0)
    assert (found.stability, found.high) == (1, 1)
    assert found.low == pytest.approx(0.05 ** (2 / 3))


def test_similarity_of_movement_is_the_rv_coefficient():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3, 2, 4)).astype(np.float32)
    X[..., 1] = -2 * X[..., 0]
    X[:, :, 1, 2:] = 0  # these move along one coordinate
    C = landmark_similarity("movement", X=X)
    assert C[0, 1] == pytest.approx(1)
    frames = X.mean(axis=1, dtype=float)
    assert C[2, 3] == pytest.approx(np.corrcoef(frames[:, 0, 2], frames[:, 0, 3])[0, 1] ** 2)
    A, B = (frames[:, :, i] - frames[:, :, i].mean(axis=0) for i in (0, 2))
    expected = np.linalg.norm(A.T @ B) ** 2 / np.linalg.norm(A.T @ A) / np.linalg.norm(B.T @ B)
    assert C[0, 2] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarity": np.ones((3, 3))}, r"symmetric and of shape \(4, 4\)"),
        ({"similarity": np.ones((4, 4))}, "tell some landmarks apart"),
        ({"similarity": np.eye(4) - 0.5 * np.eye(4)[::-1]}, "between 0 and 1"),
        (
            {"similarity": np.eye(4), "interval": "asymptotic"},
            "'bootstrap' with a similarity; got 'asymptotic'",
        ),
        ({"interval": "wald"}, "'asymptotic' or 'bootstrap'; got 'wald'"),
    ],
)
def test_wrong_similarity_or_interval_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        selection_stability([[1, 0, 1, 0], [0, 1, 1, 0]], **arguments)


def test_what_is_no_matrix_is_refused():
    with pytest.raises(
        TypeError, match=r"a matrix, as landmark_similarity\('distance'\) may give it; got 'distance'"
    ):
        selection_stability([[1, 0, 1, 0], [0, 1, 1, 0]], similarity="distance")
    with pytest.raises(ValueError, match="supports must be masks .*; those of some runs differ in length"):
        selection_stability([[3, 5], [3, 5, 7]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "sound"}, "kind must be one of movement, distance, region"),
        ({"kind": "movement"}, "X must be given"),
        ({"kind": "movement", "X": np.ones((4, 2, 2, 3))}, "landmark 0 does not"),
        ({"kind": "distance", "landmarks": np.ones((3, 4))}, r"shape \(2, n_landmarks\); got \(3, 4\)"),
        ({"kind": "distance", "scale": 0}, "scale must be above 0"),
    ],
)
def test_similarity_that_cannot_be_had_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        landmark_similarity(**arguments)
