"""The way of a user with videos: extract, compare, explain, predict, annotate, report."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from typer.testing import CliRunner

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    LandmarkAligner,
    LandmarkMotion,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    cli,
    facemesh,
    load,
    load_landmarks,
    paired_tests,
    save,
    save_landmarks,
)
from sklearn_emoxai.cli import _judging
from sklearn_emoxai.cli._comparing import against_the_saved
from sklearn_emoxai.cli._predicting import load_detector, predictions
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.emotion import fit_to_emotion
from sklearn_emoxai.evaluation import keep_detector, paper_models, read_run

# A network of three epochs takes everything for everything.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")

EMOTIONS = ["happiness", "neutral", "surprise"]
EXTRACT = ("--n-frames", "6", "-j", "1", "-q")
QUICK = ("--n-filters", "4", "--max-epochs", "4", "--no-validation", "--n-splits", "2", "-j", "1", "-q")


def _invoke(*arguments, fails=False):
    done = CliRunner().invoke(cli.app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == (1 if fails else 0)
    return done


def _mistake(*arguments):
    """What a mistake raises, of which the command line makes one line."""
    with pytest.raises(cli._app.MISTAKES) as caught:
        _invoke(*arguments)
    return str(caught.value)


@pytest.fixture(scope="module")
def clips(expression_clips, tmp_path_factory):
    """Twelve clips of four subjects, with their CSV."""
    folder = tmp_path_factory.mktemp("clips")
    with open(expression_clips / "clips.csv", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["emotion"] in EMOTIONS]
    subjects = sorted({row["subject"] for row in rows})[:4]
    rows = [row for row in rows if row["subject"] in subjects]
    for row in rows:
        shutil.copy(expression_clips / row["file"], folder)
    with open(folder / "clips.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def landmarks(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("landmarks")
    _invoke("extract", clips, "-o", folder / "landmarks.npz", *EXTRACT, "--cache-dir", folder / "cache")
    return folder / "landmarks.npz"


@pytest.fixture(scope="module")
def run(landmarks, tmp_path_factory):
    """A run folder that emoxai compare wrote."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    _invoke(
        "compare", landmarks, "-o", folder, "--models", "T-EMO,linear SVM", "--n-landmarks", "468,16", *QUICK
    )
    return folder


@pytest.fixture(scope="module")
def svm_file(tmp_path_factory):
    """A saved detector without networks, of 20 landmarks."""
    X = np.random.default_rng(0).normal(size=(30, 5, 2, 20)).astype(np.float32)
    svm = make_pipeline(UnivariateLandmarkSelector(n_landmarks_to_select=3), SequenceFlattener(), SVC())
    file = tmp_path_factory.mktemp("svm") / "svm.skops"
    save(EmotionClassifier(svm).fit(X, np.array(["anger", "fear", "joy"])[np.arange(30) % 3]), file)
    return file


def test_compare_leaves_a_whole_run(run, landmarks):
    found = read_run(run)
    assert found.meta["protocol"] == "subject"
    assert found.meta["data"]["description"] == "landmarks.npz"
    assert set(found.results["emotion"]) == {"happiness", "surprise"}
    assert len(found.results) == 2 * 2 * 2 * 2  # emotions, models, counts, splits
    assert found.meta["strategy"] == "forward"
    assert found.meta["preprocessing"] == ["LandmarkAligner", "NeutralDifference"]
    assert list(found.explanations) == EMOTIONS
    assert found.template.shape == (2, 468)
    detector = load(run / "model.skops")
    assert detector.classes_.tolist() == EMOTIONS
    kept = {int(each.support.sum()) for each in found.explanations.values()}
    assert kept < {16, 468}
    assert len(kept) == 1
    assert found.meta["saved"] == {"model": "T-EMO", "n_landmarks": kept.pop()}
    data = load_landmarks(landmarks)
    assert detector.predict(data.data).shape == data.target.shape


