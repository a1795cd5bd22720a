"""Explained, lighter emotion detectors from face videos, as scikit-learn estimators."""

import lazy_loader

__version__ = "0.1.0.dev0"

# Loaded on first use, so that importing the package loads neither torch, mediapipe, cv2 nor matplotlib.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["datasets", "facemesh", "plotting"],
    submod_attrs={
        "attribution": ["integrated_gradients", "landmark_attributions", "typical_samples"],
        "classifier": ["ConvLSTMClassifier"],
        "convlstm": ["ConvLSTM"],
        "emotion": ["EmotionClassifier"],
        "evaluation": ["compare"],
        "extraction": [
            "LandmarkExtractor",
            "LandmarkSequence",
            "extract_landmarks",
            "load_landmarks",
            "save_landmarks",
        ],
        "preprocessing": ["LandmarkAligner", "MirrorAugmented", "NeutralDifference", "SequenceFlattener"],
        "selection": [
            "IGLandmarkSelector",
            "PermutationLandmarkSelector",
            "RandomLandmarkSelector",
            "UnivariateLandmarkSelector",
            "VarianceLandmarkSelector",
        ],
    },
)
