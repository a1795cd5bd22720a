import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from typer.testing import CliRunner

from sklearn_emoxai import __version__, cli, load_landmarks, save_landmarks
from sklearn_emoxai.cli import _demo
from sklearn_emoxai.cli._app import _kill_workers
from sklearn_emoxai.datasets import make_expression_videos
from sklearn_emoxai.evaluation._resuming import ResumableRun
from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph
from sklearn_emoxai.storage import PACKAGES

COMMANDS = ["demo", "extract", "compare", "explain", "predict", "report", "annotate", "live", "export"]


def _start(*arguments):
    """The command in a process of its own, which takes interrupts even where the tests' ignores them."""
    return subprocess.Popen(
        [sys.executable, "-m", "sklearn_emoxai", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=None if os.name == "nt" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _run(*arguments):
    with _start(*arguments) as process:
        output, errors = process.communicate()
    return process.returncode, output, errors


def _invoke(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def mistake(monkeypatch, capsys):
    """Run a command that must fail by the user's mistake, and return the one line that it says."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["emoxai", *map(str, arguments)])
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # which main sets
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed, errors = capsys.readouterr()
        assert end.value.code == 1
        assert printed == ""
        assert errors.startswith("emoxai: ")
        assert len(errors.splitlines()) == 1
        return errors

    return run


def test_help_names_all_commands_whole():
    printed = _invoke("--help").output
    assert [
        line.split()[0] for line in printed.partition("Commands:")[2].splitlines()[1 : 1 + len(COMMANDS)]
    ] == COMMANDS
    assert "..." not in printed.partition("Commands:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_examples(name):
    printed = _invoke(name, "--help").output
    assert "For example:" in printed
    assert f"\n      emoxai {name}" in printed
    assert "--quiet" in printed or name == "explain"


def _versions():
    """What --version prints, by name."""
    return dict(line.split(maxsplit=1) for line in _invoke("--version").output.splitlines())


def test_version_tells_what_is_installed(monkeypatch):
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    told = _versions()
    assert list(told)[:2] == ["sklearn-emoxai", "Python"]
    assert set(PACKAGES) <= told.keys()
    assert told["sklearn-emoxai"] == __version__
    assert told["Python"].startswith(f"{platform.python_version()}, ")
    assert told["numpy"] == np.__version__
    assert torch.__version__.startswith(told["torch"].partition(", ")[0])  # which may add "+cpu"
    assert told["torch"].endswith(torch.version.cuda or torch.version.hip or "without CUDA")
    assert told["detector"] == ("bundled graph" if has_bundled_graph() else "Tasks")
    assert told[MODEL_VARIABLE] == "not set"


def test_version_names_the_model_file_and_says_where_there_is_none(monkeypatch, tmp_path):
    model = tmp_path / "model.task"
    monkeypatch.setenv(MODEL_VARIABLE, str(model))
    assert _versions()[MODEL_VARIABLE] == f"{model} (no such file)"
    model.touch()
    assert _versions()[MODEL_VARIABLE] == str(model)


def test_version_names_every_opencv(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"1.{len(name)}")
    told = _versions()
    assert [told[name] for name in ("opencv-python", "opencv-contrib-python")] == ["1.13", "1.21"]


def test_version_needs_nothing_but_the_command_line():
    code = """
import importlib.metadata, sys
importlib.metadata.version = importlib.metadata.distribution = None  # calls fail
sys.modules["numpy"] = None  # so does the import
sys.argv = ["emoxai", "--version"]
from sklearn_emoxai.cli import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    told = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    assert told.pop("detector") == "unknown (ModuleNotFoundError)"
    assert told.keys() == {*PACKAGES, "Python"}
    assert {told[name] for name in PACKAGES[1:]} == {"not installed"}


def test_version_loads_no_heavy_library():
    code = (
        "from sklearn_emoxai.cli._version import installation; installation(); import sys; "
        "print(*{'torch', 'mediapipe', 'cv2', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == []


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_come_at_once(option, record_property):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert _run(option)[0] == 0
        seconds.append(time.perf_counter() - start)
    record_property("help_seconds", min(seconds))
    assert min(seconds) < 1  # 0.1 on an idle machine; the aim is 0.5


def test_a_mistake_is_one_line_and_exit_code_1(tmp_path):
    code, printed, errors = _run("predict", tmp_path / "nowhere", "clip.mp4")
    assert (code, printed) == (1, "")
    assert errors == f"emoxai: {tmp_path / 'nowhere'} does not exist.\n"


def test_missing_inputs_are_named(mistake, tmp_path):
    nowhere = tmp_path / "nowhere"
    for arguments in [
        ("demo", "--data", nowhere, "-o", tmp_path / "out", "-q"),
        ("extract", nowhere, "-o", tmp_path / "it.npz", "-q"),
        ("compare", nowhere, "-o", tmp_path / "run"),
        ("predict", nowhere, "clip.mp4"),
        ("explain", nowhere),
        ("annotate", nowhere, "clip.mp4", "-o", tmp_path / "it.mp4"),
        ("report", nowhere, "-o", tmp_path / "it.html"),
    ]:
        assert str(nowhere) in mistake(*arguments)
    assert "is no run folder" in mistake("report", tmp_path, "-o", tmp_path / "it.html")


def test_existing_outputs_are_refused_before_any_work(mistake, tmp_path):
    for name in ("it.npz", "it.html", "it.mp4", "it.png", "model.skops"):
        (tmp_path / name).write_text("mine")
    for arguments, name in [
        (("extract", "clips", "-o", tmp_path / "it.npz"), "it.npz"),
        (("report", "run", "-o", tmp_path / "it.html"), "it.html"),
        (("annotate", "model", "clip", "-o", tmp_path / "it.mp4"), "it.mp4"),
        (("explain", "model", "--figure", tmp_path / "it.png"), "it.png"),
        (("compare", "it.npz", "-o", tmp_path), "finished run"),
        (("demo", "-o", tmp_path), "finished run"),
    ]:
        errors = mistake(*arguments)
        assert name in errors
        assert "--force replaces it" in errors
    assert {file.read_text() for file in tmp_path.iterdir()} == {"mine"}


def test_outputs_that_can_not_be_written_are_named(mistake, tmp_path):
    assert "its folder does not exist" in mistake("report", "run", "-o", tmp_path / "no" / "it.html")
    assert "must be a file; it is a folder" in mistake("annotate", "model", "clip", "-o", tmp_path)
    (tmp_path / "file").touch()
    assert "must be a folder; it is a file" in mistake("compare", "it.npz", "-o", tmp_path / "file")


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--n-splits", "1"),
        ("dance",),
        ("compare", "it.npz"),
        ("compare", "it.npz", "-o", "run", "--n-landmarks", "32,many"),
        ("predict", "model.skops"),
        ("explain", "model.skops", "--top", "0"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments):
    done = _invoke(*arguments)
    assert done.exit_code == 2
    assert "Usage: " in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals are those of Unix")
@pytest.mark.parametrize(("n_jobs", "n_interrupts"), [(1, 1), (2, 3)])
def test_an_interrupted_extraction_ends_with_130(expression_clips, tmp_path, n_jobs, n_interrupts):
    arguments = ("extract", expression_clips, "-o", tmp_path / "it.npz", "-j", n_jobs)
    with _start(*arguments, "--cache-dir", tmp_path / "cache") as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("cache/*.landmarks")) and time.monotonic() < deadline:
            time.sleep(0.1)
        for _ in range(n_interrupts):
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    last = errors.splitlines()[-1]
    assert last.startswith("emoxai: interrupted; "), errors
    assert "--cache-dir" in last
    if n_jobs == 1:  # workers that the interrupt meets while they start may print their own
        assert "Traceback" not in errors
    assert list(tmp_path.glob("cache/*.landmarks"))
    assert not (tmp_path / "it.npz").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals are those of Unix")
def test_workers_are_killed_whatever_they_are_at():
    executor = get_reusable_executor(1, timeout=300)  # as joblib's
    busy = executor.submit(time.sleep, 30)
    deadline = time.monotonic() + 20
    while not busy.running() and time.monotonic() < deadline:
        time.sleep(0.05)
    start = time.monotonic()
    _kill_workers()
    with pytest.raises(TerminatedWorkerError):
        busy.result(timeout=20)
    assert time.monotonic() - start < 10


def test_complaints_of_a_comparison_name_the_options(mistake, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 3, 2, 468)), ["anger", "fear", "neutral"] * 8
    file, run = tmp_path / "it.npz", tmp_path / "run"
    for groups, message in [
        (None, "LANDMARKS must hold the subject of each sample"),
        ([0] * 24, "LANDMARKS must hold at least 2 subjects with 'anger'"),
    ]:
        save_landmarks(file, X, target=y, groups=groups)
        errors = mistake("compare", file, "-o", run, "-q")
        assert errors.startswith(f"emoxai: {message}")
        assert "from a CSV beside the videos, with the columns file, emotion and subject" in errors
        file.unlink()
    save_landmarks(file, X, target=y, groups=np.repeat(np.arange(8), 3))
    arguments = [
        "compare",
        file,
        "-o",
        run,
        "-q",
        "--models",
        "majority class,linear SVM",
        "--n-landmarks",
        "468",
    ]
    assert "--emotions must be labels of y" in mistake(*arguments, "--emotions", "joy")
    assert "--n-splits must be at most the number of subjects with 'anger', 8" in mistake(
        *arguments, "--n-splits", "9"
    )
    ResumableRun(run).start({"format": 1, "random_state": 0, "models": [], "fingerprints": {"X": 0}})
    meta = json.loads((run / "run.json").read_text())
    fingerprints = dict.fromkeys(("X", "y", "groups"), "") | {"models": {}}
    rest = dict.fromkeys(("protocol_description", "emotions", "landmark_counts", "n_runs", "metrics"), 0)
    (run / "run.json").write_text(json.dumps(meta | rest | {"fingerprints": fingerprints}))
    errors = mistake(*arguments)
    assert errors.startswith("emoxai: --output must be new or hold this comparison;")
    assert "the sequences X are others; the labels y are others" in errors
    assert "--force replaces the run" in errors


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_demo_says_that_its_own_videos_are_synthetic(tmp_path, monkeypatch, capsys):
    few = {"n_subjects": 4, "emotions": ["happiness", "surprise"], "n_frames": 2, "size": 192}

    def small(folder, *, random_state, verbose):
        return make_expression_videos(folder, **few, random_state=random_state)

    class Told(Exception):
        """What comes next takes its time, and is tested with videos of one's own."""

    def told(*_, **__):
        raise Told

    monkeypatch.setattr(_demo, "make_expression_videos", small)
    monkeypatch.setattr(_demo, "keep_detector", told)
    with pytest.raises(Told):
        _demo.run_demo(tmp_path, n_landmarks=16, n_splits=2, max_epochs=1, n_jobs=1, verbose=0)
    assert "The videos are synthetic, one portrait warped: these scores say nothing about people." in (
        capsys.readouterr().out
    )


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_demo_writes_what_it_promises(tmp_path):
    folder, output = tmp_path / "clips", tmp_path / "out"
    emotions = ["happiness", "surprise"]
    make_expression_videos(folder, n_subjects=4, emotions=emotions, n_frames=5, size=192, random_state=0)
    arguments = ["demo", "--data", folder, "-o", output, "--n-landmarks", "16", "--n-splits", "2"]
    done = _invoke(*arguments, "--max-epochs", "3", "-j", "1", "-q")
    landmarks = load_landmarks(output / "landmarks.npz")
    assert landmarks.data.shape == (8, 10, 2, 468)
    assert set(landmarks.target) == set(emotions)
    results = pd.read_csv(output / "results.csv")
    assert len(results) == 9 * 2 * 2  # models, emotions, splits
    assert set(results["n_landmarks"]) == {16, 468}
    assert (output / "landmarks.png").stat().st_size > 50_000
    assert "±" in done.output
    facts = json.loads((output / "run.json").read_text())
    assert (facts["strategy"], facts["synthetic"]) == ("top", False)
    assert "synthetic" not in done.output
    assert done.output.rstrip().endswith((output / "report.html").as_uri())
    assert "<html" in (output / "report.html").read_text(encoding="utf-8")
    run = json.loads((output / "run.json").read_text(encoding="utf-8"))
    assert run["data"]["labels"] == {"happiness": 4, "surprise": 4}

    predicted = _invoke("predict", output / "model.skops", *sorted(folder.glob("*.mp4"))[:1], "-q")
    assert predicted.exit_code == 0
    assert predicted.output.splitlines()[0].split() == ["video", "emotion", "face", *emotions]
