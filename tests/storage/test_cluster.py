"""On a Dask cluster of worker processes on this machine."""

import contextlib
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    IGLandmarkSelector,
    LandmarkExtractor,
    NeutralDifference,
    compare,
    load_landmarks,
)
from sklearn_emoxai.datasets import make_expression_videos
from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph
from sklearn_emoxai.storage import LandmarkFolder, check_workers, on_cluster

distributed = pytest.importorskip("distributed")
NETWORK = ConvLSTMClassifier(
    n_filters=3, lstm_units=8, fc_units=8, max_epochs=3, lr=1e-2, validation_fraction=None, random_state=0
)


@pytest.fixture(scope="module")
def cluster():
    """Two workers, which hold one thread each and are started again when they die."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
        yield client


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    make_expression_videos(folder, n_subjects=2, emotions=["anger", "fear"], n_frames=3, random_state=0)
    return sorted(map(str, folder.glob("*.mp4")))


@pytest.fixture
def extractor(request, monkeypatch):
    if not has_bundled_graph():
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))
    return LandmarkExtractor(n_frames=2)


def search():
    grid = {"convlstmclassifier__n_filters": [2, 3], "convlstmclassifier__lr": [1e-3, 1e-2]}
    return GridSearchCV(make_pipeline(NeutralDifference(), NETWORK), grid, cv=2)


def without_times(results):
    """A table of results, or the results of a search, without what the clock says."""
    results = pd.DataFrame(results)
    return results[[name for name in results if not re.search("time|seconds", name)]]


def kill_one_worker_at_work(client):
    """From another thread, as soon as one has something to do."""
    processes = client.run(os.getpid)

    def kill():
        while not (busy := [worker for worker, tasks in client.processing().items() if tasks]):
            time.sleep(0.02)
        os.kill(processes[busy[0]], signal.SIGKILL)

    threading.Thread(target=kill).start()


def test_extraction_is_the_serial_one(client, videos, extractor):
    with on_cluster(client):
        found = extractor.transform(videos)
    assert_array_equal(found, extractor.transform(videos))


def test_search_is_the_serial_one(client, planted):
    X, emotion, _ = planted
    with on_cluster(client):
        found = search().fit(X, emotion == "fear")
    serial = search().fit(X, emotion == "fear")
    pd.testing.assert_frame_equal(
        *(without_times(each.cv_results_) for each in (found, serial)), check_exact=True
    )
    assert_array_equal(found.decision_function(X), serial.decision_function(X))


def test_comparison_is_the_serial_one(client, planted, tmp_path):
    X, emotion, groups = planted
    models = {"selected": make_pipeline(IGLandmarkSelector(NETWORK, random_state=0), NETWORK), "all": NETWORK}
    arguments = {"groups": groups, "emotions": ["fear"], "n_landmarks": [3], "n_splits": 2, "n_runs": 2}
    tables = [compare(models, X, emotion, **arguments, random_state=0)]
    with on_cluster(client):
        tables.append(compare(models, X, emotion, **arguments, random_state=0, folder=tmp_path / "run"))
    pd.testing.assert_frame_equal(*map(without_times, tables), check_exact=True)
    assert len(list((tmp_path / "run" / "cells").iterdir())) == len(tables[0])


def test_emotions_and_repeats_are_the_serial_ones(client, planted):
    X, emotion, groups = planted
    selector = IGLandmarkSelector(NETWORK, n_landmarks_to_select=3, n_repeats=2, random_state=0)
    classifier = EmotionClassifier(make_pipeline(selector, NETWORK))
    serial = classifier.fit(X, emotion, groups=groups).predict_proba(X)
    with on_cluster(client):
        found = classifier.fit(X, emotion, groups=groups).predict_proba(X)
    assert_array_equal(found, serial)


def test_data_are_sent_once_and_do_not_come_back(client, planted, monkeypatch):
    X = np.repeat(planted[0], 20, axis=0)
    y = np.arange(len(X)) % 2
    sent = []
    scatter = distributed.Client.scatter

    def watched(self, data, *args, **kwargs):
        sent.append(data.nbytes if isinstance(data, np.ndarray) else 0)
        return scatter(self, data, *args, **kwargs)

    monkeypatch.setattr(distributed.Client, "scatter", watched)
    with joblib.parallel_config("dask", client=client):
        search().set_params(estimator=NETWORK, param_grid={"lr": [1e-3, 1e-2]}).fit(X, y)
        found = EmotionClassifier(NETWORK).fit(X, y)
    assert sent.count(X.nbytes) == 2  # once by each of the two calls
    assert len(pickle.dumps(found)) < X.nbytes / 5


def test_memory_map_is_opened_by_name(client, planted, tmp_path, monkeypatch):
    X, emotion, _ = planted
    store = LandmarkFolder.create(tmp_path / "store", X.shape, target=emotion)
    store.append((sequence, None, None, {}) for sequence in X)
    mapped = load_landmarks(tmp_path / "store", mmap=True).data
    sent = []
    scatter = distributed.Client.scatter
    monkeypatch.setattr(
        distributed.Client, "scatter", lambda self, data, **k: sent.append(data) or scatter(self, data, **k)
    )
    with on_cluster(client):
        found = search().fit(mapped, emotion == "fear")
        rows = joblib.Parallel()(joblib.delayed(lambda part: str(part.filename))(mapped) for _ in range(2))
    assert rows == [str(tmp_path / "store" / "data.npy")] * 2
    assert not [data for data in sent if np.size(data) >= X.size]
    pd.testing.assert_frame_equal(
        *(without_times(each.cv_results_) for each in (found, search().fit(X, emotion == "fear"))),
        check_exact=True,
    )


@pytest.mark.filterwarnings("default")  # Dask's own, of the connection that broke
def test_killed_worker_changes_nothing_but_is_told_of(client, planted):
    X, emotion, _ = planted
    slow = search().set_params(estimator__convlstmclassifier__max_epochs=25)
    kill_one_worker_at_work(client)
    with pytest.warns(UserWarning, match=r"1 of 2 workers were lost \(tcp://"):  # noqa: SIM117
        with on_cluster(client, scatter=[X]):
            found = slow.fit(X, emotion == "fear")
    serial = slow.fit(X, emotion == "fear")
    pd.testing.assert_frame_equal(
        *(without_times(each.cv_results_) for each in (found, serial)), check_exact=True
    )


@pytest.mark.filterwarnings("default")
def test_task_that_kills_its_worker_ends_the_work(cluster, client, monkeypatch):
    def kill(i):
        import os
        import signal

        if i == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(distributed.KilledWorker, match="tcp://"), on_cluster(client):
        joblib.Parallel()(joblib.delayed(kill)(i) for i in range(3))


def test_video_that_a_worker_cannot_see_is_named(client, videos, extractor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # not the workers' folder
    shutil.copy(videos[0], "clip.mp4")
    with (
        on_cluster(client),
        pytest.raises(FileNotFoundError, match=r"clip\.mp4 can't be seen by the worker on"),
    ):
        extractor.transform(["clip.mp4"])
    with on_cluster(client), pytest.raises(FileNotFoundError, match=r"'gone\.mp4' does not exist"):
        extractor.transform(["gone.mp4"])


def test_workers_with_other_versions_are_named(client, videos, extractor):
    def pretend():
        import importlib.metadata

        from sklearn_emoxai.extraction import _extractor

        importlib.metadata._true = importlib.metadata.version
        importlib.metadata.version = lambda name: (
            "0.9" if name == "mediapipe" else importlib.metadata._true(name)
        )
        _extractor._software.cache_clear()

    def stop():
        import importlib.metadata

        from sklearn_emoxai.extraction import _extractor

        importlib.metadata.version = importlib.metadata._true
        _extractor._software.cache_clear()

    worker = sorted(client.nthreads())[0]
    client.run(pretend, workers=[worker])
    try:
        with pytest.raises(RuntimeError, match=rf"{worker} on \S+ has mediapipe 0\.9, here it is"):
            check_workers(client)
        with (
            joblib.parallel_config("dask", client=client),
            pytest.raises(RuntimeError, match="'mediapipe': '0.9'"),
        ):
            extractor.set_params(on_error="nan").transform(videos * 2)
    finally:
        client.run(stop, workers=[worker])
    assert [found["worker"] for found in check_workers(client)] == sorted(client.nthreads())


def test_workers_train_in_one_thread_each(client):
    def n_threads():
        import torch

        return torch.get_num_threads()

    assert set(client.run(n_threads).values()) == {1}
    n_cores = os.cpu_count()
    assert max(joblib.Parallel(2)([joblib.delayed(n_threads)()] * 2)) <= max(n_cores // 2, 1)


def test_threads_of_one_process_do_not_draw_each_others_numbers(planted):
    X, emotion, _ = planted
    networks = [NETWORK.set_params(random_state=seed).__sklearn_clone__() for seed in range(4)]
    serial = [network.fit(X, emotion).decision_function(X) for network in networks]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda network: network.fit(X, emotion).decision_function(X), networks))
    assert_array_equal(found, serial)


@contextlib.contextmanager
def scheduler_that_dies(condition):
    """A client of a scheduler that is killed as soon as a condition holds; its work ends in a clear error."""
    scheduler, address = start("scheduler", "--host", "127.0.0.1", "--port", "0")
    worker, _ = start("worker", address, "--nthreads", "2", "--no-nanny")
    try:
        with distributed.Client(address, set_as_default=False, timeout=8) as client:
            client.wait_for_workers(1, timeout=20)

            def kill():
                while not condition():
                    time.sleep(0.02)
                scheduler.kill()

            threading.Thread(target=kill, daemon=True).start()
            with pytest.raises(ConnectionError, match=rf"scheduler at {address} is gone"), on_cluster(client):
                yield
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.filterwarnings("default", "ignore:1 of 1 workers have several threads")
def test_killed_scheduler_ends_clearly_and_the_next_run_goes_on(planted, tmp_path):
    X, emotion, groups = planted
    arguments = {"groups": groups, "emotions": ["fear"], "n_splits": 5, "n_runs": 2, "random_state": 0}
    model = {"all": NETWORK.__sklearn_clone__().set_params(max_epochs=15)}
    cells = tmp_path / "run" / "cells"
    with scheduler_that_dies(lambda: len(list(cells.glob("*.json"))) >= 2):
        compare(model, X, emotion, **arguments, folder=tmp_path / "run")
    kept = {cell: cell.read_bytes() for cell in cells.glob("*.json")}
    assert 2 <= len(kept) < 10
    resumed = compare(model, X, emotion, **arguments, folder=tmp_path / "run")
    assert {cell: cell.read_bytes() for cell in kept} == kept
    serial = compare(model, X, emotion, **arguments)
    pd.testing.assert_frame_equal(*map(without_times, (resumed, serial)), check_exact=True)


@pytest.mark.filterwarnings("default", "ignore:1 of 1 workers have several threads")
def test_killed_scheduler_leaves_the_extracted_videos(extractor, tmp_path):
    make_expression_videos(tmp_path, n_subjects=8, emotions=["anger", "fear"], n_frames=3, random_state=0)
    videos, cache = sorted(map(str, tmp_path.glob("*.mp4"))), tmp_path / "cache"
    cached = extractor.set_params(cache_dir=cache)

    def files():
        return {file: file.stat().st_mtime_ns for file in cache.glob("*.landmarks")}

    with scheduler_that_dies(lambda: len(files()) >= 2):
        cached.transform(videos)
    kept = files()
    assert 2 <= len(kept) < len(videos)
    found = cached.transform(videos)
    assert kept.items() <= files().items()
    assert len(files()) == len(videos)
    assert_array_equal(found, LandmarkExtractor(n_frames=2).transform(videos))


def start(kind, *arguments):
    """A scheduler or a worker as a process of its own, and the address that it says it has."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    for line in process.stderr:
        if found := re.search(r"(?:Scheduler at|Registered to):\s+(tcp://\S+)", line):
            break

    def drain():
        with process.stderr:
            for _ in process.stderr:
                pass

    threading.Thread(target=drain).start()
    return process, found[1]


def test_dask_that_is_not_installed_is_asked_for():
    code = (
        "import sys; sys.modules['dask'] = sys.modules['distributed'] = None\n"
        "import joblib, sklearn_emoxai\n"
        "with joblib.parallel_config('dask'): pass"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "dask is not installed" in done.stderr
