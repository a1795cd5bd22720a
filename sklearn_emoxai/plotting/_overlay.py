"""Drawing on frames: the face mesh, and the panel with the probabilities or scores."""

import numpy as np

from .. import facemesh

_PANEL_HEIGHT = 220
_BACKGROUND = "#12161b"
# Okabe and Ito's colours that stand out on dark; light gray is left for a seventh label, such as neutral.
_COLOURS = ("#56B4E9", "#E69F00", "#00B184", "#F0E442", "#E8743B", "#D68FB5", "#D0D0D0", "#8F8FFF")
_OUTLINES = tuple(np.append(contour, contour[0]) for contour in facemesh.CONTOURS.values())
_SHIFT = 4  # bits after the point of OpenCV's coordinates


def resized(frame, width):
    """The frame at the given width, both sides even as video codecs want them, and the factor."""
    import cv2

    scale = width / frame.shape[1]
    size = (2 * round(width / 2), 2 * round(frame.shape[0] * scale / 2))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), scale


def draw_face(frame, landmarks, chosen, shares):
    """Draw the mesh and the chosen landmarks on an RGB frame, in place.

    Parameters
    ----------
    frame : ndarray of shape (height, width, 3), uint8
    landmarks : ndarray of shape (2, 468)
        In the frame's pixels.
    chosen : ndarray of shape (n_selected,), int
    shares : ndarray of shape (n_selected,)
        From 0 to 1; they set colour and size.
    """
    import cv2
    from matplotlib import colormaps

    points = np.round(landmarks.T * (1 << _SHIFT)).astype(np.int32)
    lines = {"color": (255, 255, 255), "lineType": cv2.LINE_AA, "shift": _SHIFT}
    mesh = frame.copy()
    cv2.polylines(mesh, list(points[facemesh.EDGES]), isClosed=False, **lines)
    cv2.addWeighted(mesh, 0.25, frame, 0.75, 0, dst=frame)
    outlined = frame.copy()
    cv2.polylines(outlined, [points[outline] for outline in _OUTLINES], isClosed=False, **lines)
    cv2.addWeighted(outlined, 0.5, frame, 0.5, 0, dst=frame)
    face = np.ptp(landmarks, axis=1).max()
    colours = (255 * colormaps["viridis"](shares)[:, :3]).round().astype(int).tolist()
    for i in np.argsort(shares):
        radius = face * (0.006 + 0.012 * shares[i])
        circle = {"lineType": cv2.LINE_AA, "shift": _SHIFT, "thickness": -1}
        centre = points[chosen[i]].tolist()
        cv2.circle(
            frame, centre, round((radius + max(1, face / 400)) * (1 << _SHIFT)), (255, 255, 255), **circle
        )
        cv2.circle(frame, centre, round(radius * (1 << _SHIFT)), colours[i], **circle)


class Panel:
    """Probabilities or scores over time, drawn twice, bold and faint: each frame is put together from both.

    Parameters
    ----------
    timestamps : ndarray of shape (n_frames,)
        In seconds.
    values : ndarray of shape (n_frames, n_classes)
        May hold rows of NaN.
    classes : array-like of shape (n_classes,)
    width : int
        In pixels.
    unit : {"probability", "score"}, default="probability"
        Probabilities are drawn from 0 to 1, scores from their least to their largest in the video, and named so.
    """

    def __init__(self, timestamps, values, classes, *, width, unit="probability"):
        limits = (0, 1) if unit == "probability" else _limits(values)
        self._shares = (values - limits[0]) / (limits[1] - limits[0])
        self._colours = [_COLOURS[i % len(_COLOURS)] for i in range(len(classes))]
        width = 2 * round(width / 2)
        drawn = [
            _draw_panel(timestamps, values, classes, self._colours, width, alpha, limits, unit)
            for alpha in (1, 0.18)
        ]
        (self._bold, self._now, self._bars), (self._faint, _, _) = drawn

    def at(self, row):
        """The panel when the video is at a frame, of shape (height, width, 3), uint8, RGB."""
        import cv2
        from matplotlib.colors import to_rgb

        x, top, bottom = self._now[row]
        image = self._bold.copy()
        image[:, x:][:, : self._bars[0][0] - x] = self._faint[:, x : self._bars[0][0]]
        cv2.line(image, (x, top), (x, bottom), (235, 235, 235), 1)
        shares = self._shares[row]
        if np.isnan(shares).any():
            return image
        for (left, top, right, bottom), share, colour in zip(self._bars, shares, self._colours):
            end = round(left + share * (right - left))
            colour = tuple(round(255 * part) for part in to_rgb(colour))
            cv2.rectangle(image, (left, top), (end, bottom), colour, -1)
        winner = self._bars[shares.argmax()]
        middle = (winner[1] + winner[3]) // 2
        cv2.circle(image, (winner[2] + 12, middle), 4, (255, 255, 255), -1, cv2.LINE_AA)
        return image


