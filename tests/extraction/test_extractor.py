import os
import pickle
import random
import signal
import subprocess
import sys

import cv2
import joblib
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from sklearn_emoxai import LandmarkExtractor, extract_landmarks
from sklearn_emoxai.extraction import (
    MODEL_VARIABLE,
    _idle_detectors,
    has_bundled_graph,
    open_detector,
    open_source,
)
from sklearn_emoxai.extraction._detectors import resolve_detector
from sklearn_emoxai.extraction._idle_detectors import borrowed_detector
from sklearn_emoxai.extraction._one_video import extract


def load_portrait():
    with get_sample_data("grace_hopper.jpg") as file:
        return cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


PORTRAIT = load_portrait()


def scene(*places, size=(320, 240)):
    """A frame with the portrait at each (left, top, scale)."""
    frame = np.full((size[1], size[0], 3), 90, np.uint8)
    for left, top, scale in places:
        portrait = cv2.resize(PORTRAIT, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        portrait = portrait[max(-top, 0) : size[1] - top, max(-left, 0) : size[0] - left]
        y, x = max(top, 0), max(left, 0)
        frame[y : y + portrait.shape[0], x : x + portrait.shape[1]] = portrait
    return frame


def walking(n_frames=12, speed=3, scale=0.35):
    return np.array([scene((20 + speed * i, 10, scale)) for i in range(n_frames)])


def write_video(path, frames, fourcc="mp4v", fps=20):
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*fourcc), fps, frames.shape[2:0:-1]
    )
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def interocular(landmarks):
    return np.linalg.norm(
        landmarks[..., [33, 133]].mean(axis=-1) - landmarks[..., [263, 362]].mean(axis=-1), axis=-1
    )


@pytest.fixture(autouse=True)
def _model(request, monkeypatch):
    if not has_bundled_graph():
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return [
        write_video(folder / f"{i}.mp4", walking(8, speed=i - 1, scale=0.35 + 0.03 * i), "mp4v")
        for i in range(4)
    ]


