"""Milliseconds per sequence of predict_proba, one at a time and in a batch of 1,000, against torch's own layers.

    python benchmarks/bench_inference.py [--landmarks 468 128] [--precision highest medium] [--threads 2]

The peer is the same network called as a skorch net, the usual way to serve it.
"""

import argparse
import os
import platform
import time

import numpy as np
import torch

from sklearn_emoxai import ConvLSTMClassifier


def milliseconds(function, repeats):
    """Return the best and the median time of a call."""
    function()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append((time.perf_counter() - started) * 1e3)
    return min(times), float(np.median(times))


def measure(n_landmarks, kernel_size, padding, precision):
    """Print one row."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 10, 2, n_landmarks)).astype(np.float32)
    model = ConvLSTMClassifier.from_paper(
        validation_fraction=None,
        kernel_size=kernel_size,
        padding=padding,
        precision=precision,
        max_epochs=1,
        random_state=0,
    ).fit(X[:40], np.arange(40) % 2)
    one, median = milliseconds(lambda: model.predict_proba(X[:1]), 100)
    peer, _ = milliseconds(lambda: model.net_.predict_proba(X[:1]), 50)
    each = milliseconds(lambda: model.predict_proba(X), 3)[0] / len(X)
    peer_each = milliseconds(lambda: model.net_.predict_proba(X), 2)[0] / len(X)
    kernel = f"{kernel_size[0]} × {kernel_size[1]}"
    row = f"{n_landmarks:4d} {kernel} {precision:8s} {one:7.2f} {median:7.2f} {peer / one:6.1f} ×"
    print(row, f"{each:8.3f} {peer_each / each:6.1f} × {one / each:6.1f} ×", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--landmarks", type=int, nargs="+", default=[468, 128])
    parser.add_argument("--precision", nargs="+", default=["highest", "medium"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    capability = torch.backends.cpu.get_cpu_capability()
    print(
        f"{platform.machine()} ({capability}), {os.cpu_count()} cores, {arguments.threads} threads; torch",
        end=" ",
    )
    print(torch.__version__)
    print("landmarks, kernel, precision; one sequence: best ms, median ms, times as fast as the skorch net;")
    print("in a batch of 1,000: ms per sequence, times as fast as the skorch net and as one sequence")
    for n_landmarks in arguments.landmarks:
        for kernel_size, padding in (((3, 3), "same"), ((2, 3), ("valid", "same"))):
            for precision in arguments.precision:
                measure(n_landmarks, kernel_size, padding, precision)


if __name__ == "__main__":
    main()
