"""Commands that make something of videos and landmarks: demo, extract, compare."""

from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ._app import MISTAKES, Detector, Force, Jobs, MaxMissing, ModelPath, Quiet, Seed, check_new, command, say

# What the library's arguments are on the command line, and what can be done there where one is wrong.
_COMPARED = {
    "groups": "LANDMARKS",
    "n_splits": "--n-splits",
    "emotions": "--emotions",
    "protocol": "--protocol",
    "folder": "--output",
    "eyes": "--eyes",
}
_ADVICE = {
    "groups": "emoxai extract takes subjects from a CSV beside the videos, with the columns file, emotion and subject.",
    "folder": "--force replaces the run that is there.",
    "eyes": "Landmarks of the right eye and of the left with a colon between them, as 36,39:42,45, align the faces.",
}


@contextmanager
def _complaints(names):
    """Begin what the library complains of with the command's word for the argument."""
    try:
        yield
    except MISTAKES as error:
        name, _, rest = str(error).partition(" ")
        if name not in names:
            raise
        raise type(error)(f"{names[name]} {rest} {_ADVICE.get(name, '')}".strip()) from error


@command(after_interrupt="what was finished is kept in {output}/, and the same command goes on from there")
def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of labelled videos: class folders, or a CSV (file, emotion, subject)."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path(
        "emoxai-demo"
    ),
    n_landmarks: Annotated[int, typer.Option(min=1, max=467, help="Landmarks to keep.")] = 32,
    n_splits: Annotated[int, typer.Option(min=2, help="Parts of the subjects, each tested on once.")] = 3,
    max_epochs: Annotated[int, typer.Option(min=1, help="Epochs of each network.")] = 30,
    n_jobs: Jobs = -1,
    seed: Seed = 0,
    quiet: Quiet = False,
    force: Force = False,
):
    """Make a whole study, from videos to a report.

    Landmarks are extracted, the paper's networks and SVMs are compared on subjects that were not trained on, and
    detectors are explained and saved. Without --data, short videos are made from a public-domain portrait.

    For example:

        emoxai demo

        emoxai demo --data my_clips -o results
    """
    from ._demo import run_demo

    with _complaints(_COMPARED | dict.fromkeys(("root", "data", "groups"), "--data")):
        run_demo(
            output,
            data=data,
            n_landmarks=n_landmarks,
            n_splits=n_splits,
            max_epochs=max_epochs,
            n_jobs=n_jobs,
            random_state=seed,
            verbose=0 if quiet else 1,
            force=force,
        )


@command(
    after_interrupt="what was finished is kept in a folder, or with --cache-dir; the same command goes on from there"
)
def extract(
    folder: Annotated[
        Path, typer.Argument(help="Class folders of videos, or videos and a CSV (file, emotion, subject).")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File for the landmarks, or without an ending a folder.")
    ] = Path("landmarks.npz"),
    quality: Annotated[
        Path | None, typer.Option(help="CSV with a row a video; by default beside the landmarks.")
    ] = None,
    table: Annotated[Path | None, typer.Option(help="The CSV with the labels, if there are several.")] = None,
    n_frames: Annotated[int, typer.Option(min=1, help="Frames a video, evenly spread.")] = 10,
    max_missing: MaxMissing = 0.5,
    detector: Detector = "auto",
    model_path: ModelPath = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first video without landmarks.")
    ] = False,
    cache_dir: Annotated[
        Path | None, typer.Option(help="Folder that keeps finished videos, to go on after an interruption.")
    ] = None,
    n_jobs: Jobs = -1,
    quiet: Quiet = False,
    force: Force = False,
):
    """Turn a folder of labelled videos into landmarks.

    They go into one file, or into a folder, which takes each video as it is finished, and may be larger than memory.
    A CSV beside it or in it tells how each video went.

    For example:

        emoxai extract my_clips -o landmarks.npz --cache-dir .landmarks
    """
    if output.suffix and not output.is_dir():  # a folder is gone on with
        check_new(output, force=force)
    from ._folder_extraction import extract_folder

    with _complaints({"root": "FOLDER", "table": "--table"}):
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
    failed = [row for row in done.quality if row["error"]]
    for row in failed[:10]:
        say(f"{row['file']} gave no landmarks: {row['error']}")
    if len(failed) > 10:
        say(f"{len(failed) - 10} more gave no landmarks; {done.quality_path} says why")
    if not quiet:
        print(done.summary)


