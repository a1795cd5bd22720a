"""One face of a video: following it from frame to frame, and the square crop around it.

A *box* is (x of the centre, y of the centre, size), the size being the longer side of the landmarks' bounding
box; a *crop* is (left, top, side). Both in pixels of the original frame, the origin in its upper left corner.
"""

import numpy as np


def face_boxes(faces):
    """Return the boxes of faces.

    Parameters
    ----------
    faces : ndarray of shape (n_faces, 2, n_landmarks)

    Returns
    -------
    ndarray of shape (n_faces, 3)
    """
    low, high = faces.min(axis=2), faces.max(axis=2)
    return np.column_stack([(low + high) / 2, (high - low).max(axis=1)])


def reach(seconds):
    """Return how far a face may be after some time, in sizes of the face; beyond it is another person's."""
    return 1 + 2 * abs(seconds)


def follow_largest(boxes, timestamps):
    """Follow the largest face of a video backwards and forwards from the frame where it is largest.

    Parameters
    ----------
    boxes : list of ndarray of shape (n_faces, 3)
        One array a frame, in order; n_faces may be 0.
    timestamps : ndarray of shape (n_frames,)
        In seconds.

    Returns
    -------
    ndarray of shape (n_frames, 3)
        The followed face's boxes; NaN where it was not seen.
    """
    followed = np.full((len(boxes), 3), np.nan)
    sizes = [frame[:, 2].max(initial=0) for frame in boxes]
    if not any(sizes):
        return followed
    anchor = int(np.argmax(sizes))
    start = boxes[anchor][boxes[anchor][:, 2].argmax()]
    followed[anchor] = start
    for positions in (range(anchor - 1, -1, -1), range(anchor + 1, len(boxes))):
        last, when = start, timestamps[anchor]
        for i in positions:
            chosen = nearest(boxes[i], last, reach(timestamps[i] - when))
            if chosen is not None:
                followed[i] = last = boxes[i][chosen]
                when = timestamps[i]
    return followed


def nearest(boxes, expected, limit=np.inf):
    """Return the position of the box nearest to the expected one, or None.

    ``limit`` is the largest distance between the centres, in sizes of the expected box.
    """
    if not len(boxes):
        return None
    distances = np.hypot(*(boxes[:, :2] - expected[:2]).T)
    best = int(distances.argmin())
    return best if distances[best] <= limit * expected[2] else None


def crop_around(boxes, margin, frame_size):
    """Return the smallest square around all boxes and a margin on each side, at most the whole frame.

    Parameters
    ----------
    boxes : ndarray of shape (n_boxes, 3)
    margin : float
        In sizes of the largest box.
    frame_size : tuple of two ints
        Width and height.

    Returns
    -------
    tuple of three ints
        left, top, side; it may reach over the border of the frame.
    """
    half = boxes[:, 2:] / 2 + margin * boxes[:, 2].max()
    low, high = (boxes[:, :2] - half).min(axis=0), (boxes[:, :2] + half).max(axis=0)
    side = int(np.ceil((high - low).max()))
    if side >= max(frame_size):
        return whole_frame(frame_size)
    left, top = np.round((low + high - side) / 2).astype(int).tolist()
    return left, top, side


def whole_frame(frame_size):
    """Return the smallest square around the whole frame, centred."""
    side = max(frame_size)
    return (frame_size[0] - side) // 2, (frame_size[1] - side) // 2, side


def search_squares(frame_size):
    """Return squares that cover a frame, in levels of falling size.

    MediaPipe's face detector sees a whole image at 128 × 128 pixels and finds no face smaller than about a
    fifth of it. Neighbouring squares of a level overlap by a third, and a level's side is 0.6 of the one
    before: so a face that is too small for one level fits into one square of the next.

    Parameters
    ----------
    frame_size : tuple of two ints
        Width and height.

    Returns
    -------
    list of list of (left, top, side)
        The first level is the whole frame.

    Examples
    --------
    >>> from sklearn_emoxai.extraction._face_crop import search_squares
    >>> [len(level) for level in search_squares((640, 480))]
    [1, 4, 12, 35]
    """
    levels = [[whole_frame(frame_size)]]
    side = int(0.6 * max(frame_size))
    while side >= 120 and len(levels) < 4:
        steps = [
            np.linspace(0, n - side, max(1, 1 + int(np.ceil((n - side) / (side * 2 / 3)))))
            for n in frame_size
        ]
        levels.append([(int(left), int(top), side) for top in steps[1] for left in steps[0]])
        side = int(0.6 * side)
    return levels


def distinct(boxes, off_centre):
    """Return the positions of boxes of different faces, of each face the least off the centre of its square.

    Parameters
    ----------
    boxes : ndarray of shape (n_boxes, 3)
    off_centre : ndarray of shape (n_boxes,)
        Distance of each box from the centre of the square that it was found in.
    """
    kept = []
    for i in np.argsort(off_centre, kind="stable"):
        if nearest(boxes[kept], boxes[i], limit=0.5) is None:
            kept.append(i)
    return kept


def cut(frame, crop, *, size=None, grayscale=True, turned=False):
    """Cut a square out of a frame, black beyond its border.

    Parameters
    ----------
    frame : ndarray of shape (height, width, 3), uint8
    crop : tuple of three ints
        left, top, side.
    size : int or None
        Side of the result in pixels; None keeps the crop's own.
    grayscale : bool
        Whether the three channels of the result are the same gray.
    turned : bool
        Whether the result is turned by 180°.

    Returns
    -------
    ndarray of shape (size, size, 3), uint8
    """
    import cv2

    left, top, side = crop
    height, width = frame.shape[:2]
    part = frame[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if grayscale:
        part = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    if part.shape[:2] != (side, side):
        below, above = max(top + side - height, 0), max(-top, 0)
        before, after = max(-left, 0), max(left + side - width, 0)
        part = cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_CONSTANT, value=0)
    if size is not None and size != side:
        # Averaging keeps fine texture from turning into patterns; it is ten times slower, so only where needed.
        way = cv2.INTER_AREA if side > 1.5 * size else cv2.INTER_LINEAR
        part = cv2.resize(part, (size, size), interpolation=way)
    if turned:
        part = part[::-1, ::-1]
    return cv2.merge([part] * 3) if grayscale else np.ascontiguousarray(part)


def to_frame(landmarks, crop, size, *, turned=False):
    """Map coordinates from pixels of a crop that was resized to ``size`` to pixels of the original frame.

    Parameters
    ----------
    landmarks : ndarray of shape (..., 2, n_landmarks)
    crop : tuple of three ints
        left, top, side.
    size : int
    turned : bool
        Whether it was turned by 180°.

    Returns
    -------
    ndarray of shape (..., 2, n_landmarks)
    """
    left, top, side = crop
    if turned:
        landmarks = size - landmarks
    return landmarks * (side / size) + [[left], [top]]
