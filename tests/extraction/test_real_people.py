"""Photographs and videos of people, which are not part of the project: skipped where they are missing."""

import cv2
import numpy as np
import pytest

from sklearn_emoxai import extract_landmarks
from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph

# Mean over the landmarks, in inter-ocular distances, from Tasks' mesh of the whole picture. The generations differ.
LIMITS = {"tasks": 0.02, "bundled": 0.04}
DETECTORS = [
    pytest.param("bundled", marks=pytest.mark.skipif(not has_bundled_graph(), reason="without that graph")),
    "tasks",
]


@pytest.fixture(params=DETECTORS)
def detector(request, monkeypatch):
    if request.param == "tasks":
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))
    return request.param


@pytest.mark.slow
def test_meshes_of_photographs_are_those_of_the_whole_pictures(real_people, detector):
    with np.load(real_people / "london_mesh.npz") as stored:
        known = dict(zip(zip(stored["subject"], stored["y"]), stored["X"].astype(float)))
    names = {"neutral": "neutral", "smiling": "happy"}
    photographs = sorted((real_people / "london").glob("*.jpg"))
    assert len(photographs) == 30
    far = {}
    for path in photographs:
        subject, expression = path.stem.split("_")
        expected = known[subject, names[expression]]
        frame = cv2.imread(str(path))[None, ..., ::-1]
        found = extract_landmarks(np.ascontiguousarray(frame), detector=detector).landmarks[0]
        unit = np.linalg.norm(expected[:, [33, 133]].mean(axis=1) - expected[:, [263, 362]].mean(axis=1))
        far[path.stem] = np.linalg.norm(found - expected, axis=0).mean() / unit
    assert max(far.values()) < LIMITS[detector], far


@pytest.mark.slow
def test_talking_people_are_seen_in_every_frame(real_people, detector):
    videos = sorted((real_people / "grid").glob("*.mpg"))
    assert videos
    for path in videos:
        sequence = extract_landmarks(path, n_frames=5, detector=detector)
        assert sequence.detected.all()
        eyes = sequence.landmarks[:, :, [33, 263]]
        unit = np.linalg.norm(eyes[..., 0] - eyes[..., 1], axis=1)
        assert unit.std() < 0.1 * unit.mean()
        assert (eyes[:, 1].mean(axis=1) < sequence.landmarks[:, 1, 13]).all()  # the eyes above the mouth
