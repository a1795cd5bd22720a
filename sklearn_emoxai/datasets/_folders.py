"""Labelled videos in a folder: class folders, or a CSV that names files, emotions and subjects."""

import re
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from ..extraction import is_hidden, is_video
from ._class_folders import clips_of_classes, is_csv, why_none, without_content
from ._labels import EMOTIONS, LabelReader, Skipped, check_folder
from ._text_tables import TextTable

_DESCR = """\
Labelled videos of a folder
---------------------------

{n} videos of {subjects} in {root}: {counts}.

Source: {source}.
Licence and use: as the folder's owner says; sklearn-emoxai distributes none of it.
"""


def load_video_folder(
    root,
    *,
    table=None,
    file_column="file",
    emotion_column="emotion",
    subject_column="subject",
    subject_pattern=None,
    emotions=(*EMOTIONS, "neutral"),
    labels=None,
    on_error="raise",
    verbose=0,
):
    """Find labelled videos in a folder.

    Parameters
    ----------
    root : path-like
        Folder. With a CSV in it, the CSV says what is loaded. Without, each subfolder is named for an emotion
        and holds videos, or folders of images, one a clip.
    table : path-like, default=None
        CSV to read, relative to `root`. By default the only CSV in `root`, where there is one.
    file_column, emotion_column, subject_column : str
        Columns of the CSV, in upper or lower case. Files are relative to the CSV's folder; a file may be a
        video or a folder of images. A CSV without `subject_column` is accepted where `subject_pattern` is
        given, or without groups.
    subject_pattern : str, default=None
        Regular expression that is searched in each file's name; its first group (the whole match, if it has
        none) is the subject. Goes before `subject_column`.
    emotions : sequence of str
        Emotions to load. Other known ones, such as contempt, are left out and listed in ``skipped``.
    labels : dict, default=None
        Further spellings, such as ``{"Freude": "happiness"}``. Known in any case are the emotions' names,
        adjectives (happy, angry, ...) and two-letter codes, in upper or lower case.
    on_error : {"raise", "skip"}, default="raise"
        "skip" leaves out entries that are wrong, warns with their number and lists them in ``skipped``.
    verbose : int, default=0
        1 prints which spellings were read as which emotion.

    Returns
    -------
    Bunch
        paths : list of str
            Videos or image folders, in the CSV's order or sorted.
        target : ndarray of shape (n_videos,), str
            Emotions.
        groups : ndarray of shape (n_videos,), str, or None
            Subjects, None where nothing tells them.
        frame : pandas.DataFrame
            The CSV's rows that were loaded, or the columns file, emotion (and subject).
        label_mapping : dict
            What was read as what.
        skipped : pandas.DataFrame
            Columns file and reason. Repeated rows that agree are skipped, too, and what lies in class folders and
            is no clip; one warning counts what you may miss, such as single images and unknown suffixes.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    FileNotFoundError
        If `root` is missing or empty, or a file that the CSV names or a link points to is missing.
    ValueError
        If no clip can be used, a column is missing, a label unknown, a name without a subject, or two rows
        contradict each other; the message names the file and line.

    Notes
    -----
    Hidden files, and those that systems make (``._a.mp4``, ``Thumbs.db``), are as if they were not there. Videos are
    not opened, but empty ones and stubs of Git LFS are counted in the warning.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_emoxai.datasets import load_video_folder, make_expression_videos
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = make_expression_videos(folder, n_subjects=2, emotions=["fear"], n_frames=2)
    ...     clips = load_video_folder(folder)
    >>> clips.target.tolist(), clips.groups.tolist()
    (['fear', 'fear'], ['S001', 'S002'])
    """
    root = Path(root)
    check_folder(root)
    skipped, reader = Skipped(on_error), LabelReader(labels, emotions)
    tables = sorted(filter(is_csv, root.iterdir()))
    if table is None and len(tables) > 1:
        raise ValueError(f"table must say which CSV to read; {root} has {[path.name for path in tables]}.")
    table = tables[0].name if table is None and tables else table
    columns = {"file": file_column, "emotion": emotion_column, "subject": subject_column}
    frame, source = find_clips(root, table, columns, subject_pattern, is_video, reader, skipped)
    skipped.warn(len(frame))
    if verbose and reader.report():
        print(reader.report())
    return _bunch(frame, root, source, reader, skipped)


def find_clips(root, table, columns, subject_pattern, is_clip, reader, skipped):
    """Labelled files of a folder.

    Parameters
    ----------
    root : Path
        Folder.
    table : str or None
        CSV in it, None for class folders.
    columns : dict
        The table's columns for "file", "emotion" and "subject".
    subject_pattern : str or None
        Regular expression that finds the subject in a file's name.
    is_clip : {is_video, is_csv}
        Whether a path in a class folder is a clip.
    reader : LabelReader
    skipped : Skipped

    Returns
    -------
    frame : pandas.DataFrame
        At least one row; the table's columns, and _path, _emotion and, where known, _subject.
    source : str
        Where the labels come from, in words.
    """
    if table is None:
        frame, source = (
            _frame(clips_of_classes(root, is_clip, reader, skipped)),
            "subfolders named for emotions",
        )
    else:
        path = root / table
        if not path.is_file():
            raise FileNotFoundError(f"table must be a CSV in {root}; there is no {path}.")
        frame = _from_table(path, columns, reader, skipped, needs_subject=subject_pattern is None)
        source = f"the table {path.name}"
    if subject_pattern is not None:
        frame = with_subjects(frame, subject_pattern, skipped)
    if is_clip is is_video and len(frame):
        frame = frame[~without_content(frame["_path"].tolist(), skipped)]
    if not len(frame):
        raise ValueError(
            f"root must hold labelled clips; {root} has none that can be used ({len(skipped.rows)} left out)."
            + why_none(skipped)
        )
    return frame, source


