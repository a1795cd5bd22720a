import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    LandmarkAligner,
    MirrorAugmented,
    NeutralDifference,
    SequenceFlattener,
    facemesh,
)
from sklearn_emoxai.preprocessing import mirror


@pytest.fixture
def moving_face():
    """The template with a little noise, as 3 sequences of 4 frames, and the same turned, scaled and shifted."""
    rng = np.random.default_rng(0)
    face = facemesh.TEMPLATE + rng.normal(scale=0.01, size=(3, 4, 2, 468))
    angle = rng.uniform(-0.5, 0.5, size=(3, 4))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 3, 0, 1)
    moved = rng.uniform(20, 90, size=(3, 4, 1, 1)) * (turn @ face) + rng.normal(100, 30, size=(3, 4, 2, 1))
    return face.astype(np.float32), moved.astype(np.float32)


def test_aligner_undoes_head_motion_in_the_plane(moving_face):
    face, moved = moving_face
    np.testing.assert_allclose(
        LandmarkAligner().fit_transform(moved), LandmarkAligner().fit_transform(face), atol=1e-4
    )


def test_aligned_eyes_are_one_unit_apart_on_a_level(moving_face):
    aligned = LandmarkAligner().fit_transform(moving_face[1])
    right = aligned[..., facemesh.RIGHT_EYE_CORNERS].mean(axis=-1)
    left = aligned[..., facemesh.LEFT_EYE_CORNERS].mean(axis=-1)
    np.testing.assert_allclose(right, np.broadcast_to([-0.5, 0], right.shape), atol=1e-5)
    np.testing.assert_allclose(left, np.broadcast_to([0.5, 0], left.shape), atol=1e-5)


def test_the_template_is_aligned():
    template = facemesh.TEMPLATE[None, None].astype(np.float32)
    np.testing.assert_allclose(LandmarkAligner().fit_transform(template), template, atol=1e-5)


def test_aligning_by_the_first_frame_keeps_later_motion(moving_face):
    face, _ = moving_face
    face = np.repeat(face[:, :1], 4, axis=1)
    face[:, 2:, 0] += 0.25
    aligned = LandmarkAligner(reference="first").fit_transform(face)
    np.testing.assert_allclose((aligned[:, 2:] - aligned[:, :1])[:, :, 0], 0.25, atol=0.02)
    np.testing.assert_allclose(LandmarkAligner().fit_transform(face)[:, 2:], aligned[:, :2], atol=1e-5)


def test_aligner_knows_ibugs_68_points():
    X = np.random.default_rng(0).normal(size=(2, 3, 2, 68))
    aligned = LandmarkAligner().fit_transform(X)
    np.testing.assert_allclose(
        aligned[..., [42, 45]].mean(axis=-1) - aligned[..., [36, 39]].mean(axis=-1),
        [[[1, 0]] * 3] * 2,
        atol=1e-5,
    )


def test_aligner_refuses_what_has_no_eyes():
    X = np.ones((2, 3, 2, 100), np.float32)
    with pytest.raises(ValueError, match="eyes must be given for 100 landmarks"):
        LandmarkAligner().fit_transform(X)
    with pytest.raises(ValueError, match="eyes must hold landmarks between 0 and 99"):
        LandmarkAligner(eyes=([0], [100])).fit_transform(X)
    with pytest.raises(ValueError, match="eyes must be a pair"):
        LandmarkAligner(eyes=(0, 1, 2)).fit_transform(X)
    with pytest.raises(ValueError, match="coincide in frame 0 of sample 0"):
        LandmarkAligner(eyes=(0, 1)).fit_transform(X)


def test_neutral_difference_removes_the_subjects_face(moving_face):
    face, _ = moving_face
    other = face + np.random.default_rng(1).normal(size=(3, 1, 2, 468)).astype(np.float32)
    difference = NeutralDifference().fit_transform(face)
    assert difference.shape == (3, 3, 2, 468)
    np.testing.assert_allclose(difference, NeutralDifference().fit_transform(other), atol=1e-5)
    kept = NeutralDifference(keep_first=True).fit_transform(face)
    assert not kept[:, 0].any()
    np.testing.assert_array_equal(kept[:, 1:], difference)
    with pytest.raises(ValueError, match="at least 2 frames.*got 1"):
        NeutralDifference().fit_transform(face[:, :1])


