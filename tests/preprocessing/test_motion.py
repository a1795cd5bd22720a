import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    LandmarkMotion,
    NeutralDifference,
    SequenceChannels,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    facemesh,
    load,
    save,
)


@pytest.fixture
def thrown():
    """Landmarks under constant acceleration: x = 3 + 2 t + 5 t² / 2, and at rest in y."""
    t = np.arange(6.0)
    X = np.zeros((2, 6, 2, 4))
    X[0, :, 0] = (3 + 2 * t + 2.5 * t**2)[:, None]
    return X, t


def test_constant_accelerations_are_exact_in_every_frame(thrown):
    X, t = thrown
    motion = LandmarkMotion().fit_transform(X)
    assert motion.dtype == np.float32
    assert motion.shape == (2, 6, 2, 12)
    np.testing.assert_allclose(motion[..., :4], X)
    np.testing.assert_allclose(motion[0, :, 0, 4:8], np.repeat((2 + 5 * t)[:, None], 4, axis=1), rtol=1e-5)
    np.testing.assert_allclose(motion[0, :, 0, 8:], 5, rtol=1e-5)
    assert not motion[0, :, 1].any()
    assert not motion[1].any()


def test_a_frame_rate_makes_it_per_second(thrown):
    X, _ = thrown
    by_frame = LandmarkMotion(append=False).fit_transform(X)
    by_second = LandmarkMotion(append=False, frame_rate=25).fit_transform(X)
    np.testing.assert_allclose(by_second[..., :4], 25 * by_frame[..., :4], rtol=1e-5)
    np.testing.assert_allclose(by_second[..., 4:], 625 * by_frame[..., 4:], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({}, ["a", "b", "velocity_a", "velocity_b", "acceleration_a", "acceleration_b"]),
        ({"order": 1}, ["a", "b", "velocity_a", "velocity_b"]),
        ({"order": 1, "append": False}, ["velocity_a", "velocity_b"]),
        ({"append": False}, ["velocity_a", "velocity_b", "acceleration_a", "acceleration_b"]),
    ],
)
def test_names_are_those_of_what_is_there(arguments, names):
    X = np.random.default_rng(0).normal(size=(3, 5, 2, 2))
    motion = LandmarkMotion(**arguments).fit(X)
    assert motion.get_feature_names_out(["a", "b"]).tolist() == names
    whole = LandmarkMotion().fit_transform(X)
    every = ["a", "b", "velocity_a", "velocity_b", "acceleration_a", "acceleration_b"]
    np.testing.assert_array_equal(motion.transform(X), whole[..., [every.index(name) for name in names]])


def test_selectors_choose_among_landmarks_and_their_motion():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 9, 2, 6)), np.arange(60) % 2
    X[y == 1, :, :, 2] += (
        rng.normal(scale=9, size=(30, 1, 2)) + 4 * np.arange(9)[:, None]
    )  # a speed, at any place
    model = make_pipeline(
        LandmarkMotion(order=1), UnivariateLandmarkSelector(n_landmarks_to_select=1), SequenceFlattener()
    ).fit(X, y)
    assert model[:2].get_feature_names_out().tolist() == ["velocity_landmark2"]


def test_motion_is_the_same_with_and_without_the_neutral_face():
    X = np.random.default_rng(0).normal(size=(3, 6, 2, 468))
    less = NeutralDifference(keep_first=True).fit_transform(X)
    motion = LandmarkMotion(append=False).fit(X)
    np.testing.assert_allclose(motion.transform(less), motion.transform(X), atol=1e-5)
    assert motion.get_feature_names_out()[0] == f"velocity_{facemesh.landmark_names(468)[0]}"


def test_pipelines_with_motion_and_channels_are_saved(tmp_path):
    X = np.random.default_rng(0).normal(size=(3, 6, 2, 4))
    model = make_pipeline(LandmarkMotion(order=1, frame_rate=25), SequenceChannels()).fit(X)
    save(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(load(tmp_path / "model.skops").transform(X), model.transform(X))


def test_bad_input_is_named():
    X = np.zeros((4, 2, 2, 5))
    with pytest.raises(ValueError, match="X must have at least 3 frames to measure motion; got 2"):
        LandmarkMotion().fit_transform(X)
    for wrong in ({"order": 3}, {"order": 0}, {"frame_rate": 0}, {"append": "yes"}):
        with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' parameter of LandmarkMotion must be"):
            LandmarkMotion(**wrong).fit(X)
