"""Decode damaged and hostile videos and folders of images, and count what comes of them.

    python benchmarks/fuzz_videos.py [--n-videos 1000] [--n-folders 300] [--seed 0] [--keep FOLDER]

Sound files are made of a rendered clip of the public-domain portrait, in several containers, codecs and kinds of
images; each is then changed at random: bits, cuts, exchanged and repeated blocks, numbers in headers made huge, parts
of another file. They are decoded in processes of their own with bounds on memory and time, a batch a process, without
MediaPipe. What may come of a file: frames; or an error in words, a ValueError or OSError that names it. Anything else
is a fault, by which this script ends with 1: another exception, a crash, a hang, more memory, or a file written.
"""

import argparse
import collections
import contextlib
import json
import os
import platform
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import av
import numpy as np
from PIL import Image

from sklearn_emoxai.extraction import open_source, read_sampled, silenced_stderr

VIDEOS = {  # container and codec, and what stores the pixels
    "h264.mp4": ("libx264", "yuv420p", None),
    "mpeg4.mp4": ("mpeg4", "yuv420p", None),
    "hevc.mp4": ("libx265", "yuv420p", None),
    "png.mov": ("png", "rgba", None),
    "prores.mov": ("prores_ks", "yuv422p10le", None),
    "h263.3gp": ("h263", "yuv420p", None),
    "h264.mkv": ("libx264", "yuv420p10le", None),
    "ffv1.mkv": ("ffv1", "yuv444p", None),
    "vp8.webm": ("libvpx", "yuv420p", None),
    "vp9.webm": ("libvpx-vp9", "yuv420p", None),
    "av1.webm": ("libsvtav1", "yuv420p", None),
    "mjpeg.avi": ("mjpeg", "yuvj420p", None),
    "mpeg4.avi": ("mpeg4", "yuv420p", None),
    "h264.avi": ("libx264", "yuv420p", None),
    "raw.avi": ("rawvideo", "bgr24", None),
    "mpeg1.mpg": ("mpeg1video", "yuv420p", None),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", None),
    "mpeg2.vob": ("mpeg2video", "yuv420p", "vob"),
    "h264.ts": ("libx264", "yuv420p", None),
    "flv1.flv": ("flv", "yuv420p", None),
    "h264.flv": ("libx264", "yuv420p", None),
    "wmv2.wmv": ("wmv2", "yuv420p", "asf"),
    "rv10.rm": ("rv10", "yuv420p", None),
    "gif.gif": ("gif", "rgb8", None),
    "png.apng": ("apng", "rgb24", "apng"),
    "raw.y4m": ("wrapped_avframe", "yuv420p", "yuv4mpegpipe"),
    "ffv1.nut": ("ffv1", "yuv420p", None),
    "mpeg2.mxf": ("mpeg2video", "yuv422p", None),
    "vp8.ivf": ("libvpx", "yuv420p", None),
    "dv.dv": ("dvvideo", "yuv420p", None),
    "h264.h264": ("libx264", "yuv420p", None),
}
IMAGES = {  # suffix, mode and options
    "rgb.jpg": ("RGB", {"quality": 90}),
    "progressive.jpg": ("RGB", {"progressive": True}),
    "cmyk.jpg": ("CMYK", {}),
    "rgb.png": ("RGB", {}),
    "rgba.png": ("RGBA", {}),
    "palette.png": ("P", {}),
    "deep.png": ("I;16", {}),
    "rgb.tiff": ("RGB", {}),
    "lzw.tiff": ("RGB", {"compression": "tiff_lzw"}),
    "jpeg.tiff": ("RGB", {"compression": "jpeg"}),
    "deep.tiff": ("I;16", {}),
    "rgb.bmp": ("RGB", {}),
    "palette.bmp": ("P", {}),
    "rgb.webp": ("RGB", {}),
    "lossless.webp": ("RGBA", {"lossless": True}),
}
FAULTS = ("exception", "crash", "hang", "too much memory", "file written")
BATCH = 25  # files a process


def sound_frames():
    """Frames of a rendered clip, (n_frames, height, width, 3), uint8."""
    from sklearn_emoxai.datasets import make_expression_videos

    with tempfile.TemporaryDirectory() as folder:
        clips = make_expression_videos(folder, n_subjects=1, emotions=("surprise",), size=160, random_state=0)
        return np.array([decode() for _, decode in open_source(clips.paths[0]).frames()])


