"""The face mesh's facts hang together, and agree with the detector."""

import subprocess
import sys

import numpy as np
import pytest

from sklearn_emoxai import facemesh
from sklearn_emoxai.extraction import has_bundled_graph
from sklearn_emoxai.preprocessing import mirror

MIRROR, TEMPLATE, EDGES = facemesh.MIRROR, facemesh.TEMPLATE, facemesh.EDGES
FLIP = np.array([[-1], [1]])


def edge_set(edges):
    return set(map(tuple, np.sort(edges, axis=1)))


def test_every_landmark_is_in_exactly_one_region():
    landmarks = np.concatenate(list(facemesh.REGIONS.values()))
    assert sorted(landmarks) == list(range(468))
    assert all((np.diff(region) > 0).all() for region in facemesh.REGIONS.values())


def test_mirroring_twice_is_the_identity():
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(468))
    assert (np.arange(468) == MIRROR).sum() == 28


def test_mirroring_swaps_left_and_right_regions():
    for name, region in facemesh.REGIONS.items():
        swapped = name.replace("left", "#").replace("right", "left").replace("#", "right")
        np.testing.assert_array_equal(np.sort(MIRROR[region]), facemesh.REGIONS[swapped])


def test_left_is_the_subjects_own():
    assert (TEMPLATE[0, facemesh.REGIONS["left_eye"]] > 0).all()
    assert TEMPLATE[0, list(facemesh.LEFT_EYE_CORNERS)].mean() == pytest.approx(0.5, abs=1e-3)


def test_edges_are_mirrored_onto_edges_up_to_three_diagonals():
    edges = edge_set(EDGES)
    assert len(edges) == len(EDGES) == 1322
    lost = edge_set(MIRROR[EDGES]) - edges
    assert len(lost) == 6
    neighbours = {i: set(EDGES[(i == EDGES).any(axis=1)].ravel()) - {i} for i in range(468)}
    for a, b in lost:
        # The other diagonal of a quadrilateral: its ends neighbour a, b and each other.
        both = neighbours[a] & neighbours[b]
        assert any(c in neighbours[d] for c in both for d in both)


