"""Explained, lighter emotion detectors from face videos, as scikit-learn estimators."""

import importlib
import sys
import types

import lazy_loader

__version__ = "0.1.0.dev0"

# Loaded on first use, so that importing the package loads neither torch, mediapipe, cv2 nor matplotlib.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["datasets", "facemesh", "plotting"],
    submod_attrs={
        "attribution": [
            "integrated_gradients",
            "landmark_attributions",
            "pair_attributions",
            "typical_samples",
        ],
        "emotion": ["EmotionClassifier"],
        "evaluation": [
            "compare",
            "corrected_ttest",
            "critical_difference",
            "deletion_curve",
            "early_decisions",
            "group_scores",
            "judge_explanations",
            "landmark_similarity",
            "paired_tests",
            "paper_models",
            "randomization_check",
            "retraining_curves",
            "seed_agreement",
            "selection_stability",
            "summarize",
            "time_profile",
        ],
        "extraction": [
            "LandmarkExtractor",
            "LandmarkSequence",
            "extract_landmarks",
        ],
        "live": ["LiveDetector", "LiveResult", "export_onnx"],
        "network": ["ConvLSTM", "ConvLSTMClassifier"],
        "plotting": [
            "AttributionPathDisplay",
            "AttributionTimelineDisplay",
            "CriticalDifferenceDisplay",
            "EarlyDecisionDisplay",
            "GroupScoresDisplay",
            "LandmarkCountDisplay",
            "LandmarkImportanceDisplay",
            "LandmarkMovementDisplay",
            "SelectionStabilityDisplay",
            "SelectionTradeOffDisplay",
            "annotate_video",
            "write_report",
        ],
        "preprocessing": [
            "LandmarkAligner",
            "LandmarkMotion",
            "MirrorAugmented",
            "NeutralDifference",
            "SequenceChannels",
            "SequenceFlattener",
            "SequenceUnflattener",
            "resample_sequences",
        ],
        "selection": [
            "FixedLandmarkSelector",
            "ForwardLandmarkSelector",
            "IGLandmarkSelector",
            "PermutationLandmarkSelector",
            "RandomLandmarkSelector",
            "UnivariateLandmarkSelector",
            "VarianceLandmarkSelector",
        ],
        "storage": ["check_workers", "load", "load_landmarks", "on_cluster", "save", "save_landmarks"],
    },
)


def _extract_folder(name):
    if name != "extract_folder":
        raise AttributeError(f"module {__name__}.folder_extraction has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.cli._folder_extraction").extract_folder


# An import path that stays, though what it named lies with the command that does it.
sys.modules[f"{__name__}.folder_extraction"] = types.ModuleType(f"{__name__}.folder_extraction")
sys.modules[f"{__name__}.folder_extraction"].__getattr__ = _extract_folder
