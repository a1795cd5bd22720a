"""Kill runs at random moments, let others go on, and count what was lost, done twice or came out otherwise.

    python benchmarks/kill_and_resume.py [--kills 50] [--full 5] [--seed 0] [--kinds cache folder compare]

Each kind of work is done once undisturbed, then in many trials: a process begins it and is ended by SIGKILL, at a
random time or at the moment when it opens, renames or removes a random one of its files; another goes on, and so forth
until one ends by itself. ``--full`` adds trials in which no file can grow beyond a random size, as on a disk that is
full. Printed are, for each kind: kills, trials, pieces of work that were begun though they were finished, and trials
with another result. POSIX only.
"""

import argparse
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.cbook import get_sample_data
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import LandmarkExtractor, SequenceFlattener, compare, load_landmarks
from sklearn_emoxai.cli._folder_extraction import extract_folder
from sklearn_emoxai.evaluation import _compare
from sklearn_emoxai.extraction import _extractor

N_VIDEOS, N_FRAMES = 6, 2
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "shutil.rmtree"}


class Work:
    """Work in a folder; the pieces that it begins are written into a log.

    ``do(folder, log)`` does what is missing and returns the result; ``finished(folder)`` names the pieces that are
    kept.
    """

    def __init__(self, inputs):
        self.inputs = inputs


class Cache(Work):
    """LandmarkExtractor with cache_dir; a piece is a video."""

    def do(self, folder, log):
        """See Work."""
        logged(_extractor, "extract", log, lambda source, options: Path(source).name)
        videos = sorted(self.inputs.glob("*/*.avi"))
        return LandmarkExtractor(N_FRAMES, cache_dir=folder).transform(videos)

    def finished(self, folder):
        """See Work."""
        # Entries are named by hashes: those of undisturbed runs of one video each tell which is whose.
        return {self.names[file.name] for file in folder.glob("*.landmarks")}

    def prepare(self, folder):
        """Learn the names of the entries."""
        self.names = {}
        for video in sorted(self.inputs.glob("*/*.avi")):
            one = folder / video.stem
            LandmarkExtractor(N_FRAMES, cache_dir=one).transform([video])
            self.names |= {file.name: video.name for file in one.iterdir()}


class Folder(Work):
    """`emoxai extract` into a folder; a piece is a video."""

    def do(self, folder, log):
        """See Work."""
        logged(_extractor, "extract", log, lambda source, options: Path(source).name)
        extract_folder(self.inputs, folder / "store", n_frames=N_FRAMES, on_error="raise")
        stored = load_landmarks(folder / "store")
        return [np.array(stored[name]) for name in ("data", "detected", "timestamps", "target")]

    def finished(self, folder):
        """See Work."""
        log = folder / "store" / "quality.csv"
        lines = log.read_text().splitlines(keepends=True)[1:] if log.exists() else []
        return {Path(line.split(",")[0]).name for line in lines if line.endswith("\n")}


class Compare(Work):
    """compare with folder; a piece is a fit."""

    def do(self, folder, log):
        """See Work."""
        logged(_compare, "fit_to_emotion", log, lambda *arguments, **_: "")
        X = np.random.default_rng(0).normal(size=(48, 3, 2, 10)).astype(np.float32)
        models = {
            name: make_pipeline(SequenceFlattener(), model)
            for name, model in (("SVM", SVC(kernel="linear")), ("logistic", LogisticRegression()))
        }
        y, groups = np.array(["anger", "fear"])[np.arange(48) % 2], np.arange(48) // 8
        table = compare(
            models, X, y, groups=groups, folder=folder / "run", n_splits=3, n_runs=4, random_state=0
        )
        kept = pd.read_csv(folder / "run" / "results.csv")
        return [frame.drop(columns=["fit_seconds", "predict_seconds"]) for frame in (table, kept)]

    def finished(self, folder):
        """See Work."""
        return {file.name for file in folder.glob("run/cells/*.json") if not file.name.startswith(".")}


KINDS = {"cache": Cache, "folder": Folder, "compare": Compare}


def logged(module, name, log, piece):
    """Let a function of a module note each piece that it begins."""
    function = getattr(module, name)

    def noting(*args, **kwargs):
        with open(log, "a") as stream:
            stream.write(piece(*args, **kwargs) + "\n")
        return function(*args, **kwargs)

    setattr(module, name, noting)


def begun(log):
    """The pieces in a log."""
    return log.read_text().splitlines() if log.exists() else []


def same(one, other):
    """Whether two results are equal to the bit."""
    if isinstance(one, list):
        return all(map(same, one, other))
    if isinstance(one, pd.DataFrame):
        return one.equals(other)
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def in_a_fork(function, *arguments, patience=120, shown=True):
    """Call it in a fork of this process, which uses no MediaPipe; return its exit status, 0 or below."""
    child = os.fork()
    if not child:
        status = 1
        try:
            warnings.simplefilter("ignore")
            function(*arguments)
            status = 0
        except Exception:
            if shown:
                traceback.print_exc()
        finally:
            os._exit(status)
    until = time.monotonic() + patience
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise SystemExit(f"A run hung for {patience} s.")


