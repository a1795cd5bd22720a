"""LiveDetector: what it makes of a stream of frames."""

import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    EmotionClassifier,
    FixedLandmarkSelector,
    LandmarkAligner,
    LandmarkExtractor,
    LiveDetector,
    NeutralDifference,
    SequenceFlattener,
    facemesh,
)
from sklearn_emoxai.evaluation import as_detector
from sklearn_emoxai.live import answers

FACE = (100 * facemesh.TEMPLATE + [[320], [240]]).astype(np.float32)
REGION = facemesh.REGIONS["chin"]


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what it is asked about."""

    def fit(self, X, y):
        self.classes_, self.n_frames_in_, self.n_features_in_ = np.unique(y), X.shape[1], X.shape[3]
        return self

    def predict_proba(self, X):
        self.seen_ = X
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def recording(n_frames=5, *, subtracts=False):
    """A fitted recorder, and the classifier that it is in."""
    recorder = Recorder()
    steps = (LandmarkAligner(), NeutralDifference(keep_first=True)) if subtracts else ()
    X = np.random.default_rng(0).normal(size=(4, n_frames, 2, 468)).astype(np.float32)
    return recorder, make_pipeline(*steps, recorder).fit(X, ["anger", "fear"] * 2)


def open_mouth(amount):
    """The face with its chin moved down by an amount, in inter-ocular distances."""
    face = FACE.copy()
    face[1, REGION] += 100 * amount
    return face


def chin(recorder, frame):
    """How far the recorder saw the chin moved, in inter-ocular distances."""
    return recorder.seen_[0, frame, 1, REGION].mean()


def test_at_a_clips_end_results_agree_with_predict(clips, detector, frames_of):
    differences = []
    with LiveDetector(detector, neutral="window") as live:
        for path, X, whole in zip(clips.paths, clips.X, detector.predict_proba(clips.X)):
            live.reset()
            for timestamp, frame in frames_of(path):
                result = live.update(frame, timestamp)
            assert result.emotion == detector.classes_[whole.argmax()]
            apart = np.linalg.norm(result.landmarks - X[-1], axis=0).mean()
            assert apart < 0.02 * np.linalg.norm(X[-1][:, 33] - X[-1][:, 263])  # of the eyes' distance
            differences.append(np.abs(list(result.probabilities.values()) - whole).max())
    # A detector that is unsure of a clip makes much of a hundredth.
    assert np.median(differences) < 0.02


def test_a_result_tells_the_face_and_the_chosen_landmarks(clips, detector, frames_of):
    with LiveDetector(detector) as live:
        (_, frame), *_ = frames_of(clips.paths[0])
        result = live.update(frame, 0.0)
    assert result.face
    assert result.n_faces == 1
    assert sum(result.probabilities.values()) == pytest.approx(1)
    error = result.landmarks - clips.landmarks[0, 0]
    assert np.hypot(*error).mean() < 4  # pixels, of 256
    for label, binary in detector.estimators_.items():
        kept = binary[2].get_support(indices=True)
        np.testing.assert_array_equal(result.places(label), result.landmarks[:, kept])
        assert len(live.importances[label]) == 40
        assert live.importances[label].max() == 1


def test_without_a_face_there_are_no_probabilities(clips, detector, frames_of):
    (_, frame), *_ = frames_of(clips.paths[0])
    empty = np.zeros_like(frame)
    with LiveDetector(detector) as live:
        results = [live.update(empty if i < 3 or i > 6 else frame, 0.3 * i) for i in range(10)]
    assert [result.face for result in results] == [False] * 3 + [True] * 4 + [False] * 3
    assert results[0].emotion is results[0].landmarks is results[0].places("anger") is None
    assert (results[2].n_faces, results[5].n_faces, results[9].n_faces) == (0, 1, 0)


def test_of_two_faces_the_larger_is_followed_and_both_are_counted(clips, detector, frames_of):
    import cv2

    frames = [frame for _, frame in frames_of(clips.paths[0])]
    with LiveDetector(detector) as live:
        for i, frame in enumerate(frames):
            smaller = cv2.resize(frame, (208, 208))
            both = np.concatenate([np.pad(smaller, ((24, 24), (0, 0), (0, 0))), frame], axis=1)
            result = live.update(both, i / 15)
    assert result.n_faces == 2
    assert result.landmarks[0].min() > 208


def test_frames_may_change_their_size(clips, detector, frames_of):
    frames = [frame for _, frame in frames_of(clips.paths[0])]
    with LiveDetector(detector) as live:
        for i, frame in enumerate(frames):
            shown = frame if i < 8 else np.repeat(np.repeat(frame, 2, axis=0), 2, axis=1)
            result = live.update(shown, i / 15)
            assert result.face
    error = result.landmarks / 2 - clips.landmarks[0, -1]
    assert np.hypot(*error).mean() < 4


def test_a_face_that_wanders_through_the_frame_is_followed(clips, detector, frames_of):
    (_, face), *_ = frames_of(clips.paths[0])
    with LiveDetector(detector) as live:
        for i in range(30):
            frame = np.zeros((300, 900, 3), dtype=np.uint8)
            left = 20 * i
            frame[20:276, left : left + 256] = face
            result = live.update(frame, i / 20)
            error = result.landmarks - clips.landmarks[0, 0] - [[left], [20]]
            assert np.hypot(*error).mean() < 6


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_the_window_is_one_of_time_whatever_the_rate_of_frames(fps):
    recorder, classifier = recording(n_frames=5)
    live = LiveDetector(classifier, window=1.0)
    for i in range(3 * fps + 1):
        live.update_landmarks(FACE + i / fps, i / fps)
    # The face moved by one pixel a second to the right: its places tell the moments that the frames are of.
    moments = (recorder.seen_[0] - FACE).mean(axis=(1, 2))
    np.testing.assert_allclose(moments, [2, 2.25, 2.5, 2.75, 3], atol=0.5 / fps + 1e-3)


def test_what_lies_before_a_gap_is_forgotten():
    recorder, classifier = recording()
    live = LiveDetector(classifier, window=2.0)
    live.update_landmarks(FACE, 0.0)
    assert live.update_landmarks(None, 0.2).probabilities is None
    live.update_landmarks(FACE + 50, 0.7)
    np.testing.assert_allclose(recorder.seen_[0, 0], FACE + 50)


@pytest.mark.parametrize("neutral", ["window", "first second", "running"])
def test_nothing_grows_or_drifts_with_time(neutral):
    recorder, classifier = recording(subtracts=True)
    live = LiveDetector(classifier, window=1.0, neutral=neutral)
    seen, sizes = {}, set()
    for i in range(20 * 300):
        period = i % (20 * 50)  # 30 s at rest, then an expression comes and goes
        live.update_landmarks(open_mouth(0.3 * np.sin(max(0, period - 600) * np.pi / 400)), i / 20)
        if period == 800:
            sizes.add(len(live._times))
            seen[i] = recorder.seen_
    assert sizes == {21}
    first, *others = seen.values()
    assert len(others) == 5
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-4)


def test_the_neutral_face_is_what_the_reference_says():
    for neutral, expected in [("window", 0.3), ("first second", 0.1), ("running", 0.0)]:
        recorder, classifier = recording(subtracts=True)
        live = LiveDetector(classifier, window=1.0, neutral=neutral)
        for i in range(200):
            # A smile at the camera for a second, then rest, then an expression that is held.
            amount = 0.1 if i <= 20 else 0.0 if i < 150 else 0.3
            result = live.update_landmarks(open_mouth(amount), i / 20)
        assert result.neutral == neutral
        assert chin(recorder, -1) == pytest.approx(0.3 - expected, abs=0.01)


def test_calibrating_takes_the_next_second_for_the_neutral_face():
    recorder, classifier = recording(subtracts=True)
    live = LiveDetector(classifier, window=1.0, neutral="first second")
    for i in range(100):
        if i == 30:
            live.calibrate()
        # The head moves and turns meanwhile, which the neutral face does not.
        face = open_mouth(0.2 if i < 70 else 0.5) * 1.5 + i
        result = live.update_landmarks(face, i / 20)
        assert result.neutral == (
            "window" if i < 20 or 30 <= i < 50 else "first second" if i < 30 else "calibrated"
        )
    assert chin(recorder, -1) == pytest.approx(0.3, abs=0.01)
    live.reset()
    assert live.update_landmarks(FACE, 0.0).neutral == "window"


def test_another_face_begins_with_a_neutral_face_of_its_own():
    recorder, classifier = recording(subtracts=True)
    live = LiveDetector(classifier, window=1.0, neutral="first second")
    for i in range(30):
        live.update_landmarks(open_mouth(0.4), i / 20)
    for i in range(100, 130):
        result = live.update_landmarks(open_mouth(0.1), i / 20)
        assert result.neutral == ("window" if i < 120 else "first second")
    assert chin(recorder, -1) == pytest.approx(0, abs=0.01)


def test_a_detector_that_subtracts_no_neutral_face_gets_none():
    recorder, classifier = recording()
    live = LiveDetector(classifier, window=1.0, neutral="first second")
    for i in range(60):
        result = live.update_landmarks(open_mouth(i / 100), i / 20)
    assert result.neutral is None
    np.testing.assert_allclose(recorder.seen_[0, -1], open_mouth(0.59), rtol=1e-6)
    assert live.importances == {"anger": None, "fear": None}


def test_networks_pipelines_and_searches_are_detectors(clips, network):
    happy = clips.target == "happiness"
    pipeline = make_pipeline(LandmarkAligner(), network(max_epochs=2))
    search = GridSearchCV(pipeline, {"convlstmclassifier__n_filters": [2]}, cv=2)
    whole = make_pipeline(LandmarkExtractor(n_frames=8, crop_margin=0.4), pipeline)
    for estimator in (network(max_epochs=2), pipeline, search):
        live = LiveDetector(estimator.fit(clips.X, happy), positive="happiness")
        assert list(live.update_landmarks(FACE, 0.0).probabilities) == ["not happiness", "happiness"]
    assert LiveDetector(whole.fit(clips.paths[:6], happy[:6]))._follower._options.crop_margin == 0.4


def test_an_estimator_that_can_not_serve_is_refused(clips, network):
    flat = make_pipeline(SequenceFlattener(), SVC())
    with pytest.raises(NotFittedError):
        LiveDetector(EmotionClassifier(flat))
    with pytest.raises(TypeError, match="must be a fitted classifier of sequences; got a LandmarkAligner"):
        LiveDetector(LandmarkAligner().fit(clips.X))
    with pytest.raises(TypeError, match="estimator must have predict_proba; Pipeline has none"):
        LiveDetector(flat.fit(clips.X, clips.target))
    with pytest.raises(
        ValueError, match="the 468 landmarks that a camera's frames give; it was fitted on 68"
    ):
        LiveDetector(network(max_epochs=1).fit(clips.X[..., :68], clips.target))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"window": 0}, ValueError, "window must be at least 0.001; got 0"),
        ({"window": "2"}, TypeError, "window must be a number; got '2'"),
        ({"neutral": "first"}, ValueError, "neutral must be one of .*; got 'first'"),
        ({"crop_size": 3}, ValueError, "crop_size must be from 32"),
        ({"detector": "dlib"}, ValueError, "detector must be one of"),
    ],
)
def test_parameters_out_of_range_are_named(detector, parameters, error, message):
    with pytest.raises(error, match=message):
        LiveDetector(detector, **parameters)


@pytest.mark.parametrize("timestamp", [0.5, 1.0, -3])
def test_time_stamps_that_run_backwards_are_refused(timestamp):
    live = LiveDetector(recording()[1])
    live.update_landmarks(FACE, 1.0)
    with pytest.raises(ValueError, match=f"timestamp must increase; got {timestamp} after 1.0"):
        live.update_landmarks(FACE, timestamp)
    assert live.update_landmarks(FACE, 1.1).face
    live.reset()
    assert live.update_landmarks(FACE, timestamp).face


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        (np.zeros((480, 640, 3)), TypeError, "frame must be an ndarray of uint8; got float64"),
        ([[0]], TypeError, "frame must be an ndarray of uint8; got list"),
        (
            np.zeros((480, 640), np.uint8),
            ValueError,
            r"frame must have shape \(height, width, 3\).*got \(480, 640\)",
        ),
        (np.zeros((3, 480, 640), np.uint8), ValueError, "frame must have shape"),
    ],
)
def test_what_is_no_frame_is_refused(frame, error, message):
    with pytest.raises(error, match=message):
        LiveDetector(recording()[1]).update(frame, 0.0)


@pytest.mark.parametrize("timestamp", [None, "1", np.nan, np.inf])
def test_what_is_no_time_is_refused(timestamp):
    with pytest.raises(TypeError, match="timestamp must be a finite number of seconds"):
        LiveDetector(recording()[1]).update_landmarks(FACE, timestamp)


def test_landmarks_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"landmarks must have shape \(2, 468\); got \(2, 68\)"):
        LiveDetector(recording()[1]).update_landmarks(np.zeros((2, 68)), 0.0)


def test_a_closed_detector_can_be_used_again(clips, detector, frames_of):
    (_, frame), *_ = frames_of(clips.paths[0])
    live = LiveDetector(detector)
    live.close()
    assert live.update(frame, 0.0).face
    live.close()
    live.reset()
    assert live.update(frame, 0.0).face
    live.close()


def test_a_stream_gets_the_probabilities_of_predict(clips, network):
    happy = clips.target == "happiness"
    aligned = make_pipeline(LandmarkAligner(), network(max_epochs=3))
    subtracted = make_pipeline(LandmarkAligner(reference="first"), NeutralDifference(), network(max_epochs=3))
    some = make_pipeline(
        LandmarkAligner(), FixedLandmarkSelector("lips"), FixedLandmarkSelector([3, 5]), network()
    )
    for estimator, y in [
        (network(max_epochs=3, kernel_size=(1, 4), padding="same"), clips.target),
        (aligned, happy),
        (EmotionClassifier(subtracted), clips.target),
        (EmotionClassifier(some), clips.target),
        (EmotionClassifier(aligned, calibration="sigmoid", cv=2), clips.target),
    ]:
        fitted = estimator.fit(clips.X, y)
        one = answers(as_detector(fitted))
        found = [one(x[None].astype(np.float32)) for x in clips.X]
        np.testing.assert_allclose(found, fitted.predict_proba(clips.X), atol=1e-5)


def test_emotions_whose_steps_and_sizes_differ(clips, network, detector):
    mixed = EmotionClassifier(detector.estimator).fit(clips.X, clips.target)
    kept = make_pipeline(LandmarkAligner(), NeutralDifference(keep_first=True), network(max_epochs=3))
    mixed.estimators_["anger"] = kept.fit(clips.X, clips.target == "anger")
    other = make_pipeline(LandmarkAligner(), network(max_epochs=1, lstm_units=3))
    mixed.estimators_["happiness"] = other.fit(clips.X, clips.target == "happiness")
    one = answers(as_detector(mixed))
    found = [one(x[None].astype(np.float32)) for x in clips.X]
    np.testing.assert_allclose(found, mixed.predict_proba(clips.X), atol=1e-5)


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_a_runtime_predict_proba_answers(clips, detector, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    result = LiveDetector(detector, neutral="window").update_landmarks(clips.X[0, 0], 0.0)
    still = np.repeat(clips.X[:1, :1], 8, axis=1)
    expected = detector.predict_proba(still)[0]
    np.testing.assert_allclose(list(result.probabilities.values()), expected, atol=1e-6)


def test_landmarks_of_a_tracker_that_lost_the_face():
    live = LiveDetector(recording()[1])
    with pytest.raises(ValueError, match="landmarks must be finite, and None where there is no face"):
        live.update_landmarks(np.full((2, 468), np.nan), 0.0)
