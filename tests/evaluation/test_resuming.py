import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, NuSVC

from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, SequenceFlattener, compare
from sklearn_emoxai.evaluation._resuming import difference

SECONDS = ["fit_seconds", "predict_seconds"]
NO_CODE = {"parts": {}, "packages": {}, "unknown": []}
ARGUMENTS = {"emotions": ["fear"], "n_landmarks": [20, 4], "n_splits": 3, "n_runs": 2, "random_state": 5}

# What the killed and the resumed process run.
SCRIPT = """
import sys
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, SequenceFlattener, compare
import warnings
warnings.simplefilter("ignore")
data = np.load(sys.argv[1])
network = ConvLSTMClassifier(n_filters=3, lstm_units=4, fc_units=3, max_epochs=5, lr=1e-2, validation_fraction=None)
models = {
    "SVM": make_pipeline(IGLandmarkSelector(network), SequenceFlattener(), SVC(kernel="linear")),
    "network": make_pipeline(IGLandmarkSelector(network), network),
}
compare(models, data["X"], data["y"], groups=data["groups"], folder=sys.argv[2], emotions=["fear"],
        n_landmarks=[20, 4], n_splits=3, n_runs=2, random_state=5)
"""


def read_exactly(path):
    """A table of results whose numbers are those that were written, whatever pandas does by default."""
    text = pd.read_csv(path, dtype=str, keep_default_na=False)
    kinds = pd.read_csv(path, keep_default_na=False).dtypes
    numbers = {
        name: text[name].map(float) for name, kind in kinds.items() if pd.api.types.is_float_dtype(kind)
    }
    whole = {name: text[name].map(int) for name, kind in kinds.items() if pd.api.types.is_integer_dtype(kind)}
    return text.assign(**numbers, **whole)


def _start(tmp_path, folder):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, script, tmp_path / "data.npz", folder]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


def _kill_at(process, folder, n_cells, delay):
    """Kill once so many cells are there, and some time later."""
    for _ in range(2000):
        if process.poll() is not None or len(list(folder.glob("cells/*.json"))) >= n_cells:
            break
        time.sleep(0.02)
    time.sleep(delay)
    assert process.poll() is None, process.stderr.read().decode()
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_killed_comparison_goes_on_and_gives_the_same_table(planted, tmp_path):
    X, y, groups = planted
    np.savez(tmp_path / "data.npz", X=X, y=y, groups=groups)
    folder = tmp_path / "run"
    rng = np.random.default_rng()
    n_cells, delay = int(rng.integers(1, 18)), rng.uniform(0, 0.1)
    print(f"killed after {n_cells} cells and {delay:.3f} s")
    _kill_at(_start(tmp_path, folder), folder, n_cells, delay)
    assert not (folder / "results.csv").exists()
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("cells/*.json")}
    assert 1 <= len(before) < 24

    again = _start(tmp_path, folder)
    _, complaints = again.communicate(timeout=100)
    assert again.returncode == 0, complaints.decode()
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("cells/*.json")}
    assert len(after) == 24
    assert before.items() <= after.items()
    assert not (folder / "rankings").exists()

    network = ConvLSTMClassifier(
        n_filters=3, lstm_units=4, fc_units=3, max_epochs=5, lr=1e-2, validation_fraction=None
    )
    models = {
        "SVM": make_pipeline(IGLandmarkSelector(network), SequenceFlattener(), SVC(kernel="linear")),
        "network": make_pipeline(IGLandmarkSelector(network), network),
    }
    expected = compare(models, X, y, groups=groups, **ARGUMENTS)
    found = read_exactly(folder / "results.csv")
    pd.testing.assert_frame_equal(
        found.drop(columns=SECONDS), expected.drop(columns=SECONDS), check_exact=True
    )


@pytest.fixture
def models():
    return {"SVM": make_pipeline(SequenceFlattener(), SVC(C=2)), "majority": DummyClassifier()}


@pytest.fixture
def run(planted, models, tmp_path):
    """Arguments of a comparison that is finished, and its folder."""
    X, y, groups = planted
    arguments = {"groups": groups, "n_splits": 2, "n_runs": 1, "folder": tmp_path / "run", "random_state": 0}
    table = compare(models, X, y, description="planted", **arguments)
    return X, y, arguments, table


