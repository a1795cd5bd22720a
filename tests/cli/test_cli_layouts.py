"""Landmarks of a tracker of one's own, whose layout nobody knows, on the command line."""

import numpy as np
import pytest
from typer.testing import CliRunner

from sklearn_emoxai import cli, load, save, save_landmarks
from sklearn_emoxai.evaluation import mean_face, read_run

# A network of two epochs takes everything for everything.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")

N_LANDMARKS = 12
QUICK = ("--n-filters", "2", "--max-epochs", "2", "--n-splits", "2", "--n-landmarks", "4", "-j", "1", "-q")


def _invoke(*arguments, code=0):
    done = CliRunner().invoke(cli.app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == code
    return done


def _mistake(*arguments):
    with pytest.raises(cli._app.MISTAKES) as caught:
        _invoke(*arguments)
    return str(caught.value)


@pytest.fixture(scope="module")
def landmarks(tmp_path_factory):
    rng = np.random.default_rng(0)
    face = 100 * rng.normal(size=(2, N_LANDMARKS))
    X = (face + rng.normal(size=(24, 4, 2, N_LANDMARKS))).astype(np.float32)
    file = tmp_path_factory.mktemp("own") / "own.npz"
    save_landmarks(file, X, target=["anger", "fear", "joy"] * 8, groups=np.repeat(np.arange(4), 6))
    return file, X


@pytest.fixture(scope="module")
def run(landmarks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    _invoke("compare", landmarks[0], "-o", folder, "--models", "T-EMO", "--eyes", "2,3:7", *QUICK)
    return folder


def test_faces_are_aligned_by_the_eyes_that_are_named(run, landmarks):
    detector = load(run / "model.skops").estimators_["fear"]
    aligned = detector["align"].transform(landmarks[1])
    np.testing.assert_allclose(aligned[..., [2, 3]].mean(axis=-1)[..., 0], -0.5, atol=1e-5)
    np.testing.assert_allclose(aligned[..., 0, 7], 0.5, atol=1e-5)


def test_eyes_that_are_not_there_are_named_before_any_work(landmarks, tmp_path):
    arguments = ("compare", landmarks[0], "-o", tmp_path / "run", *QUICK)
    message = _mistake(*arguments)
    assert message.startswith(
        f"--eyes must be given for {N_LANDMARKS} landmarks; they are known for 68, 468, 478."
    )
    assert "as 36,39:42,45" in message
    assert "--eyes must hold landmarks between 0 and 11" in _mistake(*arguments, "--eyes", "1:12")
    assert (
        "must be two lists of landmarks with a colon" in _invoke(*arguments, "--eyes", "1,2", code=2).stderr
    )
    assert not (tmp_path / "run").exists()


def test_a_figure_is_drawn_on_the_mean_face(run, landmarks, tmp_path, monkeypatch):
    from sklearn_emoxai.plotting import LandmarkImportanceDisplay

    drawn, draw = [], LandmarkImportanceDisplay.from_emotions.__func__

    def spy(cls, explained, *, landmarks, **rest):
        drawn.append(landmarks)
        return draw(cls, explained, landmarks=landmarks, **rest)

    monkeypatch.setattr(LandmarkImportanceDisplay, "from_emotions", classmethod(spy))
    model, file = run / "model.skops", landmarks[0]
    _invoke("explain", model, "--figure", tmp_path / "run.png")
    _invoke("explain", model, file, "--figure", tmp_path / "landmarks.png")
    np.testing.assert_array_equal(drawn[0], read_run(run).template)
    np.testing.assert_array_equal(drawn[1], mean_face(landmarks[1]))
    assert (tmp_path / "landmarks.png").stat().st_size > 5_000
    save(load(model), tmp_path / "alone.skops")
    assert "--figure needs a face to draw 12 landmarks on: give landmarks" in _mistake(
        "explain", tmp_path / "alone.skops", "--figure", tmp_path / "alone.png"
    )


def test_a_report_is_drawn_on_the_mean_face(run, tmp_path):
    _invoke("report", run, "-o", tmp_path / "report.html", "-q")
    assert "joy" in (tmp_path / "report.html").read_text(encoding="utf-8")
