"""Commands that use a detector elsewhere: live, at a camera, and export, out of Python."""

from pathlib import Path
from typing import Annotated

import typer

from ._app import Detector, Force, Model, ModelPath, Quiet, check_new, command, say


@command
def live(
    model: Model,
    source: Annotated[
        str | None,
        typer.Option(
            help="A video, an address such as rtsp://…, or a camera's number; else the browser's camera."
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="A line of JSON for each result, in the place of the page; with --source."
        ),
    ] = False,
    window: Annotated[float, typer.Option(min=0.01, help="Seconds that the detector looks back.")] = 2.0,
    neutral: Annotated[
        str,
        typer.Option(help="The neutral face, until calibrated: first second, running or window."),
    ] = "first second",
    positive: Annotated[str | None, typer.Option(help="Of two labels, the one that is the emotion.")] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. All but loopback let other computers in, without encryption."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; 0 is any that is free.")
    ] = 8765,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    detector: Detector = "auto",
    model_path: ModelPath = None,
    quiet: Quiet = False,
):
    """Show what a detector sees in a camera.

    Opens a page of this computer, with the browser's camera, the face mesh, and the probabilities as they change. It
    needs the packages of the extra "live". Pictures go from the page to this command and nowhere else, and none is
    kept. To run it on another computer, forward the port by ssh -L 8765:127.0.0.1:8765, and open the printed address
    on yours.

    For example:

        emoxai live run/model.skops

        emoxai live run/model.skops --source clip.mp4

        emoxai live run/model.skops --source 0 --json > results.jsonl
    """
    if as_json and source is None:
        raise ValueError(
            "--json must come with --source, whose frames it reads; the browser's camera needs the page."
        )
    from ..live import LiveDetector, print_results, serve
    from ..storage import load

    estimator = load(model)
    seen = {
        "window": window,
        "neutral": neutral,
        "positive": positive,
        "detector": detector,
        "model_path": model_path,
    }
    if as_json:
        with LiveDetector(estimator, **seen) as running:
            print_results(running, source)
        return
    try:
        serve(
            estimator,
            host=host,
            port=port,
            browser=browser,
            source=source,
            name=Path(model).name,
            say=(lambda text: None) if quiet else say,
            **seen,
        )
    except ImportError as error:
        say(error)
        raise typer.Exit(1) from error


@command
def export(
    model: Model,
    output: Annotated[Path, typer.Argument(help="File to write, .onnx.")],
    positive: Annotated[str | None, typer.Option(help="Of two labels, the one that is the emotion.")] = None,
    force: Force = False,
    quiet: Quiet = False,
):
    """Write a detector as one ONNX graph.

    From landmarks to probabilities, for other languages and runtimes: alignment, neutral difference, selection and
    networks are in the file, and its metadata tells labels, landmarks and versions. It needs the packages of the extra
    "onnx".

    For example:

        emoxai export run/model.skops model.onnx
    """
    if output.suffix != ".onnx":
        raise ValueError(f"OUTPUT must end in .onnx; got {output}.")
    check_new(output, force=force)
    from ..live import export_onnx
    from ..storage import load

    try:
        written = export_onnx(load(model), output, positive=positive)
    except ImportError as error:
        say(error)
        raise typer.Exit(1) from error
    if not quiet:
        print(f"wrote {written}")
