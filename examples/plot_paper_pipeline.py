"""
The paper's pipeline in 30 lines
================================

All 468 landmarks train a network for one emotion. Integrated gradients rank the landmarks by what they contribute to
its decisions, and the network is trained again on the best 128 and 32.
"""

import tempfile

import matplotlib.pyplot as plt
import sklearn
from sklearn.base import clone
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline

from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, LandmarkAligner, NeutralDifference
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.plotting import LandmarkImportanceDisplay

sklearn.set_config(enable_metadata_routing=True)  # takes emotions and subjects to the steps that ask for them

# %%
# Simulated sequences of landmarks, whose informative landmarks are known. A quarter of the subjects is kept for
# testing.

faces = make_expressions(n_subjects=16, n_repeats=2, n_frames=8, random_state=0)
y = faces.target == "surprise"
train, test = next(GroupShuffleSplit(1, test_size=0.25, random_state=0).split(y, groups=faces.groups))

# %%
# T-EMO, smaller and with a larger learning rate than in the paper, so that it is done in seconds.
# ``randomized_conv=True`` would make it R-EMO. ``strategy="top"`` keeps the first landmarks of the ranking, as the
# paper does.
# ``memory`` keeps the ranking, so that it is computed once.

network = ConvLSTMClassifier(n_filters=8, lr=1e-3, max_epochs=25, class_weight="balanced", random_state=0)
rankings = tempfile.TemporaryDirectory()
pipeline = Pipeline(
    [
        ("align", LandmarkAligner()),
        ("difference", NeutralDifference()),
        ("select", IGLandmarkSelector(network, strategy="top", memory=rankings.name, random_state=0)),
        ("classify", network),
    ]
)
fitted = {}
for n_landmarks in (468, 128, 32):
    fitted[n_landmarks] = clone(pipeline).set_params(select__n_landmarks_to_select=n_landmarks)
    fitted[n_landmarks].fit(
        faces.data[train], y[train], emotion=faces.target[train], groups=faces.groups[train]
    )
rankings.cleanup()

# %%
# Which 32 were chosen, and how well each network does on the subjects that were left out.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
chosen = fitted[32]["select"]
LandmarkImportanceDisplay.from_estimator(chosen, ax=left, title="the 32 landmarks for surprise")
for n_landmarks, pipeline in fitted.items():
    RocCurveDisplay.from_estimator(
        pipeline,
        faces.data[test],
        y[test],
        ax=right,
        name=f"{n_landmarks} landmarks",
        plot_chance_level=n_landmarks == 32,
    )
right.set(title="on subjects that were not trained on", xlabel="false positives", ylabel="true positives")
plt.show()

# %%
# Because the faces are simulated, the choice can be checked against the truth.

moved = faces.informative_mask["surprise"]
print(
    f"Surprise moves {moved[chosen.support_].mean():.0%} of the chosen landmarks, {moved.mean():.0%} of all."
)
