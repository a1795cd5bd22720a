"""The 468-point face mesh: named regions, mirror permutation, edges and a neutral template.

"left" and "right" are the subject's own: the subject's left eye lies at the right of an image that is not
mirrored. Coordinates are those of images: x to the right, y down, z away from the camera.

The landmarks' numbering and the mesh's topology are facts of MediaPipe's face mesh [1]_, taken from
``mediapipe.solutions.face_mesh_connections``; nothing of MediaPipe is imported here. The template, the mirror
permutation and the regions are the project's own: ``benchmarks/measure_face_mesh.py`` measured them with
the detector on the public-domain portrait that matplotlib ships, and says how.

Attributes
----------
N_LANDMARKS : int
    468.
REGIONS : dict of str to ndarray of int
    Sorted landmarks of each anatomical region; every landmark is in exactly one. ``"left_eye"`` and
    ``"right_eye"`` are the lids and two rings of landmarks around them; the outline of the face belongs to
    forehead, temples, cheeks, jaws and chin.
MIRROR : ndarray of shape (468,), int
    ``MIRROR[i]`` is the landmark that takes landmark i's place in a mirror image. Applied twice it is the
    identity; 28 landmarks lie on the midline.
TRIANGLES : ndarray of shape (852, 3), int
    Faces of the mesh; eyes and mouth are holes.
EDGES : ndarray of shape (1322, 2), int
    Undirected edges of the mesh, the smaller landmark first. All but six are mirrored onto edges: three
    quadrilaterals are split along the other diagonal on the other side.
CONTOURS : dict of str to ndarray of int
    Closed outlines, in order: ``"face_oval"``, ``"inner_lips"``, ``"outer_lips"``, ``"left_eye"``,
    ``"right_eye"``.
IBUG_68 : ndarray of shape (68,), int
    Landmark that stands for each of the 68 points of iBUG's 300-W [2]_, in their order, so that
    ``X[..., IBUG_68]`` is laid out as iBUG's files are: the jaw from the subject's right ear to the left one (17),
    right and left brow (5 each), bridge of the nose (4), nostrils (5), right and left eye (6 each), outer (12) and
    inner lips (8). Points that mirror one another are landmarks that do.
SETS : dict of str to ndarray of int
    Landmarks that are often kept together: ``"ibug68"``; ``"lips"``, which are outer and inner lips; both sides of a
    region, ``"brows"``, ``"cheeks"``, ``"eyes"``, ``"jaws"`` and ``"temples"``; and of the outlines ``"face_oval"``,
    ``"inner_lips_contour"``, ``"outer_lips_contour"``, ``"left_eye_contour"``, ``"right_eye_contour"`` and all
    of these, ``"contours"``.
LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS : tuple of two ints
    Outer and inner corner. An eye's centre is the mean of its corners; the distance between the two centres
    in the image plane is the unit of length, the inter-ocular distance.
TEMPLATE : ndarray of shape (2, 468), float
    Neutral face seen from the front, in inter-ocular distances, the origin midway between the eyes. Symmetric
    under ``MIRROR``.
TEMPLATE_3D : ndarray of shape (3, 468), float
    The same with the depth z, as the detector estimates it.
PORTRAIT : ndarray of shape (2, 468), float
    Landmarks of the portrait, in pixels of matplotlib's sample image ``grace_hopper.jpg``, from its
    upper left corner.

Notes
-----
No map from iBUG's points to the mesh is official. Published ones, such as [3]_, mostly agree on the brows, the eyes,
the corners and middles of the lips and the lower lip's outline; ``IBUG_68`` takes these as they are. Where the
maps differ, it takes the landmark that is nearest to the mean shape of OpenFace's 68 points [4]_, both shapes
symmetric and seen from the front: by the share of the way from ear to chin on the jaw, by that between the corners on
the lips, and by the distance on the nose. Then the root mean square distance of brows, nose, eyes and lips from that
shape is 0.05 inter-ocular distances. iBUG's jaw follows the visible border of a face, which moves over the skin when
the head turns; the mesh's landmarks do not.

References
----------
.. [1] Kartynnik, Ablavatski, Grishchenko, Grundmann, "Real-time Facial Surface Geometry from Monocular Video on
   Mobile GPUs", arXiv:1907.06724.
.. [2] Sagonas, Antonakos, Tzimiropoulos, Zafeiriou, Pantic, "300 Faces In-The-Wild Challenge: Database and Results",
   Image and Vision Computing 47, 2016.
.. [3] https://github.com/PeizhiYan/Mediapipe_2_Dlib_Landmarks
.. [4] Baltrušaitis, Zadeh, Lim, Morency, "OpenFace 2.0: Facial Behavior Analysis Toolkit", FG 2018.

Examples
--------
>>> from sklearn_emoxai import facemesh
>>> facemesh.TEMPLATE.shape
(2, 468)
>>> left, right = facemesh.REGIONS["left_brow"], facemesh.REGIONS["right_brow"]
>>> sorted(facemesh.MIRROR[left]) == sorted(right)
True
"""

