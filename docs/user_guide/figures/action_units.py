"""Each action unit's displacement field on the neutral template."""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_emoxai.datasets._action_units import UNIT_NAMES, unit_fields
from sklearn_emoxai.facemesh import CONTOURS, TEMPLATE, TRIANGLES

figure, axes = plt.subplots(3, 5, figsize=(11, 8), layout="constrained")
for ax, (unit, field) in zip(axes.flat, unit_fields().items()):
    ax.triplot(*TEMPLATE, TRIANGLES, color="0.85", lw=0.4)
    for contour in CONTOURS.values():
        ax.plot(*TEMPLATE[:, np.append(contour, contour[0])], color="0.4", lw=0.8)
    moves = np.hypot(*field) > 0.01
    ax.quiver(
        *TEMPLATE[:, moves], *field[:, moves], color="C3", angles="xy", scale_units="xy", scale=1, width=0.006
    )
    ax.set_title(f"AU {unit}: {UNIT_NAMES[unit]}", fontsize=9)
for ax in axes.flat:
    ax.set(aspect="equal", ylim=(1.95, -0.8))
    ax.axis("off")