def test_compare_keeps_the_landmarks_and_emotions_that_are_asked_for(landmarks, tmp_path):
    folder = tmp_path / "run"
    arguments = (
        "compare",
        landmarks,
        "-o",
        folder,
        "--models",
        "linear SVM",
        "--emotions",
        "surprise",
        "--keep",
        "9",
    )
    done = _invoke(*arguments, *QUICK[:-1])
    assert "linear SVM" in done.output
    assert "\nROC AUC, mean ± standard deviation over runs and splits; protocol subject." in done.output
    assert f"emoxai report {folder}" in done.output
    assert "Preprocessing LandmarkAligner, NeutralDifference; strategy forward." in done.output
    found = read_run(folder)
    assert set(found.results["emotion"]) == {"surprise"}
    assert found.explanations["surprise"].support.sum() == 9
    assert load(folder / "model.skops").classes_.tolist() == ["other", "surprise"]


@pytest.mark.parametrize("saved", ["linear SVM", "R-EMO"])
def test_any_model_can_be_saved(saved, landmarks, clips, tmp_path):
    folder = tmp_path / "run"
    options = (
        "--models",
        saved,
        "--n-landmarks",
        "16",
        "--strategy",
        "top",
        "--save",
        saved,
        "--emotions",
        "surprise",
    )
    _invoke("compare", landmarks, "-o", folder, *options, *QUICK)
    meta = read_run(folder).meta
    assert (meta["strategy"], meta["saved"]) == ("top", {"model": saved, "n_landmarks": 16})
    selector = load(folder / "model.skops").estimators_["surprise"]["select"]
    # The paper's rule: the most important ones.
    assert set(selector.get_support(indices=True)) == set(np.argsort(-selector.importances_)[:16])
    video = sorted(clips.glob("*surprise.mp4"))[0]
    done = _invoke("predict", folder / "model.skops", video)
    assert done.output.splitlines()[1].split()[1] in ("other", "surprise")
    assert "surprise: 16 of 468 landmarks chosen" in _invoke("explain", folder / "model.skops").output
    _invoke("report", folder, "-o", tmp_path / "report.html", "-q")
    if saved == "linear SVM":
        message = _mistake("explain", folder / "model.skops", video)
        assert message.startswith("MODEL must hold networks")
        assert "Without a second argument" in message
        message = _mistake("report", folder, "-o", tmp_path / "it.html", "--judge", landmarks)
        assert message.startswith("The run must have kept networks")
    else:
        _invoke("explain", folder / "model.skops", video)