class TestSequence:
    def test_landmarks_lie_on_the_face_in_pixels_of_the_frame(self):
        sequence = extract_landmarks(walking())
        assert sequence.landmarks.shape == (12, 2, 468)
        assert sequence.landmarks.dtype == np.float32
        assert sequence.detected.all()
        assert sequence.frame_size == (320, 240)
        assert_array_equal(sequence.frame_indices, np.arange(12))
        # In the portrait the centre between the pupils is at (265, 188), as seen in a magnified picture.
        expected = 0.35 * np.array([265, 188]) + [20, 10] + np.arange(12)[:, None] * [3, 0]
        assert_allclose(sequence.landmarks[:, :, [33, 133, 263, 362]].mean(axis=2), expected, atol=3)

    def test_crop_maps_the_detectors_pixels_to_the_frames(self):
        sequence = extract_landmarks(walking(), crop_size=200)
        left, _, side = sequence.crop
        x, y = sequence.landmarks_in_crop.transpose(1, 0, 2)
        assert 0 < x.min() < x.max() < 200
        assert 0 < y.min() < y.max() < 200
        assert_allclose(x * side / 200 + left, sequence.landmarks[:, 0], rtol=1e-5)

    def test_size_of_the_frame_only_scales_the_landmarks(self):
        small = extract_landmarks(walking(3))
        large = np.array([cv2.resize(f, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for f in walking(3)])
        difference = np.linalg.norm(extract_landmarks(large).landmarks / 2 - small.landmarks, axis=1)
        assert np.median(difference / interocular(small.landmarks)[:, None]) < 0.02

    def test_video_file_and_its_frames_in_a_folder_give_the_same(self, tmp_path, videos):
        for i, (_, decode) in enumerate(open_source(videos[2]).frames()):
            cv2.imwrite(str(tmp_path / f"{i}.png"), decode()[..., ::-1])
        assert_array_equal(
            extract_landmarks(tmp_path, fps=20).landmarks, extract_landmarks(videos[2]).landmarks
        )

    def test_sampled_frames_are_the_evenly_spread_ones(self, videos):
        sequence = extract_landmarks(videos[0], n_frames=3)
        assert_array_equal(sequence.frame_indices, [0, 3, 7])
        assert_allclose(sequence.timestamps, [0, 0.15, 0.35], atol=1e-6)
        assert sequence.n_source_frames == 8
        assert sequence.fps == pytest.approx(20)

    def test_frames_kept_and_frames_decoded_again_give_the_same(self, videos, monkeypatch):
        # Three frames: both ways place the crop by the same ones.
        kept = extract_landmarks(videos[3], n_frames=3)
        monkeypatch.setattr("sklearn_emoxai.extraction._one_video._MAX_BYTES_IN_MEMORY", 0)
        again = extract_landmarks(videos[3], n_frames=3)
        assert_array_equal(kept.landmarks, again.landmarks)

    def test_short_clip_repeats_frames(self):
        sequence = extract_landmarks(walking(3), n_frames=6)
        assert_array_equal(sequence.frame_indices, [0, 0, 1, 1, 2, 2])
        assert_array_equal(sequence.landmarks[0], sequence.landmarks[1])

    def test_part_of_a_video(self, videos):
        sequence = extract_landmarks(videos[0], n_frames=2, start=0.1, stop=0.2)
        assert_array_equal(sequence.frame_indices, [2, 4])

    def test_gray_and_colour_see_the_same_face(self):
        gray, colour = (extract_landmarks(walking(3), grayscale=g).landmarks for g in (True, False))
        assert not np.array_equal(gray, colour)
        difference = np.linalg.norm(gray - colour, axis=1) / interocular(gray)[:, None]
        assert np.median(difference) < 0.05

    def test_small_faces_are_found(self):
        sequence = extract_landmarks(np.array([scene((400, 200, 0.2), size=(640, 480))] * 2))
        assert sequence.detected.all()
        assert_allclose(sequence.landmarks.mean(axis=(0, 2)), [400 + 0.2 * 255, 200 + 0.2 * 210], atol=8)

    def test_face_at_the_border_is_found(self):
        sequence = extract_landmarks(np.array([scene((-55, -30, 0.4))] * 2))
        left, top, _ = sequence.crop
        assert min(left, top) < 0
        assert sequence.detected.all()

    @pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8, 0.95])
    def test_face_that_jumps_is_not_left_behind_by_the_tracking(self, share):
        jump = round(share * 0.3 * 205)  # the mesh is 205 pixels high in the portrait
        left = np.array([0, 0, 0, jump, jump, jump, 0, 0, 0])
        sequence = extract_landmarks(np.array([scene((x, 10, 0.3)) for x in left]))
        assert sequence.detected.all()
        x = sequence.landmarks[:, 0].mean(axis=1)
        assert_allclose(x - x[0], left, atol=1.5)

    def test_face_that_leaves_the_crop_is_found_all_the_same(self):
        # Furthest off between the frames that place the crop: 0, 6 and 11 of 12.
        left = 40 * np.array([0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1])
        sequence = extract_landmarks(np.array([scene((x, 10, 0.3)) for x in left]), fps=5)
        assert sequence.detected.all()
        x = sequence.landmarks[:, 0].mean(axis=1)
        assert sequence.crop[0] + sequence.crop[2] < x.max()
        assert_allclose(x - x[0], left, atol=3)


class TestDetectorsOfEarlierVideos:
    def test_they_serve_again_and_change_nothing(self, monkeypatch):
        scenes = [
            walking(10),
            walking(10, speed=-1, scale=0.5),
            np.zeros_like(walking(3)),
            walking(10, speed=0),
            walking(10, speed=8),
        ]
        opened = []

        def counted(*args, **kwargs):
            opened.append(args)
            return open_detector(*args, **kwargs)

        monkeypatch.setattr(_idle_detectors, "open_detector", counted)
        options = {"on_missing": "nan", "max_missing": 1.0}

        def found(scene):
            try:
                return extract_landmarks(scene, **options).landmarks
            except ValueError:  # no face at all
                return None

        alone = []
        for scene in scenes:
            _idle_detectors.close_idle_detectors()
            alone.append(found(scene))
        n_alone = len(opened)
        for order in (range(5), reversed(range(5)), (4, 2, 0, 3, 1)):
            for i in order:
                again = found(scenes[i])
                assert (again is None) == (alone[i] is None)
                if again is not None:
                    assert_array_equal(again, alone[i])
        assert n_alone >= 2 * len(scenes)
        assert len(opened) == n_alone

    def test_those_of_another_process_are_left_alone(self, monkeypatch):
        frames = walking(2)
        _idle_detectors.close_idle_detectors()
        extract_landmarks(frames)
        kept = {key: list(detectors) for key, detectors in _idle_detectors._idle.items()}
        assert all(kept.values())
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as after a fork
        with pytest.raises(RuntimeError, match="forked .* by 'spawn'"):
            extract_landmarks(frames)
        _idle_detectors.close_idle_detectors()
        monkeypatch.undo()
        assert {key: list(detectors) for key, detectors in _idle_detectors._idle.items()} == kept

    @pytest.mark.parametrize("fps", [25, 5])  # tracked, and each frame on its own
    def test_they_leave_standard_error_open(self, fps, capfd):
        _idle_detectors.close_idle_detectors()
        extract_landmarks(walking(4), fps=fps)
        os.write(2, b"heard")
        assert capfd.readouterr().err == "heard"

    def test_one_whose_video_ended_in_an_error_is_closed(self):
        arguments = {"model_path": None, "tracking": True, "max_faces": 1}
        name, arguments["model_path"] = resolve_detector()
        with pytest.raises(RuntimeError, match="by the way"), borrowed_detector(name, **arguments) as first:
            raise RuntimeError("by the way")
        with borrowed_detector(name, **arguments) as second:
            assert second is not first


