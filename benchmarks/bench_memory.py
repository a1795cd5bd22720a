"""Peak memory of a training on a memory map, beyond the page cache.

    python benchmarks/bench_memory.py [--gigabytes 4] [--filters 40] [--randomized-conv] [--folder FOLDER]

The memory map is random numbers in a temporary file. What counts is the process's anonymous resident memory
(Linux's RssAnon): pages of the file itself belong to the page cache, which the system takes back when it needs them.
"""

import argparse
import os
import platform
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from sklearn_emoxai import ConvLSTMClassifier

SHAPE = (10, 2, 468)


def anonymous_gigabytes():
    """Resident memory of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) * 1024 / 1e9


class PeakMemory(threading.Thread):
    """Watch the memory of this process until left."""

    def __enter__(self):
        self.peak, self._done = 0.0, threading.Event()
        self.start()
        return self

    def run(self):
        """Look every 10 ms."""
        while not self._done.wait(0.01):
            self.peak = max(self.peak, anonymous_gigabytes())

    def __exit__(self, *_):
        self._done.set()
        self.join()


def write_memory_map(path, gigabytes):
    """Write random sequences of this size to a file and open it as a read-only memory map."""
    n_samples = int(gigabytes * 1e9 / (np.prod(SHAPE) * 4))
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_samples, *SHAPE))
    rng = np.random.default_rng(0)
    for start in range(0, n_samples, 1000):
        X[start : start + 1000] = rng.standard_normal(X[start : start + 1000].shape, dtype=np.float32)
    X.flush()
    del X
    return np.load(path, mmap_mode="r")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--filters", type=int, default=40)
    parser.add_argument("--randomized-conv", action="store_true")
    parser.add_argument("--folder", help="where the temporary file goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        X = write_memory_map(Path(folder, "X.npy"), arguments.gigabytes)
        y = np.arange(len(X)) % 2
        model = ConvLSTMClassifier.from_paper(
            validation_fraction=None,
            n_filters=arguments.filters,
            kernel_size=3,
            padding="same",
            randomized_conv=arguments.randomized_conv,
            precision="medium",
            max_epochs=1,
            random_state=0,
        )
        before = anonymous_gigabytes()
        started = time.perf_counter()
        with PeakMemory() as training:
            model.fit(X, y)
        seconds = time.perf_counter() - started
        with PeakMemory() as prediction:
            model.predict_proba(X[:10_000])
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; X {X.nbytes / 1e9:.1f} GB, {len(X)} samples of {SHAPE}"
    )
    print(
        f"fit, one epoch in {seconds:.0f} s: peak {training.peak:.2f} GB, {training.peak / (X.nbytes / 1e9):.2f} "
        f"of X; before it {before:.2f} GB"
    )
    print(f"predict_proba of 10,000 samples: peak {prediction.peak:.2f} GB")


if __name__ == "__main__":
    main()
