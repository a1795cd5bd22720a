import hashlib
import subprocess
import sys
import urllib.request
from pathlib import Path

import cv2
import mediapipe
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_emoxai.extraction import _detectors, _model_file, has_bundled_graph, locate_model, open_detector
from sklearn_emoxai.extraction._detectors import resolve_detector
from sklearn_emoxai.extraction._silence import named_libraries

bundled_only = pytest.mark.skipif(not has_bundled_graph(), reason="mediapipe without the bundled graph")


@pytest.fixture(scope="module")
def portrait():
    with get_sample_data("grace_hopper.jpg") as file:
        image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image[60:372, 100:412, ::-1])


@pytest.fixture(params=[pytest.param("bundled", marks=bundled_only), "tasks"])
def detector(request, monkeypatch):
    if request.param == "tasks":
        monkeypatch.setenv(_model_file.MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))
    return request.param


def test_face_is_found_in_pixels_of_the_image(portrait, detector):
    with open_detector(detector) as opened:
        faces = opened.detect(portrait)
    assert faces.shape == (1, 2, 468)
    (x, y), eyes = faces[0], faces[0][:, [33, 263]]
    assert 60 < x.min() < x.max() < 260
    assert 50 < y.min() < y.max() < 300
    assert eyes[0, 0] < eyes[0, 1]  # the subject's right eye lies at the left
    assert eyes[1].max() < y.mean()


@bundled_only
def test_landmarks_are_those_of_the_messages(portrait):
    from mediapipe import solutions

    with open_detector("bundled", tracking=False) as opened:
        got = opened.detect(portrait)[0]
    with solutions.face_mesh.FaceMesh(static_image_mode=True) as mesh:
        (face,) = mesh.process(portrait).multi_face_landmarks
    assert_array_equal(got, np.array([(p.x, p.y) for p in face.landmark]).T * 312)


def test_detecting_anew_forgets_and_settles(portrait, detector):
    moved = np.roll(portrait, 60, axis=1)
    with open_detector(detector) as opened:
        alone = opened.detect_anew(moved)
    with open_detector(detector) as opened:
        opened.detect(portrait)
        assert_array_equal(opened.detect_anew(moved), alone)
        again = opened.detect_anew(moved, 1.0)
    assert_array_equal(again, alone)


def test_a_still_image_is_seen_alike_with_and_without_tracking_where_nothing_settles(
    portrait, face_landmarker
):
    with open_detector("tasks", model_path=face_landmarker) as tracking:
        tracking.detect(np.roll(portrait, 60, axis=1))
        anew = tracking.detect_anew(portrait, 0.04)
    with open_detector("tasks", model_path=face_landmarker, tracking=False, max_faces=4) as still:
        assert_allclose(
            still.detect(portrait), anew, atol=1e-3
        )  # pixels; the filter over time rounds otherwise


def test_image_without_a_face_gives_none(detector):
    with open_detector(detector, max_faces=2) as opened:
        assert opened.detect(np.zeros((64, 64, 3), np.uint8)).shape == (0, 2, 468)


def test_all_faces_are_found_up_to_max_faces(portrait, detector):
    four = np.tile(portrait, (2, 2, 1))
    for max_faces in (1, 4):
        with open_detector(detector, tracking=False, max_faces=max_faces) as opened:
            assert len(opened.detect(four)) == max_faces


def test_detector_without_tracking_forgets(portrait, detector):
    moved = np.roll(portrait, 12, axis=1)
    with open_detector(detector, tracking=False) as opened:
        alone = opened.detect(moved)
    with open_detector(detector, tracking=False) as opened:
        opened.detect(portrait)
        assert_array_equal(opened.detect(moved), alone)


def test_native_code_prints_nothing(portrait, detector, capfd):
    for image in (portrait, np.zeros_like(portrait)):
        with open_detector(detector) as opened:
            opened.detect(image)
    assert capfd.readouterr() == ("", "")


@bundled_only
def test_both_generations_agree_within_a_twentieth_of_the_interocular_distance(portrait, face_landmarker):
    found = []
    for options in ({"detector": "bundled"}, {"model_path": face_landmarker}):
        with open_detector(**options) as opened:
            found.append(opened.detect(portrait)[0])
    bundled, tasks = found
    unit = np.linalg.norm(bundled[:, [33, 133]].mean(axis=1) - bundled[:, [263, 362]].mean(axis=1))
    distance = np.linalg.norm(bundled - tasks, axis=0) / unit
    assert np.median(distance) < 0.05
    assert distance.max() < 0.2


def test_bundled_graph_is_told_without_importing_mediapipe():
    assert has_bundled_graph() == hasattr(getattr(mediapipe, "solutions", None), "face_mesh")


def test_auto_takes_the_bundled_graph_unless_a_model_is_given(tmp_path, monkeypatch):
    model = tmp_path / "model.task"
    model.touch()
    monkeypatch.setenv(_model_file.MODEL_VARIABLE, str(model))
    expected = ("bundled", None) if has_bundled_graph() else ("tasks", str(model))
    assert resolve_detector() == expected
    assert resolve_detector("auto", model) == resolve_detector("tasks") == ("tasks", str(model))


