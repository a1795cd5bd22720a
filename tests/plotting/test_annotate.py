"""Annotated videos: what is computed for each frame, what is drawn, and the file."""

import numpy as np
import pytest
from matplotlib.cbook import get_sample_data
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    LandmarkAligner,
    LandmarkExtractor,
    MirrorAugmented,
    NeutralDifference,
    SequenceFlattener,
    VarianceLandmarkSelector,
    annotate_video,
    extract_landmarks,
    facemesh,
    integrated_gradients,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.evaluation import as_detector
from sklearn_emoxai.extraction import sample_indices
from sklearn_emoxai.plotting import _annotate
from sklearn_emoxai.plotting._overlay import Panel, draw_face
from sklearn_emoxai.selection import take_apart

cv2 = pytest.importorskip("cv2")
N_FRAMES = 4


def pipeline(classifier):
    """Aligned, selected sequences for a classifier."""
    selector = VarianceLandmarkSelector(n_landmarks_to_select=20)
    return make_pipeline(LandmarkAligner(), NeutralDifference(), selector, classifier)


@pytest.fixture(scope="module")
def faces():
    return make_expressions(n_subjects=6, n_repeats=1, n_frames=N_FRAMES, random_state=0)


@pytest.fixture(scope="module")
def detector(faces):
    network = ConvLSTMClassifier(
        n_filters=3, lstm_units=4, fc_units=4, lr=1e-2, max_epochs=5, validation_fraction=None, random_state=0
    )
    return EmotionClassifier(pipeline(network)).fit(faces.data, faces.target)


@pytest.fixture(scope="module")
def clip():
    """Nine frames of a portrait that moves to the right; the fourth shows no face."""
    from PIL import Image

    with get_sample_data("grace_hopper.jpg") as file:
        portrait = np.asarray(Image.open(file).convert("RGB").crop((90, 0, 430, 420)))
    frames = np.stack([np.roll(portrait, 2 * shift, axis=1) for shift in range(9)])
    frames[3] = 0
    return frames


@pytest.fixture(scope="module")
def video(clip, tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    height, width = clip.shape[1:3]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), 10, (width, height))
    for frame in clip:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def read(path):
    """Frames, RGB, and frame rate of a video."""
    capture, frames = cv2.VideoCapture(str(path)), []
    fps = capture.get(cv2.CAP_PROP_FPS)
    while (grabbed := capture.read())[0]:
        frames.append(grabbed[1][..., ::-1])
    capture.release()
    return np.stack(frames), fps


def test_the_video_has_every_frame_with_a_panel_below(detector, video, clip, tmp_path):
    output = annotate_video(video, detector, tmp_path / "annotated.mp4", width=360)
    assert output == tmp_path / "annotated.mp4"
    frames, fps = read(output)
    assert len(frames) == len(clip)
    assert fps == pytest.approx(10)
    height = round(420 * 360 / 340 / 2) * 2
    assert frames.shape[2] == 360
    assert frames.shape[1] > height
    assert frames[:, height:].mean() < 60  # the panel is dark
    # What was drawn differs from the frame on the face, and nowhere else; not at all without a face.
    plain = np.stack([cv2.resize(frame, (360, height)) for frame in clip]).astype(int)
    changed = np.abs(frames[:, :height].astype(int) - plain).mean(axis=3)
    assert changed[3].mean() < 3
    assert (changed[0] > 40).mean() > 0.01
    assert (changed[0, :, :20] > 40).mean() < 0.005
    assert list(tmp_path.iterdir()) == [output]


def test_the_last_frame_of_a_short_clip_has_the_probabilities_of_predict(detector, clip):
    # At 25 frames per second close frames are tracked, the four of predict are not.
    sequence, windows = _annotate._seen(clip, N_FRAMES, 2.0)
    np.testing.assert_array_equal(windows[-1], sample_indices(sequence.timestamps, N_FRAMES))
    np.testing.assert_array_equal(windows[0], 0)
    probabilities = _annotate._values(as_detector(detector), sequence, windows)
    X = LandmarkExtractor(n_frames=N_FRAMES).fit_transform([clip])
    np.testing.assert_array_equal(sequence.landmarks[windows[-1]], X[0])
    np.testing.assert_allclose(probabilities[-1], detector.predict_proba(X)[0], rtol=1e-6)
    tracked = extract_landmarks(clip)
    assert np.abs(tracked.landmarks[windows[-1]] - X[0]).max() > 0.05  # pixels
    # A window that is not the whole clip keeps its own.
    np.testing.assert_array_equal(_annotate._seen(clip, N_FRAMES, 0.2)[0].landmarks, tracked.landmarks)


def test_a_long_video_is_seen_through_a_window():
    timestamps = np.arange(100) / 10
    windows = _annotate._windows(timestamps, 5, 2.0)
    np.testing.assert_array_equal(windows[99], [79, 84, 89, 94, 99])
    np.testing.assert_array_equal(windows[8], [0, 2, 4, 6, 8])