def write_sound_videos(folder, frames):
    """Write the videos that are changed later; those that this PyAV can't encode are left out."""
    written = []
    for name, (codec, pix_fmt, container) in VIDEOS.items():
        if codec not in av.codecs_available:
            continue
        size = (720, 576) if codec == "dvvideo" else frames.shape[2:0:-1]
        size = (352, 288) if codec == "h263" else size
        with av.open(str(folder / name), "w", format=container) as output:
            stream = output.add_stream(codec, rate=25)
            (stream.width, stream.height), stream.pix_fmt = size, pix_fmt
            if codec == "libx265":
                stream.options = {"x265-params": "log-level=none:pools=1"}
            for i, frame in enumerate(frames):
                image = np.asarray(Image.fromarray(frame).resize(size))
                picture = av.VideoFrame.from_ndarray(image, format="rgb24")
                picture.pts = i
                output.mux(stream.encode(picture))
            output.mux(stream.encode(None))
        written.append(folder / name)
    return written


def write_sound_images(folder, frame):
    """Write the images that are changed later."""
    for name, (mode, options) in IMAGES.items():
        if mode == "I;16":
            image = Image.fromarray(frame[..., 0].astype(np.uint16) * 257)
        else:
            image = Image.fromarray(frame).convert(mode)
        image.save(folder / name, **options)
    return [folder / name for name in IMAGES]


def changed(data, others, rng):
    """Return data, changed one to four times at random; half of the changes are near the start, in headers."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        if len(data) < 64:
            break
        end = min(len(data), 4096) if rng.random() < 0.5 else len(data)
        at = int(rng.integers(0, end - 32))
        length = int(min(rng.geometric(1 / 200), len(data) - at))
        other = int(rng.integers(0, len(data) - length + 1))
        kind = rng.integers(0, 10)
        if kind == 0:  # bits
            for i in rng.integers(0, end, rng.integers(1, 65)):
                data[i] ^= 1 << rng.integers(0, 8)
        elif kind == 1:  # noise
            data[at : at + length] = rng.bytes(length)
        elif kind == 2:  # the end is missing
            del data[int(rng.integers(1, len(data))) :]
        elif kind == 3:  # a part is missing
            del data[at : at + length]
        elif kind == 4:  # two blocks exchanged
            data[at : at + length], data[other : other + length] = (
                data[other : other + length],
                data[at : at + length],
            )
        elif kind == 5:  # a block repeated
            data[other:other] = data[at : at + length] * int(rng.integers(1, 20))
        elif kind == 6:  # a size, a count or a time made huge, or nothing
            huge(data, at, rng)
        elif kind == 7:  # a block of zeros
            data[at : at + length] = bytes(length)
        elif (
            kind == 8
        ):  # the same to a field of an atom, chunk or segment, after whose name of four letters it stands
            names = [match.end() for match in re.finditer(rb"[A-Za-z]{4}", data[:end])] or [at]
            huge(data, int(rng.choice(names)) + 2 * int(rng.integers(0, 16)), rng)
        else:  # a part of another file
            donor = others[rng.integers(0, len(others))]
            start = int(rng.integers(0, len(donor)))
            data[at : at + length] = donor[start : start + length]
    return bytes(data)


def huge(data, at, rng):
    """Overwrite the number at a place with one that is huge, or 0, in either order of bytes."""
    n_bytes = int(rng.choice([2, 4, 8]))
    number = int(rng.choice([0, 1, 30000, 1 << 15, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]))
    data[at : at + n_bytes] = (number % (1 << 8 * n_bytes)).to_bytes(
        n_bytes, "big" if rng.random() < 0.5 else "little"
    )


def write_changed(folder, sound, n_videos, n_folders, seed):
    """Write the changed videos and folders; return their paths."""
    rng = np.random.default_rng(seed)
    videos, images = ([(path.name, path.read_bytes()) for path in paths] for paths in sound)
    written = []
    for i in range(n_videos):
        name, data = videos[i % len(videos)]
        written.append(folder / f"{i:05d}-{name}")
        written[-1].write_bytes(changed(data, [other for _, other in videos], rng))
    for i in range(n_folders):
        name, data = images[i % len(images)]
        written.append(folder / f"{i:05d}-folder-{name}")
        written[-1].mkdir()
        for j in range(3):  # the first may be sound, so that the others are read
            content = changed(data, [other for _, other in images], rng) if j or rng.random() < 0.5 else data
            (written[-1] / f"{j}{Path(name).suffix}").write_bytes(content)
    return written


def work(megabytes):
    """Decode the paths that come on standard input; print a line of JSON for each."""
    warnings.simplefilter("ignore")
    with contextlib.suppress(ImportError):  # Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        path = json.loads(line)
        print(json.dumps(outcome(path)), flush=True)


def outcome(path):
    """What comes of one source, and a word on it."""
    try:
        sampled = read_sampled(open_source(path), 5)
    except (ValueError, OSError) as error:
        cause = error
        while cause is not None and not isinstance(cause, MemoryError):
            cause = cause.__cause__
        if cause is not None:
            return "too much memory", str(error)
        named = os.path.basename(path) in str(error)
        return ("error in words", str(error)) if named else ("exception", f"names no file: {error!r}")
    except MemoryError as error:
        return "too much memory", repr(error)
    except Exception as error:
        return "exception", repr(error)
    if not (np.diff(sampled.timestamps) > 0).all():
        return "exception", "times do not increase"
    return "frames", f"{len(sampled.timestamps)} frames"


class Worker:
    """A process that decodes, and what it takes to notice how it fails."""

    def __init__(self, options, folder):
        command = [sys.executable, __file__, "--worker", "--memory", str(options.memory)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
        )
        self.n_done = 0

    def decode(self, path, seconds):
        """Return (outcome, a word on it); the worker is dead after a crash or a hang."""
        self.n_done += 1
        self.process.stdin.write(json.dumps(os.fspath(path)).encode() + b"\n")
        self.process.stdin.flush()
        if os.name == "posix" and not select.select([self.process.stdout], [], [], seconds)[0]:
            self.process.kill()
            return "hang", f"more than {seconds} s"
        answer = self.process.stdout.readline()
        if not answer:
            return "crash", f"exit code {self.process.wait()}"
        return tuple(json.loads(answer))

    def close(self):
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def decode_all(paths, options, folder):
    """Yield (path, outcome, a word on it, seconds)."""
    worker = None
    for path in paths:
        if worker is None or worker.n_done >= BATCH or worker.process.poll() is not None:
            if worker is not None:
                worker.close()
            worker = Worker(options, folder)
        started = time.perf_counter()
        found = worker.decode(path, options.seconds)
        yield path, *found, time.perf_counter() - started
        if any(folder.iterdir()):
            yield path, "file written", str(next(folder.iterdir())), 0.0
            for file in folder.iterdir():
                file.unlink()
    if worker is not None:
        worker.close()


def most_memory():
    """In words, the largest resident memory of any process."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    return f"; most memory: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB resident"


