"""The portrait as a puppet: its pixels follow the landmarks of a face that moves."""

from functools import cache

import numpy as np
from matplotlib import cbook
from scipy.spatial import Delaunay

from ..extraction import named_libraries
from ..facemesh import (
    CONTOURS,
    LEFT_EYE_CORNERS,
    MIRROR,
    N_LANDMARKS,
    PORTRAIT,
    RIGHT_EYE_CORNERS,
    TEMPLATE_3D,
    TRIANGLES,
)
from ._face_model import turn_matrices

with named_libraries():
    import cv2

_IOD_SHARE = 0.25  # inter-ocular distance, as a share of the frame's width
_CENTRE = np.array([0.5, 0.46])  # of the eyes' midpoint in the frame; leaves room for the chin
# Rings around the face oval: how far out, and how much of the oval's own motion they follow.
_RINGS = ((1.25, 0.6), (1.6, 0.25))
_FOREHEAD, _CHIN = 10, 152
_MOUTH, _TEETH = (30, 22, 48), (150, 178, 208)  # BGR


# Outlines on the subject's right half; MIRROR gives the left.
_BROW = np.array([46, 53, 52, 65, 55, 107, 66, 105, 63, 70])
_UNDER_BROW = np.array([70, 46, 53, 52, 65, 55, 193, 221, 222, 223, 224, 225, 113, 124, 156])
_UPPER_LASHES = np.array([33, 246, 161, 160, 159, 158, 157, 173, 133])
_RIGHT_AND_LEFT = (np.arange(N_LANDMARKS), MIRROR)


def _sixteenths(points):
    """Points (..., 2) as cv2 draws them with ``shift=4``: it counts pixels from the first one's centre."""
    return np.round((points - 0.5) * 16).astype(np.int32)


