"""The command ``emoxai live``."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    EmotionClassifier,
    LandmarkAligner,
    LandmarkExtractor,
    LiveDetector,
    SequenceFlattener,
    cli,
    save,
)
from sklearn_emoxai.datasets import make_expression_videos
from sklearn_emoxai.extraction import open_source


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    clips = make_expression_videos(
        folder, n_subjects=2, emotions=["anger", "surprise"], n_frames=8, random_state=0
    )
    clips.X = LandmarkExtractor(n_frames=4).fit_transform(clips.paths)
    pipeline = make_pipeline(LandmarkAligner(), SequenceFlattener(), LogisticRegression())
    clips.detector = EmotionClassifier(pipeline).fit(clips.X, clips.target)
    clips.model = str(folder / "model.skops")
    save(clips.detector, clips.model)
    return clips


def run(monkeypatch, capsys, *arguments):
    """Exit code, output and complaints of the command in this process."""
    monkeypatch.setattr(sys, "argv", ["emoxai", "live", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return ended.value.code or 0, printed.out, printed.err


def test_json_is_a_line_for_each_frame(clips, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, clips.model, "--source", clips.paths[1], "--json")
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 8
    assert [line["seconds"] for line in lines] == pytest.approx(np.arange(8) / 15, abs=1e-3)
    with LiveDetector(clips.detector) as live:
        frames = open_source(clips.paths[1]).frames()
        results = [live.update(decode(), timestamp) for timestamp, decode in frames]
    for line, result in zip(lines, results, strict=True):
        assert line["probabilities"] == pytest.approx(result.probabilities, abs=1e-3)
    assert lines[-1]["emotion"] == "surprise"
    assert lines[-1]["face"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--json"], "--json must come with --source"),
        (["--json", "--source", "nowhere.mp4"], "'nowhere.mp4' does not exist"),
        (
            ["--json", "--source", "97"],
            "Camera 97 can't be opened: there is none of this number, another program",
        ),
        (
            ["--json", "--source", "rtsp://127.0.0.1:9/x"],
            "rtsp://127.0.0.1:9/x can't be opened as a video stream",
        ),
        (["--neutral", "none"], "neutral must be one of"),
        (["--host", "192.0.2.1"], "192.0.2.1 must be an address of this machine"),
    ],
)
def test_mistakes_are_a_sentence(clips, monkeypatch, capsys, arguments, words):
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    code, out, err = run(monkeypatch, capsys, clips.model, "--no-browser", *arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_port_in_use_is_said(clips, monkeypatch, capsys):
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, _, err = run(monkeypatch, capsys, clips.model, "--no-browser", "--port", port)
    assert code == 1
    assert f"Port {port} of 127.0.0.1 is in use: --port takes another" in err


def test_a_missing_extra_is_said_with_the_command_to_install_it(clips, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, _, err = run(monkeypatch, capsys, clips.model)
    assert code == 1
    assert 'pip install "sklearn-emoxai[live]"' in err


@pytest.mark.skipif(os.name != "posix", reason="interrupts are signals here")
def test_the_page_is_served_until_interrupted(clips):
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    command = [sys.executable, "-m", "sklearn_emoxai", "live", clips.model, "--no-browser", "--port", "0"]
    with subprocess.Popen([*command, "--host", "0.0.0.0"], stderr=subprocess.PIPE, text=True) as process:
        address = process.stderr.readline().split()[4].replace("0.0.0.0", "127.0.0.1")
        assert "--host 0.0.0.0 lets other computers in, without encryption" in process.stderr.readline()
        with urllib.request.urlopen(address, timeout=60) as page:
            assert b"An expression is not a feeling." in page.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert "interrupted" in process.stderr.read()
