"""Measure how much of each action unit's displacement the detector finds again in rendered pixels.

    python benchmarks/measure_action_units.py

needs mediapipe with `mp.solutions` (up to 0.10.21). Each unit is rendered at full contraction on the
portrait in `N_POSES` poses, and so is the neutral face; both are detected, shifted, turned and scaled so that
the eyes' centres coincide, and subtracted. Printed, for the plain face mesh and for the refined one (the
attention mesh, which MediaPipe's Tasks always use):

moved        landmarks that the unit moves by more than 0.02 inter-ocular distances
gain         slope of the measured on the rendered displacement over these landmarks
correlation  of the two over all landmarks and both coordinates
off          mean measured displacement of the other landmarks, in inter-ocular distances
"""

import cv2
import mediapipe as mp
import numpy as np
import pandas as pd

from sklearn_emoxai.datasets._action_units import PROTOTYPES, emotion_field, unit_fields
from sklearn_emoxai.datasets._expressions import INFORMATIVE_ABOVE
from sklearn_emoxai.datasets._portrait import place_points, render
from sklearn_emoxai.facemesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, TEMPLATE_3D

N_POSES, SIZE = 8, 320


def on_eyes(landmarks):
    """Landmarks (468, 2) with the eyes' centres moved to (-0.5, 0) and (0.5, 0)."""
    right = landmarks[list(RIGHT_EYE_CORNERS)].mean(axis=0)
    left = landmarks[list(LEFT_EYE_CORNERS)].mean(axis=0)
    # Complex numbers turn and scale in one division.
    turned = (landmarks - (right + left) / 2) @ [1, 1j] / ((left - right) @ [1, 1j])
    return np.stack([turned.real, turned.imag], axis=1)


def poses():
    """The same poses for every face: turn (3,) in degrees and shift (2,) in inter-ocular distances."""
    rng = np.random.default_rng(0)
    return [(rng.normal(0, 4, 3), rng.normal(0, 0.1, 2)) for _ in range(N_POSES)]


def measure(detector, field):
    """Rendered and measured landmarks, each (n_poses, 468, 2), of the template moved by `field` (2, 468)."""
    face = TEMPLATE_3D.copy()
    face[:2] += field
    rendered, measured = [], []
    for turn, shift in poses():
        placed = place_points(face, turn, shift, SIZE)
        frame = np.clip(render(placed, SIZE), 0, 255).astype(np.uint8)
        found = detector.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_face_landmarks[0].landmark
        rendered.append(on_eyes(placed[:468]))
        measured.append(on_eyes(np.array([[p.x, p.y] for p in found[:468]]) * SIZE))
    return np.array(rendered), np.array(measured)


def compare(detector):
    """Gain, correlation and displacement off the unit, a row for each unit and prototype."""
    fields = {f"AU{unit}": field for unit, field in unit_fields().items()}
    fields |= {emotion: emotion_field(emotion) for emotion in PROTOTYPES if PROTOTYPES[emotion]}
    still = measure(detector, 0)
    rows = {}
    for name, field in fields.items():
        rendered, measured = (moved - rest for moved, rest in zip(measure(detector, field), still))
        rendered, measured = rendered.mean(axis=0), measured.mean(axis=0)
        moves = np.hypot(*rendered.T) > INFORMATIVE_ABOVE
        rows[name] = {
            "moved": moves.sum(),
            "gain": (measured * rendered)[moves].sum() / (rendered[moves] ** 2).sum(),
            "correlation": np.corrcoef(measured.ravel(), rendered.ravel())[0, 1],
            "off": np.hypot(*measured[~moves].T).mean(),
        }
    return pd.DataFrame(rows).T


def main():
    """Print the comparison for both meshes, side by side."""
    tables = {}
    for refined in (False, True):
        with mp.solutions.face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=1, refine_landmarks=refined
        ) as detector:
            tables["refined" if refined else "plain"] = compare(detector)
    print(pd.concat(tables, axis=1).round(2).to_string())


if __name__ == "__main__":
    main()
