"""Face-mesh detectors on both generations of MediaPipe."""

import contextlib
import functools
import hashlib
import os
from importlib import metadata
from pathlib import Path

import numpy as np

from ..facemesh import N_LANDMARKS
from ._model_file import MODEL_URL, locate_model
from ._silence import last_words, named_libraries, silenced_stderr

DETECTORS = ("auto", "bundled", "tasks")
_one_has_answered = False  # of this process: MediaPipe aborts, where it does, before
_started_in = None  # the process that has started MediaPipe
_USUAL, _SURE = (0.5, 0.5), (0.7, 0.99999)  # least confidence of the face's detection, and of the mesh
_BLACK = np.zeros((32, 32, 3), dtype=np.uint8)


class FaceMeshDetector(contextlib.AbstractContextManager):
    """Finds face meshes in the frames of one video; closed at the end of a ``with`` block.

    Parameters
    ----------
    tracking : bool
        Whether a face is looked for first where it was in the frame before. Without it the frames are
        independent of one another.
    max_faces : int
        Faces a frame, at most.
    sure : bool
        Whether only faces count of which it has next to no doubt.

    Attributes
    ----------
    has_answered : bool
        Whether it has looked at a frame; until then standard error is silent.
    """

    def __init__(self, *, tracking, max_faces, sure=False):
        # MediaPipe's threads talk while they start, which goes on until they have answered once; and
        # each part of the graph talks again when it is first used.
        self._quiet, self._found_once = contextlib.ExitStack(), False
        self.has_answered = False
        self._tracking, self._remembers = tracking, False
        if not _one_has_answered:
            self._quiet.enter_context(last_words())
        self._quiet.enter_context(silenced_stderr())
        try:
            with named_libraries():
                self._native = self._start(tracking, max_faces, *(_SURE if sure else _USUAL))
        except BaseException:
            self._quiet.close()
            raise

    def detect(self, image, timestamp=0.0):
        """Find the faces of one frame.

        Parameters
        ----------
        image : ndarray of shape (side, side, 3), uint8
            RGB and square: MediaPipe projects the landmarks of other images inexactly.
        timestamp : float
            In seconds, increasing over the calls of a tracking detector.

        Returns
        -------
        ndarray of shape (n_faces, 2, 468), float64
            In pixels of the image; x to the right, y down, the origin in the outer corner of the first pixel.
        """
        global _one_has_answered
        _check_not_forked()
        self._remembers = self._tracking
        with contextlib.nullcontext() if self._found_once else silenced_stderr():
            faces = self._detect(image, timestamp)
        self._found_once |= bool(faces)
        _one_has_answered = self.has_answered = True
        self._quiet.close()
        points = np.array(faces, dtype=float).reshape(-1, 2, N_LANDMARKS)
        return points * [[image.shape[1]], [image.shape[0]]]

    def detect_anew(self, image, timestamp=0.0):
        """Find the faces of one frame as `detect` does, whatever a tracking detector saw before.

        The found face tells the detector which turned square of the image to look at; so the landmarks settle
        when the image is gone over again.
        """
        self.forget(timestamp)
        for _ in range(1 + self.n_refinements):
            faces = self.detect(image, timestamp)
            if not len(faces):
                break
        return faces

    def forget(self, timestamp=0.0):
        """Leave no face to track."""
        if self._remembers:
            self.detect(_BLACK, timestamp)
            self._remembers = False

    def begin_video(self):
        """Forget the frames of the video before; the time stamps of the next may begin anew."""
        self.forget()

    def __exit__(self, *exc_info):
        self.close()

    def close(self):
        """Give back what MediaPipe holds."""
        with self._quiet, silenced_stderr():
            self._native.close()


class _BundledDetector(FaceMeshDetector):
    """The graph inside the wheel of MediaPipe up to 0.10.21."""

    # Further passes of detect_anew. On 140 clips of 10 frames, a linear SVM on displacements told seven
    # expressions apart with an accuracy of .69 after none, .83 after one and .87 after two.
    n_refinements = 2

    def _start(self, tracking, max_faces, detection, presence):
        from mediapipe import solutions

        return solutions.face_mesh.FaceMesh(
            static_image_mode=not tracking,
            max_num_faces=max_faces,
            min_detection_confidence=detection,
            min_tracking_confidence=presence,
        )

    def _detect(self, image, timestamp):
        # What process() does, but for the class that it makes anew for each frame: a twentieth of a frame's time.
        mesh, name = self._native, "multi_face_landmarks"
        mesh._graph_outputs.clear()
        mesh._simulated_timestamp += 33333
        packet = mesh._make_packet(mesh._input_stream_type_info["image"], image)
        mesh._graph.add_packet_to_input_stream(stream="image", packet=packet.at(mesh._simulated_timestamp))
        mesh._graph.wait_until_idle()
        if name not in mesh._graph_outputs:
            return []
        faces = mesh._get_packet_content(mesh._output_stream_type_info[name], mesh._graph_outputs[name])
        return [self._points(face) for face in faces or []]

    @staticmethod
    def _points(face):
        # Reading 468 messages one by one takes a tenth of the whole extraction. Each is stored as a tag and
        # a length, then a tag and a float for each of x, y and z: 17 bytes.
        data = face.SerializeToString()
        if len(data) != 17 * N_LANDMARKS:
            return _points(face.landmark)
        layout = {"names": ["x", "y"], "formats": ["<f4", "<f4"], "offsets": [3, 8], "itemsize": 17}
        points = np.frombuffer(data, np.dtype(layout))
        return points["x"], points["y"]


