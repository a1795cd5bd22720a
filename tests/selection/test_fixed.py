import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    FixedLandmarkSelector,
    LandmarkImportanceDisplay,
    SequenceFlattener,
    VarianceLandmarkSelector,
    compare,
    facemesh,
    load,
    save,
)

REGIONS, SETS = facemesh.REGIONS, facemesh.SETS
MESH = np.random.default_rng(0).normal(size=(4, 3, 2, 468)).astype(np.float32)


def _chosen(landmarks, X=MESH):
    """The landmarks in the order of choice."""
    selector = FixedLandmarkSelector(landmarks).fit(X)
    return selector.ranking_[: selector.support_.sum()].tolist()


@pytest.mark.parametrize(
    ("landmarks", "expected"),
    [
        ([276, 5, 61], [276, 5, 61]),
        (np.array([276, 5, 61]), [276, 5, 61]),
        ((np.int32(276),), [276]),
        ("left_brow_276", [276]),
        (["outer_lips_61", "left_brow_276"], [61, 276]),
        (np.array(["outer_lips_61", "nose"]), [61, *REGIONS["nose"]]),
        ("left_brow", REGIONS["left_brow"]),
        ("lips", [*REGIONS["outer_lips"], *REGIONS["inner_lips"]]),
        ("eyes", [*REGIONS["left_eye"], *REGIONS["right_eye"]]),
        (["brows"], [*REGIONS["left_brow"], *REGIONS["right_brow"]]),
        ("left_eye_contour", facemesh.CONTOURS["left_eye"]),
        ("face_oval", facemesh.CONTOURS["face_oval"]),
        ("ibug68", facemesh.IBUG_68),
        (["glabella", 4, "left_brow_276"], [*REGIONS["glabella"], 4, 276]),
    ],
)
def test_landmarks_are_named_by_index_name_region_or_set(landmarks, expected):
    assert _chosen(landmarks) == list(expected)


def test_a_landmark_of_two_sets_is_kept_once_where_it_is_first_named():
    assert _chosen([61, "outer_lips"])[0] == 61
    assert sorted(_chosen([61, "outer_lips"])) == REGIONS["outer_lips"].tolist()
    both = _chosen(["ibug68", "lips"])
    assert both[:68] == facemesh.IBUG_68.tolist()
    assert sorted(both) == sorted({*facemesh.IBUG_68.tolist(), *SETS["lips"].tolist()})


def test_other_meshes_have_indices_and_numbered_names(planted):
    X, _, _ = planted
    assert _chosen(["landmark7", 3], X) == [7, 3]


def test_the_rest_follows_in_increasing_order_and_transform_keeps_the_order_of_x(planted):
    X, _, _ = planted
    selector = FixedLandmarkSelector([7, 3, 12]).fit(X)
    assert selector.ranking_.tolist() == [7, 3, 12, *(i for i in range(20) if i not in (3, 7, 12))]
    assert selector.get_support(indices=True).tolist() == [3, 7, 12]
    np.testing.assert_array_equal(selector.importances_, selector.support_)
    reduced = selector.transform(X)
    np.testing.assert_array_equal(reduced, X[..., [3, 7, 12]])
    np.testing.assert_array_equal(selector.transform(selector.inverse_transform(reduced)), reduced)
    assert selector.get_feature_names_out().tolist() == ["landmark3", "landmark7", "landmark12"]


def test_names_of_its_own_output_name_the_same_landmarks():
    names = FixedLandmarkSelector("ibug68").fit(MESH).get_feature_names_out()
    assert _chosen(names) == sorted(facemesh.IBUG_68)


def test_labels_emotions_and_groups_are_not_looked_at(planted):
    X, emotion, groups = planted
    selector = FixedLandmarkSelector([3]).fit(X, emotion, emotion="no labels", groups=groups[1:])
    assert selector.get_support(indices=True).tolist() == [3]


@pytest.mark.parametrize(
    ("landmarks", "error", "message"),
    [
        ([], ValueError, r"landmarks must name at least one landmark; got \[\]"),
        (np.array([], int), ValueError, "landmarks must name at least one landmark"),
        ([3, 468], ValueError, "landmarks must hold indices from 0 to 467; got 468"),
        ([-1], ValueError, "landmarks must hold indices from 0 to 467; got -1"),
        ([3, 3], ValueError, "landmarks must name each landmark, region and set once; got 3 and 3"),
        ([np.int64(4), "nose_4"], ValueError, "each landmark, region and set once; got 4 and 'nose_4'"),
        (["lips", 3, "lips"], ValueError, "each landmark, region and set once; got 'lips' and 'lips'"),
        ("left_borw", ValueError, "keys of facemesh.REGIONS .*; got 'left_borw'; did you mean 'left_brow'"),
        (["nose", "ibug_68"], ValueError, "got 'ibug_68'; did you mean 'ibug68'"),
        ("left_borw_276", ValueError, "got 'left_borw_276'; did you mean 'left_brow_276'"),
        ("left_brow_61", ValueError, "got 'left_brow_61'; did you mean 'outer_lips_61'"),
        ("landmark5", ValueError, "got 'landmark5'; did you mean 'nose_5'"),
        ("nose_468", ValueError, r"got 'nose_468'\.$"),
        ("whiskers", ValueError, r"names such as 'left_brow_276'.*; got 'whiskers'\.$"),
        ([1.0], TypeError, r"landmarks must hold ints and strings; got 1\.0"),
        ([[1, 2]], TypeError, r"landmarks must hold ints and strings; got \[1, 2\]"),
        (np.ones(468, bool), TypeError, r"got True\. A mask's are np.flatnonzero\(mask\)"),
        (5, ValueError, "'landmarks' parameter of FixedLandmarkSelector .* Got 5"),
        (None, ValueError, "'landmarks' parameter of FixedLandmarkSelector .* Got None"),
    ],
)
def test_what_names_no_landmark_is_refused(landmarks, error, message):
    with pytest.raises(error, match=message):
        FixedLandmarkSelector(landmarks).fit(MESH)


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (
            "nose",
            "since X has 20 landmarks and regions and sets are known of the mesh of 468 alone; got 'nose'",
        ),
        ("ibug68", "names from 'landmark0' to 'landmark19'.*; got 'ibug68'"),
        (["nose_4"], "got 'nose_4'; did you mean 'landmark4'"),
        (["landmark20"], r"got 'landmark20'\.$"),
        ([20], "landmarks must hold indices from 0 to 19; got 20"),
    ],
)
def test_regions_and_sets_need_the_face_mesh(landmarks, message, planted):
    with pytest.raises(ValueError, match=message):
        FixedLandmarkSelector(landmarks).fit(planted[0])


