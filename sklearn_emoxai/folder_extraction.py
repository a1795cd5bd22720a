"""A folder of labelled videos to one file of landmarks and a report on each video; `emoxai extract`."""

import csv
import time
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from .datasets import load_video_folder
from .extraction import LandmarkExtractor, extract_many
from .facemesh import N_LANDMARKS
from .landmark_store import save_landmarks

QUALITY_COLUMNS = (
    *("file", "emotion", "subject", "n_source_frames", "fps", "width", "height"),
    *("face_share", "seconds", "error"),
)


def extract_folder(
    root,
    output,
    *,
    quality=None,
    table=None,
    n_frames=10,
    on_error="nan",
    cache_dir=None,
    n_jobs=None,
    verbose=0,
    **parameters,
):
    """Extract the landmarks of a folder of labelled videos into one npz file, with a CSV on their quality.

    Parameters
    ----------
    root : path-like
        Folder with class folders, or with a CSV; see `load_video_folder`.
    output : path-like
        The npz file, written by `save_landmarks`: ``data``, ``target``, ``groups``, ``paths`` (relative to
        ``root`` where they lie in it), ``detected`` and ``timestamps``.
    quality : path-like or None, default=None
        The CSV; None puts it beside ``output``, with the ending ``.quality.csv``. A row a video: frames and
        frames per second of the video, its size, the share of the sampled frames with a face, the seconds
        that it took, and the reason where it gave no landmarks.
    table : path-like or None, default=None
        Which CSV of the folder has the labels, where there are several.
    n_frames, cache_dir, n_jobs, verbose
        As in LandmarkExtractor.
    on_error : {"nan", "raise"}, default="nan"
        As in LandmarkExtractor; but if no video at all gives landmarks, it is an error.
    **parameters
        Further parameters of LandmarkExtractor.

    Returns
    -------
    Bunch
        data : ndarray of shape (n_videos, n_frames, 2, 468), float32
        quality : list of dict
            The rows of the CSV.
        output, quality_path : Path
        summary : str
            What came of it, in a few lines.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        The folder, the labels, a parameter or every video is wrong, or the files can't be written there.
    """
    output = Path(output)
    quality_path = output.with_suffix(".quality.csv") if quality is None else Path(quality)
    for path in (output, quality_path):
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"{path} can't be written: its folder does not exist.")
        if path.is_dir():
            raise IsADirectoryError(f"{path} must be a file; it is a folder.")
    options = LandmarkExtractor(n_frames, on_error=on_error, **parameters)._options()
    videos = load_video_folder(root, table=table)
    started = time.perf_counter()
    results = extract_many(
        videos.paths, options, on_error=on_error, cache_dir=cache_dir, n_jobs=n_jobs, verbose=verbose
    )
    seconds = time.perf_counter() - started
    sequences = [result.sequence for result in results]
    if not any(sequences):
        raise ValueError(f"No video of {root} gave landmarks; the first: {results[0].error}")

    files = [_relative(path, root) for path in videos.paths]
    rows = _quality_rows(files, videos, results)
    data = np.full((len(results), n_frames, 2, N_LANDMARKS), np.nan, dtype=np.float32)
    detected = np.zeros(data.shape[:2], dtype=bool)
    timestamps = np.full(data.shape[:2], np.nan)
    for i, sequence in enumerate(sequences):
        if sequence is not None:
            data[i], detected[i], timestamps[i] = sequence.landmarks, sequence.detected, sequence.timestamps
    save_landmarks(
        output,
        data,
        target=videos.target,
        groups=videos.groups,
        paths=files,
        detected=detected,
        timestamps=timestamps,
    )
    with open(quality_path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, QUALITY_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    summary = _summary(videos, rows, seconds, data.shape, output, quality_path)
    return Bunch(data=data, quality=rows, output=output, quality_path=quality_path, summary=summary)


def _relative(path, root):
    path, root = Path(path), Path(root)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _quality_rows(files, videos, results):
    groups = [""] * len(files) if videos.groups is None else videos.groups
    rows = []
    for file, emotion, subject, result in zip(files, videos.target, groups, results):
        row = {"file": file, "emotion": str(emotion), "subject": str(subject)}
        row |= {"seconds": round(result.seconds, 3), "error": result.error or ""}
        if result.sequence is not None:
            sequence = result.sequence
            row |= {"n_source_frames": sequence.n_source_frames, "fps": round(sequence.fps, 3)}
            row |= {"width": sequence.frame_size[0], "height": sequence.frame_size[1]}
            row |= {"face_share": round(float(sequence.detected.mean()), 3)}
        rows.append(row)
    return rows


def _summary(videos, rows, seconds, shape, output, quality_path):
    emotions, counts = np.unique(videos.target, return_counts=True)
    shares = [row["face_share"] for row in rows if "face_share" in row]
    failed = len(rows) - len(shares)
    lines = [
        f"{len(rows)} videos"
        + ("" if videos.groups is None else f" of {len(np.unique(videos.groups))} subjects")
        + f" in {seconds:.1f} s: "
        + ", ".join(f"{n} {emotion}" for emotion, n in zip(emotions, counts)),
        f"a face in {np.mean(shares):.1%} of the sampled frames; "
        f"{sum(share < 1 for share in shares)} videos with gaps, which are interpolated",
    ]
    if failed:
        lines.append(f"{failed} gave no landmarks: their rows are NaN, and {quality_path} says why")
    lines.append(f"wrote {output} {shape} and {quality_path}")
    return "\n".join(lines)