def test_flattened_columns_bear_their_names():
    X = np.arange(2 * 3 * 2 * 4, dtype=np.float32).reshape(2, 3, 2, 4)
    flattener = SequenceFlattener().set_output(transform="pandas")
    table = flattener.fit_transform(X)
    assert table["frame3_y_landmark3"].tolist() == X[:, 2, 1, 3].tolist()
    assert flattener.get_feature_names_out(list("abcd"))[5] == "frame1_y_b"
    with pytest.raises(ValueError, match="4 names; got 1"):
        flattener.get_feature_names_out(["a"])


@pytest.mark.parametrize("n_landmarks", [68, 468])
def test_mirroring_twice_is_the_identity(n_landmarks):
    X = np.random.default_rng(0).normal(size=(2, 3, 2, n_landmarks)).astype(np.float32)
    np.testing.assert_array_equal(mirror(mirror(X)), X)
    assert not np.array_equal(mirror(X), X)


def test_the_mirrored_template_is_itself():
    template = facemesh.TEMPLATE[None, None]
    np.testing.assert_allclose(mirror(template), template, atol=1e-3)


def test_the_mirrored_68_points_keep_their_anatomy():
    permutation = mirror(np.tile(np.arange(68.0), (1, 1, 2, 1)))[0, 0, 1].astype(int)
    for right, left in [(0, 16), (17, 26), (36, 45), (41, 46), (31, 35), (48, 54), (60, 64), (67, 65)]:
        assert permutation[right] == left
    assert [i for i in range(68) if permutation[i] == i] == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


class _Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that keeps what it was fitted on."""

    def fit(self, X, y, *, groups=None):
        self.seen_, self.classes_ = (X, y, groups), np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_mirror_images_join_the_fit_with_their_labels_and_groups(moving_face):
    face, _ = moving_face
    y, groups = np.array([0, 1, 1]), np.array(["a", "a", "b"])
    X, labels, subjects = MirrorAugmented(_Recorder()).fit(face, y, groups=groups).estimator_.seen_
    np.testing.assert_array_equal(X[:3], face)
    np.testing.assert_array_equal(X[3:], mirror(face))
    assert labels.tolist() == [0, 1, 1] * 2
    assert subjects.tolist() == ["a", "a", "b"] * 2


def test_mirror_augmentation_routes_metadata(moving_face):
    face, _ = moving_face
    recorder = _Recorder()
    with config_context(enable_metadata_routing=True):
        recorder.set_fit_request(groups=True)
        model = make_pipeline(LandmarkAligner(), MirrorAugmented(recorder))
        model.fit(face, [0, 1, 1], groups=[1, 1, 2])
    assert model[-1].estimator_.seen_[2].tolist() == [1, 1, 2] * 2


@pytest.mark.parametrize("routing", [True, False])
def test_mirror_augmentation_swallows_what_its_estimator_does_not_ask_for(moving_face, routing):
    face, _ = moving_face
    both = {"emotion": np.array(["fear", "joy", "joy"]), "groups": np.array([1, 1, 2])}
    flat = make_pipeline(SequenceFlattener(), SVC())
    with config_context(enable_metadata_routing=routing):
        recorder = _Recorder()
        if routing:
            recorder.set_fit_request(groups=True)
        fitted = MirrorAugmented(recorder).fit(face, [0, 1, 1], **both)
        assert fitted.estimator_.seen_[2].tolist() == [1, 1, 2] * 2
        assert MirrorAugmented(flat).fit(face, [0, 1, 1], **both).predict(face).shape == (3,)


def test_mirror_augmentation_offers_what_its_estimator_offers():
    assert not hasattr(MirrorAugmented(SVC()), "predict_proba")
    assert hasattr(MirrorAugmented(SVC()), "decision_function")
    assert hasattr(MirrorAugmented(ConvLSTMClassifier()), "predict_proba")


def test_mirroring_needs_a_pairing():
    X = np.zeros((2, 3, 2, 4))
    with pytest.raises(ValueError, match="permutation must be given for 4 landmarks"):
        mirror(X)
    with pytest.raises(ValueError, match="permutation must pair the 4 landmarks"):
        mirror(X, permutation=[1, 2, 3, 0])
    np.testing.assert_array_equal(mirror(X, permutation=[1, 0, 3, 2]), X)