def test_a_long_list_has_a_short_repr():
    assert len(repr(FixedLandmarkSelector(list(range(468))))) < 300


def _detector(*select):
    return make_pipeline(*select, SequenceFlattener(), SVC())


def test_compare_counts_its_landmarks_whatever_others_are_asked_for(planted):
    X, emotion, groups = planted
    models = {
        "fixed": _detector(FixedLandmarkSelector([7, "landmark3", 12])),
        "variance": _detector(VarianceLandmarkSelector()),
        "all": _detector(),
    }
    table = compare(
        models, X, emotion, groups=groups, emotions=["fear"], n_landmarks=[2, 5, 20], n_splits=2, n_runs=1
    )
    counts = table.groupby("model")["n_landmarks"].apply(list)
    assert counts["fixed"] == [3, 3]
    assert sorted(counts["variance"]) == [2, 2, 5, 5, 20, 20]
    assert counts["all"] == [20, 20]
    assert set(table["selected"][table["model"] == "fixed"]) == {"7 3 12"}


def test_compare_tells_what_another_selector_leaves_of_it(planted):
    X, emotion, groups = planted
    X[..., 12] *= 9
    X[..., 5] *= 99
    model = _detector(FixedLandmarkSelector([12, 7, 3]), VarianceLandmarkSelector())
    arguments = {"groups": groups, "emotions": ["fear"], "n_splits": 2, "n_runs": 1}
    table = compare({"both": model}, X, emotion, n_landmarks=1, **arguments)
    assert table["n_landmarks"].tolist() == [1, 1]
    assert table["selected"].tolist() == ["12", "12"]


def test_compare_varies_no_number_where_all_selectors_are_fixed(planted):
    X, emotion, groups = planted
    models = {"fixed": _detector(FixedLandmarkSelector([3]))}
    with pytest.raises(
        ValueError, match="n_landmarks needs a model with a landmark selector that takes a number"
    ):
        compare(models, X, emotion, groups=groups, n_landmarks=2, n_splits=2, n_runs=1)


def test_it_is_drawn_as_chosen_and_others():
    display = LandmarkImportanceDisplay.from_estimator(FixedLandmarkSelector("lips").fit(MESH))
    drawn = np.asarray(display.points_.get_offsets())
    expected = facemesh.TEMPLATE[:, SETS["lips"]].T
    assert sorted(map(tuple, drawn.round(6))) == sorted(map(tuple, expected.round(6)))
    assert set(display.points_.get_array()) == {1}
    assert set(display.others_.get_array()) == {0}
    _, ax = plt.subplots()
    pipeline = make_pipeline(FixedLandmarkSelector("nose"), SequenceFlattener()).fit(MESH)
    assert len(LandmarkImportanceDisplay.from_estimator(pipeline, ax=ax).points_.get_offsets()) == 97


@pytest.mark.parametrize(
    "landmarks",
    ["ibug68", ["lips", 4, "left_brow_276"], (3, np.int64(5)), np.array([7, 3]), np.array(["nose"])],
)
def test_it_is_saved_and_loaded_fitted_or_not(landmarks, tmp_path):
    selector = FixedLandmarkSelector(landmarks)
    save(selector, tmp_path / "unfitted.skops")
    selector.fit(MESH)
    save(selector, tmp_path / "fitted.skops")
    loaded = load(tmp_path / "fitted.skops")
    np.testing.assert_array_equal(loaded.transform(MESH), selector.transform(MESH))
    refitted = load(tmp_path / "unfitted.skops").fit(MESH)
    np.testing.assert_array_equal(refitted.ranking_, selector.ranking_)


def test_names_and_data_frames_pass_through_a_pipeline():
    pipeline = make_pipeline(FixedLandmarkSelector([276, "nose_4"]), SequenceFlattener())
    table = pipeline.set_output(transform="pandas").fit_transform(MESH)
    names = pipeline.get_feature_names_out().tolist()
    assert names == [
        f"frame{p}_{c}_{name}" for p in (1, 2, 3) for c in "xy" for name in ("nose_4", "left_brow_276")
    ]
    assert table.columns.tolist() == names
    np.testing.assert_array_equal(table["frame3_y_left_brow_276"], MESH[:, 2, 1, 276])
