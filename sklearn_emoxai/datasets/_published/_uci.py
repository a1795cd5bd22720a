"""Grammatical facial expressions of Brazilian sign language, from the UCI repository: 100 points by a Kinect."""

import re
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch

from ..._validation import check_number
from ...preprocessing import resample
from .._labels import Skipped
from .._text_tables import missing_content
from ._layout import counted, find_folder, visible_files

EXPRESSIONS = (
    "affirmative",
    "conditional",
    "doubt_question",
    "emphasis",
    "negative",
    "relative",
    "topics",
    "wh_question",
    "yn_question",
)
N_POINTS = 100
# One target file is called doubts_question, its points doubt_question.
_NAME = re.compile(r"([ab])_(\w+?)_(datapoints|targets)$")
_ADVICE = "It comes from https://archive.ics.uci.edu/dataset/317 (grammatical_facial_expression.zip)."

_DESCR = """\
Grammatical facial expressions (UCI)
------------------------------------

{n} sequences of {n_subjects} users in {folder}, 100 points: {counts}; {n_skipped} left out.

Where to get it: UCI machine learning repository, https://archive.ics.uci.edu/dataset/317.
Licence: CC BY 4.0.
Cite: Freitas, Peres, Lima and Barbosa, "Grammatical Facial Expressions Recognition with Machine Learning", FLAIRS
Conference, 180-185, 2014.
Use: questions, negations and the like in Libras, signed by two users: results hold for these two.
"""


def load_uci_gfe(root, *, n_frames=10, rest=True, min_length=3, on_error="raise"):
    """Load the grammatical facial expressions of the UCI repository.

    Parameters
    ----------
    root : path-like
        Folder with ``a_affirmative_datapoints.txt``, ``a_affirmative_targets.txt`` and so on, unpacked.
    n_frames : int, default=10
        Frames of each sequence, evenly spaced in time.
    rest : bool, default=True
        Whether to load what lies between the expressions, too, with the target "rest".
    min_length : int, default=3
        Fewest frames of a sequence; shorter ones are left out.
    on_error : {"raise", "skip"}, default="raise"
        "skip" leaves out recordings that are wrong, warns with their number and lists them in ``skipped``.

    Returns
    -------
    Bunch
        data : ndarray of shape (n_sequences, n_frames, 2, 100), float32
            x and y of eyes (0 to 15), brows (16 to 35), nose (36 to 47), mouth (48 to 67), contour (68 to 86), irises
            (87, 88), tip of the nose (89) and lines above the brows (90 to 99), in pixels.
        target : ndarray of shape (n_sequences,), str
            The expression, such as "affirmative" or "wh_question", or "rest".
        groups : ndarray of shape (n_sequences,), str
            Users, "a" and "b".
        frame : pandas.DataFrame
            Columns file, label, subject, recording (the expression that it is of), first and last (frames, counted
            from 0), seconds.
        skipped : pandas.DataFrame
            Columns file and reason. Recordings of the set that are missing are among them, and counted in a warning.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    FileNotFoundError
        If there are no such files, or one of a pair is missing; the message says where to get them.
    ValueError
        If a file can't be read, or a pair differs in length; the message names the file and line.

    Notes
    -----
    In each of 18 recordings a user signs five sentences five times; a frame is labelled 1 where the expression is
    shown. A sequence is a run of equal labels. Times are read as they are meant: the files have milliseconds
    without leading zeros.

    References
    ----------
    Freitas et al., FLAIRS Conference, 180-185, 2014.

    Examples
    --------
    >>> from sklearn_emoxai.datasets import load_uci_gfe
    >>> signed = load_uci_gfe("grammatical_facial_expression", rest=False)  # doctest: +SKIP
    """
    check_number("n_frames", n_frames, Integral, 1)
    check_number("min_length", min_length, Real, 1)
    skipped = Skipped(on_error)
    folder = find_folder(
        root,
        ("", "grammatical_facial_expression", "grammatical+facial+expressions"),
        lambda folder: any(_NAME.match(file.stem) for file in visible_files(folder, ".txt")),
        what="a_affirmative_datapoints.txt and so on",
        advice=_ADVICE,
    )
    rows, sequences = [], []
    for user, expression, files in _recordings(folder, skipped):
        try:
            times, points, labels = _read_recording(files)
        except ValueError as error:
            skipped.wrong(files["datapoints"], str(error), named=True)
            continue
        edges = np.r_[0, np.flatnonzero(np.diff(labels)) + 1, len(labels)]
        for first, stop in pairwise(edges):
            label = expression if labels[first] else "rest"
            if label == "rest" and not rest:
                continue
            if stop - first < min_length:
                skipped.left_out(
                    files["datapoints"], f"frames {first} to {stop - 1} are fewer than {min_length}."
                )
                continue
            sequences.append(resample(points[first:stop], times[first:stop], n_frames))
            seconds = float(times[stop - 1] - times[first])
            rows.append(
                (str(files["datapoints"]), label, user, expression, int(first), int(stop - 1), seconds)
            )
    if not rows:
        raise ValueError(
            f"root must hold recordings; {folder} has none that can be used ({len(skipped.rows)} left out)."
        )
    skipped.warn(len(rows))
    return _bunch(rows, sequences, folder, skipped)


