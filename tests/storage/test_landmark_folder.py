import csv
import errno
import json
import shutil

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_emoxai import ConvLSTMClassifier, load_landmarks
from sklearn_emoxai.storage import LandmarkFolder, MappedArray

SHAPE = (6, 3, 2, 5)
X = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
LABELS = {
    "target": np.array(["anger", "fear"] * 3),
    "groups": np.repeat(["ä", "b", "c"], 2),
    "paths": [f"{i}.mp4" for i in range(6)],
}


def rows(start, stop):
    for i in range(start, stop):
        quality = {"file": LABELS["paths"][i], "emotion": LABELS["target"][i], "seconds": 0.5, "error": ""}
        yield X[i], np.ones(3, bool), np.arange(3.0), quality


@pytest.fixture
def half(tmp_path):
    """A store of which the first three of six sequences are there."""
    store = LandmarkFolder.create(tmp_path / "store", SHAPE, settings="n_frames=3", **LABELS)
    store.append(rows(0, 3))
    return store


def resume(folder, shape=SHAPE, settings="n_frames=3", **changed):
    return LandmarkFolder.resume(folder, shape, settings=settings, **{**LABELS, **changed})


@pytest.mark.parametrize("mmap", [False, True])
def test_all_comes_back(half, mmap, recwarn):
    half.append(rows(3, 6))
    loaded = load_landmarks(half.path, mmap=mmap)
    assert_array_equal(loaded.data, X)
    assert isinstance(loaded.data, MappedArray) == mmap
    for name, values in LABELS.items():
        assert_array_equal(loaded[name], values)
    assert_array_equal(loaded.detected, np.ones((6, 3), bool))
    assert_array_equal(loaded.timestamps, np.tile(np.arange(3.0), (6, 1)))
    assert not recwarn.list


def test_plain_numpy_reads_it(half):
    assert_array_equal(np.load(half.path / "data.npy", mmap_mode="r")[:3], X[:3])


@pytest.mark.parametrize("mmap", [False, True])
def test_what_is_there_is_read_while_it_grows(half, mmap):
    with pytest.warns(UserWarning, match="holds 3 of 6 sequences yet"):
        loaded = load_landmarks(half.path, mmap=mmap)
    assert_array_equal(loaded.data, X[:3])
    assert loaded.target.tolist() == ["anger", "fear", "anger"]
    assert loaded.detected.shape == (3, 3)


def test_readers_see_what_a_writer_has_just_committed(half, monkeypatch):
    monkeypatch.setattr("sklearn_emoxai.storage._landmark_folder._COMMIT_SECONDS", 0)
    seen = []

    def watched():
        for row in rows(3, 6):
            seen.append(LandmarkFolder(half.path).n_done)
            yield row

    half.append(watched())
    assert seen == [3, 4, 5]


def test_interrupted_writing_goes_on(half):
    def interrupted():
        yield from rows(3, 5)
        raise KeyboardInterrupt

    store = resume(half.path)
    with pytest.raises(KeyboardInterrupt):
        store.append(interrupted())
    again = resume(half.path)
    assert again.n_done == 5
    again.append(rows(5, 6))
    assert_array_equal(load_landmarks(half.path).data, X)
    assert [row["file"] for row in again.quality] == LABELS["paths"]


def test_a_line_that_was_cut_off_does_not_count(half):
    log = half.path / "quality.csv"
    log.write_bytes(log.read_bytes()[:-9])
    store = resume(half.path)
    assert store.n_done == 2
    store.append(rows(2, 6))
    assert_array_equal(load_landmarks(half.path).data, X)
    with open(log, newline="", encoding="utf-8") as stream:
        assert [row["file"] for row in csv.DictReader(stream)] == LABELS["paths"]


def test_sequences_that_failed_are_nan_and_say_why(half):
    half.append([(None, None, None, {"file": "3.mp4", "error": "no\nvideo"})])
    with pytest.warns(UserWarning, match="4 of 6"):
        loaded = load_landmarks(half.path)
    assert np.isnan(loaded.data[3]).all()
    assert not loaded.detected[3].any()
    assert LandmarkFolder(half.path).quality[3]["error"] == "no video"


