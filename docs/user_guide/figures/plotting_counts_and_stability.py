"""A small comparison: scores against the number of landmarks, and how alike the selections are."""

import matplotlib.pyplot as plt
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    LandmarkAligner,
    LandmarkCountDisplay,
    NeutralDifference,
    RandomLandmarkSelector,
    SelectionStabilityDisplay,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    compare,
)
from sklearn_emoxai.datasets import make_expressions

faces = make_expressions(20, 1, 6, difficulty=0.3, random_state=0)


def svm(selector):
    """A linear SVM on chosen landmarks."""
    steps = LandmarkAligner(), NeutralDifference(), selector, SequenceFlattener(), SVC(kernel="linear")
    return make_pipeline(*steps)


models = {
    "majority class": DummyClassifier(),
    "univariate choice": svm(UnivariateLandmarkSelector()),
    "random choice": svm(RandomLandmarkSelector()),
}
results = compare(
    models,
    faces.data,
    faces.target,
    groups=faces.groups,
    emotions=["fear"],
    n_landmarks=[468, 128, 32, 8, 2],
    n_splits=3,
    n_runs=2,
    random_state=0,
)
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
LandmarkCountDisplay.from_results(results, metric="roc_auc", ax=axes[0])
SelectionStabilityDisplay.from_results(results, ax=axes[1])
