"""Rendered expressions: files as promised, and the detector sees in them what was put in."""

import filecmp

import numpy as np
import pandas as pd
import pytest

from sklearn_emoxai import extract_landmarks
from sklearn_emoxai.datasets import load_video_folder, make_expression_videos
from sklearn_emoxai.datasets._action_units import emotion_field, unit_fields
from sklearn_emoxai.extraction import has_bundled_graph
from sklearn_emoxai.facemesh import CONTOURS, REGIONS, TEMPLATE_3D

cv2 = pytest.importorskip("cv2")

STILL, CENTRED = np.zeros(3), np.zeros(2)


def decode(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        more, frame = capture.read()
        if not more:
            capture.release()
            return np.array(frames)
        frames.append(frame)


def picture(field, size=320, turn=STILL, shift=CENTRED):
    from sklearn_emoxai.datasets._portrait import place_points, render

    face = TEMPLATE_3D.copy()
    face[:2] += field
    placed = place_points(face, turn, shift, size)
    return np.clip(render(placed, size), 0, 255).astype(np.uint8), placed


@pytest.fixture(scope="module")
def detector(request):
    """Options for `extract_landmarks`: the model's file, where mediapipe does not carry the model itself."""
    return {} if has_bundled_graph() else {"model_path": request.getfixturevalue("face_landmarker")}


def detect(frames, options):
    return extract_landmarks(np.asarray(frames)[..., ::-1], n_frames=len(frames), **options).landmarks


def displacement(field, options):
    """Rendered and detected displacements (2, 468), in pixels, mean over a few places of the head."""
    rng = np.random.default_rng(0)
    poses = [(rng.normal(0, 3, 3), rng.normal(0, 0.1, 2)) for _ in range(8)]
    still, moved = ([picture(f, 320, *pose) for pose in poses] for f in (0, field))
    rendered = np.mean([m[1][:468].T - s[1][:468].T for s, m in zip(still, moved)], axis=0)
    # Each picture is detected alone: tracking would carry one over to the next.
    found = [
        [detect(np.stack([frame] * 2), options)[0] for frame, _ in pictures] for pictures in (still, moved)
    ]
    return rendered, np.mean(np.subtract(found[1], found[0]), axis=0)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return make_expression_videos(
        folder, n_subjects=2, emotions=["happiness", "surprise", "neutral"], n_frames=4, random_state=0
    )


def test_clips_and_table_are_written(clips):
    assert len(clips.paths) == 6
    table = pd.read_csv(clips.paths[0].rsplit("/", 1)[0] + "/clips.csv")
    assert table.columns.tolist() == ["file", "emotion", "subject", "n_frames", "fps"]
    pd.testing.assert_frame_equal(table, clips.frame, check_dtype=False)
    for path in clips.paths:
        assert decode(path).shape == (4, 256, 256, 3)
    assert cv2.VideoCapture(clips.paths[0]).get(cv2.CAP_PROP_FPS) == 15
    assert clips.landmarks.shape == (6, 4, 2, 468)
    assert "public domain" in clips.DESCR


def test_folder_is_read_again(clips):
    read = load_video_folder(clips.paths[0].rsplit("/", 1)[0])
    assert read.paths == clips.paths
    np.testing.assert_array_equal(read.target, clips.target)
    np.testing.assert_array_equal(read.groups, clips.groups)


def test_equal_seeds_give_equal_files(tmp_path):
    options = {"n_subjects": 1, "emotions": ["fear"], "n_frames": 2, "size": 128}
    made = [
        make_expression_videos(tmp_path / name, **options, random_state=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    np.testing.assert_array_equal(made[0].landmarks, made[1].landmarks)
    assert filecmp.cmp(made[0].paths[0], made[1].paths[0], shallow=False)
    assert not filecmp.cmp(made[0].paths[0], made[2].paths[0], shallow=False)


def test_repeats_differ_and_are_numbered(tmp_path):
    made = make_expression_videos(
        tmp_path, n_subjects=1, emotions=["anger"], n_repeats=2, n_frames=2, size=96, random_state=0
    )
    assert made.frame["file"].tolist() == ["S001_anger_1.mp4", "S001_anger_2.mp4"]
    assert np.abs(made.landmarks[0] - made.landmarks[1]).max() > 1


def test_resting_face_is_the_portrait_itself():
    from sklearn_emoxai.datasets._portrait import _puppet

    frame, placed = picture(0)
    image, points, _ = _puppet()
    warp = cv2.getAffineTransform(
        points[[10, 234, 152]].astype(np.float32), placed[[10, 234, 152]].astype(np.float32)
    )
    # From corners to centres of pixels.
    warp[:, 2] += warp[:, :2].sum(axis=1) / 2 - 0.5
    expected = cv2.warpAffine(image, warp, (320, 320), borderMode=cv2.BORDER_REFLECT_101)
    inside = np.s_[40:280, 40:280]
    assert np.abs(frame.astype(int) - expected)[inside].mean() < 2


def test_motion_fades_from_the_face_to_the_edge_of_the_picture():
    (still, at_rest), (moved, placed) = picture(0), picture(emotion_field("surprise"))
    change = np.abs(still.astype(int) - moved).mean(axis=2)
    assert change[180:260, 110:210].mean() > 5 * change[:, :20].mean()  # mouth and chin, the flag
    distance = np.hypot(*(placed - at_rest).T)
    oval, near, far, border = distance[CONTOURS["face_oval"]], *np.split(distance[468:], [36, 72])
    np.testing.assert_allclose(near, 0.6 * oval, atol=1e-9)
    np.testing.assert_allclose(far, 0.25 * oval, atol=1e-9)
    assert (border == 0).all()


def test_mouth_opens_dark():
    closed, placed_closed = picture(0)
    opened, placed_open = picture(unit_fields()[26])

    def between_lips(frame, placed):
        mask = np.zeros(frame.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(placed[CONTOURS["inner_lips"]]).astype(int)], 1)
        return frame[mask > 0]

    inside = between_lips(opened, placed_open)
    assert len(inside) > 4 * len(between_lips(closed, placed_closed))
    assert np.quantile(inside.max(axis=1), 0.4) < 70  # the cavity
    assert inside.max(axis=1).max() > 150  # teeth


@pytest.fixture(scope="module")
def displacements(detector):
    return {unit: displacement(field, detector) for unit, field in unit_fields().items()}


# Measured with benchmarks/measure_action_units.py: cheeks and lids (5, 6, 7) the detector hardly follows on
# this portrait; nothing is claimed for them but that no other unit is taken for them.
@pytest.mark.slow
@pytest.mark.parametrize("unit", [1, 2, 4, 9, 12, 15, 16, 20, 23, 26])
def test_detector_finds_each_unit_again(displacements, unit):
    rendered, found = displacements[unit]
    moves = np.hypot(*rendered) > 0.02 * 80
    assert np.hypot(*found)[moves].mean() > 1.5 * np.hypot(*found)[~moves].mean()
    likeness = {
        other: np.corrcoef(field.ravel(), found.ravel())[0, 1] for other, (field, _) in displacements.items()
    }
    assert max(likeness, key=likeness.get) == unit


def test_detector_follows_strong_units_nearly_fully(displacements):
    for unit in (12, 26):
        rendered, found = displacements[unit]
        assert 0.6 < (found * rendered).sum() / (rendered**2).sum() < 1.2
        assert np.corrcoef(rendered.ravel(), found.ravel())[0, 1] > 0.85


def test_detector_follows_clips_from_neutral_to_apex(clips, detector):
    for clip, emotion in enumerate(clips.target):
        if emotion == "neutral":
            continue
        found = detect(decode(clips.paths[clip]), detector)
        moved, rendered = (x[-1] - x[0] for x in (found, clips.landmarks[clip]))
        # Head motion would move every landmark alike; the expression is what is left.
        moved, rendered = (x - x.mean(axis=1, keepdims=True) for x in (moved, rendered))
        assert np.corrcoef(moved.ravel(), rendered.ravel())[0, 1] > 0.8


def test_detector_places_landmarks_where_they_were_put(clips, detector):
    for clip in range(0, 6, 2):
        found = detect(decode(clips.paths[clip]), detector)
        error = np.hypot(*(found[0] - clips.landmarks[clip, 0])) / 64  # inter-ocular distances
        assert error.mean() < 0.1
        assert error[REGIONS["nose"]].mean() < 0.1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_subjects": 0}, ValueError, "n_subjects must be at least 1; got 0"),
        ({"n_frames": 1}, ValueError, "n_frames must be at least 2; got 1"),
        ({"size": 10}, ValueError, "size must be at least 64; got 10"),
        ({"size": 100.5}, TypeError, "size must be an int; got 100.5"),
        ({"emotions": ["contempt"]}, ValueError, r"got \['contempt'\]"),
        ({"noise": -1}, ValueError, "noise must be at least 0; got -1"),
        ({"fps": 0}, ValueError, "fps must be more than 0; got 0"),
        ({"strength": "much"}, TypeError, "strength must be a number; got 'much'"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_written(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        make_expression_videos(tmp_path / "clips", **arguments)
    assert not (tmp_path / "clips").exists()


def test_folder_that_is_a_file_is_named(tmp_path):
    path = tmp_path / "clips"
    path.write_text("")
    with pytest.raises(NotADirectoryError, match=r"folder must be a folder; .*clips is a file"):
        make_expression_videos(path, n_subjects=1)