def test_attributions_are_those_of_the_most_probable_emotion(detector, faces):
    landmarks = faces.data[5]  # of one sequence, frame by frame
    windows = _annotate._windows(np.arange(N_FRAMES) / 10, N_FRAMES, 2.0)
    probabilities = detector.predict_proba(landmarks[windows])
    explained = _annotate._explain(as_detector(detector), landmarks, windows, probabilities)
    values = []
    for row, (indices, shares) in enumerate(explained):
        fitted = detector.estimators_[detector.classes_[probabilities[row].argmax()]]
        np.testing.assert_array_equal(indices, np.flatnonzero(fitted[2].get_support()))
        x, still = landmarks[windows[row]][None], landmarks[[[0] * N_FRAMES]]
        values.append(
            np.abs(
                integrated_gradients(
                    fitted[-1], fitted[:-1].transform(x), fitted[:-1].transform(still), n_steps=20,
                    method="riemann_middle",
                )
            ).sum(axis=(0, 1, 2, 3))
        )  # fmt: skip
        assert shares.shape == (20,)
    winners, values = probabilities.argmax(axis=1), np.array(values)
    assert values.max() > 0
    for (_, shares), winner, each in zip(explained, winners, values):
        largest = max(each.max(), 0.1 * values[winners == winner].max()) or 1
        np.testing.assert_allclose(shares, each / largest, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(explained[0][1], 0)  # nothing has moved yet


def test_frames_without_probabilities_are_not_explained(detector, faces):
    windows = np.zeros((3, N_FRAMES), dtype=int)
    probabilities = detector.predict_proba(faces.data[0][windows])
    probabilities[1] = np.nan
    explained = _annotate._explain(as_detector(detector), faces.data[0], windows, probabilities)
    assert [len(indices) for indices, _ in explained] == [20, 0, 20]


def test_what_is_no_network_shows_the_importances(faces):
    svm = pipeline(make_pipeline(SequenceFlattener(), SVC()))
    fitted = svm.fit(faces.data, faces.target == "fear")
    parts = take_apart(fitted, 468)
    shown = _annotate._attributions(parts, faces.data[:2], faces.data[:1], 1)
    importances = fitted[2].importances_[fitted[2].get_support()]
    np.testing.assert_array_equal(shown, [importances, importances])


def test_wrappers_are_looked_into(faces):
    network = ConvLSTMClassifier(n_filters=2, lstm_units=2, fc_units=2, max_epochs=1, random_state=0)
    fitted = MirrorAugmented(pipeline(network)).fit(faces.data, faces.target == "fear")
    parts = take_apart(fitted, 468)
    assert parts.classifier is fitted.estimator_[-1]
    np.testing.assert_array_equal(parts.landmarks, np.flatnonzero(fitted.estimator_[2].get_support()))


def test_bars_of_the_panel_are_as_long_as_probabilities():
    probabilities = np.array([[1.0, 0.0], [0.25, 0.75], [np.nan, np.nan]])
    panel = Panel(np.arange(3) / 10, probabilities, ["fear <$x", "Überraschung"], width=720)
    first, second, third = (panel.at(row) for row in range(3))
    assert first.shape == second.shape == third.shape == (220, 720, 3)
    blue, orange = (np.array(colour) for colour in ((0x56, 0xB4, 0xE9), (0xE6, 0x9F, 0x00)))

    def length(image, colour):
        return (np.abs(image[:, 560:].astype(int) - colour).max(axis=2) < 3).any(axis=0).sum()

    whole = length(first, blue)
    assert whole == pytest.approx(0.17 * 720, abs=2)
    assert length(second, blue) == pytest.approx(whole / 4, abs=2)
    assert length(second, orange) == pytest.approx(0.75 * whole, abs=2)
    assert length(third, blue) == 0


def test_a_chosen_landmark_has_the_colour_of_its_share():
    frame = np.full((400, 400, 3), 90, np.uint8)
    landmarks = 100 * facemesh.TEMPLATE + [[200], [130]]
    draw_face(frame, landmarks, np.array([1, 152]), np.array([1.0, 0.0]))
    for landmark, colour in ((1, (253, 231, 37)), (152, (68, 1, 84))):
        x, y = landmarks[:, landmark].astype(int)
        np.testing.assert_allclose(frame[y, x], colour, atol=2)


def test_a_codec_that_opencv_lacks_is_an_error_of_ours(tmp_path):
    frames = iter([np.zeros((64, 64, 3), np.uint8)])
    with pytest.raises(OSError, match="this OpenCV has none of the codecs xxxx"):
        _annotate._write(frames, 10, tmp_path / "out.mp4", ("xxxx",))
    assert list(tmp_path.iterdir()) == []


def test_a_binary_pipeline_is_annotated_too(faces, clip, tmp_path):
    logistic = make_pipeline(SequenceFlattener(), LogisticRegression())
    binary = pipeline(logistic).fit(faces.data, faces.target == "fear")
    frames, _ = read(annotate_video(clip, binary, tmp_path / "out.mp4", codec="mp4v"))
    assert len(frames) == len(clip)


def test_scores_are_drawn_between_their_least_and_their_largest_and_named():
    scores = np.array([[-1.0, 1.0], [3.0, -3.0], [np.nan, np.nan], [0.0, 0.0]])
    drawn = Panel(np.arange(4) / 10, scores, ["fear", "rest"], width=720, unit="score")
    np.testing.assert_allclose(drawn._shares[[0, 1, 3]], [[1 / 3, 2 / 3], [1, 0], [0.5, 0.5]])
    probabilities = Panel(np.arange(4) / 10, scores, ["fear", "rest"], width=720)
    title = slice(0, 16), slice(60, 440)
    assert drawn.at(2)[title].max() > 150
    assert probabilities.at(2)[title].max() < 60


@pytest.mark.parametrize("positive", [None, "fear"])
def test_an_svm_is_annotated_with_its_scores(faces, clip, positive, tmp_path, monkeypatch):
    shown = {}
    panel = Panel.__init__

    def spy(self, timestamps, values, classes, *, width, unit):
        shown.update(values=values, classes=classes, unit=unit)
        panel(self, timestamps, values, classes, width=width, unit=unit)

    monkeypatch.setattr(Panel, "__init__", spy)
    svm = pipeline(make_pipeline(SequenceFlattener(), SVC()))
    search = GridSearchCV(svm, {"pipeline__svc__C": [1]}, cv=2).fit(faces.data, faces.target == "fear")
    written = annotate_video(clip, search, tmp_path / "out.mp4", codec="mp4v", positive=positive)
    assert len(read(written)[0]) == len(clip)
    assert shown["unit"] == "score"
    assert shown["classes"] == (["False", "True"] if positive is None else ["not fear", "fear"])
    X = LandmarkExtractor(n_frames=N_FRAMES).fit_transform([clip])
    np.testing.assert_allclose(shown["values"][-1, 1], search.decision_function(X)[0], rtol=1e-5)


def test_a_pipeline_that_begins_with_its_extractor_is_annotated_as_it_extracts(
    detector, clip, tmp_path, monkeypatch
):
    used = {}

    def spy(path, **options):
        used.update(options)
        return extract_landmarks(path, **options)

    monkeypatch.setattr(_annotate, "extract_landmarks", spy)
    whole = make_pipeline(LandmarkExtractor(n_frames=N_FRAMES, crop_margin=0.4, stop=0.1), detector)
    output = annotate_video(clip, whole, tmp_path / "out.mp4", codec="mp4v")
    assert len(read(output)[0]) == len(clip)
    assert used["crop_margin"] == 0.4
    assert "stop" not in used


def test_an_interrupted_video_leaves_no_file(tmp_path):
    def frames():
        yield np.zeros((64, 64, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _annotate._write(frames(), 10, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_video_is_replaced_only_by_force(detector, clip, tmp_path):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"out\.mp4 exists; force=True"):
        annotate_video(clip, detector, output)
    assert output.read_bytes() == b"mine"
    annotate_video(clip[:3], detector, output, width=120, force=True, codec="mp4v")
    assert len(read(output)[0]) == 3


def test_a_video_without_a_face_is_one_clear_error(detector, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (5, 120, 160, 3)).astype(np.uint8)
    with pytest.raises(ValueError, match=r"shows no face in 100% of 5 frames"):
        annotate_video(noise, detector, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_told_before_the_video_is_looked_at(detector, faces, tmp_path):
    other = ConvLSTMClassifier(n_filters=2, lstm_units=2, fc_units=2, max_epochs=1)
    other.fit(faces.data[..., :68], faces.target == "fear")
    output = tmp_path / "out.mp4"
    with pytest.raises(ValueError, match=r"fitted on the 468 landmarks .*; it was fitted on 68\."):
        annotate_video("nowhere.mp4", other, output)
    with pytest.raises(ValueError, match="window must be a positive number of seconds; got 0"):
        annotate_video("nowhere.mp4", detector, output, window=0)
    with pytest.raises(ValueError, match="codec must be one of .* or None; got 'divx'"):
        annotate_video("nowhere.mp4", detector, output, codec="divx")
    with pytest.raises(ValueError, match=r"output must end in \.mp4; got '.*out\.avi'"):
        annotate_video("nowhere.mp4", detector, tmp_path / "out.avi")
    with pytest.raises(FileNotFoundError, match="nowhere, the folder of output"):
        annotate_video("nowhere.mp4", detector, tmp_path / "nowhere" / "out.mp4")
    with pytest.raises(FileNotFoundError, match="nowhere.mp4"):
        annotate_video("nowhere.mp4", detector, output)
    vote = VotingClassifier([("svm", make_pipeline(SequenceFlattener(), SVC()))])
    vote.fit(faces.data, faces.target)
    with pytest.raises(
        TypeError, match="must have predict_proba or decision_function; VotingClassifier has n"
    ):
        annotate_video("nowhere.mp4", vote, output)