def test_two_writers_are_noticed(half):
    def disturbed():
        yield from rows(3, 4)
        resume(half.path).append(rows(3, 5))

    with pytest.raises(RuntimeError, match=r"quality\.csv was changed by another process"):
        half.append(disturbed())
    assert LandmarkFolder(half.path).n_done == 5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"settings": "n_frames=4"}, "begun with other parameters. There: n_frames=3; now: n_frames=4"),
        ({"shape": (6, 4, 2, 5)}, r"of shape \(3, 2, 5\); these have \(4, 2, 5\)"),
        ({"shape": (5, 3, 2, 5)}, "begun for 6 videos; there are 5"),
        ({"groups": None}, "begun with groups"),
        ({"paths": [*LABELS["paths"][:5], "x.mp4"]}, r"paths of video 5 is '5\.mp4' there, 'x\.mp4' now"),
        ({"target": np.array(["fear"] * 6)}, "target of video 0 is 'anger' there, 'fear' now"),
    ],
)
def test_other_videos_and_parameters_are_refused(half, changed, message):
    with pytest.raises(ValueError, match=message):
        resume(half.path, **changed)
    assert LandmarkFolder(half.path).n_done == 3


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(ValueError, match="must be a new or empty folder"):
        resume(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_whose_making_was_interrupted_is_made_anew(half):
    (half.path / "landmarks.json").unlink()
    store = resume(half.path)
    assert store.n_done == 0
    store.append(rows(0, 6))
    assert_array_equal(load_landmarks(half.path).data, X)


def cut(name):
    def damage(folder):
        file = folder / name
        file.write_bytes(file.read_bytes()[:-4])

    return damage


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (cut("data.npy"), ValueError, r"data\.npy is damaged or cut off"),
        (cut("paths.npy"), ValueError, r"paths\.npy is damaged or cut off"),
        (lambda folder: (folder / "data.npy").write_bytes(b""), ValueError, r"data\.npy is damaged"),
        (lambda folder: (folder / "data.npy").unlink(), FileNotFoundError, r"lacks data\.npy"),
        (lambda folder: (folder / "quality.csv").unlink(), FileNotFoundError, r"lacks quality\.csv"),
        (lambda folder: np.save(folder / "detected.npy", X > 0), ValueError, r"detected\.npy must have the shape"),
        (lambda folder: (folder / "landmarks.json").write_text("{"), ValueError, "must be a folder of landmarks"),
        (lambda folder: (folder / "landmarks.json").unlink(), FileNotFoundError, r"it has no landmarks\.json"),
        (shutil.rmtree, FileNotFoundError, "does not exist"),
    ],
)  # fmt: skip
def test_damage_is_named(half, damage, error, message):
    damage(half.path)
    with pytest.raises(error, match=message):
        load_landmarks(half.path)


def test_another_version_is_refused(half):
    file = half.path / "landmarks.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps({**about, "format": "sklearn-emoxai landmark folder 7"}))
    with pytest.raises(ValueError, match=r"store must be .* of this version .*folder 7', of another version"):
        load_landmarks(half.path)


def test_an_empty_store_says_so(tmp_path):
    LandmarkFolder.create(tmp_path / "store", SHAPE)
    with pytest.raises(ValueError, match="none of its 6 is yet"):
        load_landmarks(tmp_path / "store")


def test_more_than_its_sequences_are_refused(half):
    with pytest.raises(ValueError, match="has room for 6"):
        half.append([*rows(3, 6), *rows(0, 1)])
    assert load_landmarks(half.path).data.shape == SHAPE


def test_a_network_trains_on_it_as_on_an_array(half):
    half.append(rows(3, 6))
    loaded = load_landmarks(half.path, mmap=True)
    network = ConvLSTMClassifier(max_epochs=2, n_filters=2, validation_fraction=None, random_state=0)
    found = [network.fit(data, loaded.target).decision_function(data) for data in (X, loaded.data)]
    assert_array_equal(*found)


def test_a_full_disk_is_named_by_the_folder_on_it(tmp_path, monkeypatch):
    def full(file, row, value):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = LandmarkFolder.create(tmp_path / "store", (1, 3, 2, 4))
    monkeypatch.setattr("sklearn_emoxai.storage._landmark_folder._RowFile.write", full)
    with pytest.raises(OSError, match="No space left on device: '.*store'"):
        folder.append([(np.zeros((3, 2, 4)), None, None, {})])
