"""A live detector beside MediaPipe's bare loop: results a second, the time that each takes, and whether these last.

    python benchmarks/bench_live.py                      # both generations of MediaPipe that are at hand
    python benchmarks/bench_live.py --browser            # through the page in chromium, too; needs playwright
    python benchmarks/bench_live.py --minutes 10         # memory and latency of the server, minute by minute
    python benchmarks/bench_live.py --paper              # with networks of the paper's size

Frames of 640 × 480 pixels show a rendered face that moves. The bare loop is MediaPipe's own tracking of one face,
and the landmarks as an array; "in process" is LiveDetector.update with six networks on 32 landmarks each;
"WebSocket" sends a frame as a JPEG to emoxai live in another process, and the next when its result is there. The
time is that from the frame to its result, the rate that of going on without a pause. Ratios are to the bare loop of
the same run.
"""

import argparse
import contextlib
import itertools
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    LandmarkAligner,
    LiveDetector,
    NeutralDifference,
    VarianceLandmarkSelector,
    save,
)
from sklearn_emoxai.datasets import make_expression_videos, make_expressions
from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph, open_source

FPS = 30


def made_frames(folder):
    """Frames (480, 640, 3) of a face that goes from neutral to an apex and back."""
    import cv2

    clips = make_expression_videos(folder, n_subjects=1, emotions=["surprise"], n_frames=45, random_state=0)
    frames = [cv2.resize(decode(), (480, 480)) for _, decode in open_source(clips.paths[0]).frames()]
    frames = [np.pad(frame, ((0, 0), (80, 80), (0, 0)), mode="edge") for frame in frames]
    return frames + frames[::-1]


def made_detector(paper):
    """A detector of six emotions. It is fast or slow whatever it learnt, and learns little here."""
    made = make_expressions(n_subjects=4, n_repeats=1, random_state=0)
    select = VarianceLandmarkSelector(n_landmarks_to_select=32)
    parameters = {"max_epochs": 1, "validation_fraction": None, "random_state": 0}
    network = ConvLSTMClassifier.from_paper(**parameters) if paper else ConvLSTMClassifier(**parameters)
    pipeline = make_pipeline(LandmarkAligner(), NeutralDifference(), select, network)
    return EmotionClassifier(pipeline).fit(made.data, made.target)


def bare_loop(generation):
    """Context manager: the function from (frame, time) to landmarks, by MediaPipe alone."""
    if generation == "bundled":
        from mediapipe import solutions

        mesh = solutions.face_mesh.FaceMesh(max_num_faces=1)

        def track(frame, timestamp):
            found = mesh.process(frame).multi_face_landmarks
            return np.array([(p.x, p.y) for p in found[0].landmark])
    else:
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=os.environ[MODEL_VARIABLE]),
            running_mode=vision.RunningMode.VIDEO,
        )
        mesh = vision.FaceLandmarker.create_from_options(options)

        def track(frame, timestamp):
            found = mesh.detect_for_video(mp.Image(mp.ImageFormat.SRGB, frame), round(1000 * timestamp))
            return np.array([(p.x, p.y) for p in found.face_landmarks[0]])

    return contextlib.closing(mesh), track


def timed(function, frames, seconds):
    """Times of the calls, in ms, for so many seconds, the first second left out."""
    times, start = [], time.perf_counter()
    for i in itertools.count():
        before = time.perf_counter()
        if before - start > seconds + 1:
            return np.array(times)
        function(frames[i % len(frames)], i / FPS)
        if before - start > 1:
            times.append(1000 * (time.perf_counter() - before))


def report(name, times, bare=None):
    rate = 1000 / times.mean()
    ratio = "" if bare is None else f"{rate / (1000 / bare.mean()):>8.2f}"
    print(
        f"{name:<24}{rate:>8.1f}{np.median(times):>9.1f}{np.percentile(times, 95):>9.1f}{ratio}", flush=True
    )


