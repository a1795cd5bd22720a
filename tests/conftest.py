"""Fixtures that every test may use."""

import os
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[1] / "../shared/data"


def _existing(variable, default):
    path = Path(os.environ.get(variable, default))
    if not path.exists():
        pytest.skip(f"{variable} names no file that is there")
    return path


@pytest.fixture(scope="session")
def expression_clips():
    """Folder of rendered clips that the project did not make, with their clips.csv."""
    return _existing("EMOXAI_TEST_CLIPS", DATA / "expression_clips")


@pytest.fixture(scope="session")
def face_landmarker():
    """Google's model file for the Tasks detector."""
    return _existing("EMOXAI_FACE_LANDMARKER", DATA / "face_landmarker.task")


@pytest.fixture(scope="session")
def real_people():
    """Folder of photographs (``london``, ``london_mesh.npz``) and videos (``grid``) of people, under free licences."""
    return _existing("EMOXAI_TEST_PEOPLE", DATA / "real")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_figures_left(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    yield
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def planted():
    """Sequences of 60 samples, 6 subjects and 20 landmarks, of which 3 and 7 alone tell the emotion."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5, 2, 20)).astype(np.float32)
    emotion = np.array(["anger", "fear", "happiness"])[np.arange(60) % 3]
    groups = np.arange(60) // 10
    X[:, :, :, [3, 7]] += 2.5 * (emotion == "fear")[:, None, None, None]
    return X, emotion, groups
