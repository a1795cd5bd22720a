"""Extraction on joblib's backends, in forked processes and inside other parallel work."""

import multiprocessing
import re
import subprocess
import sys

import pytest

from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph

forks = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs a system whose processes can fork"
)

HEAD = """
import multiprocessing, os, sys
import joblib
import numpy as np
from matplotlib.cbook import get_sample_data
from PIL import Image
from sklearn_emoxai import LandmarkExtractor, extract_landmarks

with get_sample_data("grace_hopper.jpg") as file:
    PORTRAIT = np.asarray(Image.open(file))[None, ::2, ::2]

def found(_=None):
    return extract_landmarks(PORTRAIT).landmarks

def told(_=None):
    try:
        return found().shape
    except RuntimeError as error:
        return str(error)

def both(n_jobs=2):
    return LandmarkExtractor(n_frames=1, n_jobs=n_jobs).transform([PORTRAIT, PORTRAIT[:, :, ::-1]] * 5)
"""


@pytest.fixture
def run(request, tmp_path, monkeypatch):
    """Function: what a script prints that begins with HEAD; it is given up after some time."""
    if not has_bundled_graph():
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))

    def run(text):
        script = tmp_path / "script.py"
        script.write_text(HEAD + text, encoding="utf-8")
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.mark.parametrize("before", ["", "alone = found()"], ids=["first", "after an extraction"])
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_every_backend_gives_the_same_to_the_bit(run, backend, before):
    assert (
        run(f"""
if __name__ == "__main__":
    {before}
    with joblib.parallel_config(backend="{backend}"):
        X = both()
    print((X == both(None)).all())
""")
        == "True"
    )


@pytest.mark.slow
def test_dask_gives_the_same_to_the_bit(run):
    pytest.importorskip("distributed")
    assert (
        run("""
if __name__ == "__main__":
    from distributed import Client
    with Client(n_workers=1, threads_per_worker=2, dashboard_address=None) as client:
        with joblib.parallel_config(backend="dask"):
            X = both()
    print((X == both(None)).all())
""").splitlines()[-1]
        == "True"
    )


@forks
def test_fork_before_the_first_extraction_changes_nothing(run):
    assert (
        run("""
with multiprocessing.get_context("fork").Pool(2) as pool:
    results = pool.map(found, range(2))
print(all((result == found()).all() for result in results))
""")
        == "True"
    )


@forks
def test_fork_after_an_extraction_is_an_error_about_fork_and_spawn(run):
    out = run("""
alone = found()
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.map(told, range(1))[0])
print((found() == alone).all())
""")
    assert re.search(r"forked from one .* by 'spawn' instead of 'fork'.*n_jobs", out)
    assert out.endswith("True")


@forks
def test_children_that_end_by_themselves_do_not_hang(run):
    out = run("""
import gc
found()
if not (child := os.fork()):
    print(told()[:7])
    gc.collect()
    sys.exit()
print(os.waitpid(child, 0)[1])
""")
    assert out.split() == ["Process", "0"]


@forks
def test_a_failure_to_fork_is_raised_whatever_the_errors_of_videos_are_turned_into(run):
    out = run("""
def many(_):
    try:
        return LandmarkExtractor(n_frames=1, on_error="nan").transform([PORTRAIT]).shape
    except RuntimeError as error:
        return str(error)
found()
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.map(many, range(1))[0])
""")
    assert "spawn" in out


@forks
def test_a_data_loader_after_an_extraction_tells_how_to_start_its_workers(run):
    out = run("""
from torch.utils.data import DataLoader
class Clips:
    def __len__(self):
        return 2
    def __getitem__(self, i):
        return found()[0]
def shapes(context):
    return [tuple(b.shape) for b in DataLoader(Clips(), num_workers=1, multiprocessing_context=context)]
if __name__ == "__main__":
    print(shapes("fork"))
    found()
    try:
        shapes("fork")
    except RuntimeError as error:
        print("spawn" in str(error))
    print(shapes("spawn"))
""")
    assert out.splitlines() == ["[(1, 2, 468), (1, 2, 468)]", "True", "[(1, 2, 468), (1, 2, 468)]"]


def test_inside_other_parallel_work_it_takes_one_worker(run):
    out = run("""
import threading
def nested(_):
    most, extract = [], sys.modules["sklearn_emoxai.extraction._extractor"].extract
    def counted(source, options):
        most.append(threading.get_ident())
        return extract(source, options)
    sys.modules["sklearn_emoxai.extraction._extractor"].extract = counted
    both(2)
    return os.getpid(), len(set(most))
if __name__ == "__main__":
    found()
    print({n for _, n in joblib.Parallel(n_jobs=2)(joblib.delayed(nested)(i) for i in range(2))})
""")
    assert out == "{1}"
