"""Clips, and a detector that learnt from them, for all tests of live use."""

import contextlib
import threading
import time
from http.client import HTTPConnection

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    LandmarkAligner,
    LandmarkExtractor,
    NeutralDifference,
    UnivariateLandmarkSelector,
    save,
)
from sklearn_emoxai.datasets import make_expression_videos
from sklearn_emoxai.extraction import open_source

EMOTIONS = ("anger", "happiness", "surprise")


def _network(**parameters):
    """A network that learns in a second."""
    small = {"n_filters": 4, "lstm_units": 12, "fc_units": 8, "lr": 1e-2, "max_epochs": 30, "random_state": 0}
    return ConvLSTMClassifier(**small | parameters)


def _frames_of(path):
    """Time stamps and frames of a clip."""
    return [(time, decode()) for time, decode in open_source(path).frames()]


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Clips of 1 s of three emotions, neutral to apex, with their landmarks in ``X``."""
    clips = make_expression_videos(
        tmp_path_factory.mktemp("clips"),
        n_subjects=4,
        emotions=EMOTIONS,
        n_frames=16,
        fps=15,
        random_state=0,
    )
    clips.X = LandmarkExtractor(n_frames=8).fit_transform(clips.paths)
    return clips


@pytest.fixture(scope="session")
def detector(clips):
    """An EmotionClassifier of networks that subtract the neutral face and choose 40 landmarks."""
    select = UnivariateLandmarkSelector(n_landmarks_to_select=40)
    pipeline = make_pipeline(LandmarkAligner(), NeutralDifference(), select, _network())
    return EmotionClassifier(pipeline).fit(clips.X, clips.target)


@pytest.fixture(scope="session")
def model_file(detector, tmp_path_factory):
    """The detector, saved."""
    path = tmp_path_factory.mktemp("model") / "model.skops"
    save(detector, path)
    return path


@pytest.fixture(scope="session")
def happy(clips):
    """The path of a clip that shows happiness."""
    return clips.paths[int(np.flatnonzero(clips.target == "happiness")[0])]


@pytest.fixture(scope="session")
def network():
    """The function that makes a network."""
    return _network


@pytest.fixture(scope="session")
def frames_of():
    """The function that reads a clip."""
    return _frames_of


class _Running:
    """A server of the page in a thread, and what its clients say."""

    def __init__(self, estimator, *, port=0, token="the-token", **parameters):
        from sklearn_emoxai.live import listen, make_app, uvicorn_server

        parameters = {"neutral": "window", **parameters}  # the clips are too short for another
        self.token, self._listening = token, listen("127.0.0.1", port)
        self.port = self._listening.getsockname()[1]
        self.server = uvicorn_server(make_app(estimator, token=token, **parameters))
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._listening]})
        self._thread.start()
        while not self.server.started:
            time.sleep(0.02)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    def get(self, path="/the-token/", **headers):
        """Status, headers and content of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def connect(self, *, origin="own", path="/the-token/stream", **headers):
        """A WebSocket's client."""
        from websockets.sync.client import connect

        origin = f"http://127.0.0.1:{self.port}" if origin == "own" else origin
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            origin=origin,
            additional_headers=headers,
            open_timeout=60,
            max_size=None,
            compression=None,
        )

    def stop(self):
        self.server.should_exit = True
        self._thread.join()
        self._listening.close()


@pytest.fixture(scope="session")
def running():
    """The class of running servers."""
    return _Running


@pytest.fixture(scope="module")
def server(detector):
    """A server of the page."""
    server = _Running(detector, name="model.skops")
    yield server
    server.stop()