def _bunch(frame, root, source, reader, skipped):
    """The Bunch of a frame with the columns _path, _emotion and, where known, _subject."""
    groups = frame["_subject"].to_numpy(dtype=str) if "_subject" in frame else None
    counts = ", ".join(f"{n} {emotion}" for emotion, n in frame["_emotion"].value_counts(sort=False).items())
    subjects = "unknown subjects" if groups is None else f"{len(np.unique(groups))} subjects"
    return Bunch(
        paths=frame["_path"].tolist(),
        target=frame["_emotion"].to_numpy(dtype=str),
        groups=groups,
        frame=frame[[column for column in frame if not column.startswith("_")]].reset_index(drop=True),
        label_mapping=reader.mapping(),
        skipped=skipped.frame(),
        DESCR=_DESCR.format(n=len(frame), subjects=subjects, root=root, counts=counts, source=source),
    )


def _from_table(table, columns, reader, skipped, *, needs_subject):
    """Rows of the CSV that can be used, with the columns _path, _emotion and _subject."""
    frame = read_csv(table)
    columns = {key: _column(table, frame, name) for key, name in columns.items()}
    missing = [columns[key] for key in ("file", "emotion") if columns[key] not in frame]
    if missing:
        raise ValueError(f"{table}, line 1: needs the columns {missing}; it has {list(frame.columns)}.")
    has_subject = columns["subject"] in frame
    rows, seen = [], {}
    for line, row in zip(frame.index, frame.to_dict("records")):
        where, file, word = f"{table}, line {line}", row[columns["file"]], row[columns["emotion"]]
        subject = row[columns["subject"]] if has_subject else ""
        if not file or not word or (has_subject and needs_subject and not subject):
            skipped.wrong(where, f"file, emotion and subject must not be empty; got {list(row.values())}.")
            continue
        path = table.parent / file
        if not path.exists() and "\\" in file:  # written on Windows
            path = table.parent / file.replace("\\", "/")
        if is_hidden(path):
            skipped.pass_over(where, f"{file} is a file of the system, no clip.")
            continue
        emotion = reader.read(word)
        first = seen.setdefault(file, (line, emotion, subject))
        if emotion is None:
            skipped.wrong(where, reader.unknown(word))
        elif first[0] != line and first[1:] != (emotion, subject):
            skipped.wrong(where, f"{file} contradicts line {first[0]}: {first[1:]} and {(emotion, subject)}.")
        elif first[0] != line:
            skipped.left_out(where, f"{file} repeats line {first[0]}.")
        elif emotion not in reader.keep:
            skipped.left_out(where, f"{emotion} was not asked for.")
        elif not path.exists():
            skipped.wrong(where, f"there is no file {path}.", FileNotFoundError)
        else:
            extra = {"_subject": subject} if has_subject else {}
            rows.append(row | {"_path": str(path), "_emotion": emotion} | extra)
    return _frame(rows)


def _column(table, frame, name):
    """The table's column that is meant by a name, in upper or lower case; the name itself where there is none."""
    alike = [column for column in frame if column.lower() == name.strip().lower()]
    if name in frame or not alike:
        return name
    if len(alike) > 1:
        raise ValueError(f"{table}, line 1: expected one column {name!r}; it has {alike}.")
    return alike[0]


def read_csv(path):
    """A CSV as a DataFrame of strings, indexed by line number; spaces around names and values are cut."""
    import pandas as pd

    table = TextTable(path)
    table.check_distinct(table.names)
    rows = [[value.strip() for value in row] for row in table.columns(range(len(table.names)))]
    return pd.DataFrame(rows, columns=table.names, index=table.lines, dtype=str)


def with_subjects(frame, pattern, skipped):
    """The frame with the column _subject, which `pattern` finds in the files' names."""
    try:
        pattern = re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"subject_pattern must be a regular expression; got {pattern!r}: {error}."
        ) from error
    rows = []
    for row in frame.to_dict("records"):
        found = pattern.search(Path(row["_path"]).name)
        if found is None:
            skipped.wrong(
                row["_path"], f"no subject: subject_pattern {pattern.pattern!r} is not in the name."
            )
        else:
            rows.append(row | {"_subject": found.group(1) if pattern.groups else found.group()})
    return _frame(rows)


def _frame(rows):
    """DataFrame of the rows."""
    import pandas as pd

    return pd.DataFrame(rows)
