"""Made-up emotions that no region tells alone, only the relation of two."""

import numpy as np

from ..facemesh import N_LANDMARKS
from ._action_units import unit_fields
from ._face_model import UNITS

INTERACTIONS = ("xor", "timing")
EMOTION, REST = "related", "rest"
BROWS, LIPS = (1, 2), (12,)
# Share of a clip by which one brow follows the other.
LAG = 0.3


def relation(kind, first, second):
    """What moves, and when, as each of two things does or does not happen.

    Parameters
    ----------
    kind : {"xor", "timing"}
    first, second : ndarray of shape (n_clips,), bool
        "xor": the brows rise; the lip corners do. "timing": the left brow is late; the right one is.

    Returns
    -------
    target : ndarray of shape (n_clips,), str
        The emotion is that just one of the two happens.
    prototype : ndarray of shape (n_clips, n_units)
    later : ndarray of shape (n_clips, 1, 2 * n_units)
        The share of the clip by which halves of units are late.
    """
    brows, lips = (np.isin(UNITS, units).astype(float) for units in (BROWS, LIPS))
    if kind == "xor":
        prototype = np.outer(first, brows) + np.outer(second, lips)
        later = np.zeros((len(first), 1, 2 * len(UNITS)))
    else:
        prototype = np.outer(np.ones(len(first)), brows)
        later = LAG * np.concatenate([np.outer(first, brows), np.outer(second, brows)], axis=1)[:, None]
    return np.where(first != second, EMOTION, REST), prototype, later


def interacting_field(kind):
    """How far the units of a relation move each landmark, of shape (468,)."""
    units = BROWS + (LIPS if kind == "xor" else ())
    return np.hypot(*sum((unit_fields()[unit] for unit in units), np.zeros((2, N_LANDMARKS))))
