"""
Probability along the path of integrated gradients
==================================================

Integrated gradients add up what the network says on the straight way from a baseline to the sample. The paper's
figure 2 shows that way: where is the decision made, and is the path followed finely enough?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    LandmarkAligner,
    NeutralDifference,
    integrated_gradients,
    typical_samples,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.plotting import AttributionPathDisplay

# %%
# A network that tells fear from the other five emotions.

faces = make_expressions(n_subjects=12, n_repeats=2, n_frames=8, difficulty=0.3, random_state=0)
X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(faces.data)
y = faces.target == "fear"
network = ConvLSTMClassifier(
    n_filters=8, lr=1e-3, max_epochs=40, class_weight="balanced", random_state=0
).fit(X, y)

# %%
# The baselines are the typical samples of the other emotions; the sample is the fearful face that the network is
# surest of.

typical = typical_samples(X, faces.target)
others = [emotion for emotion in typical if emotion != "fear"]
baselines = X[[typical[emotion] for emotion in others]]
sample = X[np.argmax(network.predict_proba(X)[:, 1] * y)]

# %%
# A sum of m steps misses the whole by the completeness error. How fast does it shrink? The paper's rule, the right
# Riemann sum, is compared with the middle of each step.

steps = np.array([5, 10, 20, 50, 100, 200])
errors = {}
for method in ("riemann_right", "riemann_middle"):
    delta = [
        integrated_gradients(
            network, sample[None], baselines, n_steps=int(m), method=method, return_convergence_delta=True
        )[1]
        for m in steps
    ]
    errors[method] = np.abs(delta).mean(axis=(1, 2))

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.3), layout="constrained")
AttributionPathDisplay.from_estimator(
    network, sample, baselines, labels=others, ax=left, title="from other emotions to fear"
)
for (method, error), marker in zip(errors.items(), "os"):
    right.loglog(steps, error, marker=marker, label=method)
right.set(xlabel="steps m", ylabel="completeness error (probability)", title="how much the sum misses")
right.legend(frameon=False)
right.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Where the curves are flat, gradients are small and nothing is attributed; where they are steep, the decision is
# made. Because these curves are flat at both ends, the right Riemann sum does as well as the middle one here. With
# five or ten steps both miss much of a decision that is made within a fifth of the way. ``n_steps="auto"`` doubles
# the steps until the error is small enough.
