"""Comparing models on the same splits, the statistics to judge what comes out, and the folder that keeps it."""

import lazy_loader

# Loaded on first use: the statistics need no torch.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_compare": ["compare"],
        "_detector": ["Detector", "as_detector"],
        "_early": ["early_decisions"],
        "_explanations": ["deletion_curve", "randomization_check", "retraining_curves", "seed_agreement"],
        "_groups": ["draws_of_subjects", "group_scores", "sample_table"],
        "_models": ["SearchedNetwork", "TotalVarianceScaler", "paper_models"],
        "_ranks": ["critical_difference", "scores_by_block"],
        "_run_folder": [
            "MODEL",
            "Explanation",
            "add_to_meta",
            "check_run_folder",
            "explanation_of",
            "explanations_of",
            "fewest_landmarks",
            "keep_detector",
            "mean_face",
            "read_run",
        ],
        "_scorecard": ["judge_explanations"],
        "_stability": ["landmark_similarity", "selection_stability"],
        "_statistics": ["DEFAULT_METRIC", "corrected_ttest"],
        "_timing": ["time_profile"],
        "_summary": ["paired_tests", "summarize"],
    },
)
