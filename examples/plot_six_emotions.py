"""
Six emotions in one classifier
==============================

The paper trains one network per emotion and leaves them apart. :class:`~sklearn_emoxai.EmotionClassifier` joins them:
each emotion keeps a detector, and landmarks, of its own.
"""

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    IGLandmarkSelector,
    LandmarkAligner,
    NeutralDifference,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.plotting import LandmarkImportanceDisplay

# %%
# A quarter of the subjects is kept for testing.

faces = make_expressions(n_subjects=16, n_repeats=1, n_frames=5, difficulty=0.3, random_state=0)
train, test = next(StratifiedGroupKFold(4).split(faces.data, faces.target, faces.groups))

# %%
# The detector, a clone of which is fitted for each emotion. :class:`~sklearn_emoxai.EmotionClassifier` hands the
# labels and the subjects on to the steps that ask for them.

network = ConvLSTMClassifier(n_filters=4, max_epochs=40, class_weight="balanced", random_state=0)
detector = Pipeline(
    [
        ("align", LandmarkAligner()),
        ("difference", NeutralDifference()),
        ("select", IGLandmarkSelector(network, n_landmarks_to_select=32, n_steps=10, random_state=0)),
        ("classify", network),
    ]
)
classifier = EmotionClassifier(detector, n_jobs=2)
classifier.fit(faces.data[train], faces.target[train], groups=faces.groups[train])

# %%
# The landmarks that each detector looks at.

LandmarkImportanceDisplay.from_emotions(classifier, figsize=(8, 6))
plt.show()

# %%
# What is taken for what, on the subjects that were left out. Chance is one in six.

predicted = classifier.predict(faces.data[test])
figure, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    faces.target[test], predicted, normalize="true", values_format=".0%", cmap="Blues", colorbar=False, ax=ax
)
ax.set(
    title=f"accuracy {(predicted == faces.target[test]).mean():.0%} on unseen subjects",
    xlabel="predicted",
    ylabel="shown",
)
ax.tick_params(axis="x", rotation=40)
plt.show()