def test_wrong_detectors_are_named(monkeypatch):
    with pytest.raises(ValueError, match=r"detector must be one of .*; got 'dlib'"):
        resolve_detector("dlib")
    with pytest.raises(ValueError, match="model_path is for detector='tasks'"):
        resolve_detector("bundled", "model.task")
    monkeypatch.setattr(_detectors, "has_bundled_graph", lambda: False)
    with pytest.raises(ValueError, match=r"needs mediapipe <= 0\.10\.21.*Use detector='tasks'"):
        resolve_detector("bundled")


def test_missing_model_files_are_named(monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"model_path must name .*'gone\.task' is no file"):
        locate_model("gone.task")
    monkeypatch.setenv(_model_file.MODEL_VARIABLE, "away.task")
    with pytest.raises(
        FileNotFoundError, match=r"EMOXAI_FACE_LANDMARKER must name .*'away\.task' is no file"
    ):
        locate_model()


def test_file_that_is_no_model_is_named(tmp_path, capfd):
    path = tmp_path / "other.task"
    path.write_bytes(b"no model" * 100)
    with pytest.raises(ValueError, match=r"other\.task can't be loaded as a MediaPipe face landmarker"):
        open_detector(model_path=path)
    assert capfd.readouterr().err == ""


class TestDownload:
    """The download, from a file: URL, since pooch's transport is not ours to test."""

    CONTENT = b"a model" * 1000

    @pytest.fixture(autouse=True)
    def _published(self, tmp_path, monkeypatch):
        import pooch

        published = tmp_path / "published.task"
        published.write_bytes(self.CONTENT)
        monkeypatch.delenv(_model_file.MODEL_VARIABLE, raising=False)
        monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")
        monkeypatch.setattr(_model_file, "MODEL_SHA256", hashlib.sha256(self.CONTENT).hexdigest())
        self.fetch(monkeypatch, lambda url, output: urllib.request.urlretrieve(published.as_uri(), output))

    def fetch(self, monkeypatch, function):
        """Let pooch download with ``function(url, output)``."""
        import pooch

        monkeypatch.setattr(
            pooch.core,
            "choose_downloader",
            lambda *args, **kwargs: lambda url, output, _: function(url, output),
        )

    def test_it_happens_once(self, monkeypatch):
        path = locate_model()
        assert Path(path).read_bytes() == self.CONTENT
        self.fetch(monkeypatch, lambda url, output: pytest.fail("downloaded again"))
        assert locate_model() == path

    def test_damaged_copy_is_downloaded_again(self):
        path = Path(locate_model())
        path.write_bytes(b"damaged")
        assert Path(locate_model()).read_bytes() == self.CONTENT

    def test_wrong_hash_names_the_way_out(self, monkeypatch):
        monkeypatch.setattr(_model_file, "MODEL_SHA256", "0" * 64)
        with pytest.raises(OSError, match=r"not the published one.*model_path or in EMOXAI_FACE_LANDMARKER"):
            locate_model()

    def test_no_network_names_the_way_out(self, monkeypatch):
        import requests

        def fail(url, output):
            raise requests.exceptions.ConnectionError("no route")

        self.fetch(monkeypatch, fail)
        with pytest.raises(
            OSError, match=r"can't be downloaded \(ConnectionError\).*model_path or in EMOXAI"
        ):
            locate_model()

    def test_cache_that_cannot_be_written_names_the_way_out(self, tmp_path):
        (tmp_path / "cache").write_text("a file where the folder should be")
        with pytest.raises(OSError, match=r"can't be stored in .*cache.*model_path or in EMOXAI"):
            locate_model()


def test_coordinates_scale_with_the_image(portrait, detector):
    with open_detector(detector, tracking=False) as opened:
        small = opened.detect(portrait)[0]
        large = opened.detect(cv2.resize(portrait, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))[0]
    assert_allclose(large / 2, small, atol=4)


@pytest.mark.skipif(sys.platform == "win32", reason="no tail to tell them")
@pytest.mark.parametrize(
    ("ending", "told"), [("os.abort()", True), ("raise SystemExit", False), ("pass", False), ("1 / 0", False)]
)
def test_last_words_are_told_of_a_process_that_aborts_and_no_others(ending, told):
    code = f"""
import os
from sklearn_emoxai.extraction._silence import last_words, silenced_stderr
with last_words(), silenced_stderr():
    os.write(2, b"F0000 no such file: /sys/devices\\n")
    {ending}
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ("F0000 no such file: /sys/devices" in process.stderr) == told
    assert (process.returncode < 0) == told


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
        OSError("libEGL.so.1: cannot open shared object file: No such file or directory"),
    ],
)
def test_libraries_that_the_system_lacks_are_named_with_their_packages(error):
    with (
        pytest.raises(OSError, match=r"lib(E?)GL\.so\.1 is missing .*apt install libgl1 libegl1 libgles2"),
        named_libraries(),
    ):
        raise error
    with pytest.raises(ImportError, match="no module"), named_libraries():
        raise ImportError("no module")