def test_folder_tells_what_was_compared(run):
    _, _, arguments, table = run
    folder = arguments["folder"]
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert told["format"] == 1
    assert told["data"] == {
        "description": "planted",
        "n_samples": 60,
        "n_subjects": 6,
        "n_frames": 5,
        "n_landmarks": 20,
        "labels": {"anger": 20, "fear": 20, "happiness": 20},
    }
    assert told["protocol"] == "subject"
    assert "2 parts of the subjects" in told["protocol_description"]
    assert told["models"] == ["SVM", "majority"]
    assert told["started"] <= told["finished"]
    assert {"numpy", "scikit-learn", "torch"} <= set(told["versions"])
    found = read_exactly(folder / "results.csv")
    pd.testing.assert_frame_equal(found, table)


def test_finished_comparison_is_read_and_not_fitted_again(run, models, monkeypatch):
    X, y, arguments, table = run
    monkeypatch.setattr(SVC, "fit", None)
    again = compare(models, X, y, **arguments)
    pd.testing.assert_frame_equal(again, table)
    without_a_seed = compare(models, X, y, **(arguments | {"random_state": None}))
    pd.testing.assert_frame_equal(without_a_seed, table)


def test_damaged_cell_is_computed_again(run, models):
    X, y, arguments, table = run
    cell = sorted((arguments["folder"] / "cells").iterdir())[2]
    cell.write_text(cell.read_text()[:40])
    again = compare(models, X, y, **arguments)
    pd.testing.assert_frame_equal(again.drop(columns=SECONDS), table.drop(columns=SECONDS))


def test_names_that_look_alike_as_files_are_kept_apart(planted, tmp_path):
    X, y, groups = planted
    models = {"a b": DummyClassifier(), "a/b": DummyClassifier(strategy="constant", constant=True)}
    arguments = {"groups": groups, "n_splits": 2, "n_runs": 1, "folder": tmp_path / "run"}
    table = compare(models, X, y, **arguments)
    assert len(list((tmp_path / "run" / "cells").iterdir())) == 12
    pd.testing.assert_frame_equal(compare(models, X, y, **arguments), table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": 1}, "the sequences X are others"),
        ({"y": 1}, "the labels y are others"),
        ({"groups": np.arange(60) % 6}, "the groups are others"),
        ({"n_splits": 3}, "protocol is 2 parts .* there, 3 parts .* here"),
        ({"protocol": "leave-one-subject-out", "n_splits": None}, "protocol is 2 parts"),
        ({"n_runs": 2}, "n_runs is 1 there, 2 here"),
        ({"metrics": ["f1"]}, r"metrics is \['accuracy'.* there, \['f1'\] here"),
        ({"emotions": ["fear"]}, r"emotions is \['anger', 'fear', 'happiness'\] there, \['fear'\] here"),
        ({"random_state": 1}, "random_state is 0 there, 1 here"),
        ({"models": {"SVM": SVC()}}, r"models are \['SVM', 'majority'\] there, \['SVM'\] here"),
    ],
)
def test_folder_of_another_comparison_is_refused(run, models, change, message):
    X, y, arguments, _ = run
    change = dict(change)
    X, y = X + change.pop("X", 0), np.roll(y, change.pop("y", 0))
    models = change.pop("models", models)
    with pytest.raises(
        ValueError, match=f"folder must be new or hold this comparison; .*run holds .*{message}"
    ):
        compare(models, X, y, **(arguments | change))


def test_folder_of_other_parameters_is_refused(run, models):
    X, y, arguments, _ = run
    models["SVM"].set_params(svc__C=30)
    with pytest.raises(ValueError, match=r"the model 'SVM' has C=2 there, C=30 here\. Another folder"):
        compare(models, X, y, **arguments)
    models["SVM"].steps[1] = ("svc", NuSVC())
    with pytest.raises(ValueError, match=r"the model 'SVM' has other steps or parameters"):
        compare(models, X, y, **arguments)


