"""One name for a landmark and one number for a frame, after selections and in data frames."""

import pickle

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    AttributionTimelineDisplay,
    ConvLSTMClassifier,
    FixedLandmarkSelector,
    ForwardLandmarkSelector,
    IGLandmarkSelector,
    LandmarkAligner,
    MirrorAugmented,
    NeutralDifference,
    RandomLandmarkSelector,
    SequenceFlattener,
    SequenceUnflattener,
    UnivariateLandmarkSelector,
    VarianceLandmarkSelector,
    facemesh,
)

REGIONS = ["left_brow", "right_brow", "outer_lips", "nose"]
NAMES = facemesh.landmark_names()
STEPS = {
    "two selectors": lambda: [ForwardLandmarkSelector(n_landmarks_to_select=9), _variance()],
    "three selectors": lambda: [
        FixedLandmarkSelector(REGIONS),
        UnivariateLandmarkSelector(n_landmarks_to_select=9),
        RandomLandmarkSelector(n_landmarks_to_select=3, random_state=0),
    ],
    "aligned first": lambda: [
        LandmarkAligner(),
        NeutralDifference(),
        ForwardLandmarkSelector(n_landmarks_to_select=3),
    ],
    "differences between": lambda: [FixedLandmarkSelector("lips"), NeutralDifference(), _variance()],
    "aligned between": lambda: [
        FixedLandmarkSelector(REGIONS),
        LandmarkAligner(eyes=([0, 1], [5, 6])),
        NeutralDifference(keep_first=True),
        _variance(),
    ],
    "there and back": lambda: [
        FixedLandmarkSelector("lips"),
        NeutralDifference(),
        SequenceFlattener(),
        SequenceUnflattener(n_frames=3),
        _variance(),
    ],
}


def _variance():
    return VarianceLandmarkSelector(n_landmarks_to_select=3)


@pytest.fixture
def faces():
    """Meshes that differ everywhere, and two classes."""
    rng = np.random.default_rng(0)
    X = facemesh.TEMPLATE + rng.normal(0, 0.01, size=(16, 4, 2, 468)).astype(np.float32)
    y = np.arange(16) % 2 == 1
    X[y, 1:, :, 13] += 0.1
    return X.astype(np.float32), y


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_a_pipeline_has_one_name_for_a_column(steps, container, faces):
    if container == "polars":
        pytest.importorskip("polars")
    X, y = faces
    steps = [*steps(), SequenceFlattener()]
    pipeline = make_pipeline(*steps, SVC(kernel="linear")).set_output(transform=container).fit(X, y)
    names = pipeline[:-1].get_feature_names_out().tolist()
    assert {name.split("_", 2)[2] for name in names} <= set(NAMES)
    assert pipeline[-2].get_feature_names_out().tolist() == names
    for k in range(1, len(pipeline) - 1):
        step = pipeline[k]
        if not isinstance(step, SequenceFlattener | SequenceUnflattener):
            assert step.get_feature_names_out().tolist() == pipeline[: k + 1].get_feature_names_out().tolist()
    if container != "default":
        assert list(pipeline[:-1].transform(X).columns) == names
        assert pipeline[-1].feature_names_in_.tolist() == names
    again = pickle.loads(pickle.dumps(pipeline))
    assert again[-2].get_feature_names_out().tolist() == names


def test_names_are_those_of_the_landmarks_that_were_chosen(faces):
    X, y = faces
    first = ForwardLandmarkSelector(n_landmarks_to_select=9).fit(X, y)
    second = VarianceLandmarkSelector(n_landmarks_to_select=3).fit(first.transform(X), y)
    chosen = first.get_support(indices=True)[second.get_support()]
    assert second.get_feature_names_out().tolist() == [NAMES[i] for i in chosen]
    np.testing.assert_array_equal(second.transform(first.transform(X)), X[..., chosen])


def test_names_survive_splits_slices_pickles_and_arithmetic(faces):
    X, y = faces
    selected = ForwardLandmarkSelector(n_landmarks_to_select=9).fit(X, y).transform(X)
    names = selected.landmark_names.tolist()

    def names_of(part):
        return RandomLandmarkSelector(n_landmarks_to_select=None).fit(part).get_feature_names_out().tolist()

    train, test = train_test_split(selected, random_state=0)
    for part in (train, test, selected[3:9], selected[y], selected[[2, 1]], selected * 2, selected[:, 1:]):
        assert names_of(part) == names
    assert names_of(pickle.loads(pickle.dumps(selected))) == names
    assert names_of(selected[..., 2:5]) == names[2:5]
    assert names_of(selected[..., ::-1]) == names[::-1]
    assert names_of(selected[:, :, :, [4, 1]]) == [names[4], names[1]]
    assert type(selected[0]) is np.ndarray
    assert type(selected.mean(axis=0)) is np.ndarray
    assert np.ndim(selected.sum()) == 0


