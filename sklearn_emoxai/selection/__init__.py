"""Choosing landmarks: by a network's decisions, and controls to compare with."""

from ._base import LandmarkSelector
from ._controls import (
    ForwardLandmarkSelector,
    PermutationLandmarkSelector,
    RandomLandmarkSelector,
    UnivariateLandmarkSelector,
    VarianceLandmarkSelector,
)
from ._integrated_gradients import IGLandmarkSelector

__all__ = [
    "ForwardLandmarkSelector",
    "IGLandmarkSelector",
    "LandmarkSelector",
    "PermutationLandmarkSelector",
    "RandomLandmarkSelector",
    "UnivariateLandmarkSelector",
    "VarianceLandmarkSelector",
]