def test_all_differences_of_a_folder_are_named_each_once():
    fingerprints = {"X": 1, "y": 1, "groups": 1, "code": {}, "splitter": NO_CODE}
    settings = ("protocol_description", "emotions", "landmark_counts", "n_runs", "metrics", "random_state")

    def run(network, models=("T-EMO", "R-EMO", "SVM"), **change):
        described = {
            name: f"Pipeline(steps=[[select, S({network})], [last, {name}(C=1)]])" for name in models
        }
        return dict.fromkeys(settings, 0) | {
            "models": list(models), "fingerprints": fingerprints | {"models": described}, **change
        }  # fmt: skip

    old = run("max_epochs=100, lr=0.1")
    assert difference(old, old) == ""
    assert difference(old, run("max_epochs=9, lr=0.2", n_runs=3)) == (
        "the models 'T-EMO', 'R-EMO', 'SVM' have max_epochs=100 there, max_epochs=9 here; "
        "the models 'T-EMO', 'R-EMO', 'SVM' have lr=0.1 there, lr=0.2 here; n_runs is 0 there, 3 here"
    )
    assert difference(old, run("max_epochs=9, lr=0.1", ["SVM", "kNN"])) == (
        "models are ['T-EMO', 'R-EMO', 'SVM'] there, ['SVM', 'kNN'] here; "
        "the model 'SVM' has max_epochs=100 there, max_epochs=9 here"
    )


def test_edited_code_and_other_versions_are_named_each_once():
    def run(parts, packages, unknown=(), splitter=NO_CODE):
        code = {"parts": parts, "packages": packages, "unknown": list(unknown)}
        described = {"models": {"A": "A()", "B": "B()"}, "code": {"A": code, "B": code}, "splitter": splitter}
        settings = (
            "protocol_description", "emotions", "landmark_counts", "n_runs", "metrics", "random_state", "models"
        )  # fmt: skip
        return dict.fromkeys(settings, 0) | {"fingerprints": {"X": 1, "y": 1, "groups": 1} | described}

    old = run({"mine.Rule": "a"}, {"sklearn": "1"})
    assert difference(old, old) == ""
    assert difference(old, run({"mine.Rule": "b"}, {"sklearn": "2"})) == (
        "the code of the model 'A' has changed (mine.Rule); sklearn is 1 there, 2 here; "
        "the code of the model 'B' has changed (mine.Rule)"
    )
    edited = {"parts": {"mine.Folds": "c"}, "packages": {}, "unknown": []}
    assert difference(old, run({"mine.Rule": "a"}, {"sklearn": "1"}, splitter=edited)) == (
        "the code of protocol has changed (mine.Folds)"
    )
    assert "can't be told (mine.rule)" in difference(
        old, run({"mine.Rule": "a"}, {"sklearn": "1"}, ["mine.rule"])
    )
    before = run({}, {})
    for key in ("code", "splitter"):  # as an older version wrote it
        del before["fingerprints"][key]
    assert difference(before, run({}, {"sklearn": "1"})) == ""
    assert "the code of the model 'A' is not known there (mine.Rule)" in difference(before, old)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 2}', "{}"])
def test_folder_of_another_program_is_refused(planted, models, tmp_path, content):
    X, y, groups = planted
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(
        ValueError, match=r"folder must be new or hold a run of this program; .*run\.json is not one"
    ):
        compare(models, X, y, groups=groups, folder=tmp_path)
    assert (tmp_path / "run.json").read_text() == content


def test_interrupt_leaves_what_was_finished(planted, tmp_path, monkeypatch):
    X, y, groups = planted
    fit, calls = SVC.fit, []

    def interrupted(self, X, y):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(self, X, y)

    models = {"SVM": make_pipeline(SequenceFlattener(), SVC())}
    arguments = {"groups": groups, "n_splits": 2, "n_runs": 1, "folder": tmp_path / "run", "random_state": 0}
    monkeypatch.setattr(SVC, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(models, X, y, **arguments)
    assert len(list((tmp_path / "run" / "cells").iterdir())) == 3
    assert json.loads((tmp_path / "run" / "run.json").read_text())["finished"] is None
    assert len(compare(models, X, y, **arguments)) == 6
    assert len(calls) == 4 + 3
