"""Speed and memory of the landmark extraction, against the bare MediaPipe loop in the same run.

    python benchmarks/bench_extraction.py [--clips FOLDER] [--frames 600] [--minutes 10]

The face is the public-domain portrait that matplotlib ships, moved about a 640 × 480 frame with changing
light and noise; ``--clips`` adds a folder of short videos. The peer is the loop that people write: one
detector a video, every frame given to it whole, the landmarks copied to an array, tracking on.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import joblib
import numpy as np
from matplotlib.cbook import get_sample_data

from sklearn_emoxai import LandmarkExtractor, extract_landmarks
from sklearn_emoxai.extraction import VIDEO_SUFFIXES, has_bundled_graph, locate_model, open_source

SIZE = (640, 480)
# Frames per second on a CPU, one process, as their papers' or projects' own tables give them.
PUBLISHED = {"py-feat 2": 17.6, "LibreFace": 3.9}


def portrait_frames(n_frames, *, seed=0):
    """Yield n_frames RGB frames of shape (480, 640, 3) of a face that moves."""
    with get_sample_data("grace_hopper.jpg") as file:
        portrait = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 3, (8, SIZE[1], SIZE[0], 1))
    for i in range(n_frames):
        turn = 8 * np.sin(i / 17)
        matrix = cv2.getRotationMatrix2D((256, 200), turn, 0.85 + 0.05 * np.sin(i / 29))
        matrix[:, 2] += 64 + 30 * np.sin(i / 23), 40 + 15 * np.sin(i / 31)
        frame = cv2.warpAffine(np.ascontiguousarray(portrait), matrix, SIZE, borderValue=(90, 90, 90))
        yield (frame * (1 + 0.1 * np.sin(i / 41)) + noise[i % len(noise)]).clip(0, 255).astype(np.uint8)


def write_video(path, n_frames, fps=25):
    """Write a moving face to an mp4 file."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, SIZE)
    for frame in portrait_frames(n_frames):
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def bare_loop(frames, detector):
    """Return landmarks as the usual hand-written loop finds them: the peer."""
    if detector == "bundled":
        import mediapipe as mp

        with mp.solutions.face_mesh.FaceMesh(max_num_faces=1) as mesh:
            found = (mesh.process(frame).multi_face_landmarks for frame in frames)
            return np.array([[(p.x, p.y) for p in faces[0].landmark] for faces in found if faces])
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=locate_model()), running_mode=vision.RunningMode.VIDEO
    )
    with vision.FaceLandmarker.create_from_options(options) as mesh:
        images = (mp.Image(mp.ImageFormat.SRGB, frame) for frame in frames)
        found = (mesh.detect_for_video(image, 40 * i).face_landmarks for i, image in enumerate(images))
        return np.array([[(p.x, p.y) for p in faces[0]] for faces in found if faces])


def seconds(*functions, repeats=5):
    """Return the times by the clock, (repeats, n_functions), taken in turns: other load hits all alike."""
    times = np.empty((repeats, len(functions)))
    for row in times:
        for i, function in enumerate(functions):
            started = time.perf_counter()
            function()
            row[i] = time.perf_counter() - started
    return times


def against_bare_loop(name, videos, detector):
    """Print our frames per second over the bare loop's, on the same decoded frames."""
    n_frames = sum(map(len, videos))
    times = seconds(
        lambda: [extract_landmarks(video, detector=detector) for video in videos],
        lambda: [bare_loop(video, detector) for video in videos],
    )
    ours, bare = n_frames / times.min(axis=0)
    ratio = np.median(times[:, 1] / times[:, 0])
    print(f"{name}: {ours:.0f} frames/s, bare loop {bare:.0f}: {ratio:.2f} × the bare loop (median of turns)")
    return ours


