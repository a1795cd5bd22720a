"""The face in a tracker's table: the points of each frame, and which frames count."""

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..facemesh import N_LANDMARKS
from ._class_folders import is_image
from ._text_tables import TextTable

_N_WITH_IRISES = 478  # the face mesh's 468 landmarks, then 5 for each iris

# What trackers write for a value that is not there; the last ones by Windows' C library.
_NOTHING = {
    "",
    "na",
    "n/a",
    "#n/a",
    "null",
    "none",
    "<na>",
    "nat",
    "-",
    "nan(ind)",
    "-nan(ind)",
    "1.#qnan",
    "-1.#ind",
}
_TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}

# Names of columns, without case, blanks and underscores, that tell faces, people or inputs apart.
_IDENTITY = {
    *("id", "face", "faceid", "faceindex", "faceidx", "facenumber", "faceno"),
    *("person", "personid", "personindex", "identity", "identityid", "subject", "subjectid", "participant"),
    *("actor", "actorid", "speaker", "track", "trackid", "trackingid", "detection", "detectionid"),
    *("input", "inputfile", "file", "fileid", "filename", "filepath", "path", "source", "sourcefile"),
    *("video", "videoid", "videoname", "videofile", "clip", "clipid", "clipname", "sequence", "sequenceid"),
    *("image", "imageid", "imagename", "imagefile", "camera", "cameraid", "session", "sessionid", "trial"),
}


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """One face in the frames of one table, in the order of the frames.

    Attributes
    ----------
    points : ndarray of shape (n_rows, 2, n_landmarks)
    times : ndarray of shape (n_rows,)
        Number of each frame, or what stands in its place, increasing.
    good : ndarray of shape (n_rows,), bool
        Whether the frame was tracked.
    n_expected : int
        Frames that the table should have from its first to its last.
    left_out : list of (int, str)
        Lines of the table that were left out, and why.
    """

    points: np.ndarray
    times: np.ndarray
    good: np.ndarray
    n_expected: int
    left_out: list

    @property
    def n_missing(self):
        """Frames that were not tracked, those without a row included."""
        return self.n_expected - int(self.good.sum())


def read_face(path, *, min_confidence=0.5):
    """The face of a table of OpenFace, py-feat or another tracker.

    Parameters
    ----------
    path : Path
    min_confidence : float, default=0.5
        Frames with less confidence count as not tracked.

    Returns
    -------
    TrackedFace

    Raises
    ------
    ValueError
        As :func:`load_openface_csv` says.
    """
    table = TextTable(path, is_header=_has_points, encoding="latin-1")
    names = _point_columns(table)
    if not len(table):
        raise ValueError(f"{path}: expected a row for each frame; there are none.")
    # Most of the hundreds of columns are numbered points.
    known = {_plain(name): name for name in reversed(table.names) if not name[-1:].isdecimal()}
    # Frames and their quality; each may be missing.
    extra = {
        key: known[key]
        for key in ("frame", "timestamp", "success", "confidence", "facescore")
        if key in known
    }
    wanted = [*names, *dict.fromkeys(extra.values())]
    identities = [name for key, name in known.items() if key in _IDENTITY]
    table.check_distinct([*wanted, *identities])
    at = {name: i for i, name in enumerate(table.names)}
    texts = table.columns([at[name] for name in [*wanted, *identities]])
    lines, left_out = np.array(table.lines), []
    keep = ~np.array(table.repeated())
    left_out += [(int(line), "repeats an earlier row.") for line in lines[~keep]]
    if _names_units(texts[0][: len(names)]):
        keep[0] = False
        left_out.append((int(lines[0]), "holds no numbers."))
    texts, lines = [row for row, kept in zip(texts, keep) if kept], lines[keep]
    if not texts:
        raise ValueError(f"{path}: expected a row for each frame; there are none.")
    values = _numbers(table, [row[: len(wanted)] for row in texts], wanted, lines)
    column = {key: values[:, wanted.index(name)] for key, name in extra.items()}
    points = values[:, : len(names)].reshape(len(values), 2, -1)
    if points.shape[-1] == _N_WITH_IRISES:
        points = points[..., :N_LANDMARKS]
    good = np.isfinite(points).all(axis=(1, 2))
    for key, least in (("success", 0.5), ("confidence", min_confidence), ("facescore", min_confidence)):
        if key in column:
            good &= np.nan_to_num(column[key]) >= least
    _check_one_face(path, identities, [row[len(wanted) :] for row in texts], good, lines)
    times, order, n_expected = _times(path, column, extra, lines)
    return TrackedFace(points[order], times, good[order], n_expected, left_out)


def _plain(name):
    """A column's name without case, blanks and underscores."""
    return name.lower().replace("_", "").replace(" ", "").replace("-", "")


def _is_point(name):
    return name[:2] in ("x_", "y_") and name[2:].isdecimal()


def _has_points(names):
    return any(map(_is_point, names))