class _TasksDetector(FaceMeshDetector):
    """FaceLandmarker of MediaPipe's Tasks; of its 478 points the first 468 are the face mesh."""

    n_refinements = 0  # the same SVM: .80 after none, .81 after one, .78 after two

    def __init__(self, model, **options):
        self._model, self._milliseconds, self._start_of_video = model, -1, 0
        super().__init__(**options)

    def _start(self, tracking, max_faces, detection, presence):
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision

        self._as_image = functools.partial(mp.Image, mp.ImageFormat.SRGB)
        modes = vision.RunningMode
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=self._model),
            running_mode=modes.VIDEO if tracking else modes.IMAGE,
            num_faces=max_faces,
            min_face_detection_confidence=detection,
            min_face_presence_confidence=presence,
        )
        return vision.FaceLandmarker.create_from_options(options)

    def _detect(self, image, timestamp):
        image = self._as_image(image)
        if self._tracking:
            # Tasks counts whole milliseconds and refuses one that does not increase.
            wanted = self._start_of_video + round(timestamp * 1000)
            self._milliseconds = max(self._milliseconds + 1, wanted)
            found = self._native.detect_for_video(image, self._milliseconds)
        else:
            found = self._native.detect(image)
        return [_points(face[:N_LANDMARKS]) for face in found.face_landmarks]

    def begin_video(self):
        """See FaceMeshDetector."""
        super().begin_video()
        self._start_of_video = self._milliseconds + 1


def has_started():
    """Return whether MediaPipe runs in this process, or in one that it was forked from."""
    return _started_in is not None


def _check_not_forked():
    """Raise RuntimeError in a fork of a process that has used MediaPipe: its threads and locks are not in it."""
    global _started_in
    if _started_in is None:
        _started_in = os.getpid()
    if _started_in != os.getpid():
        raise RuntimeError(
            f"Process {os.getpid()} was forked from one that had extracted landmarks, in which MediaPipe can't "
            "work: it would crash or wait for ever. Start processes by 'spawn' instead of 'fork': "
            "multiprocessing.get_context('spawn'), DataLoader(multiprocessing_context='spawn'); or leave the parallel "
            "work to LandmarkExtractor(n_jobs)."
        )


def _points(landmarks):
    return [p.x for p in landmarks], [p.y for p in landmarks]


def resolve_detector(detector="auto", model_path=None):
    """Settle which detector is used and which model file it loads.

    Parameters
    ----------
    detector : {"auto", "bundled", "tasks"}, default="auto"
        "bundled" is the graph inside MediaPipe up to 0.10.21, which needs no model file; "tasks" is
        FaceLandmarker. "auto" takes "bundled" where MediaPipe has it and no ``model_path`` is given.
    model_path : path-like or None
        The model file of "tasks"; see `locate_model`.

    Returns
    -------
    detector : {"bundled", "tasks"}
    model_path : str or None
        None for "bundled".

    Raises
    ------
    ValueError
        Another name, "bundled" with a MediaPipe that has none, or "bundled" with a ``model_path``.
    FileNotFoundError, OSError
        The model file can't be had; the message says how to get it.
    """
    if detector not in DETECTORS:
        raise ValueError(f"detector must be one of {DETECTORS}; got {detector!r}.")
    if detector == "bundled" and model_path is not None:
        raise ValueError(
            f"model_path is for detector='tasks'; got {str(model_path)!r} with detector='bundled'."
        )
    if detector != "tasks" and model_path is None:
        if has_bundled_graph():
            return "bundled", None
        if detector == "bundled":
            raise ValueError(
                f"detector='bundled' needs mediapipe <= 0.10.21; {metadata.version('mediapipe')} is "
                "installed. Use detector='tasks'."
            )
    return "tasks", locate_model(model_path)


@functools.cache
def has_bundled_graph():
    """Return whether the installed MediaPipe carries the face-mesh graph (up to 0.10.21)."""
    # Its file tells; importing MediaPipe takes half a second and more.
    return metadata.distribution("mediapipe").locate_file("mediapipe/python/solutions/face_mesh.py").is_file()


def open_detector(detector="auto", *, model_path=None, tracking=True, max_faces=1, sure=False):
    """Open a face-mesh detector, to be used in a ``with`` block and for one video only.

    Parameters
    ----------
    detector, model_path
        See `resolve_detector`.
    tracking, max_faces, sure
        See `FaceMeshDetector`.

    Returns
    -------
    FaceMeshDetector

    Raises
    ------
    ValueError
        As `resolve_detector`, or the model file is none.
    RuntimeError
        In a fork of a process that has used MediaPipe.
    """
    detector, model_path = resolve_detector(detector, model_path)
    how = {"tracking": tracking, "max_faces": max_faces, "sure": sure}
    _check_not_forked()
    if detector == "bundled":
        return _BundledDetector(**how)
    try:
        return _TasksDetector(Path(model_path).read_bytes(), **how)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{model_path} can't be loaded as a MediaPipe face landmarker. Get it again from {MODEL_URL}."
        ) from error


def detector_fingerprint(detector, model_path):
    """Return a text that changes with everything in a detector that changes its landmarks."""
    version = metadata.version("mediapipe")
    if detector == "bundled":
        return f"bundled {version}"
    return f"tasks {version} {hashlib.sha256(Path(model_path).read_bytes()).hexdigest()}"