def test_a_face_that_leaves_its_first_place_gets_a_square_around_all_its_places():
    still, moving = extract_landmarks(walking(20, speed=0)), extract_landmarks(walking(20, speed=6))
    left, _, side = moving.crop
    assert moving.detected.all()
    for frame in moving.landmarks:
        assert left < frame[0].min() < frame[0].max() < left + side
    assert side > still.crop[2] + 19 * 6 * 0.9


class TestMissingFaces:
    def frames(self, seen):
        return np.array([scene((20 + 5 * i, 10, 0.35)) if s else scene() for i, s in enumerate(seen)])

    def test_frames_without_a_face_are_interpolated_in_time(self):
        seen = np.array([1, 1, 0, 0, 1, 1, 1, 1], bool)
        sequence = extract_landmarks(self.frames(seen))
        assert_array_equal(sequence.detected, seen)
        a, b = sequence.landmarks[1], sequence.landmarks[4]
        assert_allclose(sequence.landmarks[2], a + (b - a) / 3, atol=1e-3)
        assert_allclose(sequence.landmarks[3], a + (b - a) * 2 / 3, atol=1e-3)

    def test_video_that_begins_without_a_face_holds_the_first_one(self):
        seen = np.array([0, 0, 0, 1, 1, 1, 1], bool)
        sequence = extract_landmarks(self.frames(seen))
        assert_array_equal(sequence.detected, seen)
        assert_array_equal(sequence.landmarks[:3], sequence.landmarks[[3, 3, 3]])

    def test_other_ways_with_missing_faces(self):
        frames = self.frames([1, 0, 1, 1])
        landmarks = extract_landmarks(frames, on_missing="nan").landmarks
        assert_array_equal(np.isnan(landmarks).all(axis=(1, 2)), [False, True, False, False])
        with pytest.raises(ValueError, match=r"no face in 25% of 4 frames; at most 0% .*on_missing='raise'"):
            extract_landmarks(frames, on_missing="raise")

    def test_too_many_missing_faces_are_an_error_that_names_video_and_share(self, tmp_path):
        path = write_video(tmp_path / "hidden.mp4", self.frames([1, 0, 0, 0, 1]))
        with pytest.raises(ValueError, match=r"hidden\.mp4 shows no face in 60% of 5 frames; at most 50%"):
            extract_landmarks(path)
        assert extract_landmarks(path, max_missing=0.6).detected.sum() == 2

    def test_video_without_any_face_is_an_error_whatever_is_allowed(self):
        with pytest.raises(ValueError, match="no face in 100% of 3 frames"):
            extract_landmarks(self.frames([0, 0, 0]), max_missing=1.0)


class TestSeveralFaces:
    def test_the_largest_is_followed(self):
        frames = np.array([scene((10 + 2 * i, 30, 0.28), (160 - i, 20, 0.36)) for i in range(10)])
        sequence = extract_landmarks(frames)
        assert sequence.detected.all()
        expected = 160 - np.arange(10) + 0.36 * 255
        assert_allclose(sequence.landmarks[:, 0].mean(axis=1), expected, atol=8)

    def test_the_other_never_stands_in_while_the_followed_face_is_hidden(self):
        hidden = (3, 4)
        frames = np.array(
            [scene((10, 20, 0.28), *([] if i in hidden else [(160, 20, 0.36)])) for i in range(10)]
        )
        sequence = extract_landmarks(frames)
        assert_array_equal(~sequence.detected, np.isin(np.arange(10), hidden))
        assert sequence.landmarks[:, 0].min() > 160


