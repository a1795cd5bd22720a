"""Integrated gradients along straight paths, their rivals, and the landmark relevance that the paper makes of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_baselines": ["BaselineWarning", "typical_samples"],
        "_integrated_gradients": ["check_pairs", "integrated_gradients"],
        "_landmarks": ["BACKGROUND", "landmark_attributions"],
        "_model": ["model_outputs", "resolve_module"],
        "_pairs": ["documented_attribution", "pair_attributions"],
        "_rivals": ["ATTRIBUTIONS", "DRAWING_ATTRIBUTIONS"],
    },
)
