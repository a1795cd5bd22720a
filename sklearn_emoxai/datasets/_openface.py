"""Landmarks that other trackers wrote: OpenFace 2 and py-feat, one CSV a video, one row a frame."""

from collections import Counter
from numbers import Integral, Real
from pathlib import Path

import joblib
import numpy as np
from sklearn.utils import Bunch

from .._validation import check_number
from ..preprocessing import resample
from ._class_folders import is_csv
from ._folders import find_clips, with_subjects
from ._labels import EMOTIONS, LabelReader, Skipped, check_folder
from ._tracker_tables import read_face

_DESCR = """\
Landmarks from other trackers
-----------------------------

{n} sequences of {n_landmarks} landmarks, {n_frames} frames each, in {root}.

Source: per-frame tables of OpenFace 2, py-feat or a tracker with the same columns; labels: {source}.
Licence and use: as the videos' and the tracker's owners say; sklearn-emoxai distributes none of them.
"""


def load_openface_csv(
    root,
    *,
    table=None,
    file_column="file",
    emotion_column="emotion",
    subject_column="subject",
    subject_pattern=None,
    emotions=(*EMOTIONS, "neutral"),
    labels=None,
    n_frames=10,
    min_confidence=0.5,
    max_missing=0.5,
    on_error="raise",
    n_jobs=None,
    verbose=0,
):
    r"""Load landmark sequences from per-frame CSV files of OpenFace 2 or py-feat.

    Read are the columns x_0, x_1, ... and y_0, y_1, ... (68 points, or the 468 or 478 of the face mesh, whose
    irises are dropped), and where present frame or timestamp, success, confidence (OpenFace) and FaceScore
    (py-feat). Columns may be parted by commas, semicolons, tabs or blanks, decimals by points or commas, the text
    be UTF-8 or UTF-16; lines above the header and comments are passed over.

    Parameters
    ----------
    root : path-like
        One CSV, or a folder: with `table`, with subfolders named for emotions that hold CSVs, or with
        CSVs only, which are loaded without labels.
    table : path-like, default=None
        CSV in `root` that names the files, their emotions and subjects.
    file_column, emotion_column, subject_column, subject_pattern, emotions, labels
        As for :func:`load_video_folder`.
    n_frames : int, default=10
        Frames of each sequence, evenly spaced from the first tracked frame to the last; linear in between.
    min_confidence : float, default=0.5
        Frames with less confidence, with success 0, or with an empty or NaN coordinate count as missing.
    max_missing : float, default=0.5
        A sequence with a larger share of missing frames, rows left out of the table included, is wrong.
    on_error : {"raise", "skip"}, default="raise"
        "skip" leaves out files that are wrong, warns with their number and lists them in ``skipped``.
    n_jobs : int or None, default=None
        Files read at once, through joblib.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    Bunch
        data : ndarray of shape (n_sequences, n_frames, 2, n_landmarks), float32
            As tracked, commonly in pixels.
        target : ndarray of shape (n_sequences,), str, or None
            Emotions, None without labels.
        groups : ndarray of shape (n_sequences,), str, or None
            Subjects, None where nothing tells them.
        frame : pandas.DataFrame
            Columns file, n_rows, n_missing (frames that were bridged), and emotion and subject where known.
        label_mapping : dict
            What was read as what.
        skipped : pandas.DataFrame
            Columns file and reason. Rows that repeat an earlier one are dropped and listed.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    FileNotFoundError
        If `root`, the table or a file that it names is missing.
    ValueError
        If a column is missing, a value is no number, a frame occurs twice, a column such as face_id or input
        tells several faces apart, too many frames are missing, or files differ in their number of landmarks; the
        message names the file and line.

    See Also
    --------
    load_video_folder : Videos for this package's own extraction.

    Notes
    -----
    Frames that a tracker was told to skip are not missing: numbers 0, 24, 48, ... are a frame each 24.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn_emoxai.datasets import load_openface_csv
    >>> rows = ["frame, success, x_0, x_1, y_0, y_1", "1, 1, 10, 20, 5, 5", "2, 1, 12, 22, 5, 6"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "clip.csv")
    ...     _ = path.write_text("\n".join(rows))
    ...     tracked = load_openface_csv(path, n_frames=3)
    >>> tracked.data[0, :, 0].tolist()
    [[10.0, 20.0], [11.0, 21.0], [12.0, 22.0]]
    """
    check_number("n_frames", n_frames, Integral, 1)
    check_number("min_confidence", min_confidence, Real, 0, 1)
    check_number("max_missing", max_missing, Real, 0, 1)
    root, reader, skipped = Path(root), LabelReader(labels, emotions), Skipped(on_error)
    columns = {"file": file_column, "emotion": emotion_column, "subject": subject_column}
    frame, source = _find(root, table, columns, subject_pattern, reader, skipped)
    arguments = (n_frames, min_confidence, max_missing)
    read = read_sequences([Path(path) for path in frame["_path"]], arguments, skipped, n_jobs, verbose)
    if not read:
        raise ValueError(f"root must hold tracked sequences; {root} has none ({len(skipped.rows)} left out).")
    skipped.warn(len(read))
    data, notes = (list(values) for values in zip(*read.values()))
    return _bunch(frame.iloc[list(read)], np.stack(data), notes, root, source, reader, skipped)


