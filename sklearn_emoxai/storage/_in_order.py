"""Results of parallel work, one by one, whatever joblib's backend."""

from itertools import islice

import joblib

_PORTION = 4  # tasks for each worker


def in_order(tasks, *, n_jobs=None, forks=True):
    """Yield the results of delayed calls in their order, each once it and those before it are there.

    Parameters
    ----------
    tasks : iterable of calls delayed by sklearn.utils.parallel
    n_jobs : int or None
        As of joblib.Parallel. In a worker of other parallel work, which fills the cores already, it is 1.
    forks : bool, default=True
        Whether the tasks can be done in forks of this process. If not, joblib's own choice, "loky", takes the place
        of the backend "multiprocessing".

    Yields
    ------
    object
        What a task returned.

    Notes
    -----
    Joblib's backend "multiprocessing" gives results only when all are there. So it gets the tasks in portions, and
    work that is interrupted has lost a portion at most.
    """
    from joblib.parallel import get_active_backend
    from sklearn.utils.parallel import Parallel

    backend, _ = get_active_backend()
    n_workers = joblib.effective_n_jobs(n_jobs)
    if backend.supports_return_generator and not backend.nesting_level:
        yield from Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    elif backend.nesting_level or n_workers == 1:
        yield from Parallel(n_jobs=1, backend="sequential", return_as="generator")(tasks)
    elif not forks:
        yield from Parallel(n_jobs=n_jobs, backend="loky", return_as="generator")(tasks)
    else:
        tasks = iter(tasks)
        with Parallel(n_jobs=n_jobs) as parallel:
            while portion := list(islice(tasks, _PORTION * n_workers)):
                yield from parallel(portion)
