"""Tables of trackers as people have them: several faces, skipped frames, other separators, decimals and encodings."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_emoxai.datasets import load_openface_csv

N_POINTS = 5
OPENFACE = Path(__file__).parents[3] / "shared/data/real/openface_csv"


def rows_of(frames, **columns):
    """A table as text columns; the face moves by a pixel a row, and every point has a decimal."""
    table = pd.DataFrame({"frame": frames} | columns)
    for axis in "xy":
        for k in range(N_POINTS):
            table[f"{axis}_{k}"] = [f"{100 * k + i}.5" for i in range(len(table))]
    return table.astype(str)


def text_of(table, separator=","):
    lines = [table.columns, *table.to_numpy()]
    return "\n".join(separator.join(line) for line in lines) + "\n"


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clip.csv"


@pytest.fixture
def plain(path):
    """What four frames give that are tracked and written without any fault."""
    data = load_openface_csv(write(path, text_of(rows_of([0, 1, 2, 3], confidence=0.98)))).data
    path.unlink()
    return data


# ---- several faces ----

SEVERAL = {
    "face_id": (["0", "1", "0", "1"], [1, 1, 2, 2]),
    "face": (["0", "1"], [0, 0]),
    "FaceID": (["0", "0", "3"], [1, 2, 3]),
    "person": (["anna", "bert"], [1, 2]),
    "Identity": (["Person_0", "Person_1", "Person_1"], [1, 2, 3]),
    "track id": (["7", "8"], [1, 2]),
    "input": (["a.mp4", "a.mp4", "b.mp4"], [0, 1, 2]),
    "file": (["photo.jpg", "other.jpg"], [0, 1]),
    "video name": (["v1.mp4", "v2.mp4"], [0, 1]),
    "image": (["p1.jpg", "p2.jpg"], [0, 1]),
    "filename": (["p1/f_01.png", "p2/f_01.png"], [0, 1]),
    "subject": (["S1", "S2"], [0, 1]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_a_column_that_tells_faces_apart_is_named(name, path):
    values, frames = SEVERAL[name]
    write(path, text_of(rows_of(frames, **{name: values})))
    with pytest.raises(
        ValueError, match=rf"clip.csv, line \d: expected one face a file; the column '{name}' tells 2 apart"
    ):
        load_openface_csv(path)


def test_several_faces_are_named_where_a_table_has_no_frame_number(path):
    write(path, text_of(rows_of([0, 0], face=["0", "1"]).drop(columns="frame")))
    with pytest.raises(ValueError, match="line 3: .*column 'face' tells 2 apart, such as '0' and '1'"):
        load_openface_csv(path)


def test_faces_of_frames_that_do_not_count_are_no_second_face(path):
    table = rows_of([0, 1, 2, 3], face_id=["0", "1", "", "0"], success=["1", "0", "1", "1"])
    assert load_openface_csv(write(path, text_of(table))).frame["n_missing"].tolist() == [1]


def test_numbered_images_of_one_sequence_and_row_numbers_are_one_face(path, plain):
    names = [f"clip/f_{i:03d}.png" for i in range(9, 13)]
    write(path, text_of(rows_of([0, 1, 2, 3], input=names, id=["1", "2", "3", "4"])))
    np.testing.assert_array_equal(load_openface_csv(path).data, plain)


def test_files_with_several_faces_are_skipped_and_counted(tmp_path):
    write(tmp_path / "a.csv", text_of(rows_of([0, 1], face_id=["0", "1"])))
    write(tmp_path / "b.csv", text_of(rows_of([0, 1], face_id=["0", "0"])))
    with pytest.warns(UserWarning, match=r"1 entries with a fault left out, 1 loaded; the first: .*face_id"):
        loaded = load_openface_csv(tmp_path, on_error="skip")
    assert loaded.skipped["file"].tolist() == [str(tmp_path / "a.csv")]


# ---- frames ----


@pytest.mark.parametrize(
    "frames",
    [[0, 2, 4, 6], [5, 15, 25, 35], [24, 0, 72, 48], [0, 2, 5, 7], [1, 3, 6, 8, 11], [7, 8, 9, 10]],
    ids=["each 2nd", "from another start", "unsorted", "each 2.5th", "each 2.5th again", "each"],
)
def test_frames_that_were_skipped_are_not_missing(frames, path):
    loaded = load_openface_csv(write(path, text_of(rows_of(frames))), n_frames=3)
    assert loaded.frame["n_missing"].tolist() == [0]
    assert len(loaded.data) == 1


@pytest.mark.parametrize(
    ("frames", "n_missing"),
    [([0, 2, 4, 8, 10], 1), ([0, 1, 2, 4, 5, 6], 1), ([0, 1, 2, 3, 9], 5), ([0, 10, 20, 50, 60], 2)],
)
def test_frames_that_were_lost_are_missing_among_those_that_were_not_skipped(frames, n_missing, path):
    loaded = load_openface_csv(write(path, text_of(rows_of(frames))))
    assert loaded.frame["n_missing"].tolist() == [n_missing]


def test_time_stamps_stand_in_for_frames(path):
    table = rows_of([0, 1, 2, 4]).rename(columns={"frame": "timestamp"})
    table["timestamp"] = ["0.0", "0.033", "0.067", "0.133"]
    loaded = load_openface_csv(write(path, text_of(table)), n_frames=5)
    assert loaded.frame["n_missing"].tolist() == [1]
    np.testing.assert_allclose(loaded.data[0, :, 0, 0], [0.5, 1.5, 2.5, 3, 3.5], atol=0.03)


def test_a_frame_twice_is_named_with_the_column_that_says_so(path):
    write(path, text_of(rows_of([0, 1, 1, 2])))
    with pytest.raises(ValueError, match=r"line 4: frame 1 occurs twice"):
        load_openface_csv(path)


def test_quality_columns_are_found_in_any_case_and_as_truth_values(path):
    table = rows_of(
        [0, 1, 2, 3], Success=["True", "False", "True", "True"], Confidence=["1", "1", "0.1", "1"]
    )
    assert load_openface_csv(write(path, text_of(table))).frame["n_missing"].tolist() == [2]


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "NA", "-nan(ind)", "<NA>", "None", "null", "inf"])
def test_whatever_stands_for_no_value_makes_a_missing_frame(nothing, path):
    table = rows_of([0, 1, 2, 3], confidence=0.98)
    table.loc[1, "y_3"] = nothing
    assert load_openface_csv(write(path, text_of(table))).frame["n_missing"].tolist() == [1]


# ---- the text ----


def with_commas(table):
    return table.map(lambda word: word.replace(".", ","))


TEXTS = {
    "semicolons": lambda table: text_of(table, ";"),
    "tabs": lambda table: text_of(table, "\t"),
    "an index without name": lambda table: table.to_csv(sep="\t"),
    "blanks": lambda table: text_of(table, " "),
    "blanks after commas": lambda table: text_of(table, ",  "),
    "decimal commas, semicolons": lambda table: text_of(with_commas(table), ";"),
    "decimal commas, semicolons and blanks": lambda table: text_of(with_commas(table), "; "),
    "decimal commas, tabs": lambda table: text_of(with_commas(table), "\t"),
    "decimal commas, comma and blank": lambda table: text_of(with_commas(table), ", "),
    "decimal commas in quotes": lambda table: with_commas(table).to_csv(index=False, quoting=1),
    "quotes": lambda table: table.to_csv(index=False, quoting=1),
    "a comma at the end": lambda table: text_of(table).replace("\n", ",\n"),
    "a comma at the end of rows": lambda table: text_of(table).replace("\n", ",\n").replace(",\n", "\n", 1),
    "lines of old Macs": lambda table: text_of(table).replace("\n", "\r"),
    "lines of Windows": lambda table: text_of(table).replace("\n", "\r\n"),
    "empty lines": lambda table: text_of(table).replace("\n", "\n\n"),
    "separator named above": lambda table: "sep=;\n" + text_of(table, ";"),
    "comments": lambda table: "# made by a tracker, version 2\n% units: px\n" + text_of(table) + "# end\n",
    "commented header": lambda table: "# " + text_of(table, " "),
    "lines above the header": lambda table: "Tracker 2.0\nVideo: a,b,c\n\n" + text_of(table),
    "header twice": lambda table: text_of(table[:0]) + text_of(table),
}


@pytest.mark.parametrize("name", TEXTS)
def test_tables_are_read_however_they_are_written(name, path, plain):
    write(path, TEXTS[name](rows_of([0, 1, 2, 3], confidence=0.98)))
    np.testing.assert_array_equal(load_openface_csv(path).data, plain)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_tables_are_read_in_any_unicode(encoding, path, plain):
    write(path, text_of(rows_of([0, 1, 2, 3], confidence=0.98)), encoding)
    np.testing.assert_array_equal(load_openface_csv(path).data, plain)


def test_names_in_another_encoding_do_not_hinder_the_numbers(path, plain):
    write(path, text_of(rows_of([0, 1, 2, 3], input="Jürgen.mp4")), "latin-1")
    np.testing.assert_array_equal(load_openface_csv(path).data, plain)


def test_a_row_of_units_is_left_out_and_listed(path, plain):
    header, rest = text_of(rows_of([0, 1, 2, 3], confidence=0.98)).split("\n", 1)
    units = ",".join(["-"] * 2 + ["px"] * 2 * N_POINTS)
    loaded = load_openface_csv(write(path, f"{header}\n{units}\n{rest}"))
    np.testing.assert_array_equal(loaded.data, plain)
    assert loaded.skipped.to_numpy().tolist() == [[f"{path}, line 2", "holds no numbers."]]


def test_decimal_commas_between_commas_are_explained(path):
    write(path, text_of(with_commas(rows_of([0, 1]))))
    with pytest.raises(
        ValueError, match=r"line 2: expected 11 values .* got 21\. If its decimals are commas"
    ):
        load_openface_csv(path)


def test_points_and_commas_in_one_table_are_not_guessed_at(path):
    table = rows_of([0, 1, 2])
    table.loc[1, "x_3"] = "1,234"
    write(path, text_of(table, ";"))
    with pytest.raises(ValueError, match="expected decimal points or decimal commas; .* have both"):
        load_openface_csv(path)


def test_cut_joined_and_odd_tables_are_named(path):
    text = text_of(rows_of([0, 1, 2]))
    write(path, text[:-20])
    with pytest.raises(
        ValueError, match=r"line 4: expected 11 values .*; got \d\. The file seems to be cut off"
    ):
        load_openface_csv(path)
    write(path, text + text)
    with pytest.raises(ValueError, match=r"line 5: the header again; expected one table a file"):
        load_openface_csv(path)
    write(path, text.replace("x_2", "x_1", 1))
    with pytest.raises(ValueError, match=r"line 1: needs the columns \['x_2'\]"):
        load_openface_csv(path)
    write(path, text.replace("frame", "x_1", 1))
    with pytest.raises(ValueError, match=r"line 1: expected distinct columns; 'x_1' is there 2 times"):
        load_openface_csv(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)))
    with pytest.raises(ValueError, match=r"clip.csv: not a CSV: it is binary"):
        load_openface_csv(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"clip.csv: expected a CSV; it is empty"):
        load_openface_csv(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(
        ValueError, match=r"clip.csv: expected a CSV; it is a stub of Git LFS, .*`git lfs pull`"
    ):
        load_openface_csv(path)


# ---- many files ----


def test_the_landmark_count_of_most_files_counts(tmp_path):
    for i, name in enumerate(("a.csv", "b.csv", "c.csv")):
        table = rows_of([0, 1, 2])
        write(tmp_path / name, text_of(table if i else table.drop(columns=["x_4", "y_4"])))
    with pytest.raises(ValueError, match=r"a.csv: expected 5 landmarks as in .*b.csv; got 4"):
        load_openface_csv(tmp_path)
    with pytest.warns(UserWarning, match="1 entries with a fault left out, 2 loaded"):
        assert load_openface_csv(tmp_path, on_error="skip").data.shape == (2, 10, 2, 5)


def test_hidden_files_are_no_tables(tmp_path):
    write(tmp_path / "a.csv", text_of(rows_of([0, 1, 2])))
    (tmp_path / "._a.csv").write_bytes(b"\0\5\x16\7")
    assert load_openface_csv(tmp_path).frame["file"].tolist() == [str(tmp_path / "a.csv")]


def test_workers_and_the_progress_bar_change_nothing(tmp_path, capsys):
    for i in range(4):
        write(tmp_path / f"{i}.csv", text_of(rows_of(range(3 + i))))
    write(tmp_path / "3.csv", "no table\n")
    loaded = []
    for options in ({}, {"n_jobs": 2, "verbose": 1}):
        with pytest.warns(UserWarning, match="1 entries with a fault left out, 3 loaded"):
            loaded.append(load_openface_csv(tmp_path, on_error="skip", **options))
    np.testing.assert_array_equal(loaded[0].data, loaded[1].data)
    assert loaded[0].skipped.equals(loaded[1].skipped)
    assert "Tables: 100%" in capsys.readouterr().err


@pytest.mark.skipif(not OPENFACE.is_dir(), reason="needs OpenFace's files of real people")
def test_files_of_real_people_are_read_as_pandas_reads_them(tmp_path):
    file = min(OPENFACE.glob("*.csv"))
    shutil.copy(file, tmp_path / "a.csv")
    table = pd.read_csv(file, skipinitialspace=True)
    names = [[f"{axis}_{k}" for k in range(68)] for axis in "xy"]
    expected = np.stack([table[axis] for axis in names], axis=1)
    loaded = load_openface_csv(tmp_path, n_frames=len(table))
    assert loaded.frame["n_missing"].tolist() == [0]
    np.testing.assert_allclose(loaded.data[0], expected, rtol=1e-6)