def _numbers(text):
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r} must be whole numbers with commas between them.") from None


def _eyes(text):
    right, colon, left = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"{text!r} must be two lists of landmarks with a colon between them.")
    return _numbers(right), _numbers(left)


@command(after_interrupt="what was finished is kept in {output}/, and the same command goes on from there")
def compare(
    landmarks: Annotated[Path, typer.Argument(help="File or folder that emoxai extract wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")],
    protocol: Annotated[
        str, typer.Option(help="subject, leave-one-subject-out, paper-no-leak, or paper, which leaks.")
    ] = "subject",
    emotions: Annotated[
        str | None, typer.Option(help="Labels to tell from the rest, as anger,fear; all but neutral.")
    ] = None,
    n_landmarks: Annotated[
        str | None, typer.Option(help="How many to keep: counts with commas between them; 468,128,32.")
    ] = None,
    eyes: Annotated[
        str | None,
        typer.Option(
            help="Landmarks of the right and the left eye, as 36,39:42,45; known of the mesh and of 68."
        ),
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="How landmarks are chosen: forward, qr, or top, the paper's rule.")
    ] = "forward",
    models: Annotated[
        str | None, typer.Option(help="Some of: majority class, linear SVM, RBF SVM, T-EMO, R-EMO.")
    ] = None,
    n_splits: Annotated[
        int | None, typer.Option(min=2, help="Parts of the subjects (5), for protocol subject.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Repetitions, with other seeds and splits.")] = 1,
    recipe: Annotated[
        str,
        typer.Option(
            help="Networks of the paper's size and learning rate (paper), or what did better (best)."
        ),
    ] = "best",
    search: Annotated[
        bool,
        typer.Option(
            "--search",
            help="With --recipe paper: search the networks' F, Q and R, in some 17 times the time.",
        ),
    ] = False,
    n_filters: Annotated[
        int | None, typer.Option(min=1, help="Filters of the networks, F; else the recipe's.")
    ] = None,
    max_epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of the networks, at most; else the recipe's.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(min=1e-9, help="Learning rate of the networks; else the recipe's.")
    ] = None,
    validation: Annotated[
        bool,
        typer.Option(help="Hold out a tenth of the subjects, as the paper does, to stop the training early."),
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Landmarks of the saved detector; else the fewest that do as well as any."),
    ] = None,
    save: Annotated[str, typer.Option(help="Model to save: T-EMO, R-EMO, linear SVM or RBF SVM.")] = "T-EMO",
    n_jobs: Jobs = -1,
    seed: Seed = 0,
    quiet: Quiet = False,
    force: Force = False,
):
    """Compare models, and save a detector of all emotions.

    All are fitted and tested on the same splits. The folder gets results.csv, run.json and, of one model fitted on all
    the data, model.skops and explanations.npz. An interrupted run goes on with the same command.

    For example:

        emoxai compare landmarks.npz -o run

        emoxai compare landmarks.npz -o run --n-landmarks 64,16 --runs 10

        emoxai report run -o report.html
    """
    counts = None if n_landmarks is None else _numbers(n_landmarks)
    from ._comparing import run_comparison

    with _complaints(_COMPARED):
        run_comparison(
            landmarks,
            output,
            protocol=protocol,
            emotions=emotions.split(",") if emotions else None,
            counts=counts,
            eyes=None if eyes is None else _eyes(eyes),
            strategy=strategy,
            models=models.split(",") if models else None,
            n_splits=n_splits,
            n_runs=runs,
            recipe=recipe,
            search=search,
            network={"validation_fraction": 0.1 if validation else None}
            | {
                name: value
                for name, value in {"n_filters": n_filters, "max_epochs": max_epochs, "lr": lr}.items()
                if value is not None
            },
            keep=keep,
            saved=save,
            n_jobs=n_jobs,
            seed=seed,
            verbose=0 if quiet else 1,
            force=force,
        )
