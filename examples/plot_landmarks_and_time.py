"""
Which landmarks matter, and when
================================

The same attributions, summed over time and drawn on the face, or summed over the regions of the face and drawn over
time. It is the paper's figure 3, and a timeline beneath it.
"""

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, LandmarkAligner, NeutralDifference
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.plotting import AttributionTimelineDisplay, LandmarkImportanceDisplay

# %%
# Neutral to apex in nine frames. ``keep_first`` leaves the neutral frame in, so that the timeline starts with it.

faces = make_expressions(n_subjects=12, n_repeats=2, n_frames=9, difficulty=0.4, random_state=0)
prepare = make_pipeline(LandmarkAligner(), NeutralDifference(keep_first=True))
X = prepare.fit_transform(faces.data)

# %%
# A network for each of two emotions, and the 48 landmarks of each that matter most to it.

network = ConvLSTMClassifier(n_filters=8, lr=1e-3, max_epochs=25, class_weight="balanced", random_state=0)
selectors = {}
for emotion in ("happiness", "surprise"):
    selector = IGLandmarkSelector(
        network, n_landmarks_to_select=48, strategy="top", explain="positive", random_state=0
    )
    selectors[emotion] = selector.fit(X, faces.target == emotion, emotion=faces.target, groups=faces.groups)

# %%
# Above, the chosen landmarks; below, the mean importance of each region's landmarks in each frame.

figure, axes = plt.subplots(2, 2, figsize=(9, 8.5), height_ratios=[1.1, 1], layout="constrained")
for (above, below), (emotion, selector) in zip(axes.T, selectors.items()):
    LandmarkImportanceDisplay.from_estimator(selector, ax=above, title=emotion)
    AttributionTimelineDisplay.from_estimator(selector, ax=below)
plt.show()

# %%
# ``explain="positive"`` averages over the sequences that show the emotion; with ``"all"``, the paper's choice, the
# picture also tells what speaks against it. The truth, for once, is known:

for emotion, selector in selectors.items():
    mask = faces.informative_mask[emotion]
    print(
        f"{emotion} moves {mask[selector.support_].mean():.0%} of the chosen landmarks, {mask.mean():.0%} of all."
    )