def test_names_reach_the_estimators_of_a_search_and_of_mirrored_training(faces):
    X, y = faces
    selected = FixedLandmarkSelector("lips").fit(X).transform(X)
    names = [NAMES[i] for i in np.sort(facemesh.SETS["lips"])]
    search = GridSearchCV(
        make_pipeline(_variance(), SequenceFlattener(), SVC()), {"svc__C": [1, 2]}, cv=2
    ).fit(selected, y)
    assert set(search.best_estimator_[0].get_feature_names_out()) <= set(names)
    mirrored = MirrorAugmented(_variance_and_svm(), permutation=np.arange(len(names))).fit(selected, y)
    assert set(mirrored.estimator_[0].get_feature_names_out()) <= set(names)


def _variance_and_svm():
    return make_pipeline(_variance(), SequenceFlattener(), SVC())


def test_landmarks_are_found_by_name_behind_another_selector(faces):
    X, _ = faces
    chosen = ["outer_lips_0", "nose_4"]
    pipeline = make_pipeline(FixedLandmarkSelector(["lips", "nose"]), FixedLandmarkSelector(chosen)).fit(X)
    assert set(pipeline[-1].get_feature_names_out()) == set(chosen)
    np.testing.assert_array_equal(pipeline.transform(X), X[..., [0, 4]])
    with pytest.raises(ValueError, match="landmarks must hold indices or names from .*got 'landmark0'"):
        make_pipeline(FixedLandmarkSelector("lips"), FixedLandmarkSelector("landmark0")).fit(X)


def test_a_later_fit_on_plain_arrays_forgets_the_names(faces):
    X, _ = faces
    selector = _variance().fit(FixedLandmarkSelector("lips").fit(X).transform(X))
    assert hasattr(selector, "feature_names_in_")
    selector.fit(np.asarray(X[..., :20]))
    assert not hasattr(selector, "feature_names_in_")
    assert all(name.startswith("landmark") for name in selector.get_feature_names_out())


def test_frames_are_counted_from_1_and_by_their_number_in_the_clip(faces):
    X, y = faces
    plain = SequenceFlattener().fit(X)
    assert plain.get_feature_names_out()[0].startswith("frame1_x_")
    network = ConvLSTMClassifier(n_filters=1, lstm_units=2, fc_units=2, max_epochs=1, random_state=0)
    selector = IGLandmarkSelector(network, n_landmarks_to_select=2, n_steps=2, n_baselines=2, random_state=0)
    for n_differences in (1, 2):
        steps = [NeutralDifference() for _ in range(n_differences)]
        pipeline = make_pipeline(*steps, selector, SequenceFlattener(), SVC()).fit(X, y)
        first = AttributionTimelineDisplay.from_estimator(pipeline).first_frame
        assert first == n_differences + 1
        assert AttributionTimelineDisplay.from_estimator(pipeline[-3]).first_frame == first
        names = pipeline[:-1].get_feature_names_out()
        assert names[0].startswith(f"frame{first}_x_")
        assert names[-1].startswith("frame4_y_")


def test_a_figure_numbers_the_frames_that_the_selector_saw(faces):
    X, y = faces
    network = ConvLSTMClassifier(n_filters=1, lstm_units=2, fc_units=2, max_epochs=1, random_state=0)
    selector = IGLandmarkSelector(network, n_landmarks_to_select=2, n_steps=2, n_baselines=2, random_state=0)
    pipeline = make_pipeline(selector, NeutralDifference(), SequenceFlattener(), SVC()).fit(X, y)
    shown = AttributionTimelineDisplay.from_estimator(pipeline)
    assert (shown.first_frame, len(shown.profile)) == (1, 4)
    assert pipeline[:-1].get_feature_names_out()[0].startswith("frame2_x_")


def test_an_unflattener_takes_the_frames_from_the_columns(faces):
    pytest.importorskip("pandas")
    X, y = faces
    there = make_pipeline(NeutralDifference(), SequenceFlattener()).set_output(transform="pandas")
    table = there.fit_transform(X)
    back = make_pipeline(SequenceUnflattener(n_frames=3), _variance(), SequenceFlattener()).fit(table, y)
    assert back.get_feature_names_out()[0].startswith("frame2_x_")
    with pytest.raises(ValueError, match="in the order of SequenceFlattener"):
        SequenceUnflattener(n_frames=3).fit(table[table.columns[::-1]])
