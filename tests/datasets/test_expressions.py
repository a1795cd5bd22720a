"""Simulated expressions: the truth that they state is the truth."""

import time

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import LandmarkAligner, SequenceFlattener
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.datasets._action_units import PROTOTYPES, emotion_field, unit_fields
from sklearn_emoxai.facemesh import MIRROR, REGIONS, TEMPLATE, TRIANGLES

EMOTIONS = ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
FLIP = np.array([[-1], [1]])
# Nothing but the expression itself, the same for everyone.
BARE = {
    "strength": 1,
    "strength_spread": 0,
    "asymmetry": 0,
    "latest_onset": 0,
    "duration": (1, 1),
    "distractors": 0,
    "geometry": 0,
    "head_turn": 0,
    "head_shift": 0,
    "noise": 0,
    "outliers": 0,
}


def bare(n_subjects=2, n_repeats=1, n_frames=5, *, seed=0, **changes):
    return make_expressions(n_subjects, n_repeats, n_frames, random_state=seed, **(BARE | changes))


def signed_areas(points):
    a, b, c = points[:, TRIANGLES.T].transpose(1, 0, 2)
    return (b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]


def test_bunch_has_shapes_dtypes_and_labels():
    made = make_expressions(3, 2, 7, random_state=0)
    assert made.data.shape == (3 * 6 * 2, 7, 2, 468)
    assert made.data.dtype == np.float32
    assert np.isfinite(made.data).all()
    assert np.unique(made.target).tolist() == EMOTIONS
    assert np.unique(made.groups, return_counts=True)[1].tolist() == [12, 12, 12]
    assert made.target.dtype.kind == made.groups.dtype.kind == "U"
    assert set(made.informative) == set(made.informative_mask) == set(EMOTIONS)
    assert "36 sequences of 3 simulated subjects" in made.DESCR


