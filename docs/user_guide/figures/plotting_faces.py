"""The landmarks of six emotions, each chosen by its own network."""

import warnings

from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkImportanceDisplay,
    NeutralDifference,
)
from sklearn_emoxai.datasets import make_expressions

faces = make_expressions(20, 1, 6, difficulty=0.3, random_state=0)
X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(faces.data)
network = ConvLSTMClassifier(
    n_filters=6, lstm_units=16, lr=1e-2, batch_size=32, max_epochs=15, class_weight="balanced", random_state=0
)
selectors = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of baselines that look like the emotion
    for emotion in ("anger", "disgust", "fear", "happiness", "sadness", "surprise"):
        selector = IGLandmarkSelector(network, n_landmarks_to_select=24, n_steps=10, random_state=0)
        selectors[emotion] = selector.fit(X, faces.target == emotion, emotion=faces.target)
LandmarkImportanceDisplay.from_emotions(selectors, figsize=(7.2, 6))
