"""Landmarks that other trackers wrote: OpenFace 2 and py-feat, one CSV a video, one row a frame."""

from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from .._validation import check_number
from ..facemesh import N_LANDMARKS
from ..preprocessing import resample
from ._folders import find_clips, read_csv, with_subjects
from ._labels import EMOTIONS, LabelReader, Skipped, check_folder

_N_WITH_IRISES = 478  # the face mesh's 468 landmarks, then 5 for each iris

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
):
    r"""Load landmark sequences from per-frame CSV files of OpenFace 2 or py-feat.

    Read are the columns x_0, x_1, ... and y_0, y_1, ... (68 points, or the 468 or 478 of the face mesh, whose
    irises are dropped), and where present frame, success, confidence (OpenFace) and FaceScore (py-feat).

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
            Columns file and reason. Rows that repeat the one before are dropped and listed.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    FileNotFoundError
        If `root`, the table or a file that it names is missing.
    ValueError
        If a column is missing, a value is no number, a frame occurs twice, too many frames are missing, or
        files differ in their number of landmarks; the message names the file and line.

    See Also
    --------
    load_video_folder : Videos for this package's own extraction.

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
    sequences, kept, notes = [], [], []
    for row, path in enumerate(frame["_path"]):
        try:
            landmarks, note = _read_sequence(Path(path), n_frames, min_confidence, max_missing, skipped)
            if sequences and landmarks.shape != sequences[0].shape:
                raise ValueError(
                    f"{path}: expected {sequences[0].shape[-1]} landmarks as in {frame['_path'][kept[0]]}; "
                    f"got {landmarks.shape[-1]}."
                )
        except ValueError as error:
            if on_error == "raise":
                raise
            skipped.wrong(path, str(error))
            continue
        sequences.append(landmarks)
        kept.append(row)
        notes.append(note)
    if not sequences:
        raise ValueError(f"root must hold tracked sequences; {root} has none ({len(skipped.rows)} left out).")
    skipped.warn(len(sequences))
    return _bunch(frame.iloc[kept], np.stack(sequences), notes, root, source, reader, skipped)


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

    def is_csv(path):
        return path.is_file() and path.suffix.lower() == ".csv"

    if not root.is_file():
        check_folder(root)
    files = [root] if root.is_file() else [path for path in sorted(root.iterdir()) if is_csv(path)]
    if table is not None or not files:
        return find_clips(root, table, columns, subject_pattern, is_csv, reader, skipped)
    frame = pd.DataFrame({"_path": [str(path) for path in files]})
    if subject_pattern is not None:
        frame = with_subjects(frame, subject_pattern, skipped)
    return frame, "none"


def _read_sequence(path, n_frames, min_confidence, max_missing, skipped):
    """Landmarks (n_frames, 2, n_landmarks) of one CSV, and (n_rows, n_missing)."""
    table = read_csv(path)
    names = _landmark_columns(path, table.columns)
    if not len(table):
        raise ValueError(f"{path}: expected a row for each frame; there are none.")
    repeats = table.duplicated()
    for line in table.index[repeats]:
        skipped.left_out(f"{path}, line {line}", "repeats an earlier row.")
    table = table[~repeats]
    coordinates = _numbers(path, table, names).reshape(len(table), 2, -1)
    if coordinates.shape[-1] == _N_WITH_IRISES:
        coordinates = coordinates[..., :N_LANDMARKS]
    good = np.isfinite(coordinates).all(axis=(1, 2))
    for column, least in (("success", 0.5), ("confidence", min_confidence), ("FaceScore", min_confidence)):
        if column in table:
            good &= np.nan_to_num(_numbers(path, table, [column])[:, 0]) >= least
    times = _numbers(path, table, ["frame"])[:, 0] if "frame" in table else np.arange(len(table), dtype=float)
    if not np.isfinite(times).all():
        raise ValueError(f"{path}, line {table.index[~np.isfinite(times)][0]}: frame must be a number.")
    order = np.argsort(times, kind="stable")
    again = np.flatnonzero(np.diff(times[order]) == 0)
    if len(again):
        line = table.index[order[again[0] + 1]]
        raise ValueError(
            f"{path}, line {line}: frame {times[order[again[0]]]:g} occurs twice; expected one face a file."
        )
    # Rows that the tracker left out are missing frames like those it marked.
    n_expected = round(times.max() - times.min()) + 1
    n_missing = max(n_expected, len(times)) - int(good.sum())
    if not good.any() or n_missing > max_missing * max(n_expected, len(times)):
        raise ValueError(
            f"{path}: at most {max_missing:g} of the frames may be missing; got {n_missing} of {n_expected}."
        )
    order = order[good[order]]
    return resample(coordinates[order], times[order], n_frames), (len(table), n_missing)


def _landmark_columns(path, columns):
    """Names of the coordinates' columns, all x, then all y; a ValueError names those that are missing."""
    n_landmarks = max(
        (int(name[2:]) + 1 for name in columns if name[:2] in ("x_", "y_") and name[2:].isdigit()), default=0
    )
    if n_landmarks == 0:
        raise ValueError(f"{path}, line 1: needs the columns x_0, y_0, ...; it has {list(columns)[:12]}.")
    names = [f"{axis}_{k}" for axis in "xy" for k in range(n_landmarks)]
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(f"{path}, line 1: needs the columns {missing[:6]} ({len(missing)} missing).")
    return names


def _numbers(path, table, names):
    """Values (n_rows, n_names) of text columns, NaN where empty; a ValueError names file, line and column."""
    text = table[names].to_numpy()
    try:
        return np.where(text == "", "nan", text).astype(float)
    except ValueError as error:
        for line, row in zip(table.index, text):
            for name, word in zip(names, row):
                if word and not _is_number(word):
                    message = f"{path}, line {line}: {name} must be a number; got {word!r}."
                    raise ValueError(message) from error
        raise


def _is_number(word):
    """Whether the text is a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True
