import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_emoxai import load_landmarks, save_landmarks
from sklearn_emoxai.storage import LandmarkCache, hash_source

X = np.random.default_rng(0).normal(size=(3, 4, 2, 5))


def test_everything_comes_back(tmp_path):
    path = tmp_path / "landmarks.npz"
    detected = np.ones((3, 4), bool)
    save_landmarks(
        path, X, target=["anger", "fear", "ärger"], groups=pd.Series(["S1", "S2", "S2"]),
        paths=[tmp_path / "a", "b", "c"], detected=detected,
    )  # fmt: skip
    loaded = load_landmarks(path)
    assert_array_equal(loaded.data, X.astype(np.float32))
    assert loaded.data.dtype == np.float32
    assert loaded.target.tolist() == ["anger", "fear", "ärger"]
    assert loaded.groups.tolist() == ["S1", "S2", "S2"]
    assert loaded.paths.tolist() == [str(tmp_path / "a"), "b", "c"]
    assert_array_equal(loaded.detected, detected)


def test_what_was_not_given_is_none(tmp_path):
    save_landmarks(tmp_path / "x.npz", X)
    loaded = load_landmarks(tmp_path / "x.npz")
    assert loaded.target is loaded.groups is loaded.paths is None


def test_file_keeps_its_name_and_replaces_the_one_before(tmp_path):
    path = tmp_path / "landmarks.data"
    save_landmarks(path, X)
    save_landmarks(path, X + 1)
    assert_array_equal(load_landmarks(path).data, (X + 1).astype(np.float32))
    assert [file.name for file in tmp_path.iterdir()] == ["landmarks.data"]


@pytest.mark.parametrize(
    ("X", "arrays", "message"),
    [
        (X[0], {}, r"X must have shape \(n_samples, n_frames, 2, n_landmarks\); got \(4, 2, 5\)"),
        (X, {"target": ["anger"]}, r"target must have shape \(3,\).*got \(1,\)"),
        (X, {"groups": [{}, {}, {}]}, "groups must hold numbers or strings"),
        (X, {"format": 1}, "'format' is taken"),
    ],
)
def test_what_cannot_be_stored_is_named(tmp_path, X, arrays, message):
    with pytest.raises(ValueError, match=message):
        save_landmarks(tmp_path / "x.npz", X, **arrays)
    assert not list(tmp_path.iterdir())


def foreign_files():
    def npz(**arrays):
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    other_zip = io.BytesIO()
    with zipfile.ZipFile(other_zip, "w") as file:
        file.writestr("format", "text")
    npy = io.BytesIO()
    np.save(npy, X)
    return {
        "other npz": npz(data=X),
        "another format": npz(format=np.array("other 3"), data=X),
        "pickled": npz(format=np.array([{}], dtype=object)),
        "zip": other_zip.getvalue(),
        "npy": npy.getvalue(),
        "text": b"emotion,subject\n",
        "empty": b"",
    }


@pytest.mark.parametrize("kind", foreign_files())
def test_foreign_files_are_refused(tmp_path, kind):
    path = tmp_path / "foreign.npz"
    path.write_bytes(foreign_files()[kind])
    with pytest.raises(ValueError, match=r"foreign\.npz must be a file written by save_landmarks"):
        load_landmarks(path)


def test_missing_and_truncated_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.npz does not exist"):
        load_landmarks(tmp_path / "gone.npz")
    path = tmp_path / "cut.npz"
    save_landmarks(path, X)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cut\.npz must be a file written by save_landmarks"):
        load_landmarks(path)


def test_cache_gives_back_what_was_put_and_nothing_else(tmp_path):
    cache = LandmarkCache(tmp_path / "new" / "cache")
    assert cache.get("a") is None
    cache.put("a", {"landmarks": X, "crop": [1, 2, 3], "fps": 25.0})
    got = cache.get("a")
    assert_array_equal(got.pop("landmarks"), X)
    assert got == {"crop": [1, 2, 3], "fps": 25.0}
    assert cache.get("b") is None


def test_hash_is_of_content(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder in "ab":
        (tmp_path / folder / "1.png").write_bytes(b"one")
        (tmp_path / folder / "2.png").write_bytes(b"two")
    assert hash_source(tmp_path / "a") == hash_source(tmp_path / "b")
    (tmp_path / "b" / "2.png").write_bytes(b"too")
    assert hash_source(tmp_path / "a") != hash_source(tmp_path / "b")
    array = np.arange(12, dtype=np.uint8)
    assert hash_source(array) == hash_source(array.copy())
    assert hash_source(array) != hash_source(array.reshape(3, 4))
