"""What else lies in class folders: files of the system, stills, other suffixes, stubs, links; and tables' headers."""

import os
import warnings
from pathlib import Path

import pytest

from sklearn_emoxai.datasets import load_video_folder

STUB = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n"
needs_links = pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators only")


def put(root, *names, content=b"\0video"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def files(loaded):
    return [Path(file).as_posix() for file in loaded.frame["file"]]


@pytest.mark.parametrize(
    "suffix", ["flv", "FLV", "3gp", "ts", "mts", "m2ts", "ogv", "asf", "vob", "mxf", "MPG", "WebM"]
)
def test_videos_of_any_usual_suffix_are_found(suffix, tmp_path):
    assert files(load_video_folder(put(tmp_path, f"fear/a.{suffix}"))) == [f"fear/a.{suffix}"]


HIDDEN = [
    "fear/._a.mp4",
    "fear/.DS_Store",
    "fear/Thumbs.db",
    "fear/desktop.ini",
    "._fear/a.mp4",
    "._clips.csv",
]


@pytest.mark.parametrize("name", [*HIDDEN, "__MACOSX/fear/._a.mp4", "fear/@eaDir/a.jpg", "fear/.cache/a.png"])
def test_files_of_the_system_are_as_if_they_were_not_there(name, tmp_path):
    loaded = load_video_folder(put(tmp_path, "fear/a.mp4", name))
    assert files(loaded) == ["fear/a.mp4"]
    assert len(loaded.skipped) == 0


def test_a_folder_of_hidden_images_is_no_clip(tmp_path):
    put(tmp_path, "fear/clip/1.png", "fear/apple/._1.png")
    with pytest.warns(UserWarning, match="1 entries that can't be used left out, 1 loaded; .*apple"):
        assert files(load_video_folder(tmp_path)) == ["fear/clip"]


def test_what_is_no_clip_is_counted_and_listed(tmp_path):
    put(
        tmp_path, "fear/a.mp4", "fear/b.xyz", "fear/still.png", "fear/deeper/c.mp4", "fear/notes.txt", "d.mp4"
    )
    with pytest.warns(
        UserWarning, match="4 entries that can't be used left out, 1 loaded; the first: "
    ) as caught:
        loaded = load_video_folder(tmp_path)
    assert len(caught) == 1
    assert files(loaded) == ["fear/a.mp4"]
    reasons = dict(loaded.skipped.to_numpy())
    assert "'.xyz' is none of a video" in reasons[str(tmp_path / "fear/b.xyz")]
    assert "a single image" in reasons[str(tmp_path / "fear/still.png")]
    assert "a folder with no images" in reasons[str(tmp_path / "fear/deeper")]
    assert "lies in no class folder" in reasons[str(tmp_path / "d.mp4")]
    assert reasons[str(tmp_path / "fear/notes.txt")] == "is no clip."


def test_texts_beside_clips_are_not_warned_of(tmp_path):
    put(tmp_path, "fear/a.mp4", "fear/a.srt", "fear/a.wav", "fear/README.md", "LICENSE")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_video_folder(tmp_path)
    assert len(loaded.skipped) == 3


def test_class_folders_of_stills_are_called_images(tmp_path):
    put(tmp_path, *(f"{emotion}/S010_004_{i:08d}.PNG" for emotion in ("anger", "happy") for i in (15, 16)))
    with pytest.raises(ValueError, match=r"4 left out\). Its class folders hold 4 single images, .*stills"):
        load_video_folder(tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "tiff", "bmp", "webp", "pgm", "jfif"])
def test_stills_of_any_format_are_called_so(suffix, tmp_path):
    with pytest.raises(ValueError, match="single images, .*stills"):
        load_video_folder(put(tmp_path, f"fear/a.{suffix}", f"joy/b.{suffix}"))


@pytest.mark.parametrize(
    ("name", "hint"), [("happy/a.mp4", "give .*test as root"), ("happy/a.jpg", "hold single images, stills")]
)
def test_class_folders_one_level_deeper_are_pointed_at(name, hint, tmp_path):
    with pytest.raises(
        ValueError, match=f"unknown emotion 'test'; .*such as happy, are named for emotions.*{hint}"
    ):
        load_video_folder(put(tmp_path, f"train/{name}", f"test/{name}"))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fear/clip/1.heic"], r"The first: .*clip: a folder with images that can't be read"),
        (["fear/a.xyz", "joy/b.xyz"], r"The first: .*a.xyz: its suffix '.xyz' is none of a video: .3g2, "),
        (["fear/S01/a.mp4"], r"The first: .*S01: a folder with no images; clips are looked for"),
        (
            ["a.mp4", "b.mp4"],
            r"The first: .*a.mp4: lies in no class folder, .*columns file, emotion and subject",
        ),
        (["contempt/a.mp4"], r"The first: .*contempt: contempt was not asked for"),
    ],
)
def test_the_error_about_no_clips_says_why(names, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_video_folder(put(tmp_path, *names))


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", r"empty \(0 bytes\)"), (STUB.encode(), "`git lfs pull`")]
)
@pytest.mark.parametrize("name", ["fear/b.mp4", "fear/b/01.png"])
def test_clips_without_content_are_counted_or_skipped(content, reason, name, tmp_path):
    put(tmp_path, "fear/a.mp4")
    put(tmp_path, name, content=content)
    with pytest.warns(
        UserWarning, match=f"1 of 2 files that were found can't be read; the first: .*b.*{reason}"
    ):
        assert len(load_video_folder(tmp_path).paths) == 2
    with pytest.warns(
        UserWarning, match=f"1 entries with a fault left out, 1 loaded; the first: .*b.*{reason}"
    ):
        assert files(load_video_folder(tmp_path, on_error="skip")) == ["fear/a.mp4"]


