"""Commands that use what was made: predict, explain, report, annotate."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ._app import (
    Detector,
    Force,
    Jobs,
    Json,
    MaxMissing,
    Model,
    ModelPath,
    Positive,
    Quiet,
    check_new,
    command,
    say,
)


@command
def explain(
    model: Model,
    source: Annotated[
        Path | None, typer.Argument(help="A video, or landmarks that emoxai extract wrote.")
    ] = None,
    emotion: Annotated[
        str | None, typer.Option(help="One emotion; of a video else the one that the detector takes it for.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Landmarks to list for each emotion.")] = 10,
    figure: Annotated[
        Path | None, typer.Option(help="Picture to write; its ending, .png or .pdf, says how.")
    ] = None,
    as_json: Json = False,
    positive: Positive = None,
    max_missing: MaxMissing = None,
    detector: Detector = None,
    model_path: ModelPath = None,
    force: Force = False,
):
    """Tell which landmarks matter to a detector.

    Without a second argument, for the videos that it was trained on: the landmarks in the order in which they were
    chosen. With landmarks, for those sequences. With a video, for its decision on it, against the face held still as in
    the first frame. Importances are shares of the emotion's sum over all landmarks.

    For example:

        emoxai explain run/model.skops --figure face.png

        emoxai explain run/model.skops clip.mp4 --emotion fear --top 5
    """
    if figure is not None:
        check_new(figure, force=force)
    from ..storage import is_landmark_folder
    from ._explaining import (
        as_records,
        draw,
        explain_detector,
        explain_sequences,
        explain_video,
        face_of,
        table_of,
    )
    from ._predicting import load_detector

    loaded, shown = load_detector(model, positive=positive, video=False), {}
    if source is None:
        explained = explain_detector(loaded, emotion)
    elif source.suffix == ".npz" or is_landmark_folder(source):
        explained = explain_sequences(loaded, source, emotion)
    else:
        explained, shown = explain_video(
            loaded, source, emotion, max_missing=max_missing, detector=detector, model_path=model_path
        )
    if figure is not None:
        draw(explained, figure, **(shown or {"landmarks": face_of(loaded, model, source)}))
    n_frames, by_choice = loaded.n_frames, source is None
    if as_json:
        print(json.dumps(as_records(explained, n_frames, by_choice=by_choice), indent=2, ensure_ascii=False))
    else:
        print(table_of(explained, top, n_frames, by_choice=by_choice))


@command
def predict(
    model: Model,
    videos: Annotated[
        list[Path], typer.Argument(help="Videos, folders of a video's frames, and folders of these.")
    ],
    as_json: Json = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="CSV to write, with a row a video.")
    ] = None,
    positive: Positive = None,
    max_missing: MaxMissing = None,
    detector: Detector = None,
    model_path: ModelPath = None,
    n_jobs: Jobs = 1,
    quiet: Quiet = False,
    force: Force = False,
):
    """Tell the emotion in videos.

    A line each, with the probability of every label; of an SVM, with its score. A video is seen as those were that the
    detector was trained on: by as many frames, evenly spread from its first to its last. A folder stands for all videos
    in it and its subfolders; one that holds images is one video. Videos that give no landmarks are reported on stderr,
    and the exit code is 1.

    For example:

        emoxai predict run/model.skops clip.mp4

        emoxai predict run/model.skops clips -o predictions.csv

        emoxai predict run/model.skops clips/*.mp4 --json > predictions.json
    """
    if output is not None:
        check_new(output, force=force)
    from ._predicting import load_detector, predictions, table_of, write_csv

    loaded = load_detector(model, positive=positive)
    rows = predictions(
        loaded,
        videos,
        max_missing=max_missing,
        detector=detector,
        model_path=model_path,
        n_jobs=n_jobs,
        verbose=0 if quiet else 1,
    )
    failed = [row for row in rows if row["error"]]
    if output is not None:
        write_csv(rows, loaded, output)
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif len(failed) < len(rows):
        print(table_of(rows))
    for row in failed:
        say(row["error"])
    if failed:
        raise typer.Exit(1)


@command
def report(
    run: Annotated[Path, typer.Argument(help="Folder that emoxai compare or emoxai demo wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File for the report.")] = Path(
        "report.html"
    ),
    judge: Annotated[
        Path | None, typer.Option(help="Landmarks, as of the run, to judge explanations on.")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
):
    """Write a run as one web page.

    It needs no network to open: faces, curves, tables, and the limits of use. With --judge it says how far the
    explanations can be trusted, by networks that are trained again on two thirds of the subjects.

    For example:

        emoxai report run -o report.html

        emoxai report run -o report.html --judge landmarks.npz
    """
    check_new(output, force=force)
    from ..plotting import write_report

    judged, judged_on = None, ""
    if judge is not None:
        from ._judging import judge_run

        judged, judged_on = judge_run(run, judge, verbose=0 if quiet else 1)
    written = write_report(run, output, judged=judged, judged_on=judged_on, force=force)
    if not quiet:
        print(f"wrote {written}")


@command
def annotate(
    model: Model,
    video: Annotated[Path, typer.Argument(help="The video.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Video to write, .mp4.")],
    window: Annotated[float, typer.Option(min=0.01, help="Seconds that the detector looks back.")] = 2.0,
    width: Annotated[int, typer.Option(min=64, help="Width of the written video in pixels.")] = 720,
    codec: Annotated[
        str | None,
        typer.Option(help="avc1, vp09 (slow, plays in browsers) or mp4v (fast); the best by default."),
    ] = None,
    positive: Positive = None,
    max_missing: MaxMissing = 0.9,
    detector: Detector = None,
    model_path: ModelPath = None,
    force: Force = False,
    quiet: Quiet = False,
):
    """Write a video that shows what a detector sees.

    Over it lies the face mesh with the landmarks that matter, below it the probabilities, or scores, over time.

    For example:

        emoxai annotate run/model.skops clip.mp4 -o annotated.mp4
    """
    check_new(output, force=force)
    from ..plotting import annotate_video
    from ._predicting import load_detector

    written = annotate_video(
        video,
        load_detector(model, positive=positive),
        output,
        window=window,
        width=width,
        codec=codec,
        max_missing=max_missing,
        detector=detector,
        model_path=model_path,
        force=force,
        verbose=0 if quiet else 1,
    )
    if not quiet:
        print(f"wrote {written}")
