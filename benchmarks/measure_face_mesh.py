"""Measure the face mesh's mirror permutation, neutral template and regions; write the package's tables.

    python benchmarks/measure_face_mesh.py

needs mediapipe with `mp.solutions` (up to 0.10.21). It writes `sklearn_emoxai/facemesh/landmarks.csv` (one row per
landmark: region, mirror image, neutral position) and `sklearn_emoxai/facemesh/triangles.csv`.

How:

1. The detector runs on the public-domain portrait that matplotlib ships and on its mirror image, each turned
   and scaled in `N_POSES` ways; the landmarks are mapped back to the portrait's pixels and averaged.
2. The mirror permutation is the assignment with the least summed distance between the portrait's landmarks
   and the mirror image's landmarks, mirrored back. It is kept only if it is an involution and maps the mesh's
   edges onto themselves.
3. The template is the mean of the measured 3-D landmarks and of their reflection, after the rotation that
   brings the two together (Procrustes): symmetric, facing the camera. Pitch is set so that the top of the
   forehead (10) and the chin (152) are equally deep. Unit: the distance between the centres of the eyes'
   corners.
4. Triangles are the 3-cycles of MediaPipe's edges that enclose no landmark.
5. Regions follow from MediaPipe's own contours (eyes, brows, lips, face oval) and from the template's
   geometry.
"""

from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
import pandas as pd
from matplotlib import cbook
from matplotlib.path import Path as Path2D
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

N_LANDMARKS, N_POSES = 468, 24
PACKAGE = Path(__file__).parents[1] / "sklearn_emoxai"
CONNECTIONS = mp.solutions.face_mesh_connections
RIGHT_CORNERS, LEFT_CORNERS = [33, 133], [263, 362]


def detect(detector, image):
    """Landmarks (468, 3) in pixels of `image`; depth in the same unit, up to a constant."""
    found = detector.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).multi_face_landmarks
    if not found:
        raise RuntimeError("the detector found no face")
    width = image.shape[1]
    return np.array([[p.x * width, p.y * image.shape[0], p.z * width] for p in found[0].landmark])


def measure(detector, image, rng):
    """Mean landmarks (468, 3) of `image` over small turns and scalings of it, mapped back to its pixels."""
    centre = (image.shape[1] / 2, image.shape[0] / 2)
    measured = []
    for angle, scale in zip(rng.uniform(-12, 12, N_POSES), rng.uniform(0.9, 1.4, N_POSES)):
        warp = cv2.getRotationMatrix2D(centre, angle, scale)
        warp[:, 2] += rng.uniform(-15, 15, 2)
        turned = cv2.warpAffine(image, warp, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
        points = detect(detector, turned)
        plane = cv2.transform(points[None, :, :2], cv2.invertAffineTransform(warp))[0]
        measured.append(np.c_[plane, (points[:, 2] - points[:, 2].mean()) / scale])
    spread = np.std(measured, axis=0).mean(axis=0)
    print(f"standard deviation over {N_POSES} poses (x, y, z): {spread.round(2)} pixels")
    return np.mean(measured, axis=0)


def mesh_edges():
    """Undirected edges (n_edges, 2), each with its smaller index first."""
    return np.unique(np.sort(list(CONNECTIONS.FACEMESH_TESSELATION), axis=1), axis=0)


def mirror_permutation(points, mirrored, edges):
    """Landmark that takes each landmark's place in a mirror image."""
    gap = np.abs(points[:, None] - mirrored[None]).sum(axis=-1)
    permutation = linear_sum_assignment(gap)[1]
    images = np.unique(np.sort(permutation[edges], axis=1), axis=0)
    lost = len(set(map(tuple, edges)) - set(map(tuple, images)))
    assert np.array_equal(permutation[permutation], np.arange(N_LANDMARKS)), "not an involution"
    assert lost <= 6, f"{lost} edges are not mirrored"
    print(f"mirror: {len(edges) - lost} of {len(edges)} edges are mirrored onto edges")
    return permutation


def rotation_onto(source, target):
    """Rotation R (3, 3) with the least ||source @ R.T - target||, both centred (Kabsch)."""
    u, _, vt = np.linalg.svd(target.T @ source)
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt


def neutral_template(points, mirror):
    """Symmetric frontal template (468, 3) in inter-ocular distances, centred between the eyes."""
    points = points - points.mean(axis=0)
    reflected = points[mirror] * [-1, 1, 1]
    # The symmetric pose is half-way along the rotation that takes the face onto its reflection.
    vector = cv2.Rodrigues(rotation_onto(points, reflected))[0]
    half = cv2.Rodrigues(vector / 2)[0]
    points = points @ half.T
    template = (points + points[mirror] * [-1, 1, 1]) / 2
    _, y, z = template[152] - template[10]
    pitch = np.arctan2(z, y)
    c, s = np.cos(pitch), np.sin(pitch)
    template = template @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]).T
    right, left = template[RIGHT_CORNERS].mean(axis=0), template[LEFT_CORNERS].mean(axis=0)
    print(
        f"turned {np.degrees(np.linalg.norm(vector) / 2):.1f}° to symmetry, {np.degrees(pitch):.1f}° in pitch"
    )
    return (template - (right + left) / 2) / np.linalg.norm((left - right)[:2])