def main():
    """Run the harness; return the number of faults."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-videos", type=int, default=1000)
    parser.add_argument("--n-folders", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory", type=int, default=3000, help="megabytes of address space a process")
    parser.add_argument("--seconds", type=float, default=60, help="a file may take")
    parser.add_argument("--keep", type=Path, help="folder to which what is at fault is copied")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options.memory)
    counts, slowest, faults = collections.Counter(), (0.0, ""), []
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        for name in ("sound", "changed", "empty"):
            (place / name).mkdir()
        frames = sound_frames()
        with silenced_stderr():  # encoders are talkative
            videos = write_sound_videos(place / "sound", frames)
        sound = videos, write_sound_images(place / "sound", frames[0])
        for path, found, word, _ in decode_all([*sound[0], *sound[1]], options, place / "empty"):
            if found != "frames":
                faults.append((path.name, f"sound, but: {found}", word))
        paths = write_changed(place / "changed", sound, options.n_videos, options.n_folders, options.seed)
        sizes = {path: path.stat().st_size for path in (place / "changed").rglob("*")}
        for path, found, word, seconds in decode_all(paths, options, place / "empty"):
            counts["folders of images" if path.is_dir() else "videos", found] += 1
            slowest = max(slowest, (seconds, path.name))
            if found in FAULTS:
                faults.append((path.name, found, word))
                if options.keep is not None:
                    options.keep.mkdir(exist_ok=True)
                    copy = shutil.copytree if path.is_dir() else shutil.copy2
                    copy(path, options.keep / path.name)
        if sizes != {path: path.stat().st_size for path in (place / "changed").rglob("*")}:
            faults.append(("", "file written", "beside the sources"))
    print(f"Python {platform.python_version()}, PyAV {av.__version__}, seed {options.seed}")
    for kind in ("videos", "folders of images"):
        row = {found: counts[kind, found] for found in ("frames", "error in words", *FAULTS)}
        print(f"{sum(row.values())} {kind}: " + ", ".join(f"{n} {found}" for found, n in row.items()))
    print(f"slowest: {slowest[0]:.1f} s, {slowest[1]}" + most_memory())
    for fault in faults:
        print("FAULT", *fault, sep="  ")
    return len(faults)


if __name__ == "__main__":
    sys.exit(bool(main()))
