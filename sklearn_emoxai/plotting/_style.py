"""What all figures share: colours, marks, axes, and the names of the face's regions."""

import numpy as np

from .. import facemesh

# Okabe and Ito's colours, told apart with every kind of colour blindness; marks and dashes tell the same in gray.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#444444")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), "-", (0, (5, 1.5)), (0, (1, 1)), "-")
COLUMN_WIDTH = 3.5  # inches
METRIC_NAMES = {"roc_auc": "area under the ROC curve", "f1": "F1", "mcc": "Matthews correlation"}

# From the top of the face down, the subject's right side first: it lies at the left of the image.
REGION_ORDER = (
    "forehead", "glabella", "right_brow", "left_brow", "right_temple", "left_temple", "right_eye", "left_eye",
    "nose", "right_cheek", "left_cheek", "philtrum", "outer_lips", "inner_lips", "right_jaw", "left_jaw", "chin",
)  # fmt: skip


def new_axes(ax, *, height=2.6):
    """The given axes, or those of a new figure as wide as a column of a paper."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(COLUMN_WIDTH, height), layout="constrained")[1]


def line_style(i):
    """Colour, mark and dashes of the i-th of several lines."""
    i %= len(COLOURS)
    return {
        "color": COLOURS[i],
        "marker": MARKERS[i],
        "linestyle": DASHES[i],
        "markersize": 4,
        "linewidth": 1.4,
    }


def frame_lightly(ax, *, grid="y"):
    """Two spines and a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=8)


def legend_below(ax, title=None, *, inches=None):
    """Legend in two columns under the axes, where it covers no line; at a distance where axes may have any height."""
    where = {"bbox_to_anchor": (0.5, -0.2)}
    if inches is not None:
        from matplotlib.transforms import ScaledTranslation

        below = ax.transAxes + ScaledTranslation(0, -inches, ax.figure.dpi_scale_trans)
        where = {"bbox_to_anchor": (0.5, 0), "bbox_transform": below}
    ax.legend(
        fontsize=7,
        frameon=False,
        ncols=2,
        loc="upper center",
        **where,
        title=title,
        title_fontsize=7,
    )


def error_line(ax, i, n_lines, counts, values, errors, *, label):
    """The i-th of several lines over numbers of landmarks, with bars of its errors; the Line2D."""
    # Shifted a little on the logarithmic axis, so that the bars of several lines do not cover one another.
    shift = 1 + 0.03 * (i - n_lines / 2)
    bars = ax.errorbar(
        counts * shift, values, yerr=errors, label=label, capsize=1.5, elinewidth=0.8, **line_style(i)
    )
    return bars.lines[0]


def finish_lines(display, ax, *, ylabel, title, legend_title=None):
    """Label the axes of a display of lines, note them on it, and return it."""
    ax.set_ylabel(ylabel, fontsize=8)
    ax.set_title(title or "", fontsize=9)
    frame_lightly(ax)
    legend_below(ax, title=legend_title)
    display.ax_, display.figure_ = ax, ax.figure
    return display


def log_counts(ax, counts):
    """Number of landmarks on a logarithmic axis, with a tick at each count."""
    from matplotlib.ticker import FixedLocator, NullLocator

    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(counts))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([str(count) for count in counts])
    ax.set_xlabel("landmarks", fontsize=8)


def region_of(n_landmarks):
    """Region of each landmark, as text; empty where the landmarks are not those of the 468-point mesh."""
    names = np.full(n_landmarks, "", dtype=object)
    if n_landmarks == facemesh.N_LANDMARKS:
        for region in REGION_ORDER:
            names[facemesh.REGIONS[region]] = region.replace("_", " ")
    return names
