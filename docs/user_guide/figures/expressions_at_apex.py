"""The six expressions at their apex, and how far each moves every landmark."""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.facemesh import CONTOURS, TRIANGLES

plain = {
    "strength_spread": 0,
    "asymmetry": 0,
    "geometry": 0,
    "head_turn": 0,
    "head_shift": 0,
    "noise": 0,
    "outliers": 0,
}
made = make_expressions(1, 1, strength=1, distractors=0, random_state=0, **plain)

figure, axes = plt.subplots(2, 3, figsize=(9, 7.5), layout="constrained")
for ax, face, emotion in zip(axes.flat, made.data[:, -1], made.target):
    ax.triplot(*face, TRIANGLES, color="0.85", lw=0.4)
    for contour in CONTOURS.values():
        ax.plot(*face[:, np.append(contour, contour[0])], color="0.4", lw=0.8)
    points = ax.scatter(*face, c=made.informative[emotion], s=9, cmap="magma_r", vmin=0, vmax=0.3)
    ax.set_title(f"{emotion}\n{made.informative_mask[emotion].sum()} informative landmarks", fontsize=10)
    ax.set(aspect="equal", ylim=(1.95, -0.85))
    ax.axis("off")
figure.colorbar(points, ax=axes, label="displacement at the apex (inter-ocular distances)", shrink=0.6)
