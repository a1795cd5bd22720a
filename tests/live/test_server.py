"""The server of the page: frames in, results out, and who may come in."""

import contextlib
import io
import json
import re
import socket
import struct
import sys
from importlib import resources

import numpy as np
import pytest

from sklearn_emoxai.live import listen, make_app, serve

pytest.importorskip("starlette", reason="starlette is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
websockets = pytest.importorskip("websockets", reason="websockets is not installed")

PAGE = resources.files("sklearn_emoxai.live").joinpath("page")


def packed(frame, timestamp, kind="JPEG"):
    """A message with a frame."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, kind)
    return struct.pack("<d", timestamp) + buffer.getvalue()


def asked(client, message):
    client.send(message)
    return answer(client)


def answer(client):
    return json.loads(client.recv(timeout=120))


@pytest.fixture(scope="module")
def frames(happy, frames_of):
    return [frame for _, frame in frames_of(happy)]


def test_the_page_is_made_of_files_that_load_nothing_from_elsewhere(server):
    status, headers, content = server.get()
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers
    files = set(re.findall(rb'(?:src|href)="([^"#][^"]*)"', content))
    assert files == {b"data:,", b"live.css", b"live.js"}
    for file in PAGE.iterdir():
        text = file.read_text(encoding="utf-8")
        status, _, content = server.get(f"/the-token/{file.name if file.suffix != '.html' else ''}")
        assert (status, content.decode()) == (200, text)
        outside = {url for url in re.findall(r"https?://[^\s\"')]+", text) if "numpy.org/doc" not in url}
        assert outside == set()


def test_the_page_has_the_colours_of_the_report():
    report = (
        resources.files("sklearn_emoxai.plotting").joinpath("report/report.css").read_text(encoding="utf-8")
    )
    colours = re.findall(r"--[\w-]+: #\w+;", PAGE.joinpath("live.css").read_text(encoding="utf-8"))
    assert len(colours) == 14
    assert [each for each in colours if each not in report] == []


def test_the_page_is_told_labels_and_landmarks(server, detector):
    about = json.loads(server.get("/the-token/info.json")[2])
    assert about["labels"] == ["anger", "happiness", "surprise"]
    assert about["name"] == "model.skops"
    assert about["source"] is None
    kept = detector.estimators_["anger"][2].get_support(indices=True).tolist()
    assert about["chosen"]["anger"] == kept
    assert max(about["shares"]["anger"]) == 1


def test_each_frame_gets_a_result(server, detector, clips, happy, frames):
    with server.connect() as client:
        for i, frame in enumerate(frames):
            client.send(packed(frame, i / 15))
            result = answer(client)
            assert result["t"] == i / 15
    whole = detector.predict_proba(clips.X[[clips.paths.index(happy)]])[0]
    np.testing.assert_allclose(result["p"], whole, atol=0.15)
    assert np.argmax(result["p"]) == 1
    assert result["size"] == [256, 256]
    assert len(result["landmarks"]) == 2 * 468
    assert (result["n_faces"], result["neutral"], result["dropped"]) == (1, "window", 0)


def test_frames_are_dropped_and_never_queued(server, frames):
    n_frames = 60
    with server.connect() as client:
        for i in range(n_frames):
            client.send(packed(frames[i % 16], i / 15))
        results = [answer(client)]
        while results[-1]["t"] != (n_frames - 1) / 15:
            results.append(answer(client))
    assert results[-1]["dropped"] == n_frames - len(results) > 10


def test_calibrating_changes_the_neutral_face(server, frames):
    with server.connect() as client:
        client.send(json.dumps({"command": "calibrate"}))
        kinds = []
        for i in range(18):
            client.send(packed(frames[0], i / 15))
            kinds.append(answer(client)["neutral"])
    assert kinds == ["window"] * 15 + ["calibrated"] * 3


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/live.js",
        "/stream",
        "/the-toke/",
        "/the-token",
        "/the-tokem/info.json",
        "/the-token1/",
        "//",
        "/../the-token/",
    ],
)
def test_without_the_token_nothing_is_given(server, path):
    status, _, content = server.get(path)
    assert status == 403
    assert b"the whole one that emoxai live printed" in content
    with pytest.raises(websockets.exceptions.InvalidStatus, match="403"):
        server.connect(path=path)


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "example.org:8765",
        "127.0.0.1.example.org",
        "localhost.example.org",
        "192.168.1.2",
        "[::2]:80",
        "[",
        "",
    ],
)
def test_a_name_that_was_made_to_lead_here_is_refused(server, host):
    status, _, content = server.get(Host=host)
    assert status == 403
    assert b"names of this computer only" in content


@pytest.mark.parametrize(
    "origin",
    ["http://example.org", "https://127.0.0.1", "null", "http://127.0.0.1", "http://localhost:1", None],
)
def test_pages_of_others_are_refused(server, origin):
    with pytest.raises(websockets.exceptions.InvalidStatus, match="403"):
        server.connect(origin=origin)
    if origin is not None:
        assert server.get(Origin=origin)[0] == 403


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000"])
def test_the_port_of_a_tunnel_is_let_in(server, host):
    status, headers, _ = server.get(Host=host, Origin=f"http://{host}")
    assert status == 200
    assert f"ws://{host};" in headers["content-security-policy"]


def test_where_all_addresses_are_listened_on_names_of_others_stay_outside(detector, running):
    server = running(detector, host="0.0.0.0")
    try:
        assert server.get(Host="192.168.1.2:8765")[0] == 200
        assert server.get(Host="example.org")[0] == 403
    finally:
        server.stop()


def with_size(jpeg, width, height):
    """A JPEG whose header tells another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def test_what_is_no_frame_is_answered_in_a_sentence(server, frames):
    good = packed(frames[0], 1.0)
    cases = [
        (b"", "got 0 bytes"),
        (b"12345678", "got 8 bytes"),
        (good[:8] + b"nothing", "must be a JPEG"),
        (good[: len(good) // 2], "must be a JPEG"),
        (packed(frames[0], 1.0, "PNG"), "must be a JPEG"),
        (with_size(good, 65_000, 65_000), "at most 8300000 pixels; got"),
        (with_size(good, 4000, 4000), "got 4000 × 4000"),
        (packed(frames[0], np.nan), "must be a finite number"),
        (packed(frames[0][:8], 1.0), "16 pixels or more"),
    ]
    with server.connect() as client:
        for message, expected in cases:
            client.send(message)
            assert expected in answer(client)["error"]
        client.send(good)
        assert answer(client)["p"]
        client.send(packed(frames[0], 0.5))
        assert answer(client)["error"] == "timestamp must increase; got 0.5 after 1.0."
        client.send(packed(frames[0], 1.1))
        assert answer(client)["p"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (bytes(4 * 2**20 + 1), 1009),
        ("frame", 1003),
        ("{}", 1003),
        ('{"command": ["calibrate"]}', 1003),
        ('{"command": "next"}', 1003),
        ("[" * 100_000, 1003),
    ],
)
def test_what_no_page_sends_ends_the_connection_and_not_the_server(server, frames, message, code):
    with server.connect() as client:
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            asked(client, message)
        # Where the end comes in the middle of a message, the reason for it may be lost.
        assert closed.value.rcvd.code == code if closed.value.rcvd else len(message) > 2**22
    with server.connect() as client:
        client.send(packed(frames[0], 0.0))
        assert answer(client)["p"]


def test_pages_beyond_the_most_are_told_so(server):
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(server.connect())
        late = stack.enter_context(server.connect())
        with pytest.raises(
            websockets.exceptions.ConnectionClosed, match="4 pages are open already"
        ) as closed:
            late.recv(timeout=60)
        assert closed.value.rcvd.code == 1013


def test_a_thousand_connections_are_survived(server):
    clients = []
    try:
        with contextlib.suppress(OSError):  # fewer files may be open at once
            for _ in range(1000):
                clients.append(socket.create_connection(("127.0.0.1", server.port), timeout=60))
        assert len(clients) > 100
        clients[-1].sendall(b"GET /the-token/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 503 " in clients[-1].recv(100)
    finally:
        for client in clients:
            client.close()
    status = 503
    while status == 503:  # until the server has noticed that they are gone
        status = server.get()[0]
    assert status == 200


def test_a_port_in_use_is_said(server, detector):
    with pytest.raises(OSError, match=rf"Port {server.port} of 127.0.0.1 is in use: --port takes another"):
        listen("127.0.0.1", server.port)
    with pytest.raises(OSError, match="must be an address of this machine"):
        listen("192.0.2.1", 0)


def test_missing_packages_are_named(detector, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ImportError, match=r'\(uvicorn\): pip install "sklearn-emoxai\[live\]"'):
        serve(detector)


def test_a_wrong_parameter_shows_before_anything_is_served(detector):
    with pytest.raises(ValueError, match="neutral must be one of"):
        make_app(detector, token="t", neutral="none")


def test_a_source_is_shown_with_its_results(detector, happy, running):
    server = running(detector, source=happy)
    try:
        with server.connect() as client:
            shown = []
            while True:
                client.send(json.dumps({"command": "next"}))
                jpeg = client.recv(timeout=120)
                if isinstance(jpeg, str):
                    break
                assert jpeg.startswith(b"\xff\xd8")
                shown.append(answer(client))
            assert json.loads(jpeg) == {"ended": True}
            with (
                server.connect() as other,
                pytest.raises(websockets.exceptions.ConnectionClosed, match="1 pages are"),
            ):
                other.recv(timeout=60)
        assert shown[-1]["t"] == pytest.approx(1.0, abs=0.01)
        assert len(shown) + shown[-1]["dropped"] == 16
        assert shown[-1]["p"]
    finally:
        server.stop()


def test_a_source_that_is_not_there_is_said_on_the_page(detector, running):
    server = running(detector, source="97")
    try:
        with server.connect() as client:
            assert "Camera 97 can't be opened" in answer(client)["error"]
    finally:
        server.stop()
