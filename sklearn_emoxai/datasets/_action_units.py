"""FACS action units as displacement fields on the face mesh, and the emotions' prototypes of units."""

from functools import cache

import numpy as np

from ..facemesh import CONTOURS, MIRROR, N_LANDMARKS, REGIONS, TEMPLATE

# EMFACS prototypes (Friesen & Ekman, "EMFACS-7", 1983), as used by every data set here.
PROTOTYPES = {
    "anger": (4, 5, 7, 23),
    "disgust": (9, 15, 16),
    "fear": (1, 2, 4, 5, 7, 20, 26),
    "happiness": (6, 12),
    "sadness": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
    "neutral": (),
}

UNIT_NAMES = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    12: "lip corner puller",
    15: "lip corner depressor",
    16: "lower lip depressor",
    20: "lip stretcher",
    23: "lip tightener",
    26: "jaw drop",
}


def _both(*right):
    """Landmarks of the subject's right half and their mirror images."""
    return np.r_[right, MIRROR[list(right)]]


_UPPER_LID = _both(246, 161, 160, 159, 158, 157, 173, 247, 30, 29, 27, 28, 56, 190)
_LOWER_LID = _both(7, 163, 144, 145, 153, 154, 155, 25, 110, 24, 23, 22, 26, 112)
_ORBIT = _both(113, 225, 224, 223, 222, 221, 189, 244, 233, 232, 231, 230, 229, 228, 31, 226)
_LOWER_LIP = _both(95, 88, 178, 87, 14, 96, 89, 179, 86, 15, 77, 90, 180, 85, 16, 146, 91, 181, 84, 17)
_LIPS = np.r_[REGIONS["inner_lips"], REGIONS["outer_lips"]]
_EYES = np.r_[CONTOURS["left_eye"], CONTOURS["right_eye"], _UPPER_LID, _LOWER_LID]


def _share(**shares):
    """How much of a pull each landmark follows (468,): `rest`, and other shares for named landmarks."""
    followed = np.full(N_LANDMARKS, float(shares.pop("rest")))
    for landmarks, share in shares.values():
        followed[landmarks] = share
    return followed


# Where a pull acts: skin parts at the lids and between the lips, so that distance alone does not decide.
# The skin of the orbit's rim gives, or brows would fold over the lids.
_TISSUE = {
    "any": _share(rest=1),
    "upper lid": _share(rest=0, lid=(_UPPER_LID, 1)),
    "lower lid": _share(rest=0, lid=(_LOWER_LID, 1)),
    "around eyes": _share(rest=1, orbit=(_ORBIT, 0.4), eyes=(_EYES, 0)),
    "upper lip": _share(rest=1, lip=(_LOWER_LIP, 0), chin=(REGIONS["chin"], 0)),
    "lower lip": _share(rest=0, lip=(_LOWER_LIP, 1), chin=(REGIONS["chin"], 1)),
}