import csv
from importlib import resources

import numpy as np

__all__ = [
    "CONTOURS",
    "EDGES",
    "IBUG_68",
    "LEFT_EYE_CORNERS",
    "MIRROR",
    "N_LANDMARKS",
    "PORTRAIT",
    "REGIONS",
    "RIGHT_EYE_CORNERS",
    "SETS",
    "TEMPLATE",
    "TEMPLATE_3D",
    "TRIANGLES",
    "landmark_names",
    "region_of_landmarks",
]

N_LANDMARKS = 468
LEFT_EYE_CORNERS = (263, 362)
RIGHT_EYE_CORNERS = (33, 133)


def _read(name):
    """Rows of one of the package's tables, as dictionaries of strings."""
    with resources.files(__package__).joinpath(name).open(encoding="utf-8") as table:
        return list(csv.DictReader(table))


def _constant(values, dtype):
    """Read-only array: callers share it."""
    array = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _edges(triangles):
    """Undirected edges (n_edges, 2) of triangles (n_triangles, 3)."""
    return np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1), axis=0)


_LANDMARKS = _read("landmarks.csv")
MIRROR = _constant([row["mirror"] for row in _LANDMARKS], np.intp)
TEMPLATE_3D = _constant([[row[axis] for row in _LANDMARKS] for axis in "xyz"], np.float64)
TEMPLATE = TEMPLATE_3D[:2]
PORTRAIT = _constant([[row[f"portrait_{axis}"] for row in _LANDMARKS] for axis in "xy"], np.float64)
REGIONS = {
    region: _constant([i for i, row in enumerate(_LANDMARKS) if row["region"] == region], np.intp)
    for region in sorted({row["region"] for row in _LANDMARKS})
}
TRIANGLES = _constant([[row[k] for k in "abc"] for row in _read("triangles.csv")], np.intp)
EDGES = _constant(_edges(TRIANGLES), np.intp)
CONTOURS = {
    name: _constant(landmarks.split(), np.intp)
    for name, landmarks in {
        "face_oval": "10 109 67 103 54 21 162 127 234 93 132 58 172 136 150 149 176 148 152 377 400 378 379 "
        "365 397 288 361 323 454 356 389 251 284 332 297 338",
        "inner_lips": "13 82 81 80 191 78 95 88 178 87 14 317 402 318 324 308 415 310 311 312",
        "outer_lips": "0 37 39 40 185 61 146 91 181 84 17 314 405 321 375 291 409 270 269 267",
        "left_eye": "249 263 466 388 387 386 385 384 398 362 382 381 380 374 373 390",
        "right_eye": "7 33 246 161 160 159 158 157 173 133 155 154 153 145 144 163",
    }.items()
}
_IBUG_68 = {
    "jaw": "127 234 132 58 172 150 149 148 152 377 378 379 397 288 361 454 356",
    "brows": "70 63 105 66 107 336 296 334 293 300",
    "nose": "168 197 5 4 75 97 2 326 305",
    "eyes": "33 160 158 133 153 144 362 385 387 263 373 380",
    "outer lips": "61 39 37 0 267 269 291 321 314 17 84 91",
    "inner lips": "78 82 13 312 308 317 14 87",
}
IBUG_68 = _constant(" ".join(_IBUG_68.values()).split(), np.intp)
SETS = {
    "ibug68": IBUG_68,
    **{
        f"{part}s": _constant([*REGIONS[f"left_{part}"], *REGIONS[f"right_{part}"]], np.intp)
        for part in ("brow", "cheek", "eye", "jaw", "temple")
    },
    "lips": _constant([*REGIONS["outer_lips"], *REGIONS["inner_lips"]], np.intp),
    # The other outlines have names that regions have, too.
    "face_oval": CONTOURS["face_oval"],
    **{f"{name}_contour": line for name, line in CONTOURS.items() if name in REGIONS},
    "contours": _constant(np.concatenate(list(CONTOURS.values())), np.intp),
}


def region_of_landmarks():
    """Region of each landmark.

    Returns
    -------
    ndarray of shape (468,), object
    """
    region = np.empty(N_LANDMARKS, dtype=object)
    for name, landmarks in REGIONS.items():
        region[landmarks] = name
    return region


def landmark_names(n_landmarks=N_LANDMARKS):
    """Names of landmarks, as feature names.

    Parameters
    ----------
    n_landmarks : int, default=468

    Returns
    -------
    list of str
        Region and index, such as ``"left_brow_276"``, for the 468 of the mesh; ``"landmark0"``, ``"landmark1"``
        and so on for any other number.
    """
    if n_landmarks != N_LANDMARKS:
        return [f"landmark{i}" for i in range(n_landmarks)]
    return list(_MESH_NAMES)


_MESH_NAMES = tuple(f"{region}_{i}" for i, region in enumerate(region_of_landmarks()))
