"""What all commands share: the application, their options, how mistakes and interrupts end."""

import functools
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="emoxai",
    help="Explained, lighter emotion detectors from face videos.",
    epilog="emoxai demo shows all of it in a few minutes. emoxai COMMAND --help tells more, with examples.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# What a user's mistake raises. Anything else is ours, and keeps its traceback.
MISTAKES = (ValueError, TypeError, OSError)

Jobs = Annotated[int, typer.Option("--n-jobs", "-j", help="Processes; -1 for one a core.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars, no remarks.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="JSON in place of the table.")]
Detector = Annotated[str, typer.Option(help="Of faces: auto, bundled or tasks.")]
ModelPath = Annotated[Path | None, typer.Option(help="Model file of the tasks detector.")]
MaxMissing = Annotated[
    float, typer.Option(min=0, max=1, help="Largest share of a video's frames without a face.")
]
Positive = Annotated[
    str | None,
    typer.Option(
        help="Of a detector of two labels the one that is the emotion, or a name for it; else the second."
    ),
]
Model = Annotated[Path, typer.Argument(help="A saved detector, such as RUN/model.skops.")]


class Interrupted(BaseException):
    """The user's interrupt, with what there is to say about it."""


def command(function=None, *, after_interrupt=""):
    """Register a command; ``after_interrupt`` may name its arguments in braces."""
    if function is None:
        return functools.partial(command, after_interrupt=after_interrupt)

    @functools.wraps(function)
    def run(**arguments):
        try:
            function(**arguments)
        except KeyboardInterrupt:
            raise Interrupted(after_interrupt.format(**arguments)) from None

    app.command()(run)
    return function


def _version(wanted):
    if wanted:
        from ._version import installation

        print(*installation(), sep="\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print what is installed, for a report."
        ),
    ] = False,
):
    pass


def say(text):
    """One line on stderr, where progress and complaints go; results go to stdout."""
    print("emoxai:", " ".join(str(text).split()), file=sys.stderr)


def check_new(path, *, force):
    """Raise before any work where a file to write is there already or has no folder."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} must be a file; it is a folder.")
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists already; --force replaces it.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path} can't be written: its folder does not exist.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise PermissionError(f"{path} can't be written: its folder may not be written to.")


def main():
    """Run the command line.

    A user's mistake is one line on stderr and exit code 1; wrong usage is exit code 2, an interrupt 130.
    """
    warnings.showwarning = lambda message, *_: say(f"note: {message}")
    # Where interrupts are ignored, as in a shell's background, they stay so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt_once)
    try:
        app()
    except MISTAKES as error:
        say(error)
        sys.exit(1)
    except (Interrupted, KeyboardInterrupt) as interrupt:
        _end(f"interrupted{'; ' if str(interrupt) else ''}{interrupt}")
    finally:
        if signal.getsignal(signal.SIGINT) is _interrupt_once:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt_once(*_):
    """End the work; further interrupts would only disturb how it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _leave_within(10)
    raise KeyboardInterrupt


def _leave_within(seconds):
    """Leave with exit code 130, whatever workers and threads are still at."""
    limit = threading.Timer(seconds, _leave)
    limit.daemon = True
    limit.start()


def _leave():
    _kill_workers()
    os._exit(130)


def _kill_workers():
    """Kill them, not by way of joblib's executor, which may wait for what they are at."""
    for process in multiprocessing.active_children():
        with suppress(OSError):  # it has ended meanwhile
            os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _end(last_words):
    """Stop the workers, and leave."""
    _leave_within(2)
    _kill_workers()
    say(last_words)
    # A detector that was just starting has threads that would have the last word, and workers that were just
    # starting can make the interpreter's end wait for ever.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(130)
