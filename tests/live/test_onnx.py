"""Detectors as ONNX graphs: their answers beside those of scikit-learn."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    EmotionClassifier,
    FixedLandmarkSelector,
    LandmarkAligner,
    LandmarkMotion,
    MirrorAugmented,
    NeutralDifference,
    SequenceFlattener,
    export_onnx,
    facemesh,
    save_landmarks,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.evaluation import as_detector
from sklearn_emoxai.live import answers as answers_of

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.fixture(scope="module")
def made():
    """1,000 sequences, in pixels of a frame."""
    made = make_expressions(
        n_subjects=25,
        n_repeats=10,
        n_frames=8,
        random_state=0,
        emotions=["anger", "fear", "sadness", "surprise"],
    )
    made.data = 80 * made.data + 300
    return made


@pytest.fixture
def session(tmp_path):
    """The function that exports a detector and opens the file."""

    def exported(estimator, **parameters):
        path = export_onnx(estimator, tmp_path / "model.onnx", **parameters)
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    return exported


def answers(session, X):
    return session.run(["probabilities"], {"landmarks": X.astype(np.float32)})[0]


def test_a_whole_detector_agrees_on_a_thousand_sequences(detector, made, session):
    assert made.data.shape == (1000, 8, 2, 468)
    found = answers(session(detector), made.data)
    np.testing.assert_allclose(found, detector.predict_proba(made.data), atol=1e-5, rtol=0)
    assert len(np.unique(found.argmax(axis=1))) == 3  # else it would not tell much


@pytest.mark.parametrize("n_samples", [1, 3])
def test_any_number_of_sequences_may_come(detector, made, session, n_samples):
    X = made.data[:n_samples]
    np.testing.assert_allclose(answers(session(detector), X), detector.predict_proba(X), atol=1e-5)


def selected():
    return FixedLandmarkSelector("contours"), FixedLandmarkSelector(np.arange(0, 100, 3))


KINDS = {
    "network": lambda network: network,
    "R-EMO, kernel on one coordinate": lambda network: network.set_params(
        randomized_conv=True, kernel_size=(1, 4), padding="valid"
    ),
    "kernel beyond the frame": lambda network: network.set_params(kernel_size=(3, 5), padding="same"),
    "first frame's eyes": lambda network: make_pipeline(LandmarkAligner(reference="first"), network),
    "own eyes": lambda network: make_pipeline(LandmarkAligner(eyes=[[1, 2], [7, 300]]), network),
    "neutral frame kept": lambda network: make_pipeline(
        LandmarkAligner(), NeutralDifference(keep_first=True), network
    ),
    "selectors in a row": lambda network: make_pipeline(
        "passthrough", LandmarkAligner(), *selected(), network
    ),
    "pipeline in a pipeline": lambda network: make_pipeline(
        LandmarkAligner(), make_pipeline(NeutralDifference(), network)
    ),
    "several networks": lambda network: make_pipeline(
        LandmarkAligner(), network.set_params(n_networks=3, kernel_size=3, padding="same")
    ),
    "mirrored": lambda network: make_pipeline(LandmarkAligner(), MirrorAugmented(network)),
    "search": lambda network: GridSearchCV(make_pipeline(LandmarkAligner(), network), {}, cv=2),
    "emotions": lambda network: EmotionClassifier(make_pipeline(LandmarkAligner(), network)),
    "calibrated": lambda network: EmotionClassifier(
        make_pipeline(LandmarkAligner(), network), calibration="sigmoid", cv=2
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_detector_agrees(made, network, session, kind):
    X, y = made.data[::10], made.target[::10]
    fitted = KINDS[kind](network(max_epochs=3)).fit(X, y)
    np.testing.assert_allclose(answers(session(fitted), X), fitted.predict_proba(X), atol=1e-5)


MOTIONS = [
    LandmarkMotion(order=1),
    LandmarkMotion(order=2),
    LandmarkMotion(order=1, append=False),
    LandmarkMotion(order=2, append=False, frame_rate=25.0),
]


@pytest.mark.parametrize("motion", MOTIONS, ids=str)
def test_motion_agrees_in_the_graph_and_in_a_stream(made, network, session, motion):
    X, y = made.data[::10], made.target[::10]
    steps = LandmarkAligner(), NeutralDifference(), FixedLandmarkSelector("contours"), motion
    fitted = EmotionClassifier(make_pipeline(*steps, network(max_epochs=60))).fit(X, y)
    expected = fitted.predict_proba(X)
    assert np.ptp(expected, axis=0).min() > 0.2
    np.testing.assert_allclose(answers(session(fitted), X), expected, atol=1e-5)
    one = answers_of(as_detector(fitted))
    np.testing.assert_allclose([one(x[None].astype(np.float32)) for x in X], expected, atol=1e-5)


def test_motion_is_told_in_words(made, network, session):
    motion = make_pipeline(LandmarkMotion(append=False), network(max_epochs=2))
    about = session(motion.fit(made.data[::20], made.target[::20])).get_modelmeta().custom_metadata_map
    assert json.loads(about["steps"])["all"][0] == "put side by side: velocities, accelerations"


def test_two_labels_are_named(made, network, session):
    fitted = network(max_epochs=2).fit(made.data[::10], made.target[::10] == "fear")
    about = session(fitted, positive="fear").get_modelmeta().custom_metadata_map
    assert json.loads(about["labels"]) == ["not fear", "fear"]


def test_the_file_tells_what_it_is(detector, session):
    opened = session(detector)
    about = {name: json.loads(text) for name, text in opened.get_modelmeta().custom_metadata_map.items()}
    assert about["labels"] == ["anger", "happiness", "surprise"]
    assert about["landmarks"] == facemesh.landmark_names()
    assert about["n_frames"] == 8
    assert {"sklearn-emoxai", "torch", "onnx"} <= set(about["versions"])
    assert about["steps"]["anger"] == [
        "align each frame by its eyes, to inter-ocular distances (reference: frame)",
        "subtract the first frame, which is neutral (left out)",
        "keep 40 landmarks",
        "ConvLSTM network",
    ]
    (given,), (got,) = opened.get_inputs(), opened.get_outputs()
    assert (given.name, given.type, given.shape) == ("landmarks", "tensor(float)", ["n", 8, 2, 468])
    assert (got.name, got.shape) == ("probabilities", ["n", 3])


def test_what_can_not_be_exported_is_named(made, network, tmp_path):
    X, y, path = made.data[::20], made.target[::20], tmp_path / "model.onnx"
    flat = make_pipeline(SequenceFlattener(), GaussianNB())
    with pytest.raises(ValueError, match="the last step of the detector of anger is a GaussianNB"):
        export_onnx(EmotionClassifier(flat).fit(X, y), path)
    isotonic = EmotionClassifier(network(max_epochs=2), calibration="isotonic", cv=2).fit(X, y)
    with pytest.raises(ValueError, match='calibration="sigmoid"; that of the detector of anger is another'):
        export_onnx(isotonic, path)

    class Other(NeutralDifference):
        pass

    with pytest.raises(ValueError, match="the step Other is none of them"):
        export_onnx(make_pipeline(Other(), network(max_epochs=2)).fit(X, y), path)
    with pytest.raises(TypeError, match="must be a fitted classifier of sequences; got a LandmarkAligner"):
        export_onnx(LandmarkAligner(), path)
    assert not path.exists()


def test_a_file_that_is_there_stays_whole(detector, tmp_path, monkeypatch):
    path = export_onnx(detector, tmp_path / "model.onnx")
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        export_onnx(detector, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]


def test_a_place_where_no_file_can_be_is_named(detector, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model.onnx can't be written: .*nowhere is no folder"):
        export_onnx(detector, tmp_path / "nowhere/model.onnx")
    with pytest.raises(IsADirectoryError, match="can't be written: it is a folder"):
        export_onnx(detector, tmp_path)


def test_a_missing_package_is_named(detector, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-emoxai\[onnx\]"'):
        export_onnx(detector, tmp_path / "model.onnx")


def test_the_example_predicts_with_onnxruntime_and_numpy_alone(clips, detector, tmp_path):
    example = Path(__file__).parents[2] / "examples/predict_with_onnx.py"
    if not example.exists():
        pytest.skip("the examples are not at hand")
    save_landmarks(tmp_path / "landmarks.npz", clips.X[:3])
    model = export_onnx(detector, tmp_path / "model.onnx")
    code = f"import runpy, sys; runpy.run_path({str(example)!r}); print(*{{'torch', 'sklearn'}} & set(sys.modules))"
    command = [sys.executable, "-c", code, model, tmp_path / "landmarks.npz"]
    *lines, heavy = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[0] for line in lines] == detector.predict(clips.X[:3]).tolist()
    assert heavy == ""
