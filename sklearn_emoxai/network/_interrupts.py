"""Ctrl-C, told from the KeyboardInterrupt by which a callback of skorch ends a training."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def interrupts_seen():
    """A list of the interrupts from outside (SIGINT, Ctrl-C) that were raised meanwhile.

    The handler that is there goes on handling them. Python runs it in the main thread only, so elsewhere none is seen.
    """
    seen, before = [], signal.getsignal(signal.SIGINT)

    def handle(number, frame):
        try:
            before(number, frame)
        except KeyboardInterrupt:
            seen.append(number)
            raise

    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield seen
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield seen
    finally:
        if signal.getsignal(signal.SIGINT) is handle:
            signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_raised():
    """Raise a KeyboardInterrupt from outside even where what runs has swallowed it, as the fit of a skorch net does."""
    with interrupts_seen() as seen:
        yield
    if seen:
        raise KeyboardInterrupt