def two_processes(folder, detector, n_videos=8, n_frames=150):
    """Print the speed of two processes over one, workers already started."""
    first = Path(folder) / "parallel0.mp4"
    write_video(first, n_frames)
    videos = [first] * n_videos
    extractor = LandmarkExtractor(n_frames=n_frames, detector=detector)
    with joblib.parallel_config("loky"):
        extractor.set_params(n_jobs=2).transform(videos[:2])
        times = seconds(
            lambda: extractor.set_params(n_jobs=1).transform(videos),
            lambda: extractor.set_params(n_jobs=2).transform(videos),
            repeats=3,
        )
    ratio = np.median(times[:, 0] / times[:, 1])
    print(f"Two processes: {ratio:.2f} × one ({n_videos} videos of {n_frames} frames, workers warm)")


def jumps(detector):
    """Print how far a tracked mesh is off after a face jumped, for the reason why tracking is checked."""
    frame = next(portrait_frames(1))
    print("A face that moved by so many face sizes; error of the tracked mesh and of ours, in eye distances:")
    for pixels in (0, 10, 20, 40, 60, 80, 100, 150):
        moved = np.roll(frame, pixels, axis=1)
        alone = extract_landmarks(moved[None], detector=detector).landmarks[0]
        unit, size = np.linalg.norm(alone[:, 33] - alone[:, 263]), np.ptp(alone, axis=1).max()
        bare = bare_loop([frame, moved], detector)
        ours = extract_landmarks(np.array([frame, moved]), detector=detector).landmarks[1]
        found = bare[1, :468].T * np.array(SIZE)[:, None] if len(bare) == 2 else np.full_like(alone, np.nan)
        errors = [np.median(np.linalg.norm(x - alone, axis=0)) / unit for x in (found, ours)]
        print(f"  {pixels / size:.2f}: tracked {errors[0]:.3f}, ours {errors[1]:.3f}")


def peak_memory(path, detector):
    """Return the peak resident memory in MB of a fresh process that extracts 10 frames."""
    code = (
        "import sys; from sklearn_emoxai import LandmarkExtractor; "
        "LandmarkExtractor(n_frames=10, detector=sys.argv[2]).transform([sys.argv[1]])"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path), detector])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("The extraction failed.")
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main():
    """Run everything and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", help="folder of short videos")
    parser.add_argument("--frames", type=int, default=600, help="frames of the made video")
    parser.add_argument("--minutes", type=float, default=10, help="length of the long video; 0 leaves it out")
    options = parser.parse_args()
    detector = "bundled" if has_bundled_graph() else "tasks"
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, detector {detector}"
    )

    speed = against_bare_loop(
        f"640 × 480, {options.frames} frames", [np.array(list(portrait_frames(options.frames)))], detector
    )
    for n_frames in (12, 30, 60):  # the lengths of CK+
        clips = [np.array(list(portrait_frames(n_frames, seed=seed))) for seed in range(8)]
        against_bare_loop(f"640 × 480, {len(clips)} clips of {n_frames} frames", clips, detector)
    if options.clips:
        files = [f for f in sorted(Path(options.clips).iterdir()) if f.suffix in VIDEO_SUFFIXES][:40]
        clips = [np.array([decode() for _, decode in open_source(f).frames()]) for f in files]
        against_bare_loop(f"{len(clips)} clips of about {len(clips[0])} frames", clips, detector)
    jumps(detector)
    for name, fps in PUBLISHED.items():
        print(f"{name}: {fps} frames/s (published, not measured here): {speed / fps:.0f} × it")
    with tempfile.TemporaryDirectory() as folder:
        two_processes(folder, detector)
        if options.minutes:
            short, long = Path(folder) / "short.mp4", Path(folder) / "long.mp4"
            write_video(short, 250)
            write_video(long, int(options.minutes * 60 * 25))
            peaks = [peak_memory(path, detector) for path in (short, long)]
            print(
                f"Peak memory at n_frames=10: {peaks[0]:.0f} MB on 10 s, {peaks[1]:.0f} MB on "
                f"{options.minutes:g} min ({peaks[1] - peaks[0]:+.0f} MB)"
            )


if __name__ == "__main__":
    main()
