"""Transformers between the tracked landmarks and a classifier."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_alignment": ["EYES", "LandmarkAligner", "NeutralDifference"],
        "_layout": ["SequenceChannels", "SequenceFlattener", "SequenceUnflattener"],
        "_mirroring": ["MirrorAugmented", "PredictsAsItsEstimator", "mirror"],
        "_motion": ["LandmarkMotion"],
        "_resampling": ["resample", "resample_sequences"],
    },
)