def _bunch(frame, data, notes, root, source, reader, skipped):
    """The Bunch of the files in `frame`, their sequences and (n_rows, n_missing) of each."""
    import pandas as pd

    known = {name: frame[f"_{name}"].to_numpy(str) for name in ("emotion", "subject") if f"_{name}" in frame}
    n, n_frames, _, n_landmarks = data.shape
    return Bunch(
        data=data,
        target=known.get("emotion"),
        groups=known.get("subject"),
        frame=pd.DataFrame(
            {"file": frame["_path"].to_numpy()} | dict(zip(("n_rows", "n_missing"), zip(*notes))) | known
        ),
        label_mapping=reader.mapping(),
        skipped=skipped.frame(),
        DESCR=_DESCR.format(n=n, n_landmarks=n_landmarks, n_frames=n_frames, root=root, source=source),
    )


def _find(root, table, columns, subject_pattern, reader, skipped):
    """Frame of the CSVs, with _path and, where known, _emotion and _subject; and its source."""
    import pandas as pd

    if not root.is_file():
        check_folder(root)
    files = [root] if root.is_file() else [path for path in sorted(root.iterdir()) if is_csv(path)]
    if table is not None or not files:
        return find_clips(root, table, columns, subject_pattern, is_csv, reader, skipped)
    frame = pd.DataFrame({"_path": [str(path) for path in files]})
    if subject_pattern is not None:
        frame = with_subjects(frame, subject_pattern, skipped)
    return frame, "none"


def read_sequences(paths, arguments, skipped, n_jobs=None, verbose=0):
    """Sequences of many tables; those that are wrong are raised or skipped.

    Parameters
    ----------
    paths : list of Path
    arguments : tuple
        n_frames, min_confidence and max_missing.
    skipped : Skipped
    n_jobs, verbose
        As in load_openface_csv.

    Returns
    -------
    dict
        Position in `paths` -> (landmarks, (n_rows, n_missing)), all with as many landmarks.
    """
    from tqdm.auto import tqdm

    task = joblib.delayed(_read_sequence)
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
    results = parallel(task(path, *arguments) for path in paths)
    found = {}
    for i, result in enumerate(tqdm(results, "Tables", len(paths), unit="file", disable=not verbose)):
        if isinstance(result, ValueError):
            skipped.wrong(paths[i], str(result), named=True)
            continue
        landmarks, note, left_out = result
        for line, reason in left_out:
            skipped.left_out(f"{paths[i]}, line {line}", reason)
        found[i] = landmarks, note
    counts = Counter(landmarks.shape[-1] for landmarks, _ in found.values())
    usual = max(counts, key=counts.get, default=0)
    first = next((i for i, (landmarks, _) in found.items() if landmarks.shape[-1] == usual), None)
    for i, (landmarks, _) in list(found.items()):
        if landmarks.shape[-1] != usual:
            reason = f"expected {usual} landmarks as in {paths[first]}; got {landmarks.shape[-1]}."
            skipped.wrong(paths[i], reason)
            del found[i]
    return found


def _read_sequence(path, n_frames, min_confidence, max_missing):
    """Landmarks (n_frames, 2, n_landmarks) of one table, (n_rows, n_missing), and lines left out; or a ValueError."""
    try:
        face = read_face(path, min_confidence=min_confidence)
        sequence = sequence_of(path, face, n_frames, max_missing)
    except ValueError as error:
        return error
    return sequence, (len(face.times), face.n_missing), face.left_out


def sequence_of(path, face, n_frames, max_missing):
    """Landmarks (n_frames, 2, n_landmarks) of a tracked face; a ValueError where too much is missing."""
    if not face.good.any() or face.n_missing > max_missing * face.n_expected:
        raise ValueError(
            f"{path}: at most {max_missing:g} of the frames may be missing; got {face.n_missing} of {face.n_expected}."
        )
    return resample(face.points[face.good], face.times[face.good], n_frames)