def _recordings(folder, skipped):
    """(user, expression, {"datapoints": file, "targets": file}) of the recordings that are there in pairs."""
    found = {}
    for file in visible_files(folder, ".txt"):
        name = _NAME.match(file.stem)
        expression = name and name[2].replace("doubts_", "doubt_")
        if expression in EXPRESSIONS:
            found.setdefault((name[1], expression), {})[name[3]] = file
        elif name:
            skipped.wrong(file, f"unknown expression {name[2]!r}; known are {', '.join(EXPRESSIONS)}.")
    for user in "ab":
        for expression in EXPRESSIONS:
            files = found.get((user, expression), {})
            lacking = [kind for kind in ("datapoints", "targets") if kind not in files]
            if len(lacking) == 2:
                skipped.miss(folder / f"{user}_{expression}_datapoints.txt", f"it is not there. {_ADVICE}")
            elif lacking:
                other = next(iter(files.values()))
                skipped.wrong(other, f"there are no {lacking[0]} for it. {_ADVICE}", FileNotFoundError)
            else:
                yield user, expression, files


def _read_recording(files):
    """Times (n,) in seconds, points (n, 2, 100) and labels (n,) of a recording."""
    path = files["datapoints"]
    values = _numbers(path, 3 * N_POINTS + 1, first=_seconds)
    times = values[:, 0]
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        raise ValueError(f"{path}: expected times that increase; they do not after {times[back[0]]:.3f} s.")
    labels = _numbers(files["targets"], 1)[:, 0]
    if not np.isin(labels, (0, 1)).all():
        line = int(np.flatnonzero(~np.isin(labels, (0, 1)))[0]) + 1
        raise ValueError(f"{files['targets']}, line {line}: expected 0 or 1; got {labels[line - 1]:g}.")
    if len(labels) != len(values):
        raise ValueError(
            f"{files['targets']}: expected a label for each of {len(values)} frames; got {len(labels)}."
        )
    # x, y and z of each point in turn; z is a depth in millimetres, 0 where the Kinect saw none.
    return times, values[:, 1:].reshape(len(values), N_POINTS, 3)[..., :2].swapaxes(1, 2), labels


def _seconds(word):
    """Time of a frame: the set writes milliseconds without leading zeros, 12.62 for 12.062 s."""
    seconds, _, milliseconds = word.partition(".")
    return int(seconds) + int(milliseconds or 0) / 1000


def _numbers(path, width, first=float):
    """Numbers (n_rows, width) of a text file, without its header; `first` reads the first of a row."""
    problem = missing_content(path)
    if problem is not None:
        raise ValueError(f"{path}: expected numbers; {problem}")
    rows = []
    for line, text in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        words = text.split()
        if not words or (line == 1 and re.search("[xyz]", text)):
            continue
        try:
            row = [first(words[0]), *map(float, words[1:])]
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: expected numbers; got {text[:40]!r}.") from error
        if len(row) != width or not np.isfinite(row).all():
            raise ValueError(f"{path}, line {line}: expected {width} finite numbers; got {len(row)}.")
        rows.append(row)
    if not rows:
        raise ValueError(f"{path}: expected numbers; there are none.")
    return np.array(rows)


def _bunch(rows, sequences, folder, skipped):
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["file", "label", "subject", "recording", "first", "last", "seconds"])
    target = frame["label"].to_numpy(dtype=str)
    return Bunch(
        data=np.stack(sequences),
        target=target,
        groups=frame["subject"].to_numpy(dtype=str),
        frame=frame,
        skipped=skipped.frame(),
        DESCR=_DESCR.format(
            n=len(frame),
            n_subjects=frame["subject"].nunique(),
            folder=folder,
            counts=counted(target),
            n_skipped=len(skipped.rows),
        ),
    )