def mesh_triangles(edges, template):
    """Faces (n_triangles, 3) of the mesh: 3-cycles of its edges with no landmark inside."""
    neighbours = [set() for _ in range(N_LANDMARKS)]
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    cycles = [(a, b, c) for a, b in edges for c in neighbours[a] & neighbours[b] if c > b]
    # A landmark whose whole neighbourhood is the cycle lies inside it.
    return np.array(sorted(t for t in cycles if not any(neighbours[v] == set(t) for v in range(N_LANDMARKS))))


# Regions of the subject's right half as polygons in the template's plane, tried in this order after the
# contours.
RIGHT_POLYGONS = {
    "nose": [
        (0, -0.05),
        (-0.17, -0.02),
        (-0.25, 0.12),
        (-0.25, 0.3),
        (-0.37, 0.45),
        (-0.37, 0.6),
        (-0.14, 0.65),
        (0, 0.66),
    ],
    "glabella": [(0, -0.4), (-0.2, -0.4), (-0.2, 0), (0, 0)],
    "philtrum": [(0, 0.6), (-0.31, 0.6), (-0.36, 0.75), (-0.27, 0.9), (0, 0.9)],
    "forehead": [(0, -1), (-0.83, -1), (-0.83, -0.3), (-0.3, -0.2), (0, -0.2)],
    "right_temple": [(-0.83, -0.7), (-1.2, -0.7), (-1.2, 0.05), (-0.83, 0.05)],
    "chin": [(0, 0.9), (-0.3, 1.05), (-0.45, 1.12), (-0.45, 1.7), (0, 1.7)],
    "right_jaw": [(-1.2, 0.72), (-0.92, 0.72), (-0.45, 1.1), (-0.45, 1.7), (-1.2, 1.7)],
}


def on_contour(name):
    """Landmarks on one of MediaPipe's named contours."""
    return np.unique(list(getattr(CONNECTIONS, f"FACEMESH_{name}")))


def steps_from(landmarks, edges):
    """Fewest edges (468,) from any of `landmarks`."""
    graph = coo_array((np.ones(len(edges)), edges.T), shape=(N_LANDMARKS, N_LANDMARKS))
    return dijkstra(graph, directed=False, indices=landmarks, unweighted=True).min(axis=0)


def name_regions(template, edges, mirror):
    """Region of each landmark, an array of strings; "right" and "left" are the subject's own."""
    region = pd.Series("", index=range(N_LANDMARKS))
    lips = on_contour("LIPS")
    inner = [13, 14, 78, 80, 81, 82, 87, 88, 95, 178, 191, 308, 310, 311, 312, 317, 318, 324, 402, 415]
    outer = np.setdiff1d(lips, inner)
    between = edges[~np.isin(edges, outer).any(axis=1)]  # without the outer contour the lips are an island
    island = np.isfinite(steps_from(inner, between))
    region[island] = "outer_lips"
    region[outer] = "outer_lips"
    region[inner] = "inner_lips"
    region[on_contour("RIGHT_EYEBROW")] = "right_brow"
    lids = steps_from(on_contour("RIGHT_EYE"), edges) <= 2
    region[lids & (region == "")] = "right_eye"
    for name, corners in RIGHT_POLYGONS.items():
        inside = Path2D(corners).contains_points(template[:, :2], radius=1e-9)
        inside |= Path2D(corners).contains_points(template[:, :2], radius=-1e-9)
        region[inside & (region == "")] = name
    right = template[:, 0] <= 0
    region[right & (region == "")] = "right_cheek"
    left = np.flatnonzero(template[:, 0] > 0)
    region[left] = region[mirror[left]].str.replace("right_", "left_").to_numpy()
    return region


def main():
    """Measure, and write the two tables."""
    image = cv2.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))[:480]
    rng = np.random.default_rng(0)
    with mp.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1) as detector:
        points = measure(detector, image, rng)
        mirrored = measure(detector, image[:, ::-1].copy(), rng)
    mirrored[:, 0] = image.shape[1] - mirrored[:, 0]
    edges = mesh_edges()
    mirror = mirror_permutation(points, mirrored, edges)
    portrait = (points + mirrored[mirror]) / 2
    template = neutral_template(portrait, mirror)
    columns = {"region": name_regions(template, edges, mirror), "mirror": mirror}
    columns |= dict(zip("xyz", template.round(4).T))
    columns |= dict(zip(["portrait_x", "portrait_y"], portrait[:, :2].round(2).T))
    table = pd.DataFrame(columns)
    table.to_csv(PACKAGE / "facemesh" / "landmarks.csv", index_label="landmark")
    triangles = pd.DataFrame(mesh_triangles(edges, template), columns=["a", "b", "c"])
    triangles.to_csv(PACKAGE / "facemesh" / "triangles.csv", index=False)


if __name__ == "__main__":
    main()
