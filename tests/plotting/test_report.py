"""The report, as a file. test_report_browser.py opens it."""

import json
import re
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_emoxai import facemesh, write_report
from sklearn_emoxai.evaluation import Explanation, read_run
from sklearn_emoxai.plotting._report import report_data


@pytest.fixture(scope="module")
def run_folder(write_run, tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("report") / "run")


def test_a_report_of_six_emotions_is_quick_and_below_ten_megabytes(run_folder, tmp_path):
    started = time.perf_counter()
    path = write_report(run_folder, tmp_path / "report.html")
    assert time.perf_counter() - started < 10
    assert path.stat().st_size < 10e6


def test_the_report_asks_for_nothing_outside_itself(run_folder, tmp_path):
    page = write_report(run_folder, tmp_path / "report.html").read_text(encoding="utf-8")
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r"(src|href)=[\"'](?!data:|#)", own)
    assert "default-src 'none'" in own
    assert not re.search(r"\{\{(style|data|plotly|script)\}\}", own)


def test_the_data_are_those_of_the_run(run_folder):
    run = read_run(run_folder)
    data = report_data(run)
    assert data["emotions"] == ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
    fear = run.results.query("emotion == 'fear' and model == 'T-EMO' and n_landmarks == 64")
    row = next(r for r in data["scores"]["roc_auc"] if r["model"] == "T-EMO" and r["n_landmarks"] == 64)
    np.testing.assert_allclose(row["emotions"]["fear"], fear["roc_auc"].agg(["mean", "std"]), rtol=1e-4)
    face, explanation = data["faces"]["fear"], run.explanations["fear"]
    np.testing.assert_allclose(face["importances"], explanation.importances, rtol=1e-4)
    assert face["n_selected"] == 32
    shares = np.array(face["timeline"]["share"])
    assert shares.shape == (len(facemesh.REGIONS), 10)
    np.testing.assert_allclose(shares.sum(), 1, rtol=1e-3)
    nose = face["timeline"]["regions"].index("nose")
    expected = explanation.profile[:, facemesh.REGIONS["nose"]].mean(axis=1)
    np.testing.assert_allclose(face["timeline"]["mean"][nose], expected, rtol=1e-4, atol=1e-12)
    assert {row["n_landmarks"] for row in data["stability"]} == {234, 128, 64, 32, 16}
    assert ["protocol", "subject: no person is both trained and tested on"] in data["data"]
    assert ["torch", "2.13.0"] in data["versions"]


def test_scorecards_are_shown_with_their_sentences(run_folder, tmp_path):
    table = pd.DataFrame(
        {
            "integrated_gradients": [0.2, np.nan],
            "mine": [0.3, 0.5],
            "better": ["lower", ""],
            "meaning": ["A.", "B."],
        },
        index=["deletion", "max_sensitivity"],
    )
    (judged,) = report_data(read_run(run_folder), {"fear": table})["judged"]
    assert judged["explanations"] == ["integrated gradients", "mine"]
    assert judged["rows"][1] == {
        "measure": "max sensitivity", "better": "", "meaning": "B.", "values": [None, 0.5],
    }  # fmt: skip
    page = write_report(
        run_folder, tmp_path / "report.html", judged={"fear": table}, judged_on="On these."
    ).read_text(encoding="utf-8")
    assert '"measure": "deletion"' in page
    assert '"judged_on": "On these."' in page
    with pytest.raises(ValueError, match=r"that of 'fear' lacks \['better'\]"):
        report_data(read_run(run_folder), {"fear": table.drop(columns="better")})


def test_only_synthetic_data_are_called_so(run_folder):
    run = read_run(run_folder)
    assert report_data(run)["synthetic"] is False
    assert report_data(replace(run, meta=run.meta | {"synthetic": True}))["synthetic"] is True


def test_the_models_of_the_run_are_explained_and_no_others(run_folder):
    run = read_run(run_folder)
    terms = dict(report_data(run)["terms"])
    assert terms.keys() == set(run.meta["models"])
    assert "fully trained" in terms["T-EMO"]
    some = replace(run, results=run.results.replace({"T-EMO": "my own", "R-EMO": "another"}))
    assert dict(report_data(some)["terms"]).keys() == {"majority class", "linear SVM"}


