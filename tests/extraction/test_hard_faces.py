"""Two people, posters and faces that are cut off: a mesh lies on a face, or there is none."""

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from sklearn_emoxai import extract_landmarks
from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph

with get_sample_data("grace_hopper.jpg") as file:
    PORTRAIT = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[20:400, 70:450, ::-1]
NOSE = np.array([192, 208])  # in PORTRAIT, pixels


@pytest.fixture(autouse=True)
def _model(request, monkeypatch):
    if not has_bundled_graph():
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))


def scene(*people):
    """A frame of 480 × 240 pixels with the portrait at each (x of the middle, scale, whether it is upside down)."""
    frame = np.full((240, 800, 3), 90, np.uint8)
    for x, scale, over in people:
        portrait = cv2.resize(
            np.ascontiguousarray(PORTRAIT), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
        )
        side = len(portrait)
        left, top = int(x) + 160 - side // 2, 120 - side // 2
        frame[top : top + side, left : left + side] = portrait[::-1, ::-1] if over else portrait
    return np.ascontiguousarray(frame[:, 160:640])


def noses(x, scale, over=False):
    """Where the nose of such a person is."""
    return x + (NOSE[0] - 190) * scale * (-1 if over else 1)


@pytest.mark.parametrize("fps", [25, 5])
def test_two_people_who_change_places_never_share_a_mesh(fps):
    first, second = np.linspace(100, 380, 12), np.linspace(380, 100, 12)
    far = np.abs(first - second) > 130  # else one hides the other
    people = [[(b, 0.4, False), (a, 0.45, False)] for a, b in zip(first, second)]
    sequence = extract_landmarks(
        np.array([scene(*two) for two in people]), fps=fps, on_missing="nan", max_missing=0.6
    )
    x = sequence.landmarks[:, 0, 1]
    off = np.minimum(np.abs(x - noses(first, 0.45)), np.abs(x - noses(second, 0.4)))
    assert sequence.detected[far].all()
    assert np.nanmax(off[far]) < 12


def test_a_poster_that_is_upside_down_does_not_turn_the_person():
    frames = np.array([scene((360, 0.3, True), (140 + 2 * i, 0.5, False)) for i in range(6)])
    sequence = extract_landmarks(frames)
    assert sequence.detected.all()
    np.testing.assert_allclose(sequence.landmarks[:, 0, 1], noses(140 + 2 * np.arange(6), 0.5), atol=8)
    assert (sequence.landmarks[:, 1, 10] < sequence.landmarks[:, 1, 152]).all()  # the brow above the chin


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("hidden", [0.2, 0.5, 0.8])
def test_a_face_half_out_of_the_picture_is_right_or_missing(hidden, over):
    x = (0.5 - hidden) * 0.5 * 200  # the face is about 200 pixels wide in the portrait
    options = {"on_missing": "nan", "max_missing": 1.0}
    face = scene((x, 0.5, over))
    sequence = extract_landmarks(np.array([face, scene((240, 0.5, over))]), fps=1, **options)
    assert sequence.detected[0] or hidden > 0.2
    if sequence.detected[0]:
        landmarks = sequence.landmarks[0]
        (brow, chin), (right, left) = landmarks[1, [10, 152]], landmarks[0, [33, 263]]
        assert (brow > chin) == over
        assert (right > left) == over