def _covering(shape, outline, grow=0):
    """Mask (height, width) uint8, 255 inside the outline (n, 2) in pixels, grown by some pixels."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [_sixteenths(outline)], 255, cv2.LINE_AA, 4)
    return cv2.dilate(mask, np.ones((grow + 1, grow + 1))) if grow else mask


def _retouched(image):
    """The portrait with what hides its expression mended.

    The spectacles' dark upper rims, which the detector takes for brows, are inpainted; the faint brows and
    the upper lashes are darkened. Without this the detector reports a fifth of the brows' motion, with it a
    half.
    """
    landmarks, shape = PORTRAIT.T, image.shape
    rims = np.zeros(shape[:2], np.uint8)
    for side in _RIGHT_AND_LEFT:
        rims |= _covering(shape, landmarks[side[_UNDER_BROW]], 4)
    for eye in ("left_eye", "right_eye"):
        rims &= 255 - _covering(shape, landmarks[CONTOURS[eye]], 2)
    rims &= cv2.dilate(np.uint8(255) * (image.max(axis=2) < 115), np.ones((5, 5)))
    image = cv2.inpaint(image, rims, 5, cv2.INPAINT_TELEA).astype(np.float32)
    for side in _RIGHT_AND_LEFT:
        brow = _covering(shape, landmarks[side[_BROW]])
        lashes = np.zeros(shape[:2], np.uint8)
        cv2.polylines(lashes, [_sixteenths(landmarks[side[_UPPER_LASHES]])], False, 255, 2, cv2.LINE_AA, 4)
        for mask, blur, darken in ((brow, 1.2, 0.65), (lashes, 0.6, 0.6)):
            image *= 1 - darken * cv2.GaussianBlur(mask, (0, 0), blur)[..., None] / 255
    return image.astype(np.uint8)


@cache
def _puppet():
    """Portrait (BGR), its points (n_points, 2) in pixels and the triangles (n_triangles, 3) over them.

    Points are the 468 landmarks, the rings around the face, and the image's border.
    """
    image = _retouched(cv2.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))))
    landmarks, oval = PORTRAIT.T, CONTOURS["face_oval"]
    centre = landmarks[oval].mean(axis=0)
    rings = [centre + size * (landmarks[oval] - centre) for size, _ in _RINGS]
    height, width = image.shape[:2]
    edge = np.linspace(0, 1, 6)
    border = np.concatenate([np.c_[edge, 0 * edge], np.c_[edge, 0 * edge + 1]])
    border = np.unique(np.concatenate([border, border[:, ::-1]]), axis=0) * [width, height]
    points = np.concatenate([landmarks, *rings, border])

    def span(indices):
        return indices[Delaunay(points[indices]).simplices]

    around = span(np.r_[oval, N_LANDMARKS : len(points)])
    around = around[~np.isin(around, oval).all(axis=1)]
    holes = [span(CONTOURS[name]) for name in ("left_eye", "right_eye", "inner_lips")]
    # Painter's order: surroundings, then the face from back to front, then what shows through its holes.
    face = TRIANGLES[np.argsort(-TEMPLATE_3D[2][TRIANGLES].mean(axis=1))]
    return image, points, np.concatenate([around, *holes, face])


def _eyes(points):
    """Midpoint (2,) of the eyes and distance between them, of landmarks (n_points, 2)."""
    right, left = points[list(RIGHT_EYE_CORNERS)].mean(axis=0), points[list(LEFT_EYE_CORNERS)].mean(axis=0)
    return (right + left) / 2, np.linalg.norm(left - right)


def place_points(face, turn, shift, size):
    """Where the puppet's points go in one frame.

    Parameters
    ----------
    face : ndarray of shape (3, 468)
        Face before the head moves, in inter-ocular distances.
    turn : ndarray of shape (3,)
        Roll, yaw and pitch in degrees.
    shift : ndarray of shape (2,)
        In inter-ocular distances.
    size : int
        Width and height of the frame in pixels.

    Returns
    -------
    ndarray of shape (n_points, 2)
        In pixels of the frame from its upper left corner; the first 468 are the landmarks.
    """
    _, points, _ = _puppet()
    eyes, unit = _eyes(points)
    turned = turn_matrices(np.r_[0, turn[1:]]) @ face
    motion = unit * (turned - TEMPLATE_3D)[:2].T
    moved = points.copy()
    moved[:N_LANDMARKS] += motion
    start, oval = N_LANDMARKS, CONTOURS["face_oval"]
    for _, follows in _RINGS:
        moved[start : start + len(oval)] += follows * motion[oval]
        start += len(oval)
    # The whole picture rolls and shifts.
    roll = turn_matrices(np.array([turn[0], 0, 0]))[:2, :2]
    scale = _IOD_SHARE * size / unit
    return (moved - eyes) @ roll.T * scale + size * (_CENTRE + _IOD_SHARE * shift)


def _inverse_affine(placed, points, triangles):
    """Affine maps (n_triangles, 2, 3) from the frame's pixels to the portrait's, one a triangle."""
    to = np.concatenate([placed[triangles], np.ones((len(triangles), 3, 1))], axis=2)
    flat = np.abs(np.linalg.det(to)) < 1e-6
    to[flat] = np.eye(3)  # a degenerate triangle covers no pixel
    return np.linalg.solve(to, points[triangles]).transpose(0, 2, 1)


def _paint_mouth(frame, placed, unit):
    """Darken what lies between the parted lips and show the upper teeth, in place."""
    ring = placed[CONTOURS["inner_lips"]]
    # The ring starts at the upper lip's middle: 0..5 is its right half, 5..15 the lower lip, 15..20 the left
    # half.
    upper = np.concatenate([ring[15:], ring[:6]])
    lower = ring[15:4:-1]
    down = placed[_CHIN] - placed[_FOREHEAD]
    gap = np.maximum((lower - upper) @ down / np.linalg.norm(down), 0)[:, None]
    opacity = np.clip((gap.max() / unit - 0.02) / 0.03, 0, 1)
    if opacity == 0:
        return
    teeth = upper + (lower - upper) * np.minimum(0.45, 0.07 * unit / np.maximum(gap, 1e-6))
    for polygon, colour in ((ring, _MOUTH), (np.concatenate([upper, teeth[::-1]]), _TEETH)):
        mask = _covering(frame.shape, polygon)
        alpha = cv2.GaussianBlur(mask, (0, 0), 0.008 * unit + 0.4)[..., None] / 255 * opacity
        frame += alpha * (np.array(colour, np.float32) - frame)


def render(placed, size):
    """Picture (size, size, 3) of the puppet, float32 BGR in 0..255.

    Parameters
    ----------
    placed : ndarray of shape (n_points, 2)
        From :func:`place_points`.
    size : int
        Width and height in pixels.
    """
    image, points, triangles = _puppet()
    owner = np.zeros((size, size), np.int32)
    for index, triangle in enumerate(_sixteenths(placed[triangles])):
        cv2.fillConvexPoly(owner, triangle, index, cv2.LINE_8, 4)
    maps = _inverse_affine(placed, points, triangles).astype(np.float32)[owner]
    centres = np.arange(size, dtype=np.float32) + 0.5
    source = maps[..., 0] * centres[:, None] + maps[..., 1] * centres[:, None, None] + maps[..., 2] - 0.5
    frame = cv2.remap(image, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    frame = frame.astype(np.float32)
    _paint_mouth(frame, placed, _IOD_SHARE * size)
    return frame
