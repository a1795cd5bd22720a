"""Loaders: what people have becomes a Bunch, and faults in it are named with file and line."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_emoxai.datasets import load_ck_plus, load_openface_csv, load_video_folder
from sklearn_emoxai.preprocessing import resample

# ---- CK+ ----

# subject, sequence, code (None: unlabelled), frames
SEQUENCES = [
    ("S005", "001", 3, 4),
    ("S005", "002", None, 3),
    ("S010", "001", 7, 5),
    ("S010", "002", 2, 3),
    ("S011", "006", 5, 3),
]


def write_sequence(root, subject, sequence, code, n_frames, *, images, emotions, size):
    stem = f"{subject}_{sequence}_"
    folders = {
        "images": root / images / subject / sequence,
        "emotion": root / emotions / subject / sequence,
        "landmarks": root / "Landmarks" / subject / sequence,
        "facs": root / "FACS" / subject / sequence,
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    for frame in range(1, n_frames + 1):
        Image.new("L", size).save(folders["images"] / f"{stem}{frame:08d}.png")
        points = np.arange(136).reshape(68, 2) + 10.0 * frame
        np.savetxt(folders["landmarks"] / f"{stem}{frame:08d}_landmarks.txt", points, fmt="%16.7e")
    if code is not None:
        (folders["emotion"] / f"{stem}{n_frames:08d}_emotion.txt").write_text(f"   {code:.7e}\n")
        (folders["facs"] / f"{stem}{n_frames:08d}_facs.txt").write_text(
            "   9.0000000e+00   3.0000000e+00\n   1.7000000e+01   0.0000000e+00\n"
        )


def write_ck_plus(root, images="cohn-kanade-images", emotions="Emotion"):
    for sequence in SEQUENCES:
        # The set has several sizes, but one within a sequence.
        size = (10, 7) if sequence[0] == "S011" else (8, 6)
        write_sequence(root, *sequence, images=images, emotions=emotions, size=size)
    (root / images / "S005" / ".DS_Store").write_text("")
    return root


@pytest.fixture
def ck(tmp_path):
    return write_ck_plus(tmp_path)


def test_ck_plus_gives_image_folders_labels_and_subjects(ck):
    loaded = load_ck_plus(ck)
    assert loaded.paths == [str(ck / "cohn-kanade-images" / p) for p in ("S005/001", "S010/001", "S011/006")]
    assert loaded.target.tolist() == ["disgust", "surprise", "happiness"]
    assert loaded.groups.tolist() == ["S005", "S010", "S011"]
    assert loaded.frame["n_frames"].tolist() == [4, 5, 3]
    assert loaded.action_units[0] == {9: 3.0, 17: 0.0}
    assert loaded.skipped["file"].tolist() == ["S005/002", "S010/002"]
    assert "10.1109/CVPRW.2010.5543262" in loaded.DESCR
    assert "data" not in loaded


def test_ck_plus_keeps_contempt_and_unlabelled_on_request(ck):
    loaded = load_ck_plus(ck, contempt=True, unlabelled=True)
    assert loaded.target.tolist() == ["disgust", "unlabelled", "surprise", "contempt", "happiness"]
    assert loaded.action_units[1] is None
    assert len(loaded.skipped) == 0


@pytest.mark.parametrize(
    ("images", "emotions"),
    [
        ("cohn-kanade-images", "Emotion_labels/Emotion"),
        ("extended-cohn-kanade-images/cohn-kanade-images", "Emotion"),
        ("extended-cohn-kanade-images/cohn-kanade-images", "Emotion_labels"),
    ],
)
def test_ck_plus_is_found_under_the_names_people_have(tmp_path, images, emotions):
    write_ck_plus(tmp_path, images, emotions)
    assert load_ck_plus(tmp_path).target.tolist() == ["disgust", "surprise", "happiness"]


def test_ck68_is_resampled(ck):
    loaded = load_ck_plus(ck, landmarks="ck68", n_frames=7)
    assert loaded.data.shape == (3, 7, 2, 68)
    assert loaded.data.dtype == np.float32
    first, last = (np.arange(136).reshape(68, 2).T + 10 * frame for frame in (1, 4))
    np.testing.assert_allclose(loaded.data[0, 0], first)
    np.testing.assert_allclose(loaded.data[0, 3], (first + last) / 2)
    np.testing.assert_allclose(loaded.data[0, -1], last)
    assert "paths" not in loaded


def test_ck_plus_lists_what_was_looked_for(tmp_path):
    (tmp_path / "Emotion" / "S005" / "001").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"cohn-kanade-images/S….*has \['Emotion'\]") as caught:
        load_ck_plus(tmp_path)
    assert "Emotion_labels" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match=r"Landmarks/S"):
        load_ck_plus(tmp_path, landmarks="ck68")
    (tmp_path / "Emotion").rename(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match=r"cohn-kanade-images.*; and Emotion/S"):
        load_ck_plus(tmp_path)


def spoil_label(ck):
    (ck / "Emotion/S005/001/S005_001_00000004_emotion.txt").write_text("disgust\n")


def spoil_code(ck):
    (ck / "Emotion/S005/001/S005_001_00000004_emotion.txt").write_text("   9.0000000e+00\n")


def two_labels(ck):
    (ck / "Emotion/S005/001/S005_001_00000003_emotion.txt").write_text("   3.0000000e+00\n")


def lose_frames(ck):
    (ck / "cohn-kanade-images/S005/001/S005_001_00000002.png").unlink()
    (ck / "cohn-kanade-images/S005/001/S005_001_00000003.png").unlink()


def other_size(ck):
    Image.new("L", (9, 6)).save(ck / "cohn-kanade-images/S005/001/S005_001_00000003.png")


def no_image(ck):
    (ck / "cohn-kanade-images/S005/001/S005_001_00000003.png").write_text("no image")


def no_frames(ck):
    for file in (ck / "cohn-kanade-images/S005/001").iterdir():
        file.unlink()


def odd_name(ck):
    folder = ck / "cohn-kanade-images/S005/001"
    (folder / "S005_001_00000002.png").rename(folder / "copy.png")


def spoil_facs(ck):
    (ck / "FACS/S005/001/S005_001_00000004_facs.txt").write_text("   9.0000000e+00\n")


CK_FAULTS = [
    (spoil_label, r"00000004_emotion.txt, line 1: expected numbers; got 'disgust'"),
    (spoil_code, r"00000004_emotion.txt, line 1: expected a code from 0 to 7; got 9"),
    (two_labels, r"S005/001: expected one label file; got \['S005_001_00000003"),
    (lose_frames, r"S005/001: expected consecutive frames; frames \[2, 3\] are missing"),
    (other_size, r"00000003.png: expected the size \(8, 6\) of the first frame; got \(9, 6\)"),
    (no_image, r"00000003.png: expected an image; it cannot be read"),
    (no_frames, r"S005/001: expected frames; there are none"),
    (odd_name, r"copy.png: expected a name such as S005_001_00000001; got 'copy.png'"),
    (spoil_facs, r"00000004_facs.txt, line 1: expected 2 finite numbers"),
]


@pytest.mark.parametrize(("spoil", "message"), CK_FAULTS)
def test_ck_plus_names_faults_or_skips_and_counts_them(ck, spoil, message):
    spoil(ck)
    with pytest.raises(ValueError, match=message):
        load_ck_plus(ck)
    with pytest.warns(UserWarning, match=r"1 entries with a fault left out, 2 loaded"):
        loaded = load_ck_plus(ck, on_error="skip")
    assert loaded.target.tolist() == ["surprise", "happiness"]
    assert loaded.skipped["reason"].str.contains(message).sum() == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1 2"] * 67, "00000002_landmarks.txt: expected 68 rows; got 67"),
        (["1 2"] * 5 + ["1 x"], "00000002_landmarks.txt, line 6: expected numbers; got '1 x'"),
        (["1 2"] * 5 + ["1 2 3"], "00000002_landmarks.txt, line 6: expected 2 finite numbers; got '1 2 3'"),
        (["1 2"] * 5 + ["1 nan"], "00000002_landmarks.txt, line 6: expected 2 finite numbers; got '1 nan'"),
    ],
)
def test_ck68_names_faulty_landmark_files(ck, rows, message):
    (ck / "Landmarks/S010/001/S010_001_00000002_landmarks.txt").write_text("\n".join(rows))
    with pytest.raises(ValueError, match=message):
        load_ck_plus(ck, landmarks="ck68")


def test_ck_plus_without_any_label_is_an_error(ck):
    for file in ck.glob("Emotion/*/*/*.txt"):
        file.unlink()
    with pytest.raises(ValueError, match=r"must hold labelled sequences; .* has none \(5 left out\)"):
        load_ck_plus(ck)


@pytest.mark.parametrize("load", [load_ck_plus, load_video_folder, load_openface_csv])
def test_missing_empty_and_wrong_roots_are_named(tmp_path, load):
    with pytest.raises(FileNotFoundError, match=r"root must be an existing folder; there is no .*nowhere"):
        load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"root must hold a data set; .*empty is empty"):
        load(tmp_path / "empty")
    with pytest.raises(ValueError, match=r'on_error must be "raise" or "skip"; got .ignore'):
        load(tmp_path, on_error="ignore")


def test_ck_plus_arguments_are_checked(ck):
    with pytest.raises(ValueError, match='landmarks must be "mesh" or "ck68"; got \'68\''):
        load_ck_plus(ck, landmarks="68")
    with pytest.raises(ValueError, match=r"n_frames must be at least 1; got 0"):
        load_ck_plus(ck, landmarks="ck68", n_frames=0)
    with pytest.raises(NotADirectoryError, match=r"root must be a folder"):
        load_ck_plus(next(ck.glob("Emotion/*/*/*.txt")))


# ---- videos in a folder ----


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0")  # not empty, which would be noticed


def write_table(root, text, *files):
    root.mkdir(exist_ok=True)
    (root / "clips.csv").write_text(text)
    touch(root, *files)
    return root


def test_class_folders_with_videos_and_image_folders(tmp_path):
    touch(tmp_path, "Happy/p1_a.mp4", "Happy/p2_a.AVI", "sad/p1_b/0001.png", "sad/notes.txt", ".git/config")
    loaded = load_video_folder(tmp_path, subject_pattern=r"p\d")
    assert loaded.target.tolist() == ["happiness", "happiness", "sadness"]
    assert loaded.groups.tolist() == ["p1", "p2", "p1"]
    assert loaded.paths[-1] == str(tmp_path / "sad/p1_b")
    assert loaded.label_mapping == {"Happy": "happiness", "sad": "sadness"}
    assert loaded.frame.columns.tolist() == ["file", "emotion"]
    assert load_video_folder(tmp_path).groups is None


def test_table_gives_files_emotions_and_subjects(tmp_path):
    write_table(
        tmp_path, "file,emotion,subject,take\nb.mp4,Anger,x,1\n\na.mp4, fearful ,y,2\n", "a.mp4", "b.mp4"
    )
    loaded = load_video_folder(tmp_path)
    assert loaded.paths == [str(tmp_path / "b.mp4"), str(tmp_path / "a.mp4")]
    assert loaded.target.tolist() == ["anger", "fear"]
    assert loaded.groups.tolist() == ["x", "y"]
    assert loaded.frame["take"].tolist() == ["1", "2"]
    assert loaded.label_mapping == {"Anger": "anger", "fearful": "fear"}
    assert "2 videos of 2 subjects" in loaded.DESCR


def test_columns_and_table_can_be_named(tmp_path):
    write_table(tmp_path, "clip,label,who\na.mp4,joy,1\n", "a.mp4", "other.csv")
    with pytest.raises(ValueError, match=r"table must say which CSV to read; .*\['clips.csv', 'other.csv'\]"):
        load_video_folder(tmp_path)
    names = {"file_column": "clip", "emotion_column": "label", "subject_column": "who"}
    loaded = load_video_folder(tmp_path, table="clips.csv", **names)
    assert (loaded.target.tolist(), loaded.groups.tolist()) == (["happiness"], ["1"])
    with pytest.raises(FileNotFoundError, match=r"table must be a CSV in .*; there is no .*third.csv"):
        load_video_folder(tmp_path, table="third.csv")


def test_subject_pattern_goes_before_the_column(tmp_path):
    write_table(tmp_path, "file,emotion,subject\nS01_a.mp4,joy,one\n", "S01_a.mp4")
    assert load_video_folder(tmp_path, subject_pattern=r"(S\d+)_").groups.tolist() == ["S01"]
    with pytest.raises(ValueError, match=r"S01_a.mp4: no subject: subject_pattern 'T' is not in the name"):
        load_video_folder(tmp_path, subject_pattern="T")
    with pytest.raises(ValueError, match=r"subject_pattern must be a regular expression; got '\('"):
        load_video_folder(tmp_path, subject_pattern="(")


def test_further_spellings_and_unwanted_emotions(tmp_path):
    table = "file,emotion,subject\na.mp4,Freude,1\nb.mp4,contempt,1\nc.mp4,neutral,1\n"
    write_table(tmp_path, table, "a.mp4", "b.mp4", "c.mp4")
    loaded = load_video_folder(tmp_path, labels={"Freude": "happiness"}, emotions=["happiness"])
    assert loaded.target.tolist() == ["happiness"]
    assert loaded.skipped["reason"].tolist() == ["contempt was not asked for.", "neutral was not asked for."]
    with pytest.raises(TypeError, match=r"labels must be a dict from spelling to emotion; got 'Freude'"):
        load_video_folder(tmp_path, labels="Freude")
    with pytest.raises(ValueError, match=r"labels and emotions must name some of .*; got \['joyful'\]"):
        load_video_folder(tmp_path, labels={"Freude": "joyful"})


def test_mapping_is_printed_on_request(tmp_path, capsys):
    write_table(tmp_path, "file,emotion,subject\na.mp4,joy,1\nb.mp4,fear,1\n", "a.mp4", "b.mp4")
    load_video_folder(tmp_path)
    assert capsys.readouterr().out == ""
    load_video_folder(tmp_path, verbose=1)
    assert capsys.readouterr().out == "1 × 'joy' read as 'happiness'\n"


TABLE_FAULTS = [
    ("z.mp4,jolly,1", ValueError, "clips.csv, line 3: unknown emotion 'jolly'"),
    ("z.mp4,,1", ValueError, "clips.csv, line 3: file, emotion and subject must not be empty"),
    ("z.mp4,joy,", ValueError, "clips.csv, line 3: file, emotion and subject must not be empty"),
    ("gone.mp4,joy,1", FileNotFoundError, "clips.csv, line 3: there is no file .*gone.mp4"),
    ("a.mp4,fear,1", ValueError, "clips.csv, line 3: a.mp4 contradicts line 2"),
    ("a.mp4,joy,2", ValueError, "clips.csv, line 3: a.mp4 contradicts line 2"),
]


@pytest.mark.parametrize(("row", "error", "message"), TABLE_FAULTS)
def test_faulty_rows_are_named_or_skipped_and_counted(tmp_path, row, error, message):
    write_table(tmp_path, f"file,emotion,subject\na.mp4,joy,1\n{row}\n", "a.mp4", "z.mp4")
    with pytest.raises(error, match=message):
        load_video_folder(tmp_path)
    with pytest.warns(UserWarning, match=r"1 entries with a fault left out, 1 loaded; the first: .*line 3"):
        loaded = load_video_folder(tmp_path, on_error="skip")
    assert loaded.target.tolist() == ["happiness"]
    assert len(loaded.skipped) == 1


def test_rows_that_repeat_are_skipped_and_listed(tmp_path):
    write_table(tmp_path, "file,emotion,subject\na.mp4,joy,1\na.mp4,happy,1\n", "a.mp4")
    loaded = load_video_folder(tmp_path)
    assert len(loaded.paths) == 1
    assert loaded.skipped["reason"].tolist() == ["a.mp4 repeats line 2."]


def test_missing_columns_and_broken_tables_are_named(tmp_path):
    write_table(tmp_path, "file,label\na.mp4,joy\n", "a.mp4")
    with pytest.raises(
        ValueError, match=r"clips.csv, line 1: needs the columns \['emotion'\]; it has \['file', 'label'\]"
    ):
        load_video_folder(tmp_path)
    (tmp_path / "clips.csv").write_bytes(b"file,emotion\n\xff\xfe,joy\n")
    with pytest.raises(ValueError, match=r"clips.csv: not a CSV in UTF-8"):
        load_video_folder(tmp_path)
    (tmp_path / "clips.csv").write_text("file,emotion\na.mp4,joy,1,2\nb,c\n")
    with pytest.raises(ValueError, match=r"clips.csv, line 2: expected 2 values as in the first line; got 4"):
        load_video_folder(tmp_path)
    (tmp_path / "clips.csv").write_text("file,emotion,file\n")
    with pytest.raises(ValueError, match=r"clips.csv, line 1: expected distinct columns"):
        load_video_folder(tmp_path)
    (tmp_path / "clips.csv").write_text("")
    with pytest.raises(ValueError, match=r"clips.csv: expected a CSV; it is empty"):
        load_video_folder(tmp_path)
    (tmp_path / "clips.csv").write_text("\ufefffile,emotion\n")  # as spreadsheets write it
    with pytest.raises(ValueError, match=r"root must hold labelled clips; .* has none"):
        load_video_folder(tmp_path)


def test_unknown_class_folder_is_named(tmp_path):
    touch(tmp_path, "joy/a.mp4", "calmness/b.mp4")
    with pytest.raises(
        ValueError, match=r"calmness: unknown emotion 'calmness'; known are anger, .*labels={'calm"
    ):
        load_video_folder(tmp_path)
    (tmp_path / "calmness").rename(tmp_path / "hapiness")
    with pytest.raises(
        ValueError, match=r"unknown emotion 'hapiness'; did you mean 'happiness'\? Known are anger, "
    ):
        load_video_folder(tmp_path)


def test_independent_clips_are_read(expression_clips):
    loaded = load_video_folder(expression_clips)
    assert len(loaded.paths) == 140
    assert len(np.unique(loaded.groups)) == 20
    assert pd.Series(loaded.target).value_counts().to_dict() == dict.fromkeys(np.unique(loaded.target), 20)


# ---- other trackers ----


def tracked(n_frames, n_landmarks=68, **columns):
    """A table as OpenFace writes it; landmark k of frame t is at (100 k + t, 200 k + 2 t)."""
    t, k = np.arange(n_frames)[:, None], np.arange(n_landmarks)
    table = pd.DataFrame({"frame": t[:, 0] + 1} | columns)
    x = pd.DataFrame(100.0 * k + t, columns=[f"x_{i}" for i in k])
    y = pd.DataFrame(200.0 * k + 2 * t, columns=[f"y_{i}" for i in k])
    return pd.concat([table, x, y], axis=1)


def save(table, path, spaced=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = table.to_csv(index=False)
    header, rest = text.split("\n", 1)
    path.write_text((header.replace(",", ", ") if spaced else header) + "\n" + rest)
    return path


def test_openface_file_becomes_a_sequence(tmp_path):
    loaded = load_openface_csv(save(tracked(5, confidence=0.98, success=1), tmp_path / "a.csv"), n_frames=9)
    assert loaded.data.shape == (1, 9, 2, 68)
    assert loaded.data.dtype == np.float32
    np.testing.assert_allclose(loaded.data[0, :, 0, 3], 300 + np.linspace(0, 4, 9))
    np.testing.assert_allclose(loaded.data[0, :, 1, 3], 600 + 2 * np.linspace(0, 4, 9))
    assert loaded.target is None
    assert loaded.frame[["n_rows", "n_missing"]].to_numpy().tolist() == [[5, 0]]


def test_py_feat_mesh_loses_its_irises(tmp_path):
    loaded = load_openface_csv(
        save(tracked(3, 478, FaceScore=0.9), tmp_path / "a.csv", spaced=False), n_frames=3
    )
    assert loaded.data.shape == (1, 3, 2, 468)
    np.testing.assert_allclose(loaded.data[0, 0, 0, 467], 46700)
    np.testing.assert_allclose(loaded.data[0, 0, 1, 467], 2 * 46700)


def test_untracked_frames_are_bridged_and_counted(tmp_path):
    table = tracked(9, confidence=0.9, success=1)
    table.loc[2, "success"] = 0
    table.loc[3, "confidence"] = 0.1
    table.loc[[2, 3], ["x_0", "y_5"]] = -1
    table.loc[6, "x_7"] = np.nan
    table = table.drop(index=5)
    loaded = load_openface_csv(save(table, tmp_path / "a.csv"), n_frames=9)
    np.testing.assert_allclose(loaded.data[0, :, 0, 0], np.arange(9))
    assert loaded.frame[["n_rows", "n_missing"]].to_numpy().tolist() == [[8, 4]]
    with pytest.raises(ValueError, match=r"a.csv: at most 0.4 of the frames may be missing; got 4 of 9"):
        load_openface_csv(tmp_path / "a.csv", max_missing=0.4)


def test_openface_labels_come_from_folders_or_a_table(tmp_path):
    for name in ("happy/s1.csv", "fear/s2.csv"):
        save(tracked(3), tmp_path / "classes" / name)
        save(tracked(3), tmp_path / "flat" / name.rsplit("/", 1)[-1])
    by_folder = load_openface_csv(tmp_path / "classes", subject_pattern=r"s\d", n_frames=3)
    assert by_folder.target.tolist() == ["fear", "happiness"]
    assert by_folder.groups.tolist() == ["s2", "s1"]
    (tmp_path / "flat/labels.csv").write_text("file,emotion,subject\ns1.csv,joy,x\ns2.csv,fear,y\n")
    by_table = load_openface_csv(tmp_path / "flat", table="labels.csv", n_frames=3)
    assert by_table.target.tolist() == ["happiness", "fear"]
    assert by_table.groups.tolist() == ["x", "y"]
    assert by_table.frame.columns.tolist() == ["file", "n_rows", "n_missing", "emotion", "subject"]
    assert by_table.data.shape == (2, 3, 2, 68)


def test_repeated_rows_are_dropped_and_two_faces_named(tmp_path):
    table = tracked(4)
    path = save(pd.concat([table, table.iloc[[1]]]), tmp_path / "a.csv")
    loaded = load_openface_csv(path)
    assert loaded.skipped["reason"].tolist() == ["repeats an earlier row."]
    assert loaded.skipped["file"].str.endswith("a.csv, line 6").all()
    second = table.iloc[[1]] + [0, *[5] * 136]
    save(pd.concat([table, second]), path)
    with pytest.raises(ValueError, match=r"a.csv, line 6: frame 2 occurs twice; expected one face a file"):
        load_openface_csv(path)


def test_mixed_landmark_counts_are_named_or_skipped(tmp_path):
    save(tracked(3, 68), tmp_path / "a.csv")
    save(tracked(3, 10), tmp_path / "b.csv")
    with pytest.raises(ValueError, match=r"b.csv: expected 68 landmarks as in .*a.csv; got 10"):
        load_openface_csv(tmp_path)
    with pytest.warns(UserWarning, match=r"1 entries with a fault left out, 1 loaded"):
        assert len(load_openface_csv(tmp_path, on_error="skip").data) == 1


def test_faulty_tracker_tables_are_named(tmp_path):
    path = save(tracked(4).drop(columns=["y_3", "x_8"]), tmp_path / "a.csv")
    with pytest.raises(ValueError, match=r"a.csv, line 1: needs the columns \['x_8', 'y_3'\] \(2 missing\)"):
        load_openface_csv(path)
    save(tracked(4).drop(columns=[f"{axis}_{k}" for axis in "xy" for k in range(68)]), path)
    with pytest.raises(
        ValueError, match=r"a.csv, line 1: needs the columns x_0, y_0, ...; it has \['frame'\]"
    ):
        load_openface_csv(path)
    broken = tracked(4).astype(object)
    broken.loc[2, "y_3"] = "lost"
    save(broken, path)
    with pytest.raises(ValueError, match=r"a.csv, line 4: y_3 must be a number; got 'lost'"):
        load_openface_csv(path)
    save(tracked(4).assign(frame=[1, 2, "", 4]), path)
    with pytest.raises(ValueError, match=r"a.csv, line 4: frame must be a number"):
        load_openface_csv(path)
    save(tracked(4, success=0), path)
    with pytest.raises(ValueError, match=r"a.csv: at most 0.5 of the frames may be missing; got 4 of 4"):
        load_openface_csv(path)
    save(tracked(0), path)
    with pytest.raises(ValueError, match=r"a.csv: expected a row for each frame; there are none"):
        load_openface_csv(path)


def test_resampling_is_linear_between_uneven_times():
    landmarks = np.array([0.0, 10.0, 40.0])[:, None, None] * np.ones((1, 2, 4))
    sampled = resample(landmarks, np.array([0, 1, 4]), 5)
    np.testing.assert_allclose(sampled[:, 0, 0], [0, 10, 20, 30, 40])
    np.testing.assert_allclose(resample(landmarks[:1], np.array([7.0]), 3)[:, 1, 2], 0)
    np.testing.assert_allclose(resample(landmarks, np.array([0, 1, 4]), 1)[:, 0, 0], 0)
