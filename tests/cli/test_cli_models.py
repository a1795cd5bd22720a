"""Commands take what users fit: Pipelines, searches, networks and SVMs, and folders of videos."""

import csv
import json
import shutil

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from typer.testing import CliRunner

from sklearn_emoxai import (
    ConvLSTMClassifier,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkExtractor,
    NeutralDifference,
    SequenceFlattener,
    cli,
    save,
    save_landmarks,
)
from sklearn_emoxai.cli import _predicting
from sklearn_emoxai.cli._predicting import predictions, table_of
from sklearn_emoxai.datasets import make_expression_videos, make_expressions
from sklearn_emoxai.evaluation import as_detector

# A network of three epochs takes everything for everything; and "rest" is what is explained without --positive.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning"),
    pytest.mark.filterwarnings("ignore:the class 'rest' of y is explained:UserWarning"),
]

N_FRAMES = 4
NETWORK = ConvLSTMClassifier(n_filters=3, lstm_units=4, fc_units=4, lr=1e-2, max_epochs=3, random_state=0)
SELECT = IGLandmarkSelector(
    NETWORK, n_landmarks_to_select=8, strategy="top", n_steps=2, n_baselines=2, random_state=0
)
PIPELINE = make_pipeline(LandmarkAligner(), NeutralDifference(), SELECT, NETWORK)
SVM = make_pipeline(LandmarkAligner(), SequenceFlattener(), SVC(kernel="linear"))


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
def faces():
    return make_expressions(n_subjects=4, n_repeats=1, n_frames=N_FRAMES, difficulty=0, random_state=0)