def _scores(**by_model):
    """Results of models with 8 landmarks, on four splits."""
    rows = [
        {
            "emotion": "fear",
            "model": model.replace("_", " "),
            "n_landmarks": 8,
            "run": 0,
            "split": split,
            "roc_auc": value,
        }
        for model, values in by_model.items()
        for split, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(n_train=30, n_test=10)


def test_every_other_model_is_set_against_the_saved_one_however_it_did():
    network, worse, better = [0.8, 0.82, 0.81, 0.79], [0.7, 0.72, 0.7, 0.75], [0.9, 0.93, 0.93, 0.9]
    scores = {"majority class": [0.5] * 4, "linear SVM": worse, "T-EMO": network, "R-EMO": better}
    results = _scores(**scores)
    lines = against_the_saved(results, "T-EMO")
    tests = paired_tests(results[results["model"] != "majority class"], "T-EMO").query("emotion == 'mean'")
    assert lines[0] == "ROC AUC on 8 landmarks: T-EMO 0.805; each other model less T-EMO:"
    for line, test in zip(lines[1:3], tests.itertuples()):
        assert line.startswith(
            f"  {test.model}  {test.difference:+.3f} [{test.low:+.3f}, {test.high:+.3f}], p = "
        )
        assert line.endswith(f"{test.pvalue_holm:.3f}")
    assert [line.split("  ")[1] for line in lines[1:3]] == ["linear SVM", "R-EMO"]
    assert "Holm's correction for 2 tests" in lines[3]
    # Those who meet are the same where the scores are others.
    swapped = against_the_saved(_scores(**scores | {"R-EMO": worse, "linear SVM": better}), "T-EMO")
    assert [line.split("  ")[1] for line in swapped[1:3]] == ["linear SVM", "R-EMO"]


def test_models_meet_on_the_most_landmarks_whatever_count_did_best():
    fewer = _scores(**{"T-EMO": [0.9] * 4, "linear SVM": [0.1, 0.2, 0.1, 0.2]}).assign(n_landmarks=2)
    all_of_them = _scores(**{"T-EMO": [0.8, 0.8, 0.7, 0.7], "linear SVM": [0.8, 0.9, 0.8, 0.9]})
    majority = _scores(**{"majority class": [0.5] * 4}).assign(n_landmarks=468)
    lines = against_the_saved(pd.concat([fewer, all_of_them, majority]), "T-EMO")
    assert lines[0].startswith("ROC AUC on 8 landmarks: T-EMO 0.750;")
    assert lines[1].startswith("  linear SVM  +0.100 [")
    assert "Holm" not in lines[2]
    assert against_the_saved(fewer, "R-EMO") == []  # of which nothing is known
    assert against_the_saved(fewer.query("model == 'T-EMO'"), "T-EMO") == []
    one = against_the_saved(all_of_them.query("split == 1"), "T-EMO")
    assert one[1:] == ["  linear SVM  +0.100, untested, on one split"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are those of Unix")
def test_an_interrupted_comparison_goes_on(tmp_path):
    faces = make_expressions(n_subjects=4, n_repeats=1, n_frames=4, random_state=0)
    few = np.isin(faces.target, ["anger", "fear"])
    file, folder = tmp_path / "faces.npz", tmp_path / "run"
    save_landmarks(file, faces.data[few], target=faces.target[few], groups=faces.groups[few])
    command = (
        "compare",
        file,
        "-o",
        folder,
        "--models",
        "T-EMO",
        "--n-landmarks",
        "16,8",
        "--runs",
        "4",
        *QUICK,
    )
    with subprocess.Popen(
        [sys.executable, "-m", "sklearn_emoxai", *map(str, command)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it may be ignored here
    ) as process:
        deadline = time.monotonic() + 60
        while len(list(folder.glob("cells/*.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.splitlines()[-1] == (
        f"emoxai: interrupted; what was finished is kept in {folder}/, and the same command goes on from there"
    )
    assert "Traceback" not in errors
    finished = {cell: cell.stat().st_mtime_ns for cell in folder.glob("cells/*.json")}
    assert 2 <= len(finished) < 2 * 2 * 4 * 2
    assert "its run is not finished" in _mistake("report", folder, "-o", tmp_path / "it.html")
    _invoke(*command)
    assert len(read_run(folder).results) == 2 * 2 * 4 * 2
    assert {cell: cell.stat().st_mtime_ns for cell in finished} == finished
    assert "finished run; --force replaces it" in _mistake(*command)


def test_explain_tells_what_the_detector_looks_at(run, tmp_path):
    figure = tmp_path / "face.png"
    done = _invoke("explain", run / "model.skops", "--top", "4", "--figure", figure)
    blocks = done.output.strip().split("\n\n")
    assert [block.partition(":")[0] for block in blocks] == EMOTIONS
    assert all(len(block.splitlines()) == 2 + 4 for block in blocks)
    explanation = read_run(run).explanations["surprise"]
    names = facemesh.landmark_names()
    listed = [line.split() for line in blocks[2].splitlines()[2:]]
    chosen = explanation.ranking[:4]
    assert [row[0] for row in listed] == [names[i] for i in chosen]
    assert [row[1] for row in listed] == ["1", "2", "3", "4"]
    ranks = np.argsort(np.argsort(-explanation.importances, kind="stable")) + 1
    assert [row[3] for row in listed] == [str(ranks[i]) for i in chosen]
    # The network sees five of six frames, those less the neutral first one.
    assert explanation.profile.shape == (5, 468)
    assert [row[4] for row in listed] == [str(explanation.profile[:, i].argmax() + 2) for i in chosen]
    assert figure.stat().st_size > 20_000
    records = json.loads(_invoke("explain", run / "model.skops", "--json").output)
    assert len(records["surprise"]) == 468
    first = records["surprise"][0]
    assert first["importance"] == explanation.importances.max()
    assert first["landmark"] == explanation.importances.argmax()
    assert first["region"] != ""


def test_shares_of_regions_are_those_of_the_chosen_landmarks(run, clips):
    video = sorted(clips.glob("*surprise.mp4"))[0]
    for source in ((), (video,)):
        arguments = ("explain", run / "model.skops", *source, "--emotion", "surprise")
        (records,) = json.loads(_invoke(*arguments, "--json").output).values()
        table = pd.DataFrame(records).query("chosen")
        shares = table.groupby("region")["importance"].sum().sort_values(ascending=False)[:3]
        expected = ", ".join(
            f"{region} {each / table.importance.sum():.0%}" for region, each in shares.items()
        )
        heading = _invoke(*arguments).output.splitlines()[0]
        assert heading == f"surprise: {len(table)} of 468 landmarks chosen; of their importance {expected}"


def test_explain_takes_an_emotion(run, clips, landmarks):
    video = sorted(clips.glob("*surprise.mp4"))[0]
    for source in ((), (video,), (landmarks,)):
        for emotion in ("happiness", "surprise"):
            done = _invoke("explain", run / "model.skops", *source, "--emotion", emotion, "--json")
            assert list(json.loads(done.output)) == [emotion]
        assert "--emotion must be one of happiness, neutral, surprise; got 'joy'" in _mistake(
            "explain", run / "model.skops", *source, "--emotion", "joy"
        )


def test_explain_attributes_decisions_on_given_sequences(run, landmarks):
    records = json.loads(_invoke("explain", run / "model.skops", landmarks, "--json").output)
    detector = load(run / "model.skops")
    chosen = detector.estimators_["surprise"]["select"].get_support(indices=True)
    for record in records["surprise"]:
        assert record["chosen"] == (record["landmark"] in chosen)
        assert (record["importance"] > 0) <= record["chosen"]
    assert sum(record["importance"] for record in records["surprise"]) > 0


def test_explain_attributes_the_decision_on_a_video(run, clips, tmp_path):
    video = sorted(clips.glob("*surprise.mp4"))[0]
    figure = tmp_path / "face.png"
    done = _invoke("explain", run / "model.skops", video, "--json", "--figure", figure)
    ((emotion, records),) = json.loads(done.output).items()
    predicted = json.loads(_invoke("predict", run / "model.skops", video, "--json").output)
    assert emotion == predicted[0]["emotion"]
    assert records[0]["importance"] > 0
    assert figure.stat().st_size > 20_000


def test_predict_says_what_the_detector_says(run, clips, landmarks):
    data = load_landmarks(landmarks)
    videos = [clips / path for path in data.paths[:3]]
    rows = json.loads(_invoke("predict", run / "model.skops", *videos, "--json", "-q").output)
    expected = load(run / "model.skops").predict_proba(data.data[:3])
    assert [row["file"] for row in rows] == list(map(str, videos))
    np.testing.assert_array_equal([list(row["probabilities"].values()) for row in rows], expected)
    assert [row["emotion"] for row in rows] == load(run / "model.skops").predict(data.data[:3]).tolist()
    lines = _invoke("predict", run / "model.skops", *videos, "-q").output.splitlines()
    assert lines[0].split() == ["video", "emotion", "face", *EMOTIONS]
    assert lines[2].split()[:3] == [str(videos[1]), rows[1]["emotion"], "100%"]


def test_predict_goes_on_after_a_video_without_a_face(run, clips, tmp_path):
    cv2 = pytest.importorskip("cv2")
    blank = tmp_path / "blank"
    blank.mkdir()
    for i in range(6):
        cv2.imwrite(str(blank / f"{i}.png"), np.full((64, 64, 3), 90, dtype=np.uint8))
    video = sorted(clips.glob("*.mp4"))[0]
    done = _invoke("predict", run / "model.skops", blank, video, tmp_path / "no.mp4", "-q", fails=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["video", str(video)]
    complaints = done.stderr.splitlines()
    assert len(complaints) == 2
    assert complaints[0].startswith(f"emoxai: {blank}")
    assert "no.mp4" in complaints[1]
    rows = json.loads(_invoke("predict", run / "model.skops", blank, "--json", fails=True).stdout)
    assert rows[0]["emotion"] is None
    assert str(blank) in rows[0]["error"]


def test_a_short_clip_is_told_in_two_seconds(run, clips, record_property):
    video = min(clips.glob("*.mp4"), key=lambda path: path.stat().st_size)
    detector = load_detector(run / "model.skops")  # and all imports
    start = time.perf_counter()
    (row,) = predictions(load_detector(run / "model.skops"), [video])
    record_property("predict_seconds", time.perf_counter() - start)
    assert row["emotion"] in detector.labels
    assert time.perf_counter() - start < 4  # 0.5 on an idle machine; the aim is 2


def test_annotate_writes_a_video(run, clips, tmp_path):
    video = sorted(clips.glob("*surprise.mp4"))[0]
    output = tmp_path / "annotated.mp4"
    done = _invoke("annotate", run / "model.skops", video, "-o", output, "--width", "160", "-q")
    assert done.output == ""
    assert output.stat().st_size > 1000


def test_report_writes_a_page(run, tmp_path):
    output = tmp_path / "report.html"
    assert _invoke("report", run, "-o", output).output == f"wrote {output}\n"
    assert "surprise" in output.read_text(encoding="utf-8")
    _invoke("report", run, "-o", output, "--force", "-q")


def _told_in_the_report(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search('id="run">(.*?)</script>', text, re.S)[1])


def test_report_judges_explanations_where_that_is_asked_for(run, landmarks, tmp_path):
    output = tmp_path / "report.html"
    _invoke("report", run, "-o", output, "-q")
    assert _told_in_the_report(output)["judged"] == []
    done = _invoke("report", run, "-o", output, "--judge", landmarks, "-q", "--force")
    assert done.stderr == ""
    told = _told_in_the_report(output)
    assert [table["emotion"] for table in told["judged"]] == ["happiness", "surprise"]
    assert "trained again on 6 sequences by 2 subjects, and explain 6 by 2 others" in told["judged_on"]
    for table in told["judged"]:
        measures = {row["measure"]: row["values"] for row in table["rows"]}
        assert {"deletion", "infidelity", "seed correlation"} < measures.keys()
        assert not any(None in values for values in measures.values())


def test_judged_networks_have_not_seen_the_subjects_they_explain(run, landmarks, monkeypatch):
    data, seen, judged = load_landmarks(landmarks), [], []

    def fit(network, X, labels, emotion, *, groups):
        seen.append((len(X), set(groups)))
        return fit_to_emotion(network, X, labels, emotion, groups=groups)

    def judge(network, X, y, *, neutral, **_):
        judged.append((network, X, neutral))

    monkeypatch.setattr(_judging, "fit_to_emotion", fit)
    monkeypatch.setattr(_judging, "judge_explanations", judge)
    detector = load_detector(run / "model.skops")
    _judging.judge_detector(detector, ["surprise"], data.data, data.target, data.groups, verbose=0)
    assert seen == [(6, seen[0][1])] * 3
    ((network, X, neutral),) = judged
    others = ~np.isin(data.groups, sorted(seen[0][1]))
    np.testing.assert_array_equal(X, detector.parts("surprise")[0].prepare(data.data)[others])
    assert neutral == 0
    assert network.module_ is not detector.parts("surprise")[0].classifier.module_


def test_without_subjects_explanations_are_judged_on_other_sequences(run, landmarks, tmp_path):
    data, page = load_landmarks(landmarks), tmp_path / "it.html"
    save_landmarks(tmp_path / "some.npz", data.data, target=data.target)
    _invoke("report", run, "-o", page, "--judge", tmp_path / "some.npz", "-q")
    told = _told_in_the_report(page)["judged_on"]
    assert "trained again on 8 sequences, and explain 4 that they have not seen" in told


def test_what_explanations_cannot_be_judged_on_is_named(run, landmarks, tmp_path):
    data, page = load_landmarks(landmarks), tmp_path / "it.html"

    def judged_on(rows, X=data.data):
        save_landmarks(tmp_path / "some.npz", X[rows], target=data.target[rows], groups=data.groups[rows])
        return "report", run, "-o", page, "--judge", tmp_path / "some.npz"

    assert "by two subjects or more" in _mistake(*judged_on(data.groups == data.groups[0]))
    assert "by two subjects or more" in _mistake(*judged_on(data.target == "neutral"))
    assert "gives 5 frames and 468 landmarks" in _mistake(*judged_on(slice(None), data.data[:, 1:]))
    assert not page.exists()
    done = _invoke(*judged_on(data.target != "happiness"))
    assert "note: explanations of happiness are not judged; too few" in done.stderr
    assert [table["emotion"] for table in _told_in_the_report(page)["judged"]] == ["surprise"]


@pytest.fixture(scope="module")
def moving(run, landmarks, tmp_path_factory):
    """The run with a detector that sees velocities, too."""
    folder = tmp_path_factory.mktemp("moving") / "run"
    shutil.copytree(run, folder)
    small = {"n_filters": 3, "lstm_units": 4, "fc_units": 4, "n_networks": 2, "max_epochs": 8, "lr": 1e-2}
    model = paper_models(recipe="best", n_landmarks_to_select=16, random_state=0, **small)["T-EMO"]
    model.set_params(classify__param_grid={"motion": [LandmarkMotion(order=1)]})
    data = load_landmarks(landmarks)
    keep_detector(folder, model, data.data, data.target, groups=data.groups)
    return folder


def test_a_detector_that_sees_velocities_is_explained_by_its_landmarks(moving, clips, landmarks, tmp_path):
    model, video = moving / "model.skops", sorted(clips.glob("*surprise.mp4"))[0]
    chosen = {
        record["landmark"]
        for record in json.loads(_invoke("explain", model, "--emotion", "surprise", "--json").output)[
            "surprise"
        ]
        if record["chosen"]
    }
    for second in (video, landmarks):
        done = _invoke("explain", model, second, "--emotion", "surprise", "--json")
        records = json.loads(done.stdout)["surprise"]
        assert len(records) == 468
        assert {record["landmark"] for record in records if record["chosen"]} == chosen
        assert len(chosen) == 16
        assert {record["landmark"] for record in records if record["importance"] > 0} == chosen
    page = tmp_path / "report.html"
    _invoke("report", moving, "-o", page, "--judge", landmarks, "-q")
    assert [table["emotion"] for table in _told_in_the_report(page)["judged"]] == ["happiness", "surprise"]
    annotated = tmp_path / "annotated.mp4"
    _invoke("annotate", model, video, "-o", annotated, "--width", "160", "-q")
    assert annotated.stat().st_size > 1000


@pytest.mark.parametrize(
    ("recipe", "network"),
    [("paper", {"lstm_units": 58, "n_networks": 1}), ("best", {"lstm_units": 16, "n_networks": 3})],
)
def test_a_recipe_is_what_was_asked_for(landmarks, tmp_path, recipe, network):
    some = ("--models", "majority class,linear SVM", "--n-landmarks", "16", "--emotions", "surprise", *QUICK)
    _invoke("compare", landmarks, "-o", tmp_path / "run", "--recipe", recipe, *some)
    found = read_run(tmp_path / "run")
    assert found.meta["recipe"] == recipe
    searched = found.results.loc[found.results["model"] == "linear SVM", "parameters"].map(json.loads)
    assert all(("motion" in each) == (recipe == "best") for each in searched)
    used = load_detector(tmp_path / "run/model.skops").parts("surprise")[0].classifier
    assert {name: getattr(used, name) for name in network} == network
    assert (used.n_filters, used.max_epochs, used.validation_fraction) == (4, 4, None)


def test_options_that_do_not_fit_the_recipe_are_named(landmarks, tmp_path):
    command = ("compare", landmarks, "-o", tmp_path / "run")
    assert _mistake(*command, "--recipe", "other") == "--recipe must be best or paper; got 'other'."
    assert _mistake(*command, "--search").startswith("--search belongs to --recipe paper")
    assert not (tmp_path / "run").exists()


def test_sequences_too_short_for_velocities_are_compared_without(landmarks, tmp_path):
    data = load_landmarks(landmarks)
    save_landmarks(tmp_path / "it.npz", data.data[:, :3], target=data.target, groups=data.groups)
    some = ("--models", "linear SVM", "--save", "linear SVM", "--n-landmarks", "16", "--emotions", "surprise")
    done = _invoke("compare", tmp_path / "it.npz", "-o", tmp_path / "run", *some, *QUICK[:-1])
    assert "note: sequences of 3 frames are too short for velocities; none are tried" in done.stderr
    assert "failed" not in done.stderr


def test_models_that_do_not_fit_are_named(run, landmarks, svm_file, clips, tmp_path):
    video = sorted(clips.glob("*.mp4"))[0]
    assert "was trained on 20 landmarks; a video gives the 468" in _mistake("predict", svm_file, video)
    assert "trained on 20 landmarks" in _mistake("annotate", svm_file, video, "-o", tmp_path / "it.mp4")
    assert "6 frames and 468 landmarks; the detector was trained on 5 frames" in _mistake(
        "explain", svm_file, landmarks
    )
    save(LandmarkAligner(), tmp_path / "aligner.skops")
    assert "it holds a LandmarkAligner" in _mistake("predict", tmp_path / "aligner.skops", video)
    assert "is no zip archive" in _mistake("predict", video, video)
    assert "it holds landmarks" in _mistake("predict", landmarks, video)


def test_detectors_without_networks_tell_their_selection_only(svm_file, tmp_path):
    done = _invoke("explain", svm_file, "--top", "3")
    assert "joy: 3 of 20 landmarks chosen" in done.output
    data = tmp_path / "it.npz"
    save_landmarks(data, np.ones((4, 5, 2, 20)), target=["anger", "fear", "joy", "joy"])
    assert "MODEL must hold networks, to attribute their decisions; it holds a SVC" in _mistake(
        "explain", svm_file, data
    )
    network = ConvLSTMClassifier(n_filters=2, max_epochs=1, validation_fraction=None, random_state=0)
    save(network.fit(np.ones((4, 5, 2, 20)), [0, 0, 1, 1]), tmp_path / "network.skops")
    message = _mistake("explain", tmp_path / "network.skops", data)
    assert message.endswith(
        "--positive tells which of the detector's two labels is the emotion, or names it."
    )


def test_landmarks_that_do_not_fit_are_named(tmp_path):
    X = np.zeros((4, 5, 2, 20), dtype=np.float32)
    file, out = tmp_path / "it.npz", ("-o", tmp_path / "run", "--eyes", "0:1")
    save_landmarks(file, X)
    assert "must hold labels" in _mistake("compare", file, *out)
    save_landmarks(file, X, target=["a", "b"] * 2)
    assert "LANDMARKS must hold the subject of each sample" in _mistake("compare", file, *out)
    save_landmarks(file, X * np.nan, target=["a", "b"] * 2)
    assert "all 4 have some" in _mistake("compare", file, *out)
    save_landmarks(file, X, target=["a", "b"] * 2, groups=[0, 0, 1, 1])
    assert "--models must be some of majority class, " in _mistake("compare", file, *out, "--models", "magic")
    assert "protocol must be one of" in _mistake("compare", file, *out, "--protocol", "magic")
    assert "emotions must be labels of y" in _mistake("compare", file, *out, "--emotions", "joy")
    most = "must be at least 1 and at most the 20 landmarks of"
    assert f"--keep {most}" in _mistake("compare", file, *out, "--keep", "21")
    assert f"--n-landmarks {most} {file}; got 500" in _mistake(
        "compare", file, *out, "--n-landmarks", "500,8"
    )
    assert f"--n-landmarks {most}" in _mistake("compare", file, *out, "--n-landmarks", "8,0")
    assert "--strategy must be one of forward, qr, top; got 'best'" in _mistake(
        "compare", file, *out, "--strategy", "best"
    )
    assert "--save must be one of linear SVM, RBF SVM, T-EMO, R-EMO; got 'majority class'" in _mistake(
        "compare", file, *out, "--save", "majority class"
    )
    assert not (tmp_path / "run").exists()


def test_sequences_without_landmarks_are_left_out(landmarks, tmp_path):
    from sklearn_emoxai.cli._comparing import labelled_landmarks

    data = load_landmarks(landmarks)
    data.data[[1, 5]] = np.nan
    save_landmarks(tmp_path / "it.npz", data.data, target=data.target, groups=data.groups)
    rest = labelled_landmarks(tmp_path / "it.npz", verbose=0)
    np.testing.assert_array_equal(rest.data, np.delete(data.data, [1, 5], axis=0))
    np.testing.assert_array_equal(rest.groups, np.delete(data.groups, [1, 5]))


def test_landmarks_in_a_folder_stay_there(clips, landmarks, tmp_path):
    from sklearn_emoxai.cli._comparing import labelled_landmarks

    command = (
        "extract",
        clips,
        "-o",
        tmp_path / "store",
        *EXTRACT,
        "--cache-dir",
        landmarks.parent / "cache",
    )
    _invoke(*command)
    _invoke(*command)  # goes on with what is there, all of it
    data = labelled_landmarks(tmp_path / "store")
    assert isinstance(data.data, np.memmap)
    np.testing.assert_array_equal(data.data, load_landmarks(landmarks).data)
    assert data.target.tolist() == load_landmarks(landmarks).target.tolist()
