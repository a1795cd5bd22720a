"""Hostile and damaged files end in an error of ours that names them, or in a result."""

import importlib.util
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sklearn_emoxai import load_landmarks, save_landmarks
from sklearn_emoxai.storage import LandmarkFolder

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz_files.py"


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process in Linux's way")
@pytest.mark.skipif(not FUZZ.exists(), reason="the benchmarks are not beside the tests")
def test_hostile_files_are_read_or_refused_with_their_names():
    spec = importlib.util.spec_from_file_location("fuzz_files", FUZZ)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    counts, wrong = module.fuzz(count=15, seed=1)
    assert wrong == []
    assert all(sum(each.values()) == 15 and each["refused"] > 5 for each in counts.values())


def test_a_small_file_that_unfolds_to_gigabytes_is_refused_unread(tmp_path):
    file = tmp_path / "bomb.npz"
    save_landmarks(file, np.zeros((1, 2, 2, 3)))
    with (
        zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("more.npy", "w", force_zip64=True) as entry,
    ):
        for _ in range(65):
            entry.write(bytes(1 << 24))
    with pytest.raises(
        ValueError, match=r"bomb\.npz must be a file written by save_landmarks; .* unfold to 109"
    ):
        load_landmarks(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros((2, 3, 2, 4), complex)}, "its data are complex128"),
        ({"data": np.zeros((2, 3), np.float32)}, r"float32 of shape \(2, 3\)"),
        ({"target": np.zeros(5)}, r"its target have shape \(5,\), and there are 2 samples"),
    ],
)
def test_arrays_that_no_landmark_file_has_are_named(change, message, tmp_path):
    arrays = {"format": np.array("sklearn-emoxai landmarks 1"), "data": np.zeros((2, 3, 2, 4), np.float32)}
    np.savez(tmp_path / "other.npz", **(arrays | change))
    with pytest.raises(ValueError, match=rf"other\.npz must be .*{message}"):
        load_landmarks(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("data", np.zeros((1, 2, 2, 3), np.float64)),
        ("detected", np.zeros((1, 2), np.int8)),
        ("target", np.zeros(1, "S3")),
    ],
)
def test_a_folder_with_other_types_is_refused(name, values, tmp_path):
    folder = LandmarkFolder.create(tmp_path / "store", (1, 2, 2, 3), target=["a"])
    folder.append([(np.zeros((2, 2, 3)), np.ones(2, bool), None, {})])
    np.save(tmp_path / "store" / f"{name}.npy", values)
    with pytest.raises(ValueError, match=rf"{name}\.npy is damaged: it must hold"):
        load_landmarks(tmp_path / "store")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("name", ["landmarks.json", "quality.csv", "data.npy"])
def test_a_link_to_a_device_is_not_read_forever(name, tmp_path):
    LandmarkFolder.create(tmp_path / "store", (1, 2, 2, 3))
    (tmp_path / "store" / name).unlink()
    (tmp_path / "store" / name).symlink_to("/dev/zero")
    with pytest.raises((ValueError, FileNotFoundError), match="store"):
        load_landmarks(tmp_path / "store")
