"""Runs that are killed lose nothing that was finished."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph

HARNESS = Path(__file__).parents[2] / "benchmarks/kill_and_resume.py"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system whose processes can fork")
@pytest.mark.parametrize("kind", ["cache", "folder", "compare"])
def test_the_next_run_goes_on_does_nothing_twice_and_gives_the_same(request, monkeypatch, kind):
    if not has_bundled_graph():
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))
    command = [sys.executable, HARNESS, "--kills", "2", "--full", "1", "--kinds", kind, "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 pieces done twice, 0 other results" in done.stdout