def test_triangles_cover_the_face_but_for_eyes_and_mouth():
    # Euler: vertices - edges + faces = 1 - holes.
    assert 468 - len(EDGES) + len(facemesh.TRIANGLES) == 1 - 3
    sides = np.sort(facemesh.TRIANGLES[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1)
    borders, count = np.unique(sides, axis=0, return_counts=True)
    outlines = [facemesh.CONTOURS[name] for name in ("face_oval", "inner_lips", "left_eye", "right_eye")]
    steps = np.concatenate([np.stack([line, np.roll(line, -1)], axis=1) for line in outlines])
    assert edge_set(borders[count == 1]) == edge_set(steps)
    assert count.max() == 2


def test_contours_follow_edges_and_close():
    for name, line in facemesh.CONTOURS.items():
        assert edge_set(np.stack([line, np.roll(line, -1)], axis=1)) <= edge_set(EDGES), name
        assert len(set(line)) == len(line)


def test_template_is_symmetric_neutral_and_in_inter_ocular_distances():
    np.testing.assert_allclose(TEMPLATE[:, MIRROR] * FLIP, TEMPLATE, atol=1e-12)
    left = TEMPLATE[:, list(facemesh.LEFT_EYE_CORNERS)].mean(axis=1)
    right = TEMPLATE[:, list(facemesh.RIGHT_EYE_CORNERS)].mean(axis=1)
    np.testing.assert_allclose(left - right, [1, 0], atol=1e-3)
    np.testing.assert_allclose(left + right, 0, atol=1e-3)
    height = {name: TEMPLATE[1, region].mean() for name, region in facemesh.REGIONS.items()}
    order = ["forehead", "left_brow", "left_eye", "nose", "philtrum", "inner_lips", "chin"]
    assert [height[name] for name in order] == sorted(height[name] for name in order)
    upper, lower = TEMPLATE[1, 13], TEMPLATE[1, 14]
    assert 0 <= lower - upper < 0.03  # lips closed


def test_nose_is_nearest_to_the_camera():
    assert facemesh.TEMPLATE_3D[2].argmin() in facemesh.REGIONS["nose"]
    assert facemesh.TEMPLATE_3D[2].argmax() in facemesh.CONTOURS["face_oval"]


def test_constants_cannot_be_overwritten():
    for array in (MIRROR, TEMPLATE, EDGES, facemesh.TRIANGLES, facemesh.PORTRAIT, *facemesh.REGIONS.values()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_import_loads_no_detector():
    heavy = "{'torch', 'mediapipe', 'cv2', 'matplotlib'}"
    code = f"import sys, sklearn_emoxai.facemesh; print(*{heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_topology_is_mediapipes():
    face_mesh = pytest.importorskip("mediapipe.python.solutions.face_mesh_connections", exc_type=ImportError)
    assert edge_set(np.array(list(face_mesh.FACEMESH_TESSELATION))) == edge_set(EDGES)
    lips = np.unique(list(face_mesh.FACEMESH_LIPS))
    contours = np.concatenate([facemesh.CONTOURS["inner_lips"], facemesh.CONTOURS["outer_lips"]])
    np.testing.assert_array_equal(np.sort(contours), lips)
    brow = np.unique(list(face_mesh.FACEMESH_LEFT_EYEBROW))
    np.testing.assert_array_equal(facemesh.REGIONS["left_brow"], brow)


@pytest.fixture(scope="module")
def detector(request):
    """Options for `extract_landmarks`: the model's file, where mediapipe does not carry the model itself."""
    return {} if has_bundled_graph() else {"model_path": request.getfixturevalue("face_landmarker")}


def test_detector_confirms_portrait_and_mirror_permutation(detector):
    cv2 = pytest.importorskip("cv2")
    from matplotlib import cbook

    from sklearn_emoxai import extract_landmarks

    image = cv2.imread(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))[..., ::-1]
    iod = 88  # pixels
    found = extract_landmarks(np.stack([image, image]), **detector).landmarks[0]
    mirrored = extract_landmarks(np.stack([image[:, ::-1]] * 2), **detector).landmarks[0]
    mirrored[0] = image.shape[1] - mirrored[0]
    gap = np.hypot(*(found - facemesh.PORTRAIT)).mean() / iod
    assert gap < 0.05
    mirror_gap = np.hypot(*(mirrored[:, MIRROR] - found)) / iod
    assert mirror_gap.mean() < 0.05
    # A wrong partner would be far off: no landmark is nearer to its own number than to its mirror image.
    off_midline = np.arange(468) != MIRROR
    own_gap = np.hypot(*(mirrored - found)) / iod
    assert (own_gap[off_midline] > mirror_gap[off_midline]).mean() > 0.95


IBUG_PARTS = {
    "jaw": slice(0, 17),
    "right brow": slice(17, 22),
    "left brow": slice(22, 27),
    "bridge": slice(27, 31),
    "nostrils": slice(31, 36),
    "right eye": slice(36, 42),
    "left eye": slice(42, 48),
    "outer lips": slice(48, 60),
    "inner lips": slice(60, 68),
}


def test_ibugs_points_are_distinct_and_mirrored_as_ibugs_are():
    assert len(set(facemesh.IBUG_68)) == 68
    # Where each of iBUG's points goes in a mirror, as mirror() has it for files of 68 points.
    numbers = np.tile(np.arange(68.0), (1, 1, 2, 1))
    mirrored = mirror(numbers)[0, 0, 1].astype(int)
    np.testing.assert_array_equal(MIRROR[facemesh.IBUG_68], facemesh.IBUG_68[mirrored])


def test_ibugs_points_lie_where_its_scheme_says():
    part = {name: facemesh.IBUG_68[points] for name, points in IBUG_PARTS.items()}
    x, y = ({name: TEMPLATE[axis, points] for name, points in part.items()} for axis in (0, 1))
    # Each row runs from the subject's right to the left, at the left of an image.
    for name in ("jaw", "right brow", "left brow", "nostrils"):
        assert (np.diff(x[name]) > 0).all(), name
    for name in ("right eye", "left eye"):
        assert (np.diff(x[name][:4]) > 0).all()
        assert (np.diff(x[name][[3, 4, 5, 0]]) < 0).all()
        assert y[name][1:3].max() < y[name][[0, 3]].min() < y[name][4:].min()
    for name, corner in (("outer lips", 6), ("inner lips", 4)):
        assert (np.diff(x[name][: corner + 1]) > 0).all()
        assert (np.diff(np.append(x[name][corner:], x[name][0])) < 0).all()
        assert y[name][1:corner].max() < y[name][corner + 1 :].min()
    assert (np.diff(y["bridge"]) > 0).all()
    np.testing.assert_array_equal(x["bridge"], 0)
    # The bridge begins between the eyes, the tip of the nose is the foremost landmark of the face.
    assert abs(y["bridge"][0]) < 0.2
    assert facemesh.TEMPLATE_3D[2].argmin() in (part["bridge"][-1], 1)
    assert (part["jaw"][8], part["nostrils"][2], part["outer lips"][3]) == (152, 2, 0)
    assert tuple(part["right eye"][[0, 3]]) == facemesh.RIGHT_EYE_CORNERS
    assert tuple(part["left eye"][[3, 0]]) == facemesh.LEFT_EYE_CORNERS
    for name, line in (
        ("jaw", "face_oval"),
        ("outer lips",) * 2,
        ("inner lips",) * 2,
        *((f"{s} eye",) * 2 for s in ("left", "right")),
    ):
        assert set(part[name]) <= set(facemesh.CONTOURS[line.replace(" ", "_")]), name
    for name, region in (("right brow", "right_brow"), ("left brow", "left_brow"), ("nostrils", "nose")):
        assert set(part[name]) <= set(facemesh.REGIONS[region])
    assert y["right brow"].max() < y["right eye"].min()


def test_ibugs_jaw_takes_the_landmarks_of_the_oval_that_are_nearest_to_equal_steps():
    oval = facemesh.CONTOURS["face_oval"].tolist()
    side = oval[oval.index(127) : oval.index(152) + 1]
    way = np.append(0, np.linalg.norm(np.diff(TEMPLATE[:, side]), axis=0).cumsum())
    nearest = np.abs(way / way[-1] - np.arange(9)[:, None] / 8).argmin(axis=1)
    assert np.array(side)[nearest].tolist() == facemesh.IBUG_68[:9].tolist()


def test_sets_hold_distinct_landmarks_and_share_no_name_with_regions():
    assert not set(facemesh.SETS) & set(facemesh.REGIONS)
    for name, landmarks in facemesh.SETS.items():
        assert len(set(landmarks)) == len(landmarks) > 0, name
        assert not landmarks.flags.writeable
        if not name.startswith(("left", "right")):
            assert set(MIRROR[landmarks]) == set(landmarks), name
    assert {len(facemesh.SETS[name]) for name in ("lips", "contours", "ibug68")} == {80, 108, 68}
