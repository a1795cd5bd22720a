"""Comparing models on the same splits, with the statistics to judge what comes out."""

import lazy_loader

# Loaded on first use: the statistics need no torch.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_compare": ["compare"],
        "_explanations": ["deletion_curve", "randomization_check", "retraining_curves", "seed_agreement"],
        "_models": ["paper_models"],
        "_statistics": ["corrected_ttest", "selection_stability"],
        "_summary": ["paired_tests", "summarize"],
    },
)
