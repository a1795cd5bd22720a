"""Integrated gradients along straight paths, and the landmark relevance that the paper makes of them."""

from ._baselines import BaselineWarning, typical_samples
from ._integrated_gradients import integrated_gradients
from ._landmarks import landmark_attributions

__all__ = ["BaselineWarning", "integrated_gradients", "landmark_attributions", "typical_samples"]
