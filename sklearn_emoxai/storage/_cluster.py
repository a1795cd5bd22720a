"""What joblib leaves open on a Dask cluster: are the workers alike, and what became of those that were lost."""

import contextlib
import warnings

import joblib

from ._mapped_array import register_size

PACKAGES = ("sklearn-emoxai", "mediapipe", "torch", "scikit-learn", "numpy", "joblib")


def check_workers(client):
    """Raise unless all workers have the packages that this process has, in the same versions.

    Parameters
    ----------
    client : dask.distributed.Client

    Returns
    -------
    list of dict
        A worker each: ``worker`` (its address), ``host``, ``threads``, and the version of each package.

    Raises
    ------
    RuntimeError
        There is no worker, or some differ; all are named.

    Warns
    -----
    UserWarning
        Workers with several threads: they train one network at a time.

    See Also
    --------
    on_cluster : Calls this.

    Examples
    --------
    Before long work on a cluster::

        client = Client("tcp://scheduler:8786")
        pandas.DataFrame(check_workers(client))
    """

    # Sent by value, since it lies in a function: a worker may lack the package.
    def report(packages):
        import socket
        from importlib.metadata import PackageNotFoundError, version

        found = {"host": socket.gethostname()}
        for package in packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                found[package] = None
        return found

    here = report(PACKAGES)
    reports, threads = client.run(report, PACKAGES), client.nthreads()
    if not reports:
        raise RuntimeError(f"The cluster at {client.scheduler.address} has no workers yet.")
    workers = [
        {"worker": worker, "threads": threads.get(worker, 1), **found}
        for worker, found in sorted(reports.items())
    ]
    wrong = [
        f"{found['worker']} on {found['host']} has {package} {found[package]}, here it is {here[package]}"
        for found in workers
        for package in PACKAGES
        if found[package] != here[package]
    ]
    if wrong:
        raise RuntimeError("Workers must have the packages of this process: " + "; ".join(wrong) + ".")
    several = [found["worker"] for found in workers if found["threads"] > 1]
    if several:
        warnings.warn(
            f"{len(several)} of {len(workers)} workers have several threads, the first {several[0]}; networks of one "
            "process are trained one after another. Start workers with --nthreads 1, as many as there are cores.",
            stacklevel=2,
        )
    return workers


@contextlib.contextmanager
def on_cluster(client, **options):
    """Run what goes through joblib on a Dask cluster, and say what was lost on the way.

    It is ``joblib.parallel_config("dask", client=client)`` with a check before it and a word after it. And it ends
    where a task has killed several workers, for which joblib 1.6 alone waits for ever.

    Parameters
    ----------
    client : dask.distributed.Client
    **options
        Of joblib's backend. ``scatter=[X]`` puts an array on every worker first, so that no worker is alone
        in having it; ``retries=2`` repeats tasks that raise.

    Yields
    ------
    None

    Raises
    ------
    RuntimeError
        Workers differ from this process, see `check_workers`.
    distributed.KilledWorker
        A task has killed several workers; it and the last of them are named.
    ConnectionError
        The scheduler went away; or with a worker went data that no other had.

    Warns
    -----
    UserWarning
        Workers were lost; others did their tasks again, and the result is the same.

    Examples
    --------
    A search on a cluster::

        client = Client("tcp://scheduler:8786")
        with on_cluster(client):
            search.fit(X, y)
    """
    from dask.sizeof import sizeof
    from distributed import CancelledError

    workers = {found["worker"] for found in check_workers(client)}
    address = client.scheduler.address
    register_size(sizeof)
    try:
        with joblib.parallel_config(_backend(client, **options)):
            yield
    except (CancelledError, OSError) as error:
        reason = getattr(error, "reason", "")
        if reason == "scheduler-connection-lost" or client.status != "running":
            raise ConnectionError(
                f"The scheduler at {address} is gone. Videos in a cache_dir or a folder of landmarks, and cells in "
                "compare's folder, are kept: the same call goes on from there."
            ) from error
        if reason == "lost dependencies":
            raise ConnectionError(
                f"Workers were lost ({_names(workers - _alive(client))}), and with them data that no other had. "
                "scatter=[X] puts X on every worker; a memory map (load_landmarks(..., mmap=True)) needs no copy."
            ) from error
        raise
    # Not from the scheduler's events: distributed 2026.8 logs some there that it can't send.
    lost = workers - _alive(client)
    if lost:
        warnings.warn(
            f"{len(lost)} of {len(workers)} workers were lost ({_names(lost)}); what they had not finished was done "
            "again by others, with the same result.",
            stacklevel=3,
        )


def _backend(client, **options):
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):
        """Joblib's, which also tells of a task that Dask has given up; joblib's own leaves the caller waiting."""

        def submit(self, func, callback=None):
            def tell(done):
                if done.exception() is not None:
                    callback(done.exception())

            future = super().submit(func, callback)
            future.add_done_callback(tell)
            return future

    return Backend(client=client, **options)


def _alive(client):
    """Addresses of the workers; none where the scheduler has gone, too."""
    return set(client.nthreads()) if client.status == "running" else set()


def _names(workers):
    return ", ".join(sorted(workers))