class TestExtractor:
    def test_shape_dtype_and_agreement_with_single_videos(self, videos):
        X = LandmarkExtractor(n_frames=4).fit_transform(videos)
        assert X.shape == (4, 4, 2, 468)
        assert X.dtype == np.float32
        for row, video in zip(X, videos):
            assert_array_equal(row, extract_landmarks(video, n_frames=4).landmarks)

    def test_order_and_company_of_videos_change_nothing(self, videos):
        X = LandmarkExtractor(n_frames=4).transform(videos)
        assert_array_equal(LandmarkExtractor(n_frames=4).transform(videos[::-1]), X[::-1])

    @pytest.mark.parametrize("backend", ["loky", "threading"])
    def test_parallel_work_changes_nothing(self, videos, backend, capfd):
        X = LandmarkExtractor(n_frames=4).transform(videos)
        with joblib.parallel_config(backend=backend):
            parallel = LandmarkExtractor(n_frames=4, n_jobs=2).transform(videos)
        assert_array_equal(parallel, X)
        assert capfd.readouterr() == ("", "")

    def test_paths_as_strings_arrays_and_folders_mix(self, videos, tmp_path):
        cv2.imwrite(str(tmp_path / "0.png"), scene((20, 10, 0.35))[..., ::-1])
        X = LandmarkExtractor(n_frames=2).transform(np.array([str(videos[0]), str(tmp_path)]))
        assert_array_equal(X[1], LandmarkExtractor(n_frames=2).transform([scene((20, 10, 0.35))[None]])[0])

    def test_it_needs_no_fit_and_begins_a_pipeline(self, videos, tmp_path):
        from sklearn_emoxai import SequenceFlattener

        pipeline = make_pipeline(LandmarkExtractor(n_frames=2), SequenceFlattener(), memory=str(tmp_path))
        assert pipeline.fit_transform(videos[:2]).shape == (2, 2 * 2 * 468)
        assert not get_tags(LandmarkExtractor()).requires_fit

    def test_clone_and_pickle_after_use(self, videos):
        extractor = LandmarkExtractor(n_frames=2, crop_size=200)
        X = extractor.fit_transform(videos[:1])
        for copy in (clone(extractor), pickle.loads(pickle.dumps(extractor))):
            assert copy.get_params() == extractor.get_params()
            assert_array_equal(copy.transform(videos[:1]), X)

    def test_progress_bar_counts_videos(self, videos, capsys):
        LandmarkExtractor(n_frames=2, verbose=1).transform(videos[:2])
        assert "2/2" in capsys.readouterr().err
        LandmarkExtractor(n_frames=2).transform(videos[:2])
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"n_frames": 0}, ValueError, "n_frames must be at least 1; got 0"),
            ({"n_frames": 2.5}, TypeError, r"n_frames must be an int; got 2\.5"),
            ({"n_frames": None}, TypeError, "n_frames must be an int; got None"),
            ({"n_frames": True}, TypeError, "n_frames must be an int; got True"),
            ({"crop_size": 8}, ValueError, "crop_size must be from 32 to 8192; got 8"),
            ({"crop_margin": -0.1}, ValueError, r"crop_margin must be from 0 to 10; got -0\.1"),
            ({"max_missing": 50}, ValueError, "max_missing must be from 0 to 1; got 50"),
            ({"fps": "25"}, TypeError, "fps must be a number; got '25'"),
            ({"fps": float("nan")}, ValueError, "fps must be from"),
            ({"start": 2, "stop": 1}, ValueError, "stop must not lie before start=2; got 1"),
            ({"on_missing": "drop"}, ValueError, "on_missing must be one of .*; got 'drop'"),
            ({"on_error": "skip"}, ValueError, "on_error must be one of .*; got 'skip'"),
            ({"detector": "dlib"}, ValueError, "detector must be one of .*; got 'dlib'"),
        ],
    )
    def test_wrong_parameters_are_named(self, parameters, error, message):
        with pytest.raises(error, match=message):
            LandmarkExtractor(**parameters).fit([])

    @pytest.mark.parametrize(
        ("X", "error", "message"),
        [
            ("clip.mp4", TypeError, "X must be a list of videos; got 'clip.mp4'"),
            (None, TypeError, "X must be a list of videos; got None"),
            ([], ValueError, "at least one video"),
            (["gone.mp4"], FileNotFoundError, "'gone.mp4' does not exist"),
            ([7], TypeError, "got int"),
        ],
    )
    def test_wrong_videos_are_named(self, X, error, message):
        with pytest.raises(error, match=message):
            LandmarkExtractor().fit(X).transform(X)