def _point_columns(table):
    """Names of the coordinates' columns, all x, then all y; a ValueError names those that are missing."""
    where = f"{table.path}, line {table.header_line}"
    names = set(filter(_is_point, table.names))
    if not names:
        raise ValueError(f"{where}: needs the columns x_0, y_0, ...; it has {table.names[:12]}.")
    n_landmarks = max(int(name[2:]) + 1 for name in names)
    wanted = [f"{axis}_{k}" for axis in "xy" for k in range(n_landmarks)]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ValueError(f"{where}: needs the columns {missing[:6]} ({len(missing)} missing).")
    return wanted


def _names_units(words):
    """Whether the coordinates of a row are words, such as units below the header, not numbers that are missing."""
    return all(_value(word) is None for word in words)


def _value(word):
    """The number that is meant; None for a word."""
    word = word.strip().lower()
    if word in _NOTHING:
        return math.nan
    try:
        return float(_TRUTH.get(word, word.replace(",", ".")))
    except ValueError:
        return None


class _Floats(dict):
    """Words to floats; three in four words of a table have been there before, and finding them is quicker."""

    def __missing__(self, word):
        value = self[word] = float(word)
        return value


def _numbers(table, texts, names, lines):
    """Values (n_rows, n_names), NaN where there is none; a ValueError names file, line and column."""
    words = list(itertools.chain.from_iterable(texts))
    try:
        return np.fromiter(map(_Floats().__getitem__, words), float, len(words)).reshape(len(texts), -1)
    except ValueError:
        pass  # a value is missing, is written with a comma, or is no number
    if any("," in word for word in words) and any("." in word for word in words):
        raise ValueError(
            f"{table.path}: expected decimal points or decimal commas; its coordinates have both. Save it without "
            "marks between thousands."
        )
    values = [[_value(word) for word in row] for row in texts]
    for line, row, row_words in zip(lines, values, texts):
        if None in row:
            at = row.index(None)
            raise ValueError(
                f"{table.path}, line {line}: {names[at]} must be a number; got {row_words[at].strip()!r}."
            )
    return np.array(values)


def _check_one_face(path, identities, texts, good, lines):
    """Refuse a table whose tracked frames show several faces, people or inputs."""
    for at, name in enumerate(identities):
        seen = {}
        for line, row, counts in zip(lines, texts, good):
            value = row[at].strip()
            if counts and value.lower() not in _NOTHING | {"nan"}:
                seen.setdefault(value, line)
        n_good = int(good.sum())
        numbers_rows = _plain(name) == "id" and len(seen) == n_good
        if len(seen) < 2 or numbers_rows or _are_numbered(list(seen), n_good):
            continue
        first, second = list(seen)[:2]
        raise ValueError(
            f"{path}, line {seen[second]}: expected one face a file; the column {name!r} tells {len(seen)} apart, "
            f"such as {first!r} and {second!r}. Write the rows of each into a file of its own."
        )


def _are_numbered(values, n_rows):
    """Whether the values are the numbered images of one sequence, an own one in each row: f_001.png, f_002.png."""
    stems = [value.rpartition(".")[0] for value in values]
    numbers = [stem[len(stem.rstrip("0123456789")) :] for stem in stems]
    if (
        not 2 < n_rows <= len(values)
        or not all(numbers)
        or not all(is_image(Path(value)) for value in values)
    ):
        return False
    counted = sorted(int(number) for number in numbers)
    one_name = len({stem[: len(stem) - len(number)] for stem, number in zip(stems, numbers)}) == 1
    return one_name and counted == list(range(counted[0], counted[0] + len(counted)))


def _times(path, column, extra, lines):
    """The frames' times, the order of the rows, and how many frames there should be."""
    key = next((key for key in ("frame", "timestamp") if key in column), None)
    times = np.arange(len(lines), dtype=float) if key is None else column[key]
    if not np.isfinite(times).all():
        line = lines[~np.isfinite(times)][0]
        raise ValueError(f"{path}, line {line}: {extra[key]} must be a number.")
    order = np.argsort(times, kind="stable")
    times = times[order]
    steps = np.diff(times)
    again = np.flatnonzero(steps == 0)
    if len(again):
        raise ValueError(
            f"{path}, line {lines[order[again[0] + 1]]}: {extra[key]} {times[again[0]]:g} occurs twice; expected one "
            "face a file."
        )
    n_expected = round((times[-1] - times[0]) / _step(steps)) + 1 if len(steps) else 1
    # Rows that the tracker left out are missing frames like those it marked.
    return times, order, max(n_expected, len(times))


def _step(steps):
    """From one frame that was looked at to the next: 1, or what a tracker was told to skip by."""
    typical = np.median(steps)
    if (steps % 1).any():  # seconds
        return typical
    common = np.gcd.reduce(steps.astype(np.int64))
    near = steps[abs(steps - typical) <= 1]
    # Every 2.5th frame has the numbers 0, 2, 5, 7, 10, whose common divisor tells nothing.
    if common == 1 and steps.min() > 1 and len(near) >= 0.75 * len(steps):
        return near.mean()
    return common
