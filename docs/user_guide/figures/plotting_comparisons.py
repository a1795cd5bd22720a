"""Many models, groups of people, early decisions, on simulated faces."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    CriticalDifferenceDisplay,
    EarlyDecisionDisplay,
    GroupScoresDisplay,
    LandmarkAligner,
    NeutralDifference,
    SequenceFlattener,
    compare,
)
from sklearn_emoxai.datasets import make_expressions

faces = make_expressions(24, 1, 8, difficulty=0.3, random_state=0)
X, y, subjects = faces.data[..., ::6], faces.target, faces.groups
X = make_pipeline(
    LandmarkAligner(eyes=([5, 22], [43, 60])), NeutralDifference(keep_first=True)
).fit_transform(X)
models = {
    "linear SVM": SVC(kernel="linear"),
    "RBF SVM": SVC(),
    "nearest neighbours": KNeighborsClassifier(),
    "naive Bayes": GaussianNB(),
}
models = {name: make_pipeline(SequenceFlattener(), model) for name, model in models.items()}
results = compare(models, X, y, groups=subjects, n_splits=3, n_runs=1, keep_predictions=True, random_state=0)
# Simulated faces have no age.
band = pd.Series(
    np.where(subjects < "S008", "18 to 29", np.where(subjects < "S020", "30 to 59", "60 and over"))
)

figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), width_ratios=[1.3, 1, 1], layout="constrained")
CriticalDifferenceDisplay.from_results(results, ax=axes[0])
two = results[results["model"].isin(["linear SVM", "RBF SVM"])]
GroupScoresDisplay.from_results(two, band, subjects, ax=axes[1])
train, test = next(GroupShuffleSplit(1, test_size=0.4, random_state=0).split(X, y, subjects))
fitted = {name: models[name].fit(X[train], y[train] == "surprise") for name in ("linear SVM", "RBF SVM")}
EarlyDecisionDisplay.from_estimator(fitted, X[test], y[test] == "surprise", groups=subjects[test], ax=axes[2])
