"""Readers of published data sets, on small trees of the sets' layouts, and on the real ones where they are there."""

import os
import pickle
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from sklearn_emoxai.datasets import (
    load_crema_d,
    load_grammatical_expressions,
    load_ravdess,
    load_uci_gfe,
)

STUB = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n"
REAL = Path(__file__).parents[3] / "shared/data/real/openface_csv"


def openface(path, n_rows=40, columns=("frame", "timestamp", "confidence")):
    """A table as OpenFace writes it; all points of frame t (from 1) are at (t, 2 t)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [*columns, *(f"{axis}_{k}" for axis in "xy" for k in range(68)), "AU01_r"]
    lines = [", ".join(names)]
    known = {"frame": "{t}", "timestamp": "{s:.3f}", "confidence": "0.98", "face_id": "0", "success": "1"}
    for t in range(1, n_rows + 1):
        values = (
            [known[name].format(t=t, s=t / 30) for name in columns] + [f"{t}.0"] * 68 + [f"{2 * t}.0"] * 68
        )
        lines.append(",  ".join([*values, "0.00"]))
    path.write_text("\n".join(lines) + "\n")
    return path


def put(path, content=b"\0video"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# ---- facial grammar ----

LSE = {
    "name": ["LSE_c02_s0014_p0003_w0042", "Lex40_c02_s0013_p0001_w0000"],
    "label": [["i.parcial", "n.no"], ["i.polarizada"]],
    "start": [[200, 800], [0]],
    "end": [[400, 1200], [500]],
    "framerate": [25.0, 50.0],
}


def dump(path, lists):
    content = defaultdict(list)
    content.update(lists)
    put(path, pickle.dumps(content, protocol=3))


@pytest.fixture
def lse(tmp_path):
    folder = tmp_path / "data/LSE_GFE_Features"
    for name in LSE["name"]:
        openface(folder / f"{name}.csv", columns=("frame", "face_id", "timestamp", "confidence", "success"))
    dump(folder / "LSEGFE_info.pkl", LSE)
    return folder


@pytest.fixture
def buhmap(tmp_path):
    folder = tmp_path / "data/BUHMAP_Features"
    names = [
        f"{person}_{code}_{repeat}" for person in ("bert", "anna") for code in (1, 7) for repeat in (1, 2)
    ]
    for name in names:
        openface(folder / f"{name}.csv")
    labels = ["neutral" if "_1_" in name else "happiness" for name in names]
    dump(
        folder / "BUHMAP_info.pkl",
        {"name": names, "label": labels, "framerate": [30.0] * 8, "length": [40.0] * 8},
    )
    return folder


@pytest.mark.parametrize("level", ["../..", "..", "."])
def test_lse_gfe_gives_marked_intervals_of_persons(level, lse):
    signed = load_grammatical_expressions(lse / level, n_frames=3)
    assert signed.target.tolist() == ["i.parcial", "n.no", "i.polarizada"]
    assert signed.groups.tolist() == ["p0003", "p0003", "p0001"]
    # 200 to 400 ms at 25 frames/s are frames 5 to 10 counted from 0, which OpenFace calls 6 to 11.
    assert signed.frame[["first", "last", "n_rows"]].to_numpy().tolist() == [
        [6, 11, 6],
        [21, 31, 11],
        [1, 26, 26],
    ]
    np.testing.assert_array_equal(signed.data[0, :, 0, 5], [6, 8.5, 11])
    np.testing.assert_array_equal(signed.data[0, :, 1, 5], [12, 17, 22])
    assert signed.meanings["n.no"] == "negation"
    assert "10.3390/s22103839" in signed.DESCR


def test_buhmap_gives_whole_tables_of_numbered_persons(buhmap):
    moved = load_grammatical_expressions(buhmap, subset="buhmap", n_frames=2)
    assert moved.target.tolist() == ["neutral", "neutral", "happiness", "happiness"] * 2
    assert moved.groups.tolist() == ["S01"] * 4 + ["S02"] * 4
    assert [Path(file).name for file in moved.frame["file"][:2]] == ["anna_1_1.csv", "anna_1_2.csv"]
    np.testing.assert_array_equal(moved.data[:, :, 0, 0], [[1, 40]] * 8)


def test_missing_and_further_tables_are_counted(lse):
    (lse / f"{LSE['name'][1]}.csv").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"w0000.csv: one of 1 tables of 2 that are missing. git clone https"
    ):
        load_grammatical_expressions(lse)
    openface(lse / "other.csv")
    with pytest.warns(
        UserWarning, match="1 entries with a fault left out, 1 entries that can't be used left out, 2 load"
    ):
        assert len(load_grammatical_expressions(lse, on_error="skip").data) == 2


def test_intervals_beyond_a_table_or_untracked_are_left_out(lse):
    openface(lse / f"{LSE['name'][0]}.csv", n_rows=12)
    with pytest.warns(
        UserWarning, match=r"1 entries that can't be used left out, 2 loaded; .*frames 21 to 31 lie beyond"
    ):
        assert load_grammatical_expressions(lse).target.tolist() == ["i.parcial", "i.polarizada"]


class Harm:
    def __reduce__(self):
        return os.mkdir, ("harm",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(Harm()), r"expected a pickle of lists, text and numbers; it wants \w+.mkdir"),
        (b"no pickle", "expected a pickle of lists, text and numbers"),
        (
            pickle.dumps(["a"]),
            "expected a pickled dict with equally long lists name, label, start, end, framerate",
        ),
        (pickle.dumps({**LSE, "end": []}), "expected a pickled dict with equally long lists"),
        (pickle.dumps({**LSE, "label": [["x"], ["n.no"]]}), "equally long lists for each recording"),
        (pickle.dumps({**LSE, "label": [["x", "n.no"], ["n.no"]]}), r"expected the labels .*has \['x'\]"),
        (pickle.dumps({**LSE, "label": [None, ["n.no"]]}), "equally long lists for each recording"),
        (
            pickle.dumps({**LSE, "label": [[["n.no"], "n.no"], ["n.no"]]}),
            r"expected the labels .*has \[\['n.no'\]\]",
        ),
        (
            pickle.dumps({**LSE, "framerate": [None, 50.0]}),
            "expected numbers for framerate, .*p0003_w0042' has None",
        ),
        (pickle.dumps({**LSE, "start": [["200", 800], [0]]}), r"expected numbers for .*\['200', 800\]"),
        (STUB.encode(), "stub of Git LFS"),
        (b"", r"empty \(0 bytes\)"),
    ],
)
def test_the_pickle_gives_lists_and_runs_nothing(content, message, lse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(lse / "LSEGFE_info.pkl", content)
    with pytest.raises(ValueError, match=rf"LSEGFE_info.pkl: .*{message}"):
        load_grammatical_expressions(lse)
    assert not (tmp_path / "harm").exists()


@pytest.mark.skipif(not REAL.is_dir(), reason="needs OpenFace's files of real people")
def test_the_sets_own_tables_are_read(tmp_path):
    folder = tmp_path / "LSE_GFE_Features"
    folder.mkdir()
    files = sorted(REAL.glob("*.csv"))
    for file in files:
        shutil.copyfile(file, folder / file.name)
    n = len(files)
    lists = {"name": [file.stem for file in files], "label": [["n.no"]] * n, "framerate": [50.0] * n}
    dump(folder / "LSEGFE_info.pkl", lists | {"start": [[500]] * n, "end": [[1500]] * n})
    signed = load_grammatical_expressions(folder)
    assert signed.data.shape == (n, 10, 2, 68)
    assert len(np.unique(signed.groups)) == 7
    assert signed.frame["n_rows"].tolist() == [51] * n


# ---- RAVDESS ----

TRIALS = [
    f"{channel:02d}-{emotion:02d}-{intensity:02d}-{statement:02d}-{repeat:02d}-{actor:02d}"
    for channel, actors, emotions in ((1, (1, 2), 8), (2, (1,), 6))
    for actor in actors
    for emotion in range(1, emotions + 1)
    for intensity in ((1,) if emotion == 1 else (1, 2))
    for statement in (1, 2)
    for repeat in (1, 2)
]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    root = tmp_path_factory.mktemp("ravdess")
    text = openface(root / "01-.csv", n_rows=4).read_text()
    (root / "01-.csv").unlink()
    for trial in TRIALS:
        (root / f"01-{trial}.csv").write_text(text)
    return root


def test_ravdess_tables_tell_trial_actor_and_sex(tracked):
    ravdess = load_ravdess(tracked, n_frames=2)
    assert ravdess.data.shape == (164, 2, 2, 68)
    row = ravdess.frame.iloc[-1]
    assert Path(row["file"]).name == "01-02-06-02-02-02-01.csv"
    assert row[["emotion", "subject", "sex", "channel", "intensity"]].tolist() == [
        "fear",
        "01",
        "male",
        "song",
        "strong",
    ]
    assert row[["statement", "repetition", "n_rows", "n_missing"]].tolist() == [2, 2, 4, 0]
    assert np.unique(ravdess.target).tolist() == sorted(
        ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
    )
    assert ravdess.frame.groupby("subject")["sex"].first().tolist() == ["male", "female"]
    assert "10.5281/zenodo.3255102" in ravdess.DESCR
    assert "CC BY-NC-SA 4.0" in ravdess.DESCR
    assert len(ravdess.skipped) == 0
    assert set(load_ravdess(tracked, channel="song").frame["channel"]) == {"song"}


def test_ravdess_videos_of_both_kinds_are_one_take(tmp_path):
    for trial in TRIALS:
        for modality in ("01", "02"):
            put(tmp_path / f"Actor_{trial[-2:]}" / f"{modality}-{trial}.mp4")
        put(tmp_path / f"Actor_{trial[-2:]}" / f"._01-{trial}.mp4")
    ravdess = load_ravdess(tmp_path, landmarks="mesh")
    assert len(ravdess.paths) == len(TRIALS)
    assert all(Path(path).name.startswith("01-") for path in ravdess.paths)
    assert ravdess.skipped["reason"].str.endswith("without its sound.").sum() == len(TRIALS)
    assert "zenodo.1188976" in ravdess.DESCR


def test_missing_trials_of_an_actor_are_counted(tracked, tmp_path):
    for trial in TRIALS[3:]:
        shutil.copyfile(tracked / f"01-{trial}.csv", tmp_path / f"01-{trial}.csv")
    with pytest.warns(
        UserWarning, match=r"3 entries missing, 161 loaded; the first: .*01-01-01-01-01-01-01.csv: its actor"
    ):
        ravdess = load_ravdess(tmp_path)
    assert ravdess.skipped["file"].tolist() == [str(tmp_path / f"01-{trial}.csv") for trial in TRIALS[:3]]


@pytest.mark.parametrize(
    "name", ["01-01-09-01-01-01-01", "04-01-01-01-01-01-01", "01-03-01-01-01-01-01", "01-01-01-01-01-01-25"]
)
def test_unknown_codes_of_ravdess_are_named(name, tmp_path):
    openface(tmp_path / f"{name}.csv")
    with pytest.raises(ValueError, match=rf"{name}.csv: expected the codes .*; got {name}"):
        load_ravdess(tmp_path)


def test_second_copies_of_a_trial_are_named(tmp_path):
    openface(tmp_path / "01-01-01-01-01-01-01.csv")
    openface(tmp_path / "Actor_01/01-01-01-01-01-01-01.csv")
    with pytest.raises(ValueError, match=r"Actor_01.01-.*csv: a second copy of .*01.csv; leave one of them"):
        load_ravdess(tmp_path)


def test_ravdess_says_where_it_comes_from(tmp_path):
    put(tmp_path / "Actor_01/01-01-01-01-01-01-01.mp4")
    with pytest.raises(FileNotFoundError, match=r"zenodo.3255102 .* For videos take landmarks=\"mesh\""):
        load_ravdess(tmp_path)
    with pytest.raises(ValueError, match='landmarks must be "openface" or "mesh"; got \'68\''):
        load_ravdess(tmp_path, landmarks="68")
    with pytest.raises(ValueError, match="channel must be"):
        load_ravdess(tmp_path, channel="both")


# ---- CREMA-D ----


@pytest.fixture
def crema(tmp_path):
    for name in ("1001_DFA_ANG_XX", "1001_IEO_HAP_HI", "1002_IEO_NEU_XX"):
        put(tmp_path / f"VideoFlash/{name}.flv")
    put(
        tmp_path / "VideoDemographics.csv",
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","x"\n1002,21,"Female","Asian","x"\n',
    )
    put(
        tmp_path / "processedResults/summaryTable.csv",
        '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'
        '"1","1001_DFA_ANG_XX","N","69.1","D","92.22","A","64.78"\n'
        '"2","1001_IEO_HAP_HI","N","69.1","A:D","50:60","H","64.78"\n'
        '"3","1002_IEO_NEU_XX","N","69.1","N","92.22","N","64.78"\n',
    )
    return tmp_path


@pytest.mark.parametrize("place", ["", "VideoFlash"])
def test_crema_d_gives_intended_and_seen_emotions(place, crema):
    loaded = load_crema_d(crema / place)
    assert [Path(path).name for path in loaded.paths] == [
        "1001_DFA_ANG_XX.flv",
        "1001_IEO_HAP_HI.flv",
        "1002_IEO_NEU_XX.flv",
    ]
    assert loaded.target.tolist() == ["anger", "happiness", "neutral"]
    assert loaded.votes.tolist() == ["disgust", "", "neutral"]
    assert loaded.groups.tolist() == ["1001", "1001", "1002"]
    assert loaded.frame["sex"].tolist() == ["Male", "Male", "Female"]
    assert loaded.frame["age"].tolist() == [51, 51, 21]
    assert loaded.frame["intensity"].tolist() == ["unspecified", "high", "unspecified"]
    assert loaded.frame["FaceVote"].tolist() == ["D", "A:D", "N"]
    assert "10.1109/TAFFC.2014.2336244" in loaded.DESCR


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("VideoDemographics.csv", "1002,21", "1001,21", "line 3: another row of 1001, which differs"),
        ("processedResults/summaryTable.csv", "FaceVote", "Face", "line 1: needs the column 'FaceVote'"),
    ],
)
def test_faulty_tables_of_crema_d_are_named(table, old, new, message, crema):
    put(crema / table, (crema / table).read_text().replace(old, new))
    with pytest.raises(ValueError, match=rf"{Path(table).name}, {message}"):
        load_crema_d(crema)


def test_rows_that_tables_of_crema_d_repeat_are_one(crema):
    table = crema / "VideoDemographics.csv"
    put(table, table.read_text() + '1002,21,"Female","Asian","x"\n')
    assert load_crema_d(crema).frame["age"].tolist() == [51, 51, 21]


def test_crema_d_without_its_tables_has_no_votes(crema):
    (crema / "VideoDemographics.csv").unlink()
    (crema / "processedResults/summaryTable.csv").unlink()
    loaded = load_crema_d(crema)
    assert loaded.votes is None
    assert loaded.frame.columns.tolist() == ["file", "emotion", "subject", "sentence", "intensity"]


def test_stubs_and_missing_clips_of_crema_d_are_named(crema):
    put(crema / "VideoFlash/1001_DFA_ANG_XX.flv", STUB)
    with pytest.warns(UserWarning, match="1 of 3 files that were found can't be read; .*`git lfs pull`"):
        load_crema_d(crema)
    (crema / "VideoFlash/1001_DFA_ANG_XX.flv").unlink()
    with pytest.warns(
        UserWarning, match="1 entries missing, 2 loaded; the first: .*1001_DFA_ANG_XX.flv: raters saw it"
    ):
        load_crema_d(crema)
    for file in (crema / "VideoFlash").iterdir():
        put(file, STUB)
    with pytest.raises(ValueError, match=r"stub of Git LFS.*`git lfs pull`.*None of the 2 files"):
        load_crema_d(crema)


@pytest.mark.parametrize("name", ["1001_DFA_JOY_XX", "1001_DFA_ANG_QQ"])
def test_unknown_codes_of_crema_d_are_named(name, crema):
    put(crema / f"VideoFlash/{name}.flv")
    with pytest.raises(
        ValueError, match=rf"{name}.flv: expected an emotion out of ANG, .*; got {name[9:12]} and {name[13:]}"
    ):
        load_crema_d(crema)


def test_clips_of_crema_d_in_two_formats_are_copies(crema):
    put(crema / "VideoFlash/1001_DFA_ANG_XX.mp4")
    with pytest.raises(ValueError, match=r"1001_DFA_ANG_XX.mp4: a second copy of .*1001_DFA_ANG_XX.flv"):
        load_crema_d(crema)
    with pytest.warns(UserWarning, match="1 entries with a fault left out, 3 loaded"):
        load_crema_d(crema, on_error="skip")


# ---- UCI's grammatical facial expressions ----

EXPRESSIONS = [
    *("affirmative", "conditional", "doubt_question", "emphasis", "negative", "relative", "topics"),
    *("wh_question", "yn_question"),
]
LABELS = [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1]


@pytest.fixture
def uci(tmp_path):
    header = "0.0 " + " ".join(f"{k}{axis}" for k in range(100) for axis in "xyz")
    # Milliseconds as the set writes them: .50, .100 for 50 and 100.
    rows = [
        f"7.{50 * i} " + " ".join(f"{k + i} {2 * k + i} 900" for k in range(100)) for i in range(len(LABELS))
    ]
    for user in "ab":
        for expression in EXPRESSIONS:
            put(tmp_path / f"{user}_{expression}_datapoints.txt", "\r\n".join([header, *rows]) + "\r\n")
            odd = user == "a" and expression == "doubt_question"
            name = f"{user}_{'doubts_question' if odd else expression}_targets.txt"
            put(tmp_path / name, "\n".join(map(str, LABELS)) + "\n")
    return tmp_path


def test_uci_gives_runs_of_expression_and_rest(uci):
    signed = load_uci_gfe(uci, n_frames=3)
    assert signed.target[:3].tolist() == ["rest", "affirmative", "affirmative"]
    assert len(signed.target) == 18 * 3
    assert signed.groups.tolist() == ["a"] * 27 + ["b"] * 27
    assert signed.frame[["first", "last"]][:3].to_numpy().tolist() == [[0, 3], [4, 8], [10, 12]]
    np.testing.assert_allclose(signed.frame["seconds"][:3], [0.15, 0.2, 0.1])
    np.testing.assert_allclose(signed.data[1, :, 0, 7], [11, 13, 15])
    np.testing.assert_allclose(signed.data[1, :, 1, 7], [18, 20, 22])
    assert len(signed.skipped) == 18
    assert set(load_uci_gfe(uci, rest=False).target) == set(EXPRESSIONS)
    assert len(load_uci_gfe(uci, min_length=1).target) == 18 * 4


def test_a_byte_order_mark_before_the_numbers_of_uci_is_none_of_them(uci):
    expected = load_uci_gfe(uci)
    for file in uci.iterdir():
        put(file, b"\xef\xbb\xbf" + file.read_bytes())
    np.testing.assert_array_equal(load_uci_gfe(uci).data, expected.data)


def test_missing_recordings_of_uci_are_counted(uci):
    for kind in ("datapoints", "targets"):
        (uci / f"b_topics_{kind}.txt").unlink()
    with pytest.warns(
        UserWarning, match="1 entries missing, 51 loaded; the first: .*b_topics_datapoints.txt: it is not"
    ):
        load_uci_gfe(uci)
    (uci / "a_topics_targets.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"a_topics_datapoints.txt: there are no targets for it"):
        load_uci_gfe(uci)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a_affirmative_targets.txt", "0\n1\n", r"expected a label for each of 13 frames; got 2"),
        ("a_affirmative_targets.txt", "0\n2\n", r"line 2: expected 0 or 1; got 2"),
        ("a_affirmative_targets.txt", "0\nx\n", r"line 2: expected numbers; got 'x'"),
        ("a_affirmative_datapoints.txt", "1.0 2 3\n", r"line 1: expected 301 finite numbers; got 3"),
        ("a_affirmative_datapoints.txt", STUB, r"expected numbers; it is a stub of Git LFS"),
        ("a_affirmative_datapoints.txt", "0.0 0x 0y 0z\n", r"expected numbers; there are none"),
    ],
)
def test_faulty_files_of_uci_are_named(name, text, message, uci):
    put(uci / name, text)
    with pytest.raises(ValueError, match=rf"{name}.*{message}"):
        load_uci_gfe(uci)
    with pytest.warns(UserWarning, match="1 entries with a fault left out, 51 loaded"):
        load_uci_gfe(uci, on_error="skip")


def test_times_of_uci_that_run_back_are_named(uci):
    file = uci / "a_affirmative_datapoints.txt"
    put(file, file.read_text().replace("7.150 ", "6.150 "))
    with pytest.raises(ValueError, match=r"expected times that increase; they do not after 7.100 s"):
        load_uci_gfe(uci)


# ---- all ----


@pytest.mark.parametrize(
    ("load", "what"),
    [
        (load_grammatical_expressions, "LSEGFE_info.pkl .*git clone https://github.com/mporta-gtm"),
        (load_ravdess, "OpenFace's tables.*zenodo.3255102"),
        (load_crema_d, "the clips, such as VideoFlash/1001.*git lfs clone https://github.com/Cheyney"),
        (load_uci_gfe, "a_affirmative_datapoints.txt.*archive.ics.uci.edu/dataset/317"),
    ],
)
def test_another_folder_is_refused_with_what_is_needed(load, what, tmp_path):
    put(tmp_path / "else.csv", "a,b\n")
    with pytest.raises(FileNotFoundError, match=rf"root must hold {what}"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="root must be an existing folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match='on_error must be "raise" or "skip"'):
        load(tmp_path, on_error="ignore")