@pytest.fixture(scope="module")
def fear(faces):
    return np.where(faces.target == "fear", "fear", "rest")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of videos with a folder of images, a hidden file and a text in it."""
    folder = tmp_path_factory.mktemp("clips")
    made = make_expression_videos(
        folder, n_subjects=1, emotions=["fear", "surprise"], n_frames=5, size=192, random_state=0
    )
    below = folder / "S010"
    below.mkdir()
    video = sorted(folder.rglob("*.mp4"))[0]
    cv2 = pytest.importorskip("cv2")
    capture = cv2.VideoCapture(str(video))
    for i in range(5):
        cv2.imwrite(str(below / f"frame{i}.png"), capture.read()[1])
    capture.release()
    shutil.copy(video, folder / ".hidden.mp4")
    (folder / "notes.txt").write_text("no video")
    assert len(made.paths) == 2
    return folder


@pytest.fixture(scope="module")
def videos(clips):
    return sorted(path for path in clips.rglob("*.mp4") if path.name[0] != ".")


@pytest.fixture(scope="module")
def X(videos):
    return LandmarkExtractor(N_FRAMES).fit_transform(videos)


@pytest.fixture(scope="module")
def pipeline(faces, fear):
    return clone(PIPELINE).fit(faces.data, fear)


@pytest.fixture(scope="module")
def saved(pipeline, faces, fear, tmp_path_factory):
    """Name → file of a fitted model, and the model."""
    search = GridSearchCV(
        make_pipeline(LandmarkAligner(), NETWORK), {"convlstmclassifier__n_filters": [2]}, cv=2
    )
    drawn = RandomizedSearchCV(SVM, {"svc__C": [1, 10]}, n_iter=2, cv=2, random_state=0)
    models = {
        "pipeline": pipeline,
        "search": search.fit(faces.data, fear),
        "SVM": drawn.fit(faces.data, fear),
        "network": clone(NETWORK).fit(faces.data, faces.target),
        "from videos": make_pipeline(LandmarkExtractor(N_FRAMES, max_missing=0.1), *pipeline),
    }
    folder = tmp_path_factory.mktemp("models")
    for name, model in models.items():
        save(model, folder / f"{name}.skops")
    return {name: (folder / f"{name}.skops", model) for name, model in models.items()}


@pytest.mark.parametrize("name", ["pipeline", "search", "network"])
def test_predict_gives_probabilities_of_whatever_has_them(name, saved, videos, X):
    file, model = saved[name]
    rows = json.loads(_invoke("predict", file, *videos, "--json", "-q").stdout)
    assert [row["emotion"] for row in rows] == model.predict(X).tolist()
    assert [list(row["probabilities"]) for row in rows] == [model.classes_.tolist()] * 2
    np.testing.assert_allclose([list(row["probabilities"].values()) for row in rows], model.predict_proba(X))
    assert [row["scores"] for row in rows] == [None, None]


def test_predict_gives_scores_of_an_svm_and_calls_them_so(saved, videos, X):
    file, model = saved["SVM"]
    rows = json.loads(_invoke("predict", file, *videos, "--json", "-q").stdout)
    assert [row["probabilities"] for row in rows] == [None, None]
    np.testing.assert_allclose([row["scores"]["rest"] for row in rows], model.decision_function(X), rtol=1e-5)
    lines = _invoke("predict", file, *videos, "-q").stdout.splitlines()
    assert lines[0].split("  ")[-2:] == ["score fear", "score rest"]
    assert lines[1].split()[-2:] == [f"{rows[0]['scores'][label]:+.3f}" for label in ("fear", "rest")]


def test_a_pipeline_from_videos_sees_them_as_it_was_told_to(saved, pipeline, videos, X, monkeypatch):
    used = []

    def spy(videos, options, **rest):
        used.append(options.max_missing)
        return extract_many(videos, options, **rest)

    extract_many = _predicting.extract_many
    monkeypatch.setattr(_predicting, "extract_many", spy)
    file, _ = saved["from videos"]
    rows = json.loads(_invoke("predict", file, *videos, "--json", "-q").stdout)
    assert [row["emotion"] for row in rows] == pipeline.predict(X).tolist()
    _invoke("predict", file, videos[0], "--max-missing", "0.3")
    assert used == [0.1, 0.3]
    (emotion,) = json.loads(_invoke("explain", file, videos[0], "--json").stdout)
    assert emotion == rows[0]["emotion"]


def test_predict_takes_the_videos_of_a_folder_and_goes_on_after_an_error(saved, clips, videos, tmp_path):
    folder = tmp_path / "more"
    shutil.copytree(clips, folder / "clips")
    (folder / "broken.mp4").write_bytes(b"\0" * 64)
    table = tmp_path / "out.csv"
    done = _invoke("predict", saved["pipeline"][0], folder, "-o", table, fails=True)
    with open(table, newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = [folder / "clips" / path.relative_to(clips) for path in videos]
    expected = [folder / "broken.mp4", folder / "clips" / "S010", *found]
    assert sorted(row["file"] for row in rows) == sorted(map(str, expected))
    assert list(rows[0]) == ["file", "emotion", "face_share", "probability_fear", "probability_rest", "error"]
    broken = rows[0]
    assert (broken["file"], broken["emotion"], broken["probability_fear"]) == (str(expected[0]), "", "")
    assert "can't be read as a video" in broken["error"]
    for row in rows[1:]:
        larger = row["probability_fear"] > row["probability_rest"]
        assert row["emotion"] == ("fear" if larger else "rest")
        assert (row["face_share"], row["error"]) == ("1.0", "")
    assert done.stderr.splitlines()[-1] == f"emoxai: {broken['error']}"
    assert "Landmarks" in done.stderr  # the progress bar
    assert "exists already; --force replaces it" in _mistake(
        "predict", saved["pipeline"][0], folder, "-o", table
    )


def test_a_folder_without_videos_is_one_error(saved, tmp_path):
    (tmp_path / "notes.txt").write_text("no video")
    done = _invoke("predict", saved["pipeline"][0], tmp_path, fails=True)
    assert f"{tmp_path} must hold images" in done.stderr


def test_explain_tells_the_choice_of_a_binary_pipeline(saved, pipeline):
    chosen = pipeline[2].get_support(indices=True).tolist()
    for options, emotion in (((), "rest"), (("--positive", "fear"), "fear")):
        ((found, records),) = json.loads(
            _invoke("explain", saved["pipeline"][0], *options, "--json").stdout
        ).items()
        assert found == emotion
        assert sorted(record["landmark"] for record in records if record["chosen"]) == chosen


def test_explain_attributes_a_binary_pipelines_decisions(saved, pipeline, faces, videos, tmp_path):
    file, data = saved["pipeline"][0], tmp_path / "faces.npz"
    save_landmarks(data, faces.data, target=faces.target)
    ((emotion, records),) = json.loads(
        _invoke("explain", file, data, "--positive", "fear", "--json").stdout
    ).items()
    assert emotion == "fear"
    chosen = pipeline[2].get_support(indices=True)
    assert {record["landmark"] for record in records if record["importance"] > 0} <= set(chosen)
    assert records[0]["importance"] > 0
    message = _mistake("explain", file, data)
    assert "must hold rest; its labels are anger, disgust, fear" in message
    assert "--positive tells which of the detector's two labels" in message
    # Two outputs of a softmax rise and fall together: both labels have the same landmarks.
    both = [
        json.loads(_invoke("explain", file, videos[0], "--emotion", label, "--json").stdout)[label]
        for label in ("fear", "rest")
    ]
    first, second = ([record["importance"] for record in records] for records in both)
    np.testing.assert_allclose(first, second, rtol=1e-3)


def test_explain_attributes_each_label_of_one_network(saved, faces, videos, tmp_path):
    file, data = saved["network"][0], tmp_path / "faces.npz"
    save_landmarks(data, faces.data, target=faces.target)
    records = json.loads(_invoke("explain", file, data, "--json").stdout)
    assert list(records) == sorted(set(faces.target))
    assert len({tuple(record["landmark"] for record in each[:9]) for each in records.values()}) > 1
    message = _mistake("explain", file)
    assert message.startswith("MODEL must choose landmarks by their importance")
    assert "its ConvLSTMClassifier chooses none" in message


def test_explain_says_what_an_svm_can_not_tell(saved, videos):
    assert "MODEL must hold networks, to attribute their decisions; it holds a SVC" in _mistake(
        "explain", saved["SVM"][0], videos[0]
    )
    assert "its Pipeline chooses none" in _mistake("explain", saved["SVM"][0])


@pytest.mark.parametrize("name", ["SVM", "from videos"])
def test_annotate_draws_whatever_has_probabilities_or_scores(name, saved, videos, tmp_path):
    output = tmp_path / "out.mp4"
    arguments = ("-o", output, "--width", "160", "--codec", "mp4v", "-q", "--positive", "fear")
    _invoke("annotate", saved[name][0], videos[0], *arguments)
    assert output.stat().st_size > 1000


def test_a_label_that_is_none_is_named(saved, videos):
    file, _ = saved["pipeline"]
    assert f"{file}: --positive must be fear or rest, the labels; got 'joy'" in _mistake(
        "predict", file, videos[0], "--positive", "joy"
    )


def test_a_model_that_does_not_tell_its_frames_is_refused_in_a_sentence(tmp_path, videos):
    rows = np.random.default_rng(0).normal(size=(8, 12))
    save(SVC().fit(rows, np.arange(8) % 2), tmp_path / "svc.skops")
    assert "the SVC does not: fit it behind a step such as LandmarkAligner" in _mistake(
        "predict", tmp_path / "svc.skops", videos[0]
    )


def test_a_vote_without_numbers_is_told_without_numbers(faces, fear, videos):
    vote = VotingClassifier([("a", SVM), ("b", make_pipeline(LandmarkAligner(), NETWORK))])
    rows = predictions(as_detector(vote.fit(faces.data, fear)), videos[:1])
    assert rows[0]["emotion"] in ("fear", "rest")
    assert table_of(rows).splitlines()[0].split() == ["video", "emotion", "face"]
