"""Heads at every angle: the mesh follows, or the frame counts as without a face."""

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from sklearn_emoxai import LandmarkAligner, extract_landmarks
from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph, open_detector

with get_sample_data("grace_hopper.jpg") as file:
    PORTRAIT = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[20:400, 70:450, ::-1]


@pytest.fixture(autouse=True)
def _model(request, monkeypatch):
    if not has_bundled_graph():
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))


def turned(angle, *, size=300, face=0.6):
    """The portrait turned clockwise, (size, size, 3)."""
    matrix = cv2.getRotationMatrix2D((190, 190), -angle, face * size / 380)
    matrix[:, 2] += size / 2 - 190
    image = np.ascontiguousarray(PORTRAIT)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_AREA, borderValue=(90, 90, 90))


def roll(landmarks):
    """Angle of the line of the eyes in degrees, clockwise, (...)."""
    x, y = np.moveaxis(landmarks[..., 263] - landmarks[..., 33], -1, 0)
    return np.degrees(np.arctan2(y, x))


def off(landmarks, angles):
    """By how many degrees the meshes are not turned as the heads are."""
    return np.abs((roll(landmarks) - angles + 180) % 360 - 180)


def seen(frames, **options):
    """The landmarks, NaN where there is no face."""
    try:
        return extract_landmarks(np.array(frames), on_missing="nan", max_missing=1.0, **options).landmarks
    except ValueError as error:
        if "no face in 100%" not in str(error):
            raise
        return np.full((len(frames), 2, 468), np.nan)


@pytest.mark.parametrize("angle", range(0, 360, 30))
def test_a_mesh_is_turned_as_the_head_or_there_is_none(angle):
    landmarks = seen([turned(angle)])
    if np.isnan(landmarks).any():
        assert 60 < angle < 300
    else:
        assert off(landmarks, angle)[0] < 20


@pytest.mark.parametrize("angle", [120, 180, 240])
@pytest.mark.parametrize("fps", [25, 5])
def test_heads_upside_down_are_followed_through_a_clip(angle, fps):
    landmarks = seen([np.roll(turned(angle), 2 * i, axis=1) for i in range(6)], fps=fps)
    known = ~np.isnan(landmarks[:, 0, 0])
    assert known.sum() >= 4
    assert off(landmarks[known], angle).max() < 20


@pytest.mark.parametrize("step", [10, 45])
@pytest.mark.parametrize("fps", [25, 5])
def test_heads_that_turn_over_never_leave_a_mesh_behind(step, fps):
    angles = np.arange(0, 361, step)
    landmarks = seen([turned(angle) for angle in angles], fps=fps)
    known = ~np.isnan(landmarks[:, 0, 0])
    assert known[angles <= 60].all()
    assert known[angles >= 300].all()
    assert off(landmarks[known], angles[known]).max() < 20


def test_an_upside_down_clip_has_the_mesh_of_the_upright_one():
    frames = np.array([np.roll(turned(0), 3 * i, axis=1) for i in range(8)])
    upright = extract_landmarks(frames).landmarks
    over = extract_landmarks(frames[:, ::-1, ::-1]).landmarks
    aligned = LandmarkAligner().fit_transform(np.stack([upright, over]))
    assert np.linalg.norm(aligned[0] - aligned[1], axis=1).mean() < 0.03
    assert np.abs(300 - over - upright).mean() < 2


def test_upright_heads_are_what_they_were_without_the_judgement(monkeypatch):
    frames = np.array([np.roll(turned(10), 3 * i, axis=1) for i in range(6)])
    judged = extract_landmarks(frames)
    monkeypatch.setattr("sklearn_emoxai.extraction._orientation.Orientation.is_right", lambda *_, **__: True)
    np.testing.assert_array_equal(extract_landmarks(frames).landmarks, judged.landmarks)
    assert judged.detected.all()


def test_a_sure_detector_overlooks_faces_that_are_upside_down():
    name = {} if has_bundled_graph() else {"detector": "tasks"}
    for sure, found in ((False, 1), (True, 1)):
        with open_detector(tracking=False, sure=sure, **name) as detector:
            assert len(detector.detect(turned(0))) == found
    with open_detector(tracking=False, sure=True, **name) as detector:
        assert not any(len(detector.detect(turned(angle))) for angle in range(120, 241, 30))


@pytest.mark.parametrize("angle", range(0, 360, 45))
def test_faces_of_40_pixels_are_right_or_missing(angle):
    small = cv2.resize(turned(angle), (100, 100), interpolation=cv2.INTER_AREA)
    frame = np.full((240, 320, 3), 90, np.uint8)
    frame[70:170, 110:210] = small
    landmarks = seen([frame])
    if not np.isnan(landmarks).any():
        assert off(landmarks, angle)[0] < 20
        assert np.ptp(landmarks[0], axis=1).max() < 70
