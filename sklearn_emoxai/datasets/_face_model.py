"""A face that differs between subjects, moves its action units and turns its head; no pixels."""

from dataclasses import dataclass, fields
from functools import cache
from numbers import Real

import numpy as np
from scipy.spatial.transform import Rotation

from .._validation import check_number
from ..facemesh import MIRROR, N_LANDMARKS, TEMPLATE_3D
from ._action_units import PROTOTYPES, UNIT_NAMES, unit_fields

UNITS = tuple(UNIT_NAMES)
_STRONGEST = 1.3  # contraction; beyond it a drawn or rendered face is a grimace


@dataclass(frozen=True)
class Variation:
    """How subjects and clips differ; lengths in inter-ocular distances, angles in degrees."""

    strength: float = 1.0  # mean contraction at the apex
    strength_spread: float = 0.2  # standard deviation of its logarithm, over subjects and over clips
    asymmetry: float = 0.15  # standard deviation of left minus right, relative, over subjects and units
    geometry: float = 0.05  # standard deviation of the neutral face's landmarks
    latest_onset: float = 0.3  # onset is uniform up to this share of the clip
    duration: tuple = (0.4, 0.7)  # from onset to apex, as a share of the clip
    distractors: float = 0.0  # mean contraction of every unit, whatever the emotion
    head_turn: float = 6.0  # standard deviation of yaw, pitch and roll
    head_shift: float = 0.1  # standard deviation of the head's place

    def check(self):
        """Raise unless every number can be one."""
        for field in fields(self):
            if field.name != "duration":
                check_number(field.name, getattr(self, field.name), Real, 0)
        if len(np.shape(self.duration)) != 1 or not 0 < self.duration[0] <= self.duration[-1] <= 1:
            raise ValueError(
                f"duration must be two shares (shortest, longest) in (0, 1]; got {self.duration!r}."
            )


@dataclass(frozen=True)
class Clips:
    """What happens in each clip: the neutral faces, the units' contractions and the head's motion."""

    geometry: np.ndarray  # (n_subjects, 3, 468)
    contraction: np.ndarray  # (n_clips, n_frames, 2 * n_units), left halves, then right halves
    turn: np.ndarray  # (n_clips, n_frames, 3), roll, yaw, pitch
    shift: np.ndarray  # (n_clips, n_frames, 2)
    subject: np.ndarray  # (n_clips,)
    onset: np.ndarray  # (n_clips,), the share of the clip that is over
    apex: np.ndarray  # (n_clips,)


@cache
def smooth_modes(n_modes=24, length_scale=0.6):
    """Smooth fields on the mesh (n_modes, 468); standard-normal weights give about unit variance.

    They are the leading eigenvectors of a Gaussian-process shape model's kernel (Lüthi et al., "Gaussian
    Process Morphable Models", doi:10.1109/TPAMI.2017.2739743).
    """
    squared = ((TEMPLATE_3D[:, :, None] - TEMPLATE_3D[:, None]) ** 2).sum(axis=0)
    variances, vectors = np.linalg.eigh(np.exp(-0.5 * squared / length_scale**2))
    return (vectors * np.sqrt(np.maximum(variances, 0))).T[::-1][:n_modes]


@cache
def half_fields():
    """Units' fields (2 * n_units, 3 * 468): left halves, then right halves; they blend at the midline."""
    whole = np.zeros((len(UNITS), 3, N_LANDMARKS))
    whole[:, :2] = [unit_fields()[unit] for unit in UNITS]
    left = 1 / (1 + np.exp(-TEMPLATE_3D[0] / 0.05))
    halves = np.concatenate([whole * left, whole * (1 - left)])
    return halves.reshape(2 * len(UNITS), -1).astype(np.float32)


def draw_geometry(rng, n_subjects, spread):
    """Neutral faces (n_subjects, 3, 468): the template, smoothly and almost symmetrically deformed."""
    field = rng.standard_normal((n_subjects, 3, len(smooth_modes()))) @ smooth_modes()
    mirrored = field[:, :, MIRROR] * np.array([-1, 1, 1])[:, None]
    symmetric, skew = (field + mirrored) / np.sqrt(2), (field - mirrored) / np.sqrt(2)
    return TEMPLATE_3D + spread * (symmetric + 0.2 * skew)


def prototypes_of(emotions):
    """Units that each emotion moves, of shape (n_clips, n_units)."""
    return np.array([[unit in PROTOTYPES[emotion] for unit in UNITS] for emotion in emotions], dtype=float)


def draw_contraction(rng, prototype, subject, n_frames, variation, later=0.0):
    """Contraction (n_clips, n_frames, 2 * n_units) of the units' left and right halves, neutral to apex; both times.

    `prototype` tells the units of each clip, (n_clips, n_units), and `later`, which broadcasts to the contraction, by
    which share of the clip halves begin after the clip's onset.
    """
    n_clips, n_subjects, v = len(prototype), subject.max(initial=-1) + 1, variation
    size = (n_subjects, len(UNITS))
    habit = np.exp(v.strength_spread * rng.standard_normal(size))
    vigour = np.exp(v.strength_spread * rng.standard_normal((n_clips, 1)))
    apex = v.strength * prototype * habit[subject] * vigour
    apex += v.distractors * rng.exponential(size=apex.shape)
    lean = v.asymmetry * rng.standard_normal(size)[subject]
    apex = np.concatenate([apex * (1 + lean / 2), apex * (1 - lean / 2)], axis=1)
    onset = rng.uniform(0, v.latest_onset, (n_clips, 1, 1))
    duration = rng.uniform(*v.duration, (n_clips, 1, 1))
    time = np.linspace(0, 1, n_frames)[:, None]
    progress = np.clip((time - onset - later) / duration, 0, 1)
    contraction = progress**2 * (3 - 2 * progress) * np.clip(apex, 0, _STRONGEST)[:, None]
    return contraction, onset.ravel(), (onset + duration).ravel()


def draw_clips(rng, prototype, subject, n_frames, variation, later=0.0):
    """Draw what happens in clips by `subject` (n_clips,), integers from 0; the rest as :func:`draw_contraction`."""
    n_clips, n_subjects = len(prototype), subject.max(initial=-1) + 1
    geometry = draw_geometry(rng, n_subjects, variation.geometry)
    contraction, onset, apex = draw_contraction(rng, prototype, subject, n_frames, variation, later)
    # The head starts somewhere and drifts half as far again.
    time = np.linspace(0, 1, n_frames)[:, None]
    start, drift = rng.standard_normal((2, n_clips, 1, 5))
    motion = start + 0.5 * time * drift
    turn, shift = variation.head_turn * motion[..., :3], variation.head_shift * motion[..., 3:]
    geometry, contraction = geometry.astype(np.float32), contraction.astype(np.float32)
    return Clips(geometry, contraction, turn, shift, subject, onset, apex)


def moving_faces(clips, rows):
    """Landmarks (n, n_frames, 3, 468) of the clips in `rows`, before the head moves."""
    contraction = clips.contraction[rows]
    faces = contraction.reshape(-1, contraction.shape[-1]) @ half_fields()
    faces = faces.reshape(*contraction.shape[:2], 3, N_LANDMARKS)
    faces += clips.geometry[clips.subject[rows]][:, None]
    return faces


def turn_matrices(turn):
    """Rotations (..., 3, 3) from roll, yaw and pitch (..., 3) in degrees; pitch acts first, roll last."""
    matrices = Rotation.from_euler("ZYX", turn.reshape(-1, 3), degrees=True).as_matrix()
    return matrices.reshape(*turn.shape[:-1], 3, 3)