# Pulls of each unit on the subject's right half, mirrored to the left: (landmark, outwards, down, radius,
# tissue). Displacements and radii in inter-ocular distances (about 63 mm in adults); amplitudes are those of
# a strong, not extreme, contraction (FACS intensity D).
_PULLS = {
    1: [
        (107, 0, -0.12, 0.13, "around eyes"),
        (55, 0, -0.12, 0.12, "around eyes"),
        (108, 0, -0.07, 0.15, "around eyes"),
        (105, 0, -0.03, 0.1, "around eyes"),
    ],
    2: [
        (105, 0.01, -0.11, 0.13, "around eyes"),
        (70, 0.01, -0.1, 0.12, "around eyes"),
        (46, 0.01, -0.09, 0.1, "around eyes"),
        (104, 0, -0.06, 0.12, "around eyes"),
        (107, 0, -0.02, 0.1, "around eyes"),
    ],
    4: [
        (107, -0.05, 0.09, 0.13, "around eyes"),
        (55, -0.05, 0.09, 0.12, "around eyes"),
        (66, -0.04, 0.08, 0.12, "around eyes"),
        (105, -0.02, 0.05, 0.12, "around eyes"),
        (159, 0, 0.01, 0.1, "upper lid"),
    ],
    5: [(159, 0, -0.055, 0.13, "upper lid"), (27, 0, -0.04, 0.1, "upper lid")],
    6: [
        (50, 0.01, -0.08, 0.16, "around eyes"),
        (101, 0, -0.08, 0.14, "around eyes"),
        (118, 0, -0.05, 0.1, "around eyes"),
        (117, 0, -0.05, 0.1, "around eyes"),
        (145, 0, -0.03, 0.14, "lower lid"),
    ],
    7: [(145, 0, -0.045, 0.14, "lower lid"), (159, 0, 0.025, 0.14, "upper lid")],
    9: [
        (129, 0.02, -0.09, 0.1, "any"),
        (198, 0, -0.08, 0.1, "any"),
        (203, 0.01, -0.09, 0.12, "any"),
        (37, 0, -0.06, 0.1, "upper lip"),
        (40, 0, -0.03, 0.08, "upper lip"),
        (55, -0.02, 0.05, 0.12, "around eyes"),
        (193, 0, 0.03, 0.08, "around eyes"),
    ],
    12: [
        (61, 0.13, -0.14, 0.13, "any"),
        (206, 0.06, -0.09, 0.15, "any"),
        (205, 0.03, -0.06, 0.15, "any"),
        (212, 0.09, -0.09, 0.15, "any"),
        (39, 0.04, -0.03, 0.08, "any"),
        (181, 0.04, -0.03, 0.08, "any"),
    ],
    15: [
        (61, 0.01, 0.13, 0.18, "any"),
        (43, 0.01, 0.11, 0.14, "any"),
        (212, 0.01, 0.06, 0.14, "any"),
        (204, 0, 0.05, 0.13, "any"),
    ],
    16: [
        (14, 0, 0.08, 0.13, "lower lip"),
        (17, 0, 0.09, 0.14, "lower lip"),
        (91, 0.01, 0.02, 0.08, "lower lip"),
        (18, 0, 0.06, 0.14, "lower lip"),
    ],
    20: [
        (61, 0.14, 0.03, 0.13, "any"),
        (202, 0.11, 0.03, 0.15, "any"),
        (39, 0.05, 0, 0.08, "any"),
        (181, 0.05, 0.01, 0.08, "any"),
    ],
}
_JAW_DROP = 0.27


def _pulled(pulls):
    """Displacements (2, 468) of a unit that is given by its pulls."""
    x, y = TEMPLATE
    total, weights = np.zeros((2, N_LANDMARKS)), np.zeros(N_LANDMARKS)
    for landmark, outwards, down, radius, tissue in pulls:
        for side in (-1, 1):
            away = np.hypot(x - side * np.abs(x[landmark]), y - y[landmark])
            weight = _TISSUE[tissue] * np.exp(-0.5 * (away / radius) ** 2)
            total += weight * np.array([[side * outwards], [down]])
            weights += weight
    return total / np.maximum(weights, 1)


def _jaw_dropped():
    """Displacements (2, 468) of the jaw drop: the lower lip and the chin go down and the lips part."""
    x, y = TEMPLATE
    along_mouth = np.minimum(np.abs(x) / np.abs(x[61]), 1)
    lower_lip = 0.92 - 0.57 * along_mouth**2
    upper_lip = 0.35 * along_mouth**4
    skin = np.clip((y - 0.75) / 0.6, 0, 1)
    skin = skin**2 * (3 - 2 * skin)
    below_lip = (np.abs(x) < 0.45) & (y > 1.03)
    share = np.where(below_lip, np.maximum(skin, lower_lip), skin)
    share[_LIPS] = upper_lip[_LIPS]
    share[_LOWER_LIP] = lower_lip[_LOWER_LIP]
    return _JAW_DROP * share * np.stack([-0.12 * x, np.ones_like(x)])


def _tightened():
    """Displacements (2, 468) of the lip tightener: the lips narrow, and thin to the line between them."""
    x, y = TEMPLATE
    lips = TEMPLATE[:, _LIPS]
    away = np.hypot(x[:, None] - lips[0], y[:, None] - lips[1]).min(axis=1)
    share = np.exp(-0.5 * (away / 0.08) ** 2)
    from_line = np.clip(y - y[REGIONS["inner_lips"]].mean(), -0.12, 0.12)
    return share * np.stack([-0.17 * x, -0.4 * from_line])


@cache
def unit_fields():
    """Displacement of every landmark at full contraction of each action unit.

    Returns
    -------
    dict of int to ndarray of shape (2, 468)
        In inter-ocular distances, symmetric under :data:`~sklearn_emoxai.facemesh.MIRROR`; read-only.
    """
    fields = {unit: _pulled(pulls) for unit, pulls in _PULLS.items()}
    fields |= {23: _tightened(), 26: _jaw_dropped()}
    for field in fields.values():
        field.flags.writeable = False
    return fields


def emotion_field(emotion):
    """Displacements (2, 468) at the apex of an emotion's prototype, all its units at full contraction."""
    fields = unit_fields()
    return sum((fields[unit] for unit in PROTOTYPES[emotion]), start=np.zeros((2, N_LANDMARKS)))
