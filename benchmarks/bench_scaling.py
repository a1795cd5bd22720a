"""Extraction and a search with one and with two workers, on loky and on Dask; the overhead of a task.

    python benchmarks/bench_scaling.py [--clips FOLDER] [--clips-at-most 40] [--candidates 20] [--epochs 5]

Efficiency is the time of one worker over twice that of two; workers have one thread of torch each. Workers are
started, and have the package loaded, before the clock starts. The serial run is the peer, with one thread and with as
many as there are cores. With one worker joblib works in the calling process, so that this figure is a second serial
one. A search fits its best candidate on all data in the calling process, at the end. Needs the extra "distributed".
"""

import argparse
import contextlib
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
import torch
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV

from sklearn_emoxai import ConvLSTMClassifier, LandmarkExtractor
from sklearn_emoxai.datasets import make_expression_videos, make_expressions
from sklearn_emoxai.extraction import VIDEO_SUFFIXES


@contextlib.contextmanager
def loky(n_workers):
    """Processes of joblib itself."""
    with joblib.parallel_config("loky", n_jobs=n_workers):
        yield


@contextlib.contextmanager
def dask(n_workers):
    """Dask's worker processes on this machine."""
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(n_workers=n_workers, **options) as cluster, Client(cluster) as client:
        client.wait_for_workers(n_workers)
        with joblib.parallel_config("dask", client=client):
            yield


def warm_up(_):
    """Load in a worker what it will need, for long enough that each gets its share; its threads of torch."""
    X = np.zeros((8, 2, 2, 20), np.float32)
    X[::2] = 1
    ConvLSTMClassifier.from_paper(validation_fraction=None, max_epochs=1).fit(X, np.arange(8) % 2)
    import mediapipe  # noqa: F401

    time.sleep(0.5)
    return os.getpid(), torch.get_num_threads()


def nothing(_):
    """A task without content."""


def timed(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def per_task(n_tasks=300):
    """Milliseconds that a task without content takes, the median of three."""
    run = joblib.Parallel(n_jobs=None, batch_size=1)
    each = [timed(lambda: run(joblib.delayed(nothing)(i) for i in range(n_tasks))) for _ in range(3)]
    return statistics.median(each) / n_tasks * 1e3


def oversubscription(search, X, y):
    """The same search in two processes, with one thread of torch in each and with as many as there are cores."""
    seconds = {}
    for threads in (1, os.cpu_count()):
        with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=threads):
            joblib.Parallel()(joblib.delayed(warm_up)(i) for i in range(4))
            seconds[threads] = timed(lambda: search.fit(X, y))
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", help="folder of videos; made ones otherwise")
    parser.add_argument("--clips-at-most", type=int, default=40)
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if arguments.clips is None:
            make_expression_videos(made, n_subjects=7, n_frames=15, random_state=0)
        folder = Path(arguments.clips or made)
        clips = sorted(file for file in folder.iterdir() if file.suffix in VIDEO_SUFFIXES)
        measure(clips[: arguments.clips_at_most], arguments)


def measure(clips, arguments):
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    faces = make_expressions(n_subjects=20, n_repeats=1, random_state=0)
    y = faces.target == "surprise"
    network = ConvLSTMClassifier.from_paper(
        validation_fraction=None, n_filters=10, max_epochs=arguments.epochs, random_state=0
    )
    search = GridSearchCV(network, {"lr": np.geomspace(1e-4, 1e-2, arguments.candidates)}, cv=3)
    extractor = LandmarkExtractor(n_frames=10)
    work = {
        f"extraction of {len(clips)} clips": lambda: extractor.transform(clips),
        f"search of {arguments.candidates} candidates, 3 folds": lambda: search.fit(faces.data, y),
    }
    for threads in (os.cpu_count(), 1):  # one from here on
        torch.set_num_threads(threads)
        warm_up(0)
        serial = {name: timed(function) for name, function in work.items()}
        for name, seconds in serial.items():
            print(f"{name}, serial, {threads} threads of torch: {seconds:.1f} s", flush=True)
    for backend in (loky, dask):
        seconds = {}
        for n_workers in (1, 2):
            with backend(n_workers):
                found = joblib.Parallel()(joblib.delayed(warm_up)(i) for i in range(2 * n_workers))
                for name, function in work.items():
                    seconds[name, n_workers] = timed(function)
                if n_workers == 2:
                    overhead = per_task()
        for name in work:
            one, two = seconds[name, 1], seconds[name, 2]
            print(
                f"{backend.__name__}: {name}: 1 worker {one:.1f} s ({one / serial[name]:.2f} × serial), "
                f"2 workers {two:.1f} s, efficiency {one / two / 2:.0%}",
                flush=True,
            )
        print(
            f"{backend.__name__}: {overhead:.2f} ms a task with 2 workers; torch threads of a worker: "
            f"{sorted({threads for _, threads in found})}"
        )
    for threads, seconds in oversubscription(search, faces.data, y).items():
        print(f"the search in 2 processes of {threads} threads each: {seconds:.1f} s")


if __name__ == "__main__":
    main()