def _limits(values):
    """Least and largest score, zero among them; of no scores, or of zeros alone, -1 and 1."""
    known = values[~np.isnan(values)]
    low, high = known.min(initial=0), known.max(initial=0)
    return (low, high) if low < high else (-1, 1)


def _draw_panel(timestamps, values, classes, colours, width, alpha, limits, unit):
    """Panel with all curves; where "now" is, (n_frames, 3): x, top, bottom; and the bars' boxes.

    Returns
    -------
    image : ndarray of shape (height, width, 3), uint8
    now : ndarray of shape (n_frames, 3), int
    bars : list of (left, top, right, bottom)
        All of the largest value, in pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    dpi = 100 * width / 720
    height = 2 * round(_PANEL_HEIGHT * width / 1440)
    figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi, facecolor=_BACKGROUND)
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_axes((0.07, 0.24, 0.55, 0.68), facecolor=_BACKGROUND)
    for curve, colour in zip(values.T, colours):
        ax.plot(timestamps, curve, color=colour, alpha=alpha, linewidth=2, solid_capstyle="round")
    start, end = timestamps[[0, -1]]
    low, high = limits
    margin = 0.02 * (high - low)
    ax.set(xlim=(start, end if end > start else start + 1), ylim=(low - margin, high + margin))
    if unit == "probability":
        ax.set_yticks((0, 0.5, 1))
    else:
        ax.set_yticks((low, 0, high), [f"{low:.1f}", "0", f"{high:.1f}"])
        ax.set_title("scores, no probabilities", color="0.8", fontsize=8, pad=2)
    ax.set_xlabel("time (s)", color="0.8", fontsize=9)
    ax.tick_params(colors="0.7", labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("0.4")
    ax.grid(axis="y", color="0.25", linewidth=0.6)
    boxes = figure.add_axes((0.78, 0.08, 0.17, 0.84), facecolor=_BACKGROUND)
    boxes.set(xlim=(0, 1), ylim=(len(classes) - 0.5, -0.5))
    boxes.set_axis_off()
    for i, label in enumerate(classes):
        boxes.text(-0.06, i, str(label), color="0.9", fontsize=9, ha="right", va="center", parse_math=False)
        boxes.axhspan(i - 0.28, i + 0.28, color="0.2", linewidth=0)
    canvas.draw()
    image = np.asarray(canvas.buffer_rgba())[:height, :width, :3].copy()
    pixels = ax.transData.transform(np.column_stack([timestamps, np.zeros(len(timestamps))]))
    box = ax.get_window_extent()
    now = np.column_stack([pixels[:, 0], np.full(len(pixels), height - box.y1), height - pixels[:, 1]])
    bars = []
    for i in range(len(classes)):
        (left, low), (right, high) = boxes.transData.transform([(0, i + 0.28), (1, i - 0.28)])
        bars.append(tuple(round(v) for v in (left, height - high, right, height - low)))
    return image, now.round().astype(int), bars
