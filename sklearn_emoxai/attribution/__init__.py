"""Integrated gradients along straight paths, and the landmark relevance that the paper makes of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_baselines": ["BaselineWarning", "typical_samples"],
        "_integrated_gradients": ["integrated_gradients"],
        "_landmarks": ["landmark_attributions"],
        "_model": ["model_outputs", "resolve_module"],
    },
)
