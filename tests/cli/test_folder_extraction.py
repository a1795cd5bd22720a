import csv
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_emoxai import LandmarkExtractor, load_landmarks, save_landmarks
from sklearn_emoxai.cli import main
from sklearn_emoxai.cli._folder_extraction import QUALITY_COLUMNS, extract_folder
from sklearn_emoxai.datasets import make_expression_videos
from sklearn_emoxai.extraction import MODEL_VARIABLE, _one_video, has_bundled_graph


@pytest.fixture(autouse=True)
def _model(request, monkeypatch):
    if not has_bundled_graph():
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    make_expression_videos(folder, n_subjects=2, emotions=["anger", "fear"], n_frames=4, random_state=0)
    return folder


def quality_of(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_landmarks_labels_and_quality_are_written(folder, tmp_path):
    done = extract_folder(folder, tmp_path / "out.npz", n_frames=3)
    loaded = load_landmarks(tmp_path / "out.npz")
    assert_array_equal(loaded.data, done.data)
    videos = [folder / file for file in loaded.paths]
    assert_array_equal(loaded.data, LandmarkExtractor(n_frames=3).transform(videos))
    assert sorted(loaded.target) == ["anger", "anger", "fear", "fear"]
    assert len(set(loaded.groups)) == 2
    assert loaded.detected.shape == loaded.timestamps.shape == (4, 3)
    rows = quality_of(tmp_path / "out.quality.csv")
    assert tuple(rows[0]) == QUALITY_COLUMNS
    assert [row["file"] for row in rows] == loaded.paths.tolist()
    assert {(row["n_source_frames"], row["face_share"], row["error"]) for row in rows} == {("4", "1.0", "")}
    assert all(float(row["seconds"]) > 0 for row in rows)


def test_videos_without_landmarks_keep_their_row_and_their_reason(folder, tmp_path):
    clips = shutil.copytree(folder, tmp_path / "clips")
    bad = sorted(clips.glob("*.mp4"))[1]
    bad.write_text("no video")
    done = extract_folder(clips, tmp_path / "out.npz", n_frames=2, quality=tmp_path / "report.csv")
    row = [row["file"] for row in done.quality].index(bad.name)
    assert_array_equal(np.isnan(done.data).all(axis=(1, 2, 3)), np.arange(4) == row)
    assert "can't be read as a video" in quality_of(tmp_path / "report.csv")[row]["error"]
    assert "1 gave no landmarks" in done.summary
    with pytest.raises(ValueError, match="can't be read as a video"):
        extract_folder(clips, tmp_path / "out.npz", n_frames=2, on_error="raise")


def test_folder_holds_what_the_file_holds(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "clips")
    bad = sorted((tmp_path / "clips").glob("*.mp4"))[1]
    bad.write_text("no video")
    file, store = (extract_folder(tmp_path / "clips", tmp_path / name, n_frames=2) for name in ("x.npz", "x"))
    from_file, from_store = load_landmarks(file.output), load_landmarks(store.output)
    assert sorted(from_file) == sorted(from_store)
    for name, values in from_file.items():
        assert_array_equal(from_store[name], values)
    assert store.quality_path == tmp_path / "x" / "quality.csv"
    without_time = [
        [{**row, "seconds": ""} for row in quality_of(done.quality_path)] for done in (file, store)
    ]
    assert without_time[0] == without_time[1]
    assert [line.split(" in ")[0] for line in store.summary.splitlines()[:1]] == ["4 videos of 2 subjects"]


def test_interrupted_folder_goes_on_where_it_was(folder, tmp_path, monkeypatch):
    whole = extract_folder(folder, tmp_path / "whole", n_frames=2).data
    extracted = []

    def interrupted(source, options):
        if len(extracted) == 2:
            raise KeyboardInterrupt
        extracted.append(source)
        return _one_video.extract(source, options)

    monkeypatch.setattr("sklearn_emoxai.extraction._extractor.extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract_folder(folder, tmp_path / "store", n_frames=2, n_jobs=1)
    with pytest.warns(UserWarning, match="holds 2 of 4 sequences yet"):
        assert_array_equal(load_landmarks(tmp_path / "store").data, whole[:2])
    extracted.clear()
    done = extract_folder(folder, tmp_path / "store", n_frames=2, n_jobs=1)
    assert len(extracted) == 2
    assert_array_equal(done.data, whole)
    extracted.clear()
    assert_array_equal(extract_folder(folder, tmp_path / "store", n_frames=2).data, whole)
    assert not extracted
    with pytest.raises(ValueError, match="begun with other parameters"):
        extract_folder(folder, tmp_path / "store", n_frames=2, crop_size=200)


def test_files_and_folders_are_told_apart(folder, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(NotADirectoryError, match="file must be a folder; it is a file"):
        extract_folder(folder, tmp_path / "file", n_frames=2)
    with pytest.raises(IsADirectoryError, match=r"folder\.npz must be a file; it is a folder"):
        extract_folder(folder, tmp_path / "folder.npz", n_frames=2)
    save_landmarks(tmp_path / "x.npz", np.zeros((1, 2, 2, 3)))
    with pytest.raises(ValueError, match=r"mmap must be False for .*x\.npz"):
        load_landmarks(tmp_path / "x.npz", mmap=True)


def test_folder_of_class_folders(folder, tmp_path):
    for emotion in ("anger", "fear"):
        (tmp_path / "clips" / emotion).mkdir(parents=True)
    for file in folder.glob("*.mp4"):
        shutil.copy(file, tmp_path / "clips" / ("anger" if "anger" in file.name else "fear"))
    done = extract_folder(tmp_path / "clips", tmp_path / "out.npz", n_frames=2)
    loaded = load_landmarks(done.output)
    assert [path.split("/")[0] for path in loaded.paths] == loaded.target.tolist()
    assert "no subjects are known, which emoxai compare needs" in done.summary
    assert "no subjects" not in extract_folder(folder, tmp_path / "known.npz", n_frames=1).summary


def test_command_writes_and_reports(folder, tmp_path):
    options = ["-o", tmp_path / "out.npz", "--n-frames", "2", "-j", "1", "--cache-dir", tmp_path / "cache"]
    command = [sys.executable, "-m", "sklearn_emoxai", "extract", folder, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 videos of 2 subjects" in done.stdout
    assert "2 anger, 2 fear" in done.stdout
    assert "4/4" in done.stderr
    assert load_landmarks(tmp_path / "out.npz").data.shape == (4, 2, 2, 468)
    assert len(list((tmp_path / "cache").iterdir())) == 4


@pytest.mark.parametrize("quiet", [True, False])
def test_command_names_videos_without_landmarks(folder, tmp_path, monkeypatch, capsys, quiet):
    clips = shutil.copytree(folder, tmp_path / "clips")
    bad = sorted(clips.glob("*.mp4"))[1]
    bad.write_text("no video")
    arguments = ["emoxai", "extract", clips, "-o", tmp_path / "out.npz", "--n-frames", "2", "-j", "1"]
    monkeypatch.setattr(sys, "argv", [*map(str, arguments), *["-q"] * quiet])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # which main sets
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    printed = capsys.readouterr()
    assert f"emoxai: {bad.name} gave no landmarks: " in printed.err
    assert "can't be read as a video" in printed.err
    assert printed.err.count("gave no landmarks") == 1
    assert (printed.out == "") == quiet


def test_users_mistakes_are_one_line_and_exit_code_1(folder, tmp_path, monkeypatch, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, message in [
        ([tmp_path / "gone"], f"FOLDER must be an existing folder; there is no {tmp_path / 'gone'}"),
        ([empty], "empty"),
        ([folder, "-o", tmp_path / "no" / "folder.npz"], "its folder does not exist"),
        ([folder, "-o", tmp_path / "x.npz", "--detector", "dlib"], "detector must be one of"),
    ]:
        monkeypatch.setattr(sys, "argv", ["emoxai", "extract", *map(str, arguments), "-q", "-j", "1"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        printed = capsys.readouterr()
        assert message in printed.err
        assert printed.err.count("\n") == 1
        assert printed.out == ""


@pytest.fixture
def odd_names(folder, tmp_path):
    """A class folder of clips whose names are not UTF-8, hold a line break, or look like patterns and options."""
    clips = tmp_path / "clips" / "fear"
    clips.mkdir(parents=True)
    names = sorted(
        os.fsdecode(name) for name in (b"\xe9t\xe9.mp4", b"two\nlines.MP4", b"a%03d.mp4", b"-rf.mp4")
    )
    for name in names:
        try:
            shutil.copy(next(folder.glob("*.mp4")), clips / name)
        except (OSError, UnicodeError):
            pytest.skip("the file system does not allow such names")
    return clips.parent, [f"fear/{name}" for name in names]


@pytest.mark.parametrize("output", ["out.npz", "out"])
def test_any_name_is_written_and_read_back(odd_names, tmp_path, output):
    clips, names = odd_names
    for _ in range(2):  # the second time goes on with a folder
        done = extract_folder(clips, tmp_path / output, n_frames=2)
        assert sorted(load_landmarks(tmp_path / output).paths.tolist()) == names
        assert all(row["error"] == "" for row in done.quality)
        shown = [row["file"] for row in quality_of(done.quality_path)]
        assert r"fear/\udce9t\udce9.mp4" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_links_that_lead_back_are_no_endless_way(folder, tmp_path):
    clips = tmp_path / "clips"
    (clips / "fear").mkdir(parents=True)
    shutil.copy(next(folder.glob("*.mp4")), clips / "fear" / "a.mp4")
    (clips / "fear" / "up").symlink_to(clips, target_is_directory=True)
    with pytest.warns(UserWarning, match="up: a folder with no images"):
        done = extract_folder(clips, tmp_path / "out.npz", n_frames=2)
    assert [row["file"] for row in done.quality] == ["fear/a.mp4"]
    (clips / "fear" / "loop.mp4").symlink_to("loop.mp4")
    with pytest.raises(FileNotFoundError, match=r"loop\.mp4: the link points to nothing"):
        extract_folder(clips, tmp_path / "out.npz", n_frames=2)


def test_the_import_path_of_extract_folder_stays():
    from sklearn_emoxai.folder_extraction import extract_folder as found

    assert found is extract_folder
