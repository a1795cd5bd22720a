"""The first 16 landmarks that each strategy chooses for one network, and the network's importances."""

import warnings

import matplotlib.pyplot as plt
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, LandmarkAligner, NeutralDifference
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.facemesh import EDGES, TEMPLATE

faces = make_expressions(40, 1, 6, strength_spread=0.7, asymmetry=0.3, geometry=0.1, random_state=0)
X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(faces.data)
y = faces.target == "fear"
network = ConvLSTMClassifier(
    n_filters=6, lstm_units=16, lr=1e-2, batch_size=48, max_epochs=25, class_weight="balanced", random_state=0
).fit(X, y)

figure, axes = plt.subplots(1, 3, figsize=(11, 4.6), layout="constrained")
for ax, strategy in zip(axes, ("top", "qr", "forward")):
    selector = IGLandmarkSelector(
        FrozenEstimator(network), n_landmarks_to_select=16, strategy=strategy, n_steps=20, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of baselines that look like fear
        selector.fit(X, y, emotion=faces.target)
    ax.plot(*TEMPLATE[:, EDGES.T], color="0.9", lw=0.5, zorder=0)
    points = ax.scatter(*TEMPLATE, c=selector.importances_, s=6, cmap="Greys", vmin=0)
    ax.scatter(*TEMPLATE[:, selector.support_], s=55, facecolors="none", edgecolors="C3", linewidths=1.8)
    ax.set(title=f'strategy="{strategy}"', aspect="equal", ylim=(1.95, -0.8))
    ax.axis("off")
figure.colorbar(points, ax=axes, label="importance", shrink=0.7)