class TestErrors:
    @pytest.fixture
    def mixed(self, videos, tmp_path):
        bad = tmp_path / "bad.mp4"
        bad.write_text("no video")
        return [videos[0], bad, tmp_path / "gone.mp4", videos[1]]

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_raise_names_the_file(self, mixed, n_jobs):
        with pytest.raises(ValueError, match=r"bad\.mp4 can't be read as a video"):
            LandmarkExtractor(n_frames=2, n_jobs=n_jobs).transform(mixed)

    def test_nan_keeps_every_row_and_warns_once(self, mixed, tmp_path):
        extractor = LandmarkExtractor(n_frames=2, on_error="nan", cache_dir=tmp_path / "cache")
        with pytest.warns(UserWarning, match=r"2 of 4 videos(.|\n)*bad\.mp4(.|\n)*gone\.mp4") as caught:
            X = extractor.transform(mixed)
        assert len(caught) == 1
        assert_array_equal(np.isnan(X).all(axis=(1, 2, 3)), [False, True, True, False])
        assert not np.isnan(X[[0, 3]]).any()


class TestCache:
    @pytest.fixture
    def counted(self, monkeypatch):
        calls = []
        monkeypatch.setattr(
            "sklearn_emoxai.extraction._extractor.extract",
            lambda source, options: calls.append(1) or extract(source, options),
        )
        return calls

    def test_entry_is_found_by_content_whatever_the_name(self, videos, tmp_path, counted):
        extractor = LandmarkExtractor(n_frames=2, cache_dir=tmp_path / "cache")
        X = extractor.transform(videos[:2])
        renamed = tmp_path / "renamed.mp4"
        renamed.write_bytes(videos[0].read_bytes())
        array = np.array([decode() for _, decode in open_source(videos[0]).frames()])
        assert_array_equal(extractor.transform([videos[0], renamed, videos[1]]), X[[0, 0, 1]])
        assert len(counted) == 2
        extractor.transform([array])
        extractor.transform([array.copy()])
        assert len(counted) == 3

    def test_every_parameter_that_changes_landmarks_is_in_the_key(self, videos, tmp_path, counted):
        extractor = LandmarkExtractor(n_frames=2, cache_dir=tmp_path)
        changes = {
            "n_frames": 3,
            "start": 0.1,
            "stop": 0.2,
            "fps": 24.0,
            "crop_size": 200,
            "crop_margin": 0.3,
            "grayscale": False,
            "on_missing": "nan",
            "max_missing": 0.4,
        }
        extractor.transform(videos[:1])
        for name, value in changes.items():
            clone(extractor).set_params(**{name: value}).transform(videos[:1])
        assert len(counted) == 1 + len(changes)
        clone(extractor).set_params(on_error="nan", n_jobs=1, verbose=1).transform(videos[:1])
        assert len(counted) == 1 + len(changes)

    def test_damaged_entry_is_recomputed_with_a_warning(self, videos, tmp_path, counted):
        extractor = LandmarkExtractor(n_frames=2, cache_dir=tmp_path)
        X = extractor.transform(videos[:1])
        (entry,) = tmp_path.iterdir()
        sound = entry.read_bytes()
        for damaged in (sound[:-7], b"", sound[:100] + bytes([sound[100] ^ 1]) + sound[101:]):
            entry.write_bytes(damaged)
            with pytest.warns(UserWarning, match="damaged; its video is processed again"):
                assert_array_equal(extractor.transform(videos[:1]), X)
            assert entry.read_bytes() == sound
        assert len(counted) == 4

    def test_full_disk_costs_the_cache_but_no_result(self, videos, tmp_path):
        # A real failure of write(2), from the limit on the size of files, in a process of its own.
        code = f"""
import resource, signal, warnings
from sklearn_emoxai import LandmarkExtractor
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    X = LandmarkExtractor(n_frames=2, cache_dir={str(tmp_path / "cache")!r}).transform([{str(videos[0])!r}])
assert X.shape == (1, 2, 2, 468)
assert ["can't be cached" in str(w.message) for w in caught] == [True], caught
"""
        subprocess.run([sys.executable, "-c", code], check=True)
        assert not list((tmp_path / "cache").iterdir())

    def test_cache_that_cannot_be_written_costs_no_result(self, videos, tmp_path, monkeypatch):
        def refuse(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        X = LandmarkExtractor(n_frames=2).transform(videos[:1])
        monkeypatch.setattr("sklearn_emoxai.storage._landmark_file.os.replace", refuse)
        with pytest.warns(UserWarning, match=r"can't be cached in .* \(Permission denied\)"):
            assert_array_equal(LandmarkExtractor(n_frames=2, cache_dir=tmp_path).transform(videos[:1]), X)
        assert not list(tmp_path.iterdir())

    def test_two_processes_may_share_a_cache(self, videos, tmp_path):
        X = LandmarkExtractor(n_frames=2).transform(videos * 2)
        shared = LandmarkExtractor(n_frames=2, cache_dir=tmp_path, n_jobs=2).transform(videos * 2)
        assert_array_equal(shared, X)
        assert len(list(tmp_path.iterdir())) == len(videos)

    def test_killed_run_goes_on_where_it_was(self, videos, tmp_path, counted):
        code = f"""
from sklearn_emoxai import LandmarkExtractor
from sklearn_emoxai.extraction import _extractor
extract, done = _extractor.extract, []
def slow(source, options):
    if len(done) == 2:
        import time
        print("two done", flush=True)
        time.sleep(60)
    done.append(source)
    return extract(source, options)
_extractor.extract = slow
LandmarkExtractor(n_frames=2, cache_dir={str(tmp_path)!r}).transform({[str(v) for v in videos]!r})
"""
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"two done\n"
            process.send_signal(signal.SIGKILL)
        before = {entry: entry.stat().st_mtime_ns for entry in tmp_path.iterdir()}
        assert len(before) == 2
        X = LandmarkExtractor(n_frames=2, cache_dir=tmp_path).transform(videos)
        assert len(counted) == len(videos) - 2
        assert all(entry.stat().st_mtime_ns == when for entry, when in before.items())
        assert_array_equal(X, LandmarkExtractor(n_frames=2).transform(videos))


FUZZ = """
import pathlib, sys, time
from sklearn_emoxai import extract_landmarks
outcomes = {"landmarks": 0, "error": 0}
slowest = 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    started = time.perf_counter()
    try:
        sequence = extract_landmarks(path, n_frames=2)
        assert sequence.landmarks.shape == (2, 2, 468)
        outcomes["landmarks"] += 1
    except ValueError as error:
        assert path.name in str(error) and "\\n" not in str(error), error
        outcomes["error"] += 1
    slowest = max(slowest, time.perf_counter() - started)
print(outcomes["landmarks"], outcomes["error"], slowest)
"""


def mutated(data, rng):
    """Change a file by bytes: other values, lost or doubled stretches, a lost end."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 3, 30])):
        if len(data) <= 100:
            break
        at, length = rng.randrange(len(data)), rng.choice([1, 4, 64])
        match rng.randrange(5):
            case 0 | 1:
                data[at : at + length] = rng.randbytes(length)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                del data[max(at, 99) :]
    return bytes(data)


def test_200_mutated_files_give_landmarks_or_a_clear_error(tmp_path):
    folder = tmp_path / "mutated"
    folder.mkdir()
    frames = walking(4)[:, :140, :180]
    originals = [
        write_video(tmp_path / name, frames, fourcc)
        for name, fourcc in [("a.mp4", "mp4v"), ("b.avi", "MJPG"), ("c.webm", "VP80"), ("d.mkv", "mp4v")]
    ]
    rng = random.Random(0)
    for i in range(200):
        original = originals[i % len(originals)]
        (folder / f"{i}{original.suffix}").write_bytes(mutated(original.read_bytes(), rng))
    run = subprocess.run(
        [sys.executable, "-c", FUZZ, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stderr == ""
    landmarks, errors, slowest = run.stdout.split()
    assert int(landmarks) + int(errors) == 200
    assert int(landmarks) > 20
    assert int(errors) > 20
    assert float(slowest) < 10


def test_clips_that_the_project_did_not_make_are_all_extracted(expression_clips):
    files = sorted(expression_clips.glob("*.mp4"))[::20]
    X = LandmarkExtractor(max_missing=0.0).transform(files)
    assert not np.isnan(X).any()
    unit = interocular(X)
    assert (unit.std(axis=1) / unit.mean(axis=1)).max() < 0.1


def test_reading_native_libraries_stays_lazy():
    code = (
        "import sys, sklearn_emoxai; sklearn_emoxai.LandmarkExtractor(); "
        "assert not {'cv2', 'mediapipe', 'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