def test_equal_seeds_give_equal_sequences_and_leave_numpys_generator_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, again, other = (make_expressions(2, 1, random_state=seed).data for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    from_state = [make_expressions(2, 1, random_state=np.random.RandomState(3)).data for _ in range(2)]
    np.testing.assert_array_equal(*from_state)


def test_stated_truth_is_how_far_the_landmarks_move():
    made = bare(emotions=[*EMOTIONS, "neutral"])
    for emotion in made.informative:
        moved = made.data[made.target == emotion]
        distance = np.hypot(*(moved[:, -1] - moved[:, 0]).transpose(1, 0, 2))
        np.testing.assert_allclose(distance, np.tile(made.informative[emotion], (2, 1)), atol=1e-5)
        np.testing.assert_array_equal(made.informative_mask[emotion], made.informative[emotion] > 0.02)
    assert not made.informative_mask["neutral"].any()
    half = bare(strength=0.5)
    np.testing.assert_allclose(2 * half.informative["fear"], made.informative["fear"])


def test_sequences_run_from_neutral_to_apex():
    made = bare(n_frames=9)
    np.testing.assert_allclose(made.data[:, 0], np.tile(TEMPLATE, (12, 1, 1)), atol=1e-6)
    size = np.abs(made.data - made.data[:, :1]).max(axis=(2, 3))
    assert (np.diff(size, axis=1) > 0).all()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_expressions_are_the_sum_of_their_action_units(emotion):
    whole = sum(unit_fields()[unit] for unit in PROTOTYPES[emotion])
    np.testing.assert_allclose(emotion_field(emotion), whole)
    assert np.hypot(*whole).max() > 0.05


def test_every_unit_is_symmetric_and_folds_no_skin():
    rest = signed_areas(TEMPLATE)
    fields = [*unit_fields().values(), *(emotion_field(emotion) for emotion in EMOTIONS)]
    for field in fields:
        np.testing.assert_allclose(field[:, MIRROR] * FLIP, field, atol=1e-12)
        turned_over = signed_areas(TEMPLATE + field) * rest < 0
        # Slivers at the mouth's corners and the nostrils may turn over; skin may not.
        assert np.abs(rest[turned_over]).sum() < 0.003


@pytest.mark.parametrize(
    ("unit", "landmark", "direction"),
    [
        (1, 107, (0, -1)),  # inner brow up
        (2, 105, (0, -1)),  # outer brow up
        (4, 55, (1, 1)),  # the right brow down and towards the midline
        (5, 159, (0, -1)),  # upper lid up
        (6, 101, (0, -1)),  # cheek up
        (7, 145, (0, -1)),  # lower lid up
        (9, 129, (0, -1)),  # wing of the nose up
        (12, 61, (-1, -1)),  # the right corner of the mouth out and up
        (15, 61, (0, 1)),  # and down
        (16, 17, (0, 1)),  # lower lip down
        (20, 61, (-1, 0)),  # corner out
        (23, 61, (1, 0)),  # corner in
        (26, 152, (0, 1)),  # chin down
    ],
)
def test_units_pull_where_facs_says(unit, landmark, direction):
    moved = unit_fields()[unit][:, landmark]
    for component, sign in zip(moved, direction):
        if sign:
            assert component * sign > 0.02
        else:
            assert abs(component) < 0.03


def test_units_stay_in_their_part_of_the_face():
    fields = unit_fields()
    size = {unit: np.hypot(*field) for unit, field in fields.items()}
    upper, lower = REGIONS["right_brow"], REGIONS["chin"]
    for unit in (1, 2, 4, 5, 7):
        assert size[unit][lower].max() < 1e-3
    for unit in (12, 15, 16, 20, 23, 26):
        assert size[unit][upper].max() < 1e-3
    # The lips part: the lower one drops, the upper one stays.
    assert size[26][14] > 0.2 > 0.01 > size[26][13]
    # Lids close and open without the brow.
    assert max(size[5][upper].max(), size[7][upper].max()) < 1e-3


@pytest.mark.parametrize(
    ("change", "measure"),
    [
        ({"geometry": 0.05}, lambda d: d[:, 0].std(axis=0).mean()),
        ({"head_shift": 0.1}, lambda d: d[:, 0].mean(axis=-1).std(axis=0).mean()),
        ({"head_turn": 10}, lambda d: d[:, 0].std(axis=0).mean()),
        ({"asymmetry": 0.5}, lambda d: np.abs(d[:, -1][..., MIRROR] * FLIP - d[:, -1]).mean()),
        ({"noise": 0.01}, lambda d: np.diff(d[:, :, 0, 10], axis=1).std()),
        ({"strength_spread": 0.5}, lambda d: d[::6, -1].std(axis=0).mean()),
        ({"distractors": 0.3}, lambda d: d[::6, -1].std(axis=0).mean()),
    ],
)
def test_each_kind_of_variation_can_be_turned_on_alone(change, measure):
    assert measure(bare(8).data) < 1e-6
    assert measure(bare(8, **change).data) > 0.002


def test_geometry_and_noise_have_the_stated_size():
    faces = bare(300, 1, 2, geometry=0.08, emotions=["neutral"]).data[:, 0]
    assert np.sqrt(faces.var(axis=0).mean()) == pytest.approx(0.08, rel=0.15)
    noisy = bare(30, 1, 20, noise=0.02, emotions=["neutral"]).data - TEMPLATE
    assert noisy.std() == pytest.approx(np.sqrt(2) * 0.02, rel=0.05)


def test_no_unit_contracts_beyond_what_a_face_can():
    made = bare(30, strength_spread=1, emotions=["surprise"])
    drop = (made.data[:, -1] - made.data[:, 0])[:, 1, 152] / emotion_field("surprise")[1, 152]
    assert drop.max() == pytest.approx(1.3, abs=1e-3)
    assert drop.min() < 0.7


def test_outliers_are_the_stated_share_of_frames():
    frames = bare(60, 1, 20, noise=0.002, outliers=0.1, emotions=["neutral"]).data - TEMPLATE
    error = np.abs(frames).mean(axis=(2, 3)).ravel()
    assert (error > 3 * np.median(error)).mean() == pytest.approx(0.1, abs=0.04)


def test_onset_and_duration_set_the_time_course():
    late = bare(40, 1, 11, latest_onset=0.5, duration=(0.5, 0.5), emotions=["surprise"]).data
    progress = (late - late[:, :1])[:, :, 1, 152] / (late[:, -1:] - late[:, :1])[:, :, 1, 152]
    np.testing.assert_allclose(progress[:, -1], 1)
    start = (progress < 1e-6).sum(axis=1) - 1  # frames of a tenth of the clip before it moves
    assert start.min() == 0
    assert start.max() in (4, 5)


def test_stated_onset_and_apex_are_when_the_face_moves():
    made = bare(40, 1, 21, latest_onset=0.6, duration=(0.1, 0.3), emotions=["surprise"])
    time = np.linspace(0, 1, 21)
    moved = (made.data - made.data[:, :1])[:, :, 1, 152] / emotion_field("surprise")[1, 152]
    before, after = time <= made.onset[:, None], time >= made.apex[:, None]
    assert before.sum(axis=1).min() == 1
    assert before.sum(axis=1).max() > 8
    np.testing.assert_allclose(moved[before], 0, atol=1e-6)
    np.testing.assert_allclose(moved[after], 1, atol=1e-5)
    assert (np.abs(moved - 0.5)[~before & ~after] < 0.5).all()


def svm_auc(made):
    model = make_pipeline(LandmarkAligner(), SequenceFlattener(), SVC(kernel="linear"))
    splits = StratifiedGroupKFold(4)
    return np.mean(
        [
            cross_val_score(
                model, made.data, made.target == emotion, groups=made.groups, cv=splits, scoring="roc_auc"
            ).mean()
            for emotion in ("anger", "happiness", "surprise")
        ]
    )


def test_difficulty_goes_from_nearly_perfect_to_chance():
    easy, default, impossible = (
        svm_auc(make_expressions(16, n_frames=5, difficulty=difficulty, random_state=0))
        for difficulty in (0, 0.5, 1)
    )
    assert easy > 0.97
    assert 0.75 < default < 0.95
    assert 0.35 < impossible < 0.65


def test_thousands_of_sequences_a_second():
    make_expressions(1, 1, random_state=0)  # fills the caches
    start = time.process_time()
    made = make_expressions(50, 7, random_state=0)
    assert len(made.data) == 2100
    assert time.process_time() - start < 4  # 10,000 in 10 s on two cores


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_subjects": 0}, ValueError, "n_subjects must be at least 1; got 0"),
        ({"n_repeats": 1.5}, TypeError, "n_repeats must be an int; got 1.5"),
        ({"n_frames": 1}, ValueError, "n_frames must be at least 2; got 1"),
        ({"emotions": ["joy"]}, ValueError, r"emotions must be distinct and out of .*; got \['joy'\]"),
        ({"emotions": "fear"}, TypeError, "emotions must be a sequence"),
        ({"emotions": []}, ValueError, "emotions must be distinct"),
        ({"difficulty": 1.1}, ValueError, "difficulty must be from 0 to 1; got 1.1"),
        ({"difficulty": "hard"}, TypeError, "difficulty must be a number; got 'hard'"),
        ({"noise": -1}, ValueError, "noise must be at least 0; got -1"),
        ({"noise": float("nan")}, ValueError, "noise must be at least 0; got nan"),
        ({"geometry": float("inf")}, ValueError, "geometry must be at least 0; got inf"),
        ({"duration": (0.5, 0.4)}, ValueError, r"duration must be two shares .*; got \(0.5, 0.4\)"),
        ({"duration": 0.5}, ValueError, "duration must be two shares .*; got 0.5"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        make_expressions(**({"n_subjects": 2} | arguments))