def test_a_clone_without_its_large_files_is_an_error(tmp_path):
    put(tmp_path, "fear/a.mp4", "fear/b.mp4", content=STUB.encode())
    with pytest.raises(
        ValueError, match=r"a.mp4: it is a stub of Git LFS.*`git lfs pull`.* None of the 2 files"
    ):
        load_video_folder(tmp_path)


@needs_links
def test_links_are_followed_and_those_to_nothing_are_named(tmp_path):
    put(tmp_path / "elsewhere", "a.mp4")
    root = put(tmp_path / "root", "fear/b.mp4")
    (root / "fear/a.mp4").symlink_to(tmp_path / "elsewhere/a.mp4")
    assert files(load_video_folder(root)) == ["fear/a.mp4", "fear/b.mp4"]
    (tmp_path / "elsewhere/a.mp4").unlink()
    with pytest.raises(FileNotFoundError, match=r"fear.a.mp4: the link points to nothing"):
        load_video_folder(root)
    with pytest.warns(UserWarning, match="1 entries with a fault left out, 1 loaded"):
        assert files(load_video_folder(root, on_error="skip")) == ["fear/b.mp4"]


@needs_links
@pytest.mark.parametrize("target", [".", "..", "loop.mp4"])
def test_links_that_go_round_end(target, tmp_path):
    put(tmp_path, "fear/a.mp4")
    (tmp_path / "fear/loop.mp4").symlink_to(target)
    with pytest.warns(UserWarning, match="1 entries .* left out, 1 loaded"):
        assert files(load_video_folder(tmp_path, on_error="skip")) == ["fear/a.mp4"]


# ---- tables ----


def table(root, text, encoding="utf-8"):
    put(root, "a.mp4", "b.mp4")
    (root / "clips.csv").write_bytes(text.encode(encoding))
    return root


@pytest.mark.parametrize(
    "text",
    [
        "File,Emotion,Subject\na.mp4,joy,1\nb.mp4,fear,2\n",
        "FILE , EMOTION , SUBJECT\na.mp4 , joy , 1\nb.mp4 , fear , 2\n",
        "file;emotion;subject\na.mp4;joy;1\nb.mp4;fear;2\n",
        "file\temotion\tsubject\na.mp4\tjoy\t1\nb.mp4\tfear\t2\n",
        '"file","emotion","subject"\n"a.mp4","joy","1"\n"b.mp4","fear","2"\n',
        "sep=;\nfile;emotion;subject\na.mp4;joy;1\nb.mp4;fear;2\n",
        "file,emotion,subject,,\na.mp4,joy,1,,\nb.mp4,fear,2,,\n,,,,\n",
        "# made by hand\nfile,emotion,subject\na.mp4,joy,1\nb.mp4,fear,2\n",
        "file,emotion,subject\r\n.\\a.mp4,joy,1\r\n.\\b.mp4,fear,2\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_are_understood_as_spreadsheets_write_them(text, encoding, tmp_path):
    loaded = load_video_folder(table(tmp_path, text, encoding))
    assert [Path(path).name for path in loaded.paths] == ["a.mp4", "b.mp4"]
    assert loaded.target.tolist() == ["happiness", "fear"]
    assert loaded.groups.tolist() == ["1", "2"]


def test_a_table_in_capitals_and_its_columns_that_are_named(tmp_path):
    root = table(tmp_path, "Clip,Label,Who\na.mp4,joy,1\n")
    (root / "clips.csv").rename(root / "CLIPS.CSV")
    names = {"file_column": "clip", "emotion_column": "LABEL", "subject_column": "who"}
    assert load_video_folder(root, **names).groups.tolist() == ["1"]


def test_columns_that_differ_in_case_only_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"line 1: expected one column 'file'; it has \['File', 'FILE'\]"):
        load_video_folder(table(tmp_path, "File,FILE,emotion\na.mp4,b.mp4,joy\n"))


def test_rows_of_hidden_files_are_left_out(tmp_path):
    put(tmp_path, "._a.mp4")
    with pytest.warns(
        UserWarning, match="1 entries that can't be used left out, 1 loaded; .*line 3: ._a.mp4"
    ):
        loaded = load_video_folder(table(tmp_path, "file,emotion\na.mp4,joy\n._a.mp4,joy\n"))
    assert files(loaded) == ["a.mp4"]