def test_strategy_and_preprocessing_are_told_where_the_run_knows_them(run_folder):
    run = read_run(run_folder)
    terms = dict(report_data(run)["data"])
    assert terms["run folder"] == "run"
    assert report_data(run)["description"] == "Rendered clips, run folder run"
    assert not {"selection", "preprocessing", "detector shown"} & terms.keys()
    facts = {
        "strategy": "top",
        "preprocessing": ["LandmarkAligner", "NeutralDifference"],
        "saved": {"model": "T-EMO", "n_landmarks": 32},
    }
    terms = dict(report_data(replace(run, meta=run.meta | facts))["data"])
    assert terms["selection"] == "top: the landmarks of largest importance"
    assert terms["preprocessing"] == "LandmarkAligner, NeutralDifference"
    assert terms["detector shown"] == "T-EMO with 32 landmarks, trained on all samples"
    odd = run.meta | {"strategy": "of my own", "preprocessing": [], "saved": None}
    terms = dict(report_data(replace(run, meta=odd))["data"])
    assert (terms["selection"], terms["preprocessing"]) == ("of my own", "none")


@pytest.mark.parametrize(
    ("n_frames", "first", "of"),
    [(10, 2, 10), (9, 1, 9), (20, 1, 9), (None, 1, 9)],  # 20: which 9 of them is not known
)
def test_frames_are_numbered_as_in_the_clip(run_folder, n_frames, first, of):
    run = read_run(run_folder)
    profile = np.zeros((9, 468))
    profile[3, 5], profile[8, 6] = 1, 2
    fear = replace(run.explanations["fear"], profile=profile)
    meta = run.meta | {"data": run.meta["data"] | {"n_frames": n_frames}}
    face = report_data(replace(run, meta=meta, explanations={"fear": fear}))["faces"]["fear"]
    assert face["frames"] == {"first": first, "of": of}
    assert face["peaks"][5:7] == [first + 3, first + 8]
    assert face["timeline"]["last"] == pytest.approx(2 / 3, rel=1e-4)


def test_labels_that_are_markup_stay_data(write_run, tmp_path):
    label = "</script><script>alert(1)</script>&<!--"
    run = write_run(tmp_path / "run", emotions=(label, "fear"))
    page = write_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "alert(1)</script>" not in page
    data = re.search(r'<script type="application/json" id="run">(.*?)</script>', page, flags=re.S)[1]
    assert "<" not in data
    assert json.loads(data)["emotions"] == [label, "fear"]


def test_a_run_without_explanations_or_selections_has_a_report(write_run, tmp_path):
    run = write_run(tmp_path / "run", explained=False, selected=False)
    assert write_report(run, tmp_path / "report.html").exists()
    data = report_data(read_run(run))
    assert data["faces"] == {}
    assert data["stability"] == []


def test_other_landmarks_are_drawn_without_a_mesh(run_folder):
    run = read_run(run_folder)
    meta = run.meta | {"data": run.meta["data"] | {"n_landmarks": 68}}
    explanations = {
        "fear": Explanation(np.ones(68), np.arange(68), np.arange(68) < 20, np.ones((10, 68))),
    }
    results = run.results.assign(selected="")
    run = replace(run, meta=meta, results=results, explanations=explanations, template=run.template[:, :68])
    data = report_data(run)
    assert np.shape(data["template"]) == (2, 68)
    assert data["edges"] == data["outlines"] == []
    assert data["faces"]["fear"]["timeline"] is None
    assert data["regions"] == [""] * 68


def test_placeholders_in_the_data_are_left_alone(write_run, tmp_path):
    run = write_run(tmp_path / "run", emotions=("{{plotly}}", "{{script}}"))
    page = write_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json" id="run">(.*?)</script>', page, flags=re.S)[1]
    assert json.loads(data)["emotions"] == ["{{plotly}}", "{{script}}"]


def test_an_existing_report_is_replaced_only_by_force(run_folder, tmp_path):
    output = tmp_path / "report.html"
    output.write_text("mine")
    with pytest.raises(FileExistsError, match=r"report\.html exists; force=True"):
        write_report(run_folder, output)
    assert output.read_text() == "mine"
    write_report(run_folder, output, force=True)
    assert output.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        ("report.txt", ValueError, r"output must end in \.html; got '.*report\.txt'"),
        ("nowhere/report.html", FileNotFoundError, "nowhere, the folder of output, does not exist"),
    ],
)
def test_an_output_that_cannot_be_is_refused(run_folder, tmp_path, output, error, message):
    with pytest.raises(error, match=message):
        write_report(run_folder, tmp_path / output)


def test_results_without_a_score_are_refused(run_folder):
    run = read_run(run_folder)
    run = replace(run, results=run.results.drop(columns=["accuracy", "balanced_accuracy", "roc_auc"]))
    with pytest.raises(ValueError, match="must hold one of the scores roc_auc, balanced_accuracy"):
        report_data(run)


def test_a_folder_without_results_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no run\.json"):
        write_report(tmp_path / "empty", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
