"""Files that earlier versions wrote. ``files/write.py`` wrote them, and writes those of this version."""

import importlib.util
import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklearn_emoxai import load, load_landmarks, write_report
from sklearn_emoxai.evaluation import read_run

FILES = Path(__file__).with_name("files")
# "before the rooms": the classes were in other modules than today.
WRITTEN_BY = ["before_the_rooms"]
ESTIMATORS = [
    *("R-EMO", "RBF_SVM", "calibrated", "forward", "grid_search", "integrated_gradients", "mirrored_network"),
    *("model", "permutation", "random", "univariate", "variance"),
]
# scikit-learn, torch, numpy or skops may be newer than those that wrote the files.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.* was written by .*; predictions may differ"),
    pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning"),
]

_spec = importlib.util.spec_from_file_location("write_files", FILES / "write.py")
writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writer)


@pytest.fixture(scope="module", params=WRITTEN_BY)
def older(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with tarfile.open(FILES / f"{request.param}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_decide_as_before(older, name):
    X, _, _ = writer.sequences()
    expected = np.load(older / "decisions.npz")[name]
    np.testing.assert_allclose(
        load(older / f"{name}.skops").decision_function(X), expected, rtol=1e-5, atol=1e-6
    )


def test_the_extractor_keeps_its_parameters(older):
    assert load(older / "extractor.skops").n_frames == 4


@pytest.mark.parametrize("name", ["landmarks.npz", "landmark_folder"])
def test_landmarks_are_read(older, name):
    X, y, groups = writer.sequences()
    content = load_landmarks(older / name)
    np.testing.assert_array_equal(content.data, X)
    np.testing.assert_array_equal(content.target, y)
    np.testing.assert_array_equal(content.groups, groups)


def test_a_run_is_read_and_reported(older, tmp_path):
    run = read_run(older / "run")
    assert set(run.explanations) == {"anger", "fear", "happiness"}
    assert load(older / "run" / "model.skops").classes_.tolist() == ["anger", "fear", "happiness"]
    assert write_report(older / "run", tmp_path / "report.html").stat().st_size > 1e6


def test_a_selector_is_shown_and_cloned_as_before(older):
    selector = load(next(older.rglob("integrated_gradients.skops")))["select"]
    assert clone(selector).get_params()["attribution"] == "integrated_gradients"
    assert "IGLandmarkSelector(" in repr(selector)


def test_an_interrupted_comparison_goes_on(older):
    folder = older / "interrupted_run"
    kept = {cell.name: cell.stat().st_mtime_ns for cell in (folder / "cells").iterdir()}
    table = writer.comparison(*writer.sequences(), folder)
    now = {cell.name: cell.stat().st_mtime_ns for cell in (folder / "cells").iterdir()}
    assert len(now) == len(kept) + 2
    assert {name: now[name] for name in kept} == kept
    before = pd.read_csv(older / "run" / "results.csv")
    # The two missing fits are of today.
    assert np.isclose(table["roc_auc"], before["roc_auc"], atol=1e-12).sum() >= len(before) - 2
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["finished"]
