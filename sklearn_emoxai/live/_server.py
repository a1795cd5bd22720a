"""The server of the page: a few files, and a WebSocket for frames and results."""

import contextlib
import errno
import os
import secrets
import socket
import sys
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

from .. import facemesh
from ._detector import LiveDetector
from ._guard import Guard, is_loopback
from ._pictures import MOST_BYTES
from ._sources import Newest, open_stream

_MOST_PAGES = 4  # at once; each holds a face detector of some 40 MB
_MOST_CONNECTIONS = 64
_FILES = {
    "/": ("index.html", "text/html"),
    "/live.css": ("live.css", "text/css"),
    "/live.js": ("live.js", "text/javascript"),
    "/recording.js": ("recording.js", "text/javascript"),
}
MISSING = (
    'emoxai live needs packages that are not installed ({}): pip install "sklearn-emoxai[live]"; --source with --json '
    "does without them."
)


def make_app(estimator, *, token, host="127.0.0.1", source=None, name="", **parameters):
    """The ASGI application.

    Parameters
    ----------
    estimator : classifier of sequences
    token : str
        First part of every path.
    host : str, default="127.0.0.1"
        Address that the server listens on.
    source : str or None
        As in :func:`open_stream`; None is the camera of the page.
    name : str
        Of the detector, for the page.
    **parameters
        Of :class:`LiveDetector`.

    Returns
    -------
    Guard
    """
    import asyncio

    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route, WebSocketRoute

    from ._session import MISTAKES, CameraOfThePage, SourceOfTheServer

    first = LiveDetector(estimator, **parameters)  # whose mistakes show before anything is served
    about = _about(first, source=source, name=name)
    most_pages = _MOST_PAGES if source is None else 1
    pages, threads = set(), ThreadPoolExecutor(_MOST_PAGES, thread_name_prefix="emoxai-live")

    async def in_thread(function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)

    async def info(request):
        return JSONResponse(about)

    def file(path):
        content, kind = (
            resources.files(__package__).joinpath("page", _FILES[path][0]).read_bytes(),
            _FILES[path][1],
        )

        async def answer(request):
            return Response(content, media_type=kind)

        return Route(path, answer)

    async def stream(websocket):
        await websocket.accept()
        if len(pages) >= most_pages:
            await websocket.close(
                1013, f"{most_pages} pages are open already, which is the most: close another one."
            )
            return
        pages.add(websocket)
        try:
            live = LiveDetector(estimator, **parameters)
            if source is None:
                session = CameraOfThePage(websocket, live, in_thread)
            else:
                newest = Newest(await in_thread(open_stream, source))
                session = SourceOfTheServer(websocket, live, in_thread, newest=newest)
            await session.run()
        except MISTAKES as error:
            await websocket.send_json({"error": str(error), "ended": True})
            await websocket.close(1011)
        finally:
            pages.discard(websocket)

    routes = [*map(file, _FILES), Route("/info.json", info), WebSocketRoute("/stream", stream)]
    return Guard(Starlette(routes=routes), token=token, host=host)


def _about(live, *, source, name):
    """What the page has to know of the detector, for JSON."""
    shares = {
        label: None if values is None else values.round(3).tolist()
        for label, values in live.importances.items()
    }
    return {
        "name": name,
        "labels": live.labels,
        "chosen": {label: landmarks.tolist() for label, landmarks in live.chosen.items()},
        "shares": shares,
        "subtracts_neutral": live.subtracts_neutral,
        "window": live.window,
        "source": source,
        "edges": facemesh.EDGES.tolist(),
        "outlines": [outline.tolist() for outline in facemesh.CONTOURS.values()],
    }


def listen(host, port):
    """A socket that listens on an address.

    Raises
    ------
    OSError
        If the port is in use, or the address is none of this machine's; the message says what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere it would let two servers share a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)):
            raise OSError(
                f"Port {port} of {host} is in use: --port takes another, and 0 any that is free."
            ) from error
        if error.errno == errno.EACCES:
            raise OSError(f"Port {port} may not be used: --port takes another, from 1024 on.") from error
        raise OSError(f"{host} must be an address of this machine ({error.strerror or error}).") from error
    return listening


def serve(estimator, *, host="127.0.0.1", port=8765, browser=True, say=print, **parameters):
    """Serve the page until interrupted.

    Parameters
    ----------
    estimator : classifier of sequences
    host : str, default="127.0.0.1"
        Address to listen on. Any but loopback lets others in, who have the token, and is said to.
    port : int, default=8765
        0 takes any that is free.
    browser : bool, default=True
        Whether to open a browser, where there is a screen.
    say : callable, default=print
        Takes each line of what there is to tell.
    **parameters
        Of :func:`make_app`.

    Raises
    ------
    ImportError
        If the packages of the extra "live" are missing.
    OSError
        If the port is in use.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise ImportError(MISSING.format(error.name)) from error
    token = secrets.token_urlsafe(16)
    app = make_app(estimator, token=token, host=host, **parameters)
    with contextlib.closing(listen(host, port)) as listening:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}/{token}/"
        say(f"the page is {address} (Ctrl+C ends it)")
        if not is_loopback(host):
            say(
                f"note: --host {host} lets other computers in, without encryption: whoever has the address sees the "
                "page, and may read the pictures on their way. Browsers give their camera to pages of loopback "
                "addresses or HTTPS only; an ssh tunnel to 127.0.0.1 does without --host"
            )
        if browser and _has_screen():
            webbrowser.open(address)
        uvicorn_server(app).run(sockets=[listening])


def uvicorn_server(app):
    """The uvicorn.Server of an application, with the limits of this one."""
    import uvicorn

    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def _has_screen():
    """Whether a browser that opens would be seen; one in the terminal would cover what is printed."""
    return sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