@contextlib.contextmanager
def served(model, generation):
    """Address and process id of emoxai live."""
    command = [sys.executable, "-m", "sklearn_emoxai", "live", str(model), "--port", "0", "--no-browser"]
    with subprocess.Popen([*command, "--detector", generation], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process.stderr.readline().split()[4], process.pid
        finally:
            process.kill()


@contextlib.contextmanager
def sender(address, frames):
    """The function that sends a frame, and waits for its result."""
    import cv2
    from websockets.sync.client import connect

    jpegs = [cv2.imencode(".jpg", frame[..., ::-1])[1].tobytes() for frame in frames]
    by_id = {id(frame): jpeg for frame, jpeg in zip(frames, jpegs)}
    origin = "http://" + urlsplit(address).netloc
    stream = address.replace("http", "ws", 1) + "stream"
    with connect(stream, origin=origin, compression=None, max_size=None) as client:

        def send(frame, timestamp):
            client.send(struct.pack("<d", timestamp) + by_id[id(frame)])
            assert json.loads(client.recv())["p"]

        yield send


def through_the_page(address, frames, seconds):
    """What the page itself tells: results a second, and the median time from frame to result."""
    import cv2
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        video = Path(folder) / "camera.y4m"
        with open(video, "wb") as file:
            file.write(b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n")
            for frame in frames:
                file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-video-capture={video}",
            ],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.click("#start")
        page.wait_for_timeout(1000 * seconds)
        print(f"{'page in chromium':<24}{page.inner_text('#rate')}")
        browser.close()


def memory_of(process):
    """Resident memory in MB."""
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(process)])) / 1024


def soak(model, generation, frames, minutes):
    """Latency and memory of the server in every minute, at 30 frames a second at the most."""
    print(f"\n{generation}: minute, results, median and 95th percentile in ms, memory of the server in MB")
    with served(model, generation) as (address, process), sender(address, frames) as send:
        start, shown = time.monotonic(), 0
        for minute in range(1, minutes + 1):
            times = []
            while time.monotonic() - start < 60 * minute:
                before = time.perf_counter()
                send(frames[shown % len(frames)], time.monotonic() - start)
                times.append(1000 * (time.perf_counter() - before))
                shown += 1
                time.sleep(max(0, 1 / FPS - (time.perf_counter() - before)))
            print(
                f"{minute:>4}{len(times):>8}{np.median(times):>8.1f}{np.percentile(times, 95):>8.1f}"
                f"{memory_of(process):>8.0f}",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=15, help="for each measurement")
    parser.add_argument("--minutes", type=int, default=0, help="of the server, in the place of the rest")
    parser.add_argument("--browser", action="store_true")
    parser.add_argument(
        "--paper", action="store_true", help="networks of the paper's size, not the default's"
    )
    arguments = parser.parse_args()
    generations = ["bundled"] * has_bundled_graph() + ["tasks"] * (MODEL_VARIABLE in os.environ)
    print(
        f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    with tempfile.TemporaryDirectory() as folder:
        frames, detector, model = (
            made_frames(folder),
            made_detector(arguments.paper),
            Path(folder) / "model.skops",
        )
        save(detector, model)
        for generation in generations:
            if arguments.minutes:
                soak(model, generation, frames, arguments.minutes)
                continue
            print(f"\n{generation:<24}{'a second':>8}{'median':>9}{'95 %':>9}{'ratio':>8}")
            context, track = bare_loop(generation)
            with context:
                bare = timed(track, frames, arguments.seconds)
            report("MediaPipe's bare loop", bare)
            with LiveDetector(detector, detector=generation) as live:
                report("in process", timed(live.update, frames, arguments.seconds), bare)
            with served(model, generation) as (address, _), sender(address, frames) as send:
                report("WebSocket", timed(send, frames, arguments.seconds), bare)
                if arguments.browser:
                    through_the_page(address, frames, arguments.seconds)


if __name__ == "__main__":
    main()