def killed_after(seconds):
    """Kill this process after some time."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def killed_at_event(number, folder):
    """Kill this process at its so-manieth dealing with files of a folder."""
    left, folder = [number], os.fspath(folder)

    def hook(event, arguments):
        if event in FILE_EVENTS and str(arguments[0]).startswith(folder):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def limited(size):
    """Let no file of this process grow beyond a size."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class Trials:
    """Trials of one kind of work, and their counts."""

    def __init__(self, name, inputs, folder, rng):
        self.name, self.folder, self.rng = name, folder, rng
        self.kills = self.trials = self.twice = self.others = self.full = 0
        self.work = KINDS[name](inputs)
        if name == "cache" and in_a_fork(self._save, "names", self._prepared):
            raise SystemExit("The undisturbed run failed.")
        if name == "cache":
            self.work.names = self._saved("names")
        self.events, self.seconds, self.expected = self._undisturbed()

    def _prepared(self):
        self.work.prepare(self.folder / "prepared")
        return self.work.names

    def _save(self, name, function, *arguments):
        (self.folder / name).write_bytes(pickle.dumps(function(*arguments)))

    def _saved(self, name):
        return pickle.loads((self.folder / name).read_bytes())

    def _undisturbed(self):
        place, log = self.folder / "undisturbed", self.folder / "undisturbed.log"
        place.mkdir()

        def counted():
            events = [0]

            def hook(event, arguments):
                events[0] += event in FILE_EVENTS and str(arguments[0]).startswith(os.fspath(place))

            sys.addaudithook(hook)
            started = time.perf_counter()
            result = self.work.do(place, log)
            seconds = time.perf_counter() - started
            return {"events": events[0], "seconds": seconds, "result": result}

        if in_a_fork(self._save, "expected", counted):
            raise SystemExit("The undisturbed run failed.")
        found = self._saved("expected")
        return found["events"], found["seconds"], found["result"]

    def until_done(self, disturb, most):
        """One trial, of up to so many disturbed runs; return the number of those that ended before their time."""
        self.trials += 1
        place = self.folder / f"trial{self.trials}"
        place.mkdir()
        ended = 0
        for attempt in range(most + 1):
            log = self.folder / f"trial{self.trials}-{attempt}.log"
            finished = self.work.finished(place)
            before = len(finished)

            def run(log=log, attempt=attempt):
                if attempt < most:
                    disturb(place)
                self._save("result", self.work.do, place, log)

            status = in_a_fork(run, shown=attempt == most)
            started = begun(log)
            if self.name == "compare":
                # A fit that was begun is kept, or was the one that was lost.
                self.twice += max(0, len(started) - (len(self.work.finished(place)) - before) - 1)
            else:
                self.twice += len(finished.intersection(started)) + len(started) - len(set(started))
            if status == 0:
                break
            ended += 1
        if status:
            raise SystemExit(f"{self.name}: the last run of trial {self.trials} ended with {status}.")
        self.others += not same(self._saved("result"), self.expected)
        shutil.rmtree(place)
        return ended

    def kill(self, n_kills):
        """Trials with random moments until there were so many kills."""

        def disturb(place):
            if self.rng.random() < 0.5:
                killed_after(self.rng.uniform(0.001, self.seconds))
            else:
                killed_at_event(self.rng.randint(1, self.events), place)

        while self.kills < n_kills:
            self.kills += self.until_done(lambda place: (self.rng.seed(os.getpid()), disturb(place)), 4)

    def fill(self, n_times):
        """Trials on a disk that is full."""
        for _ in range(n_times):
            size = self.rng.randint(1000, 60_000)
            self.full += 1
            self.until_done(lambda place, size=size: limited(size), 1)

    def __str__(self):
        return (
            f"{self.name}: {self.kills} kills and {self.full} full disks in {self.trials} trials; "
            f"{self.twice} pieces done twice, {self.others} other results"
        )


def write_inputs(folder):
    """Small videos in two class folders."""
    with get_sample_data("grace_hopper.jpg") as file:
        portrait = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[60:372, 100:412]
    for i in range(N_VIDEOS):
        path = folder / ("anger", "fear")[i % 2] / f"{i}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), 5, (160, 160))
        for j in range(N_FRAMES):
            writer.write(cv2.resize(np.roll(portrait, 3 * i + 5 * j, axis=1), (160, 160)))
        writer.release()


def main():
    """Run the trials and print their counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50, help="kills of each kind of work")
    parser.add_argument("--full", type=int, default=5, help="trials of each kind on a full disk")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    failed = False
    for name in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            write_inputs(folder / "inputs")
            trials = Trials(name, folder / "inputs", folder, random.Random(options.seed))
            trials.kill(options.kills)
            trials.fill(options.full)
        print(trials, flush=True)
        failed |= bool(trials.twice or trials.others)
    return failed


if __name__ == "__main__":
    sys.exit(main())
