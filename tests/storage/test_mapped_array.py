import gc
import operator
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import LandmarkAligner, NeutralDifference, VarianceLandmarkSelector
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.storage import MappedArray, _mapped_array, in_blocks, open_mapped, register_size

A = np.random.default_rng(0).normal(size=(50, 4, 2, 10)).astype(np.float32)


@pytest.fixture(autouse=True)
def _small(monkeypatch, tmp_path):
    """What is large in these tests is 1 kB."""
    monkeypatch.setattr(_mapped_array, "LARGEST_IN_MEMORY", 1000)
    monkeypatch.setattr(_mapped_array, "_BLOCK", 700)
    monkeypatch.setattr(_mapped_array.tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def X(tmp_path):
    np.save(tmp_path / "X.npy", A)
    offset = np.load(tmp_path / "X.npy", mmap_mode="r").offset
    return open_mapped(tmp_path / "X.npy", A.dtype, A.shape, offset)


def in_a_file(X):
    return isinstance(X, MappedArray) and X.filename is not None


@pytest.mark.parametrize(
    ("key", "stays"),
    [
        (np.arange(3, 40), True),
        (np.arange(3, 40)[::-1], True),
        ([5, 1, 7, 7, 2, 9], True),
        (np.arange(50) % 3 > 0, True),
        ((np.arange(2, 45), Ellipsis), True),
        ((Ellipsis, np.arange(10) > 6), True),
        ((Ellipsis, np.array([8, 3])), True),
        (slice(3, 20), True),
        ((slice(None), slice(1, None)), True),
        (7, True),
        ([5, 1], False),
        (np.zeros(0, int), False),
        ((np.arange(50), 0), False),
        (A > 0, False),
        ((0, 0, 0, 0), False),
    ],
)
def test_parts_are_numpys_and_large_ones_stay_on_disk(X, key, stays):
    part = X[key]
    assert_array_equal(part, A[key])
    assert in_a_file(part) == stays
    again = pickle.loads(pickle.dumps(part))
    assert_array_equal(again, A[key])


def test_contiguous_parts_are_pickled_by_name(X):
    for part in (X, X[3:20], X[np.arange(40)], X[np.arange(40)][5:]):
        assert len(pickle.dumps(part)) < 500 < part.nbytes
        assert in_a_file(pickle.loads(pickle.dumps(part)))


def test_temporary_files_go_with_the_last_view(X, tmp_path):
    view = np.asarray(X[np.arange(40)])[3:]
    gc.collect()
    assert len(list(tmp_path.glob("emoxai-*.part"))) == 1
    assert_array_equal(view, A[3:40])
    del view
    gc.collect()
    assert not list(tmp_path.glob("emoxai-*.part"))


def test_no_file_is_left_by_an_error(X, tmp_path):
    with pytest.raises(ZeroDivisionError):
        in_blocks(lambda rows: X[rows] if rows.start == 0 else 1 // 0, X)
    assert not list(tmp_path.glob("emoxai-*.part"))


def test_what_is_computed_is_an_ordinary_array(X):
    for result in (X - 1, X.mean(axis=0), np.concatenate([X, X]), np.stack([X, X]), X[[0]]):
        assert type(result) is np.ndarray
    assert isinstance(X.sum(), np.float32)


def test_blocks_give_what_the_whole_gives(X):
    found = in_blocks(lambda rows: (X[rows] * 2)[:, 1:], X)
    assert in_a_file(found)
    assert_array_equal(found, A[:, 1:] * 2)
    assert type(in_blocks(lambda rows: A[rows] * 2, A)) is np.ndarray


def test_loky_workers_open_the_file(X):
    parts = [X, X[np.arange(40)]]
    names = joblib.Parallel(2)(joblib.delayed(operator.attrgetter("filename"))(part) for part in parts)
    assert list(map(str, names)) == [str(part.filename) for part in parts]
    assert joblib.Parallel(2)(joblib.delayed(np.sum)(part) for part in parts) == [A.sum(), A[:40].sum()]


def test_missing_and_short_files_are_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"gone\.bin is not there on .* can be used where its file is seen"
    ):
        open_mapped(tmp_path / "gone.bin", np.float32, (3,), 0)
    (tmp_path / "short.bin").write_bytes(b"12345678")
    with pytest.raises(ValueError, match=r"short\.bin is cut off"):
        open_mapped(tmp_path / "short.bin", np.float32, (3,), 0)


def test_dask_is_told_that_it_is_small(X):
    sizeof = pytest.importorskip("dask.sizeof").sizeof
    register_size(sizeof)
    assert sizeof(X) < 1000 < sizeof(A)


def test_preparation_and_selection_keep_large_files_on_disk(tmp_path):
    faces = make_expressions(n_subjects=2, n_repeats=1, n_frames=3, random_state=0)
    np.save(tmp_path / "faces.npy", faces.data)
    offset = np.load(tmp_path / "faces.npy", mmap_mode="r").offset
    X = open_mapped(tmp_path / "faces.npy", np.float32, faces.data.shape, offset)
    selector = VarianceLandmarkSelector(n_landmarks_to_select=20)
    pipeline = make_pipeline(LandmarkAligner(), NeutralDifference(), selector)
    found, expected = (pipeline.fit_transform(data, faces.target) for data in (X, faces.data))
    assert in_a_file(found)
    assert_array_equal(found, expected)
    X = np.array(faces.data)
    X[7, 1] = 0
    X.tofile(tmp_path / "flat.bin")
    with pytest.raises(ValueError, match="coincide in frame 1 of sample 7"):
        LandmarkAligner().fit_transform(open_mapped(tmp_path / "flat.bin", np.float32, X.shape, 0))
