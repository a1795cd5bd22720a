"""Choosing landmarks: by a network's decisions, and controls to compare with; and what a fitted detector chose."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_base": ["LandmarkSelector"],
        "_controls": [
            "ForwardLandmarkSelector",
            "PermutationLandmarkSelector",
            "RandomLandmarkSelector",
            "UnivariateLandmarkSelector",
            "VarianceLandmarkSelector",
        ],
        "_fitted": [
            "explained_label",
            "find_selector",
            "fitted_parts",
            "flat_steps",
            "n_frames_in",
            "n_landmarks_in",
            "selected_landmarks",
            "take_apart",
            "unwrapped",
        ],
        "_fixed": ["FixedLandmarkSelector"],
        "_integrated_gradients": ["IGLandmarkSelector"],
        "_ranking": ["rank_landmarks"],
        "_reproducibility": ["memory_of_code"],
    },
)
