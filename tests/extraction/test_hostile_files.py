"""Damaged and hostile files, a small part of what benchmarks/fuzz_videos.py makes."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_videos.py"


@pytest.mark.slow
def test_damaged_files_give_frames_or_an_error_in_words():
    if not SCRIPT.is_file():
        pytest.skip("the benchmarks are not beside the tests")
    done = subprocess.run(
        [sys.executable, SCRIPT, "--n-videos", "31", "--n-folders", "15", "--seed", "7"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "31 videos" in done.stdout
    assert "15 folders of images" in done.stdout
