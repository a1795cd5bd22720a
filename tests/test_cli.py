import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from sklearn_emoxai import __version__, cli, load_landmarks
from sklearn_emoxai.datasets import make_expression_videos


def _run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "sklearn_emoxai", *arguments], capture_output=True, text=True
    )


def test_help_and_version():
    assert "demo" in CliRunner().invoke(cli.app, ["--help"]).output
    assert "emoxai demo --data" in CliRunner().invoke(cli.app, ["demo", "--help"]).output
    assert CliRunner().invoke(cli.app, ["--version"]).output == f"sklearn-emoxai {__version__}\n"


def test_a_mistake_is_one_line_and_exit_code_1(tmp_path):
    done = _run("demo", "--data", str(tmp_path / "nowhere"), "-o", str(tmp_path / "out"), "-q")
    assert done.returncode == 1
    assert done.stderr.startswith("emoxai: ")
    assert str(tmp_path / "nowhere") in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_wrong_usage_is_exit_code_2():
    assert _run("demo", "--n-splits", "1").returncode == 2
    assert _run("dance").returncode == 2


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_demo_writes_what_it_promises(tmp_path):
    folder, output = tmp_path / "clips", tmp_path / "out"
    emotions = ["happiness", "surprise"]
    make_expression_videos(folder, n_subjects=4, emotions=emotions, n_frames=5, size=192, random_state=0)
    arguments = ["demo", "--data", str(folder), "-o", str(output), "--n-landmarks", "16", "--n-splits", "2"]
    done = CliRunner().invoke(
        cli.app, [*arguments, "--max-epochs", "3", "-j", "1", "-q"], catch_exceptions=False
    )
    landmarks = load_landmarks(output / "landmarks.npz")
    assert landmarks.data.shape == (8, 10, 2, 468)
    assert set(landmarks.target) == set(emotions)
    results = pd.read_csv(output / "results.csv")
    assert len(results) == 9 * 2 * 2  # models, emotions, splits
    assert set(results["n_landmarks"]) == {16, 468}
    assert (output / "landmarks.png").stat().st_size > 50_000
    assert "T-EMO, selected" in done.output
    assert "±" in done.output
