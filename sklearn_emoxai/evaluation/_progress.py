"""A bar that counts fits as they end, in whatever process."""

import os
import tempfile
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tqdm.auto import tqdm


@dataclass
class Count:
    """Called after each fit: the processes of this machine add a byte to a file each time.

    Attributes
    ----------
    path : str or None
        The file; None counts nothing.
    returned : int
        Fits whose rows are back, which is all that is known of processes on other machines.
    """

    path: str | None
    returned: int = 0

    def __call__(self):
        if self.path is not None:
            with suppress(OSError):  # another machine has no such file
                end = os.open(self.path, os.O_WRONLY | os.O_APPEND)
                os.write(end, b".")
                os.close(end)


@contextmanager
def counted_fits(total, kept, *, shown):
    """Show a bar; gives the Count.

    Parameters
    ----------
    total : int
    kept : int
        How many of them are there from before.
    shown : bool
    """
    if not shown:
        yield Count(None)
        return
    with tempfile.TemporaryDirectory(prefix="emoxai-progress-") as folder:
        count, ended = Count(os.path.join(folder, "fits")), threading.Event()
        open(count.path, "wb").close()
        # What remains is told from the mean of all fits: some take a hundred times as long as others.
        with tqdm(total=total, initial=kept, desc="fits", unit="fit", smoothing=0) as bar:
            watcher = threading.Thread(target=_watch, args=(count, kept, bar, ended), daemon=True)
            watcher.start()
            try:
                yield count
            finally:
                ended.set()
                watcher.join()


def _watch(count, kept, bar, ended):
    over = False
    while not over:
        over = ended.wait(0.5)
        bar.update(max(kept + os.path.getsize(count.path), count.returned) - bar.n)
