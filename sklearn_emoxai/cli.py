"""The command line, ``emoxai``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import __version__

app = typer.Typer(
    name="emoxai",
    help="Explained, lighter emotion detectors from face videos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# What a user's mistake raises. Anything else is ours, and keeps its traceback.
MISTAKES = (ValueError, TypeError, OSError)


def _version(wanted):
    if wanted:
        print(f"sklearn-emoxai {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
):
    pass


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of labelled videos: class folders, or a CSV (file, emotion, subject)."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path(
        "emoxai-demo"
    ),
    n_landmarks: Annotated[int, typer.Option(min=1, help="Landmarks to keep.")] = 32,
    n_splits: Annotated[int, typer.Option(min=2, help="Parts of the subjects, each tested on once.")] = 3,
    max_epochs: Annotated[int, typer.Option(min=1, help="Epochs of each network.")] = 30,
    n_jobs: Annotated[int, typer.Option("--n-jobs", "-j", help="Processes; -1 for one a core.")] = -1,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
):
    """Go from videos to compared, explained and reduced detectors of the six emotions.

    Without --data, short videos are made from a public-domain portrait. Example:

        emoxai demo --data my_clips -o results
    """
    from .demo import run_demo

    run_demo(
        output,
        data=data,
        n_landmarks=n_landmarks,
        n_splits=n_splits,
        max_epochs=max_epochs,
        n_jobs=n_jobs,
        random_state=seed,
        verbose=0 if quiet else 1,
    )


@app.command()
def extract(
    folder: Annotated[
        Path, typer.Argument(help="Class folders of videos, or videos and a CSV (file, emotion, subject).")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File for the landmarks.")] = Path(
        "landmarks.npz"
    ),
    quality: Annotated[
        Path | None, typer.Option(help="CSV with a row a video; by default beside the landmarks.")
    ] = None,
    table: Annotated[Path | None, typer.Option(help="The CSV with the labels, if there are several.")] = None,
    n_frames: Annotated[int, typer.Option(min=1, help="Frames a video, evenly spread.")] = 10,
    max_missing: Annotated[
        float, typer.Option(min=0, max=1, help="Largest share of a video's frames without a face.")
    ] = 0.5,
    detector: Annotated[str, typer.Option(help="auto, bundled or tasks.")] = "auto",
    model_path: Annotated[Path | None, typer.Option(help="Model file of the tasks detector.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first video without landmarks.")
    ] = False,
    cache_dir: Annotated[
        Path | None, typer.Option(help="Folder that keeps finished videos, to go on after an interruption.")
    ] = None,
    n_jobs: Annotated[int, typer.Option("--n-jobs", "-j", help="Processes; -1 for one a core.")] = -1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
):
    """Turn a folder of labelled videos into one file of landmarks, and a report on each video.

    Example:

        emoxai extract my_clips -o landmarks.npz --cache-dir .landmarks
    """
    from .folder_extraction import extract_folder

    done = extract_folder(
        folder,
        output,
        quality=quality,
        table=table,
        n_frames=n_frames,
        max_missing=max_missing,
        detector=detector,
        model_path=model_path,
        on_error="raise" if strict else "nan",
        cache_dir=cache_dir,
        n_jobs=n_jobs,
        verbose=0 if quiet else 1,
    )
    if not quiet:
        print(done.summary)


def main():
    """Run the command line; a user's mistake is one line on stderr and exit code 1."""
    try:
        app()
    except MISTAKES as error:
        print(f"emoxai: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("emoxai: interrupted", file=sys.stderr)
        sys.exit(130)
