"""Figures in scikit-learn's Display convention, videos with their explanation, and the report of a run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_annotate": ["annotate_video"],
        "_counts": ["LandmarkCountDisplay"],
        "_critical_difference": ["CriticalDifferenceDisplay"],
        "_early": ["EarlyDecisionDisplay"],
        "_groups": ["GroupScoresDisplay"],
        "_importance": ["LandmarkImportanceDisplay"],
        "_movement": ["LandmarkMovementDisplay"],
        "_path": ["AttributionPathDisplay"],
        "_report": ["write_report"],
        "_stability": ["SelectionStabilityDisplay"],
        "_timeline": ["AttributionTimelineDisplay"],
        "_trade_off": ["SelectionTradeOffDisplay"],
    },
)
