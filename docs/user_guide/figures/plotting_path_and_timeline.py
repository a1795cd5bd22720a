"""One network: its probability along the paths from five typical samples, and when it looks where."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    AttributionPathDisplay,
    AttributionTimelineDisplay,
    ConvLSTMClassifier,
    IGLandmarkSelector,
    LandmarkAligner,
    NeutralDifference,
)
from sklearn_emoxai.datasets import make_expressions

faces = make_expressions(20, 1, 10, difficulty=0.3, random_state=0)
X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(faces.data)
network = ConvLSTMClassifier(
    n_filters=6, lstm_units=16, lr=1e-2, batch_size=32, max_epochs=25, class_weight="balanced", random_state=0
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of baselines that look like surprise
    selector = IGLandmarkSelector(network, n_landmarks_to_select=24, n_steps=20, random_state=0)
    selector.fit(X, faces.target == "surprise", emotion=faces.target)

typical = {label: i for label, i in selector.typical_samples_.items() if label != "surprise"}
sample = X[np.flatnonzero(faces.target == "surprise")[0]]
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained", width_ratios=(1, 1.15))
AttributionPathDisplay.from_estimator(
    selector.estimator_, sample, X[list(typical.values())], labels=list(typical), ax=axes[0], title="surprise"
)
AttributionTimelineDisplay.from_estimator(selector, first_frame=2, ax=axes[1], title="surprise")
