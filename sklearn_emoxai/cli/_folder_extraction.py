"""A folder of labelled videos to landmarks on disk and a report on each video; `emoxai extract`."""

import csv
import time
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from ..datasets import load_video_folder
from ..extraction import LandmarkExtractor, extract_each, extract_many, settings_key
from ..facemesh import N_LANDMARKS
from ..storage import QUALITY_COLUMNS, LandmarkFolder, is_landmark_folder, save_landmarks


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
    """Extract the landmarks of a folder of labelled videos, with a CSV on their quality.

    Parameters
    ----------
    root : path-like
        Folder with class folders, or with a CSV; see `load_video_folder`.
    output : path-like
        An npz file, written by `save_landmarks`: ``data``, ``target``, ``groups``, ``paths`` (relative to
        ``root`` where they lie in it), ``detected`` and ``timestamps``. Or a folder, which is what a name
        without an ending means: a `LandmarkFolder`, to which each video is written as it is finished. The same
        call goes on with one that was interrupted.
    quality : path-like or None, default=None
        The CSV; None puts it beside a file, with the ending ``.quality.csv``, or into the folder, as
        ``quality.csv``. A row a video: frames and frames per second of the video, its size, the share of the
        sampled frames with a face, the seconds that it took, and the reason where it gave no landmarks.
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
            A memory map, if the output is a folder.
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
    grows = is_landmark_folder(output) or not output.suffix
    if quality is None:
        quality_path = output / "quality.csv" if grows else output.with_suffix(".quality.csv")
    else:
        quality_path = Path(quality)
    _check_writable(output, quality_path, grows)
    options = LandmarkExtractor(n_frames, on_error=on_error, **parameters)._options()
    videos = load_video_folder(root, table=table)
    files = [_relative(path, root) for path in videos.paths]
    each = {"on_error": on_error, "cache_dir": cache_dir, "n_jobs": n_jobs, "verbose": verbose}
    started = time.perf_counter()
    extracted = _to_folder if grows else _to_file
    data, rows = extracted(output, videos, files, options, each)
    seconds = time.perf_counter() - started
    if all(row["error"] for row in rows):
        raise ValueError(f"No video of {root} gave landmarks; the first: {rows[0]['error']}")
    if not (grows and quality is None):
        # Names that are not UTF-8 are shown escaped, and the text stays UTF-8; the npz has the exact ones.
        with open(quality_path, "w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
            writer = csv.DictWriter(stream, QUALITY_COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    summary = _summary(videos, rows, seconds, data.shape, output, quality_path)
    return Bunch(data=data, quality=rows, output=output, quality_path=quality_path, summary=summary)


def _check_writable(output, quality_path, grows):
    for path in (output,) if grows else (output, quality_path):
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"{path} can't be written: its folder does not exist.")
        if path.is_dir() != grows and path.exists():
            expected, found = ("folder", "file") if grows else ("file", "folder")
            raise (NotADirectoryError if grows else IsADirectoryError)(
                f"{path} must be a {expected}; it is a {found}."
            )


def _to_file(output, videos, files, options, each):
    """Extract all videos, then write them; nothing is written where none gave landmarks."""
    results = extract_many(videos.paths, options, **each)
    shape = (len(results), options.n_frames)
    data = np.full((*shape, 2, N_LANDMARKS), np.nan, dtype=np.float32)
    detected, timestamps = np.zeros(shape, dtype=bool), np.full(shape, np.nan)
    for i, result in enumerate(results):
        if (sequence := result.sequence) is not None:
            data[i], detected[i], timestamps[i] = sequence.landmarks, sequence.detected, sequence.timestamps
    rows = [_quality_row(*row) for row in zip(files, *_labels(videos), results)]
    if any(result.sequence for result in results):
        save_landmarks(
            output,
            data,
            target=videos.target,
            groups=videos.groups,
            paths=files,
            detected=detected,
            timestamps=timestamps,
        )
    return data, rows


def _to_folder(output, videos, files, options, each):
    """Extract what is not in the folder yet, each video into it."""
    shape = (len(files), options.n_frames, 2, N_LANDMARKS)
    settings = settings_key(options)
    store = LandmarkFolder.resume(
        output, shape, target=videos.target, groups=videos.groups, paths=files, settings=settings
    )
    first = store.n_done
    if first < len(files):
        results = extract_each(videos.paths[first:], options, **each)
        labels = zip(files[first:], *(values[first:] for values in _labels(videos)))
        store.append(
            (*_arrays(result.sequence), _quality_row(*label, result))
            for label, result in zip(labels, results)
        )
    return store.load(mmap=True).data, store.quality


def _labels(videos):
    groups = [""] * len(videos.target) if videos.groups is None else videos.groups
    return [str(emotion) for emotion in videos.target], [str(group) for group in groups]


def _arrays(sequence):
    if sequence is None:
        return None, None, None
    return sequence.landmarks, sequence.detected, sequence.timestamps


def _relative(path, root):
    path, root = Path(path), Path(root)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _quality_row(file, emotion, subject, result):
    row = {"file": file, "emotion": emotion, "subject": subject}
    row |= {"seconds": round(result.seconds, 3), "error": result.error or ""}
    if result.sequence is not None:
        sequence = result.sequence
        row |= {"n_source_frames": sequence.n_source_frames, "fps": round(sequence.fps, 3)}
        row |= {"width": sequence.frame_size[0], "height": sequence.frame_size[1]}
        row |= {"face_share": round(float(sequence.detected.mean()), 3)}
    return row


def _summary(videos, rows, seconds, shape, output, quality_path):
    emotions, counts = np.unique(videos.target, return_counts=True)
    shares = [float(row["face_share"]) for row in rows if not row["error"]]
    failed = len(rows) - len(shares)
    lines = [
        f"{len(rows)} videos"
        + ("" if videos.groups is None else f" of {len(np.unique(videos.groups))} subjects")
        + f" in {seconds:.1f} s: "
        + ", ".join(f"{n} {emotion}" for emotion, n in zip(emotions, counts)),
        f"a face in {np.mean(shares):.1%} of the sampled frames; "
        f"{sum(share < 1 for share in shares)} videos with gaps, which are interpolated",
    ]
    if videos.groups is None:
        lines.append(
            "no subjects are known, which emoxai compare needs: a CSV in the folder tells them, in the columns file, "
            "emotion and subject"
        )
    if failed:
        lines.append(f"{failed} gave no landmarks: their rows are NaN, and {quality_path} says why")
    lines.append(f"wrote {output} {shape} and {quality_path}")
    return "\n".join(lines)
