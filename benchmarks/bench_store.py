"""Peak memory of training, selection and a comparison on a folder of landmarks larger than memory.

    python benchmarks/bench_store.py [--gigabytes 8] [--filters 4] [--steps 5] [--explained 10000] [--folder FOLDER]

The folder is made of make_expressions. What counts is the process's anonymous resident memory (Linux's RssAnon):
pages of files belong to the page cache, which the system takes back when it needs them. Peers: what numpy's own
memory map needs for the training part of a fold, X[rows], and the size of the data.
"""

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_memory import PeakMemory, anonymous_gigabytes
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, LandmarkAligner, compare, load_landmarks
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.storage import LandmarkFolder

N_SUBJECTS, N_REPEATS, N_EMOTIONS = 20, 40, 6  # of each call of make_expressions
SHAPE = (10, 2, 468)


def write_folder(path, gigabytes):
    """Write made expressions to a new folder, a call of make_expressions at a time."""
    per_call = N_SUBJECTS * N_REPEATS * N_EMOTIONS
    n_calls = max(int(gigabytes * 1e9 / (np.prod(SHAPE) * 4) / per_call), 2)
    first = make_expressions(N_SUBJECTS, N_REPEATS, SHAPE[0], random_state=0)
    groups = np.array([f"{i}-{group}" for i in range(n_calls) for group in first.groups])
    folder = LandmarkFolder.create(
        path, (n_calls * per_call, *SHAPE), target=np.tile(first.target, n_calls), groups=groups
    )

    def sequences():
        for i in range(n_calls):
            faces = make_expressions(N_SUBJECTS, N_REPEATS, SHAPE[0], random_state=i)
            for sequence, emotion in zip(faces.data, faces.target):
                yield sequence, True, None, {"emotion": emotion, "face_share": 1.0}

    folder.append(sequences())


def measured(name, gigabytes, function):
    """Call a function and print its time and the largest anonymous memory meanwhile."""
    before, started = anonymous_gigabytes(), time.perf_counter()
    with PeakMemory() as memory:
        result = function()
    seconds = time.perf_counter() - started
    print(
        f"{name}: {seconds:.0f} s, peak {memory.peak:.2f} GB ({memory.peak / gigabytes:.2f} of the data; "
        f"{before:.2f} GB before)",
        flush=True,
    )
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--filters", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--explained", type=int, default=10_000, help="samples that the selector explains")
    parser.add_argument("--folder", help="where the temporary folder goes, and temporary files")
    arguments = parser.parse_args()
    tempfile.tempdir = arguments.folder
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "landmarks")
        started = time.perf_counter()
        with PeakMemory() as memory:
            write_folder(path, arguments.gigabytes)
        faces = load_landmarks(path, mmap=True)
        size = faces.data.nbytes / 1e9
        print(f"{platform.machine()}, {os.cpu_count()} cores; {size:.1f} GB, {faces.data.shape}")
        print(f"made and written in {time.perf_counter() - started:.0f} s, peak {memory.peak:.2f} GB")
        run(faces, size, arguments)


def run(faces, size, arguments):
    y = faces.target == "surprise"
    network = ConvLSTMClassifier.from_paper(validation_fraction=None,
        n_filters=arguments.filters, max_epochs=1, lr=1e-3, batch_size=256, random_state=0
    )  # fmt: skip
    selector = IGLandmarkSelector(
        network,
        n_landmarks_to_select=32,
        n_steps=arguments.steps,
        max_samples=arguments.explained,
        random_state=0,
    )
    rows = next(GroupShuffleSplit(1, train_size=0.8, random_state=0).split(y, y, faces.groups))[0]
    measured("numpy's own memory map, X[rows] of a fold", size, lambda: np.asarray(faces.data)[rows].nbytes)
    measured("X[rows] of a fold", size, lambda: faces.data[rows].nbytes)
    aligned = measured("alignment", size, lambda: LandmarkAligner().fit_transform(faces.data))
    measured("training, one epoch", size, lambda: network.fit(aligned, y))
    measured("selection of 32 landmarks", size, lambda: selector.fit(aligned, y, emotion=faces.target))
    model = make_pipeline(LandmarkAligner(), selector, network)
    options = {"groups": faces.groups, "emotions": ["surprise"], "random_state": 0, "n_runs": 1}
    split = GroupShuffleSplit(1, train_size=0.8, random_state=0)
    table = measured(
        "compare, one split of a pipeline of all three",
        size,
        lambda: compare({"pipeline": model}, faces.data, faces.target, protocol=split, **options),
    )
    print(f"balanced accuracy of the pipeline on unseen subjects: {table['balanced_accuracy'].iloc[0]:.3f}")


if __name__ == "__main__":
    main()
