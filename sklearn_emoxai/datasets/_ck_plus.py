"""The Extended Cohn-Kanade set, as it is distributed."""

import re
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from .._validation import check_number
from ..preprocessing import resample
from ._class_folders import is_hidden, is_image
from ._labels import Skipped, check_folder
from ._text_tables import missing_content

CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
N_TRACKED = 68
# Where people have unpacked the four archives.
_PLACES = {
    "images": ("cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images"),
    "Emotion": ("Emotion", "Emotion_labels/Emotion", "Emotion_labels"),
    "Landmarks": ("Landmarks", "Landmarks/Landmarks"),
    "FACS": ("FACS", "FACS_labels/FACS", "FACS_labels"),
}

_DESCR = """\
Extended Cohn-Kanade (CK+)
--------------------------

{n} sequences of {n_subjects} subjects in {root}, neutral to apex: {counts}; {n_skipped} left out.

Source: Lucey, Cohn, Kanade, Saragih, Ambadar and Matthews, "The Extended Cohn-Kanade Dataset (CK+): A
complete dataset for action unit and emotion-specified expression", CVPR Workshops 2010,
doi:10.1109/CVPRW.2010.5543262. Licence: by agreement with the University of Pittsburgh's Affect Analysis
Group, for research; it may not be redistributed, and only some subjects' images may be printed.
Use: posed expressions, recorded from the front in a laboratory.
"""


def load_ck_plus(
    root,
    *,
    landmarks="mesh",
    n_frames=10,
    contempt=False,
    unlabelled=False,
    on_error="raise",
):
    """Load the Extended Cohn-Kanade set (CK+) from a folder with its unpacked archives.

    Parameters
    ----------
    root : path-like
        Folder with ``cohn-kanade-images`` (or ``extended-cohn-kanade-images/cohn-kanade-images``),
        ``Emotion`` (or ``Emotion_labels/Emotion``), and where wanted ``Landmarks`` and ``FACS`` (or
        ``FACS_labels/FACS``). Labels, landmarks and FACS codes may also lie in one folder each, without
        S005/001 in between.
    landmarks : {"mesh", "ck68"}, default="mesh"
        "mesh" gives the image folders for :class:`~sklearn_emoxai.LandmarkExtractor`, "ck68" the 68 points
        that come with the set, resampled.
    n_frames : int, default=10
        Frames of each sequence for "ck68", evenly spaced in time.
    contempt : bool, default=False
        Whether to keep sequences labelled as contempt.
    unlabelled : bool, default=False
        Whether to keep sequences without an emotion label; their target is "unlabelled".
    on_error : {"raise", "skip"}, default="raise"
        "skip" leaves out sequences with a fault, warns with their number and lists them in ``skipped``.

    Returns
    -------
    Bunch
        paths : list of str
            Image folders, one a sequence; with ``landmarks="mesh"``.
        data : ndarray of shape (n_sequences, n_frames, 2, 68), float32
            Tracked points in pixels, x to the right and y down; with ``landmarks="ck68"``.
        target : ndarray of shape (n_sequences,), str
            Emotions. The full set has 593 sequences, 327 of them labelled, 309 without contempt.
        groups : ndarray of shape (n_sequences,), str
            Subjects, such as "S005".
        frame : pandas.DataFrame
            Columns subject, sequence, emotion, n_frames.
        action_units : list of (dict or None)
            FACS codes at the apex: unit -> intensity from 1 (A) to 5 (E), 0 where none was given. None where
            the set has no file.
        skipped : pandas.DataFrame
            Columns file and reason, also of the sequences without label and of contempt.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    FileNotFoundError
        If `root` or one of its folders is missing; the message lists what was looked for.
    ValueError
        If a label, FACS or landmark file cannot be read, frames are missing inside a sequence, or its images
        differ in size; the message names the file, and the line where there is one.

    See Also
    --------
    load_video_folder : Videos of one's own.

    Notes
    -----
    The set's sequences come in several image sizes; within a sequence there is one. Pixels of different
    sequences compare after :class:`~sklearn_emoxai.LandmarkAligner`.

    Examples
    --------
    A folder laid out like the set, with one sequence of two frames:

    >>> from pathlib import Path
    >>> import tempfile
    >>> from PIL import Image
    >>> from sklearn_emoxai.datasets import load_ck_plus
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for part in ("cohn-kanade-images", "Emotion"):
    ...         (Path(root) / part / "S005" / "001").mkdir(parents=True)
    ...     for frame in ("S005_001_00000001.png", "S005_001_00000002.png"):
    ...         Image.new("L", (64, 49)).save(Path(root) / "cohn-kanade-images" / "S005" / "001" / frame)
    ...     label = Path(root) / "Emotion" / "S005" / "001" / "S005_001_00000002_emotion.txt"
    ...     _ = label.write_text("   3.0000000e+00")
    ...     ck = load_ck_plus(root)
    >>> ck.target.tolist(), ck.groups.tolist()
    (['disgust'], ['S005'])
    """
    if landmarks not in ("mesh", "ck68"):
        raise ValueError(f'landmarks must be "mesh" or "ck68"; got {landmarks!r}.')
    check_number("n_frames", n_frames, Integral, 1)
    skipped, root = Skipped(on_error), Path(root)
    check_folder(root)
    source = "images" if landmarks == "mesh" else "Landmarks"
    frames, labels = _require(root, source, "Emotion")
    if landmarks == "mesh":
        sequences, read = _image_folders(frames, skipped), _image_folder
    else:
        sequences, read = _sequences(frames, "_landmarks.txt"), lambda files: _tracked(*files, n_frames)
    emotions = _sequences(labels, "_emotion.txt")
    if unlabelled and not any(emotions[key][1] for key in sequences.keys() & emotions.keys()):
        raise ValueError(f"root must hold labels of its sequences; {_looked_for(labels, '_emotion.txt')}.")
    facs = _find(root, "FACS")
    facs = _sequences(facs, "_facs.txt") if facs else {}
    rows, values = [], []
    for key in sorted(sequences):
        where = Path(*key)
        try:
            emotion = _emotion(*emotions.get(key, (where, [])))
            if emotion == "unlabelled" and not unlabelled:
                skipped.left_out(where, "has no emotion label.")
                continue
            if emotion == "contempt" and not contempt:
                skipped.left_out(where, "contempt was not asked for.")
                continue
            units = _action_units(facs[key][1]) if key in facs else None
            value, n_measured = read(sequences[key])
        except ValueError as error:
            skipped.wrong(where, str(error), named=True)
            continue
        values.append(value)
        rows.append((*key, emotion, n_measured, units))
    if not rows:
        raise ValueError(
            f"root must hold labelled sequences; {frames} has none ({len(skipped.rows)} left out); "
            f"{_looked_for(labels, '_emotion.txt')}."
        )
    return _bunch(rows, values, "paths" if landmarks == "mesh" else "data", root, skipped)


def _bunch(rows, values, key, root, skipped):
    """The Bunch of rows (subject, sequence, emotion, n_frames, action_units) and what was read for each."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["subject", "sequence", "emotion", "n_frames", "action_units"])
    skipped.warn(len(frame))
    counts = frame["emotion"].value_counts()
    return Bunch(
        **{key: np.stack(values) if key == "data" else values},
        target=frame["emotion"].to_numpy(dtype=str),
        groups=frame["subject"].to_numpy(dtype=str),
        action_units=[row[-1] for row in rows],
        frame=frame.drop(columns="action_units"),
        skipped=skipped.frame(),
        DESCR=_DESCR.format(
            n=len(frame),
            n_subjects=frame["subject"].nunique(),
            root=root,
            counts=", ".join(f"{n} {emotion}" for emotion, n in counts.items()),
            n_skipped=len(skipped.rows),
        ),
    )


def _find(root, part):
    """The folder of one of the set's archives, or None."""
    for place in _PLACES[part]:
        # Some archives unpack into a folder of their own name: the one with subjects in it counts.
        if any((root / place).glob("S[0-9]*")):
            return root / place
    return None


def _require(root, *parts):
    """The folders of several archives; an error lists every one that is missing."""
    found = [_find(root, part) for part in parts]
    missing = [
        " or ".join(f"{place}/S…" for place in _PLACES[part])
        for part, place in zip(parts, found)
        if not place
    ]
    if missing:
        has = sorted(path.name for path in root.iterdir())
        stills = [
            path for path in sorted(root.iterdir()) if path.is_dir() and any(map(is_image, path.iterdir()))
        ]
        hint = (
            f" {stills[0].name} holds single images, as CK+48 does; sequences come with the original set only."
            if stills
            else ""
        )
        raise FileNotFoundError(f"root must hold {'; and '.join(missing)}; {root} has {has}.{hint}")
    return found


def _looked_for(place, ending):
    """Where files of sequences were looked for, in words."""
    return f"looked for were {place}/S005/001/*{ending} and {place}/S005_001_*{ending}"


def _sequences(place, ending):
    """Files of each sequence, from folders such as S005/001 or, where files lie higher up, from their names.

    Parameters
    ----------
    place : Path
    ending : str
        Of the files' names.

    Returns
    -------
    dict
        (subject, sequence) -> (folder, files)
    """
    found = {}
    for folder in place.glob("S[0-9]*/[0-9]*"):
        if folder.is_dir():
            files = [file for file in folder.glob(f"*{ending}") if not is_hidden(file)]
            found[folder.parent.name, folder.name] = folder, sorted(files)
    flat = [*place.glob(f"S[0-9]*{ending}"), *place.glob(f"S[0-9]*/S[0-9]*{ending}")]
    for file in sorted(flat):
        name = re.match(r"(S\d+)_(\d+)_", file.name)
        if name is not None:
            found.setdefault(name.groups(), (file.parent, []))[1].append(file)
    return found


def _image_folders(place, skipped):
    """Folder of each sequence's images; an error where all images lie in one folder."""
    found = {
        (folder.parent.name, folder.name): folder
        for folder in place.glob("S[0-9]*/[0-9]*")
        if folder.is_dir()
    }
    flat = sorted(file for file in [*place.glob("S[0-9]*"), *place.glob("S[0-9]*/S[0-9]*")] if is_image(file))
    reason = "its name tells the subject's and the sequence's folder, such as S005/001, in which it must lie."
    if flat and not found:
        raise FileNotFoundError(
            f"root must hold a folder of images for each sequence, such as {place / 'S005' / '001'}; {flat[0]} and "
            f"{len(flat) - 1} more images lie in none: move each, {reason}"
        )
    for file in flat:
        skipped.pass_over(file, reason)
    return found


def _numbers(path, n_columns, n_rows=None):
    """The numbers (n_rows, n_columns) of a text file; a ValueError names file and line."""
    problem = missing_content(path)
    if problem is not None:
        raise ValueError(f"{path}: expected numbers; {problem}")
    rows = []
    for line, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            row = [float(word) for word in text.split()]
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: expected numbers; got {text.strip()!r}.") from error
        if len(row) != n_columns or not np.isfinite(row).all():
            raise ValueError(
                f"{path}, line {line}: expected {n_columns} finite numbers; got {text.strip()!r}."
            )
        rows.append(row)
    if n_rows is not None and len(rows) != n_rows:
        raise ValueError(f"{path}: expected {n_rows} rows; got {len(rows)}.")
    return np.array(rows).reshape(-1, n_columns)


def _emotion(folder, files):
    """Emotion of a sequence from its label file, "unlabelled" where there is none."""
    if not files:
        return "unlabelled"
    if len(files) > 1:
        raise ValueError(f"{folder}: expected one label file; got {[file.name for file in files]}.")
    code = _numbers(files[0], 1, 1)[0, 0]
    if code not in range(len(CODES)):
        raise ValueError(f"{files[0]}, line 1: expected a code from 0 to {len(CODES) - 1}; got {code:g}.")
    return CODES[int(code)]


def _action_units(files):
    """Unit -> intensity of a sequence's FACS file, None where there is none."""
    if not files:
        return None
    return {int(unit): intensity for unit, intensity in _numbers(files[0], 2).tolist()}


def _numbered(folder, files):
    """The files in the order of their frames; a ValueError names the frames that are missing inside."""
    found = {}
    for file in files:
        number = re.match(r"S\d+_\d+_(\d+)", file.name)
        if number is None:
            raise ValueError(f"{file}: expected a name such as S005_001_00000001; got {file.name!r}.")
        found[int(number.group(1))] = file
    if not found:
        raise ValueError(f"{folder}: expected frames; there are none.")
    missing = sorted(set(range(min(found), max(found) + 1)) - set(found))
    if missing:
        raise ValueError(f"{folder}: expected consecutive frames; frames {missing} are missing.")
    return [found[number] for number in sorted(found)]


def _image_folder(folder):
    """Path and number of frames of a sequence whose images are complete and of one size."""
    from PIL import Image, UnidentifiedImageError

    sizes = {}
    for file in _numbered(folder, filter(is_image, folder.iterdir())):
        try:
            with Image.open(file) as image:  # reads the header only
                sizes[file] = image.size
        except (UnidentifiedImageError, OSError) as error:
            why = missing_content(file) or "it cannot be read."
            raise ValueError(f"{file}: expected an image; {why}") from error
    first = next(iter(sizes.values()))
    for file, size in sizes.items():
        if size != first:
            raise ValueError(f"{file}: expected the size {first} of the first frame; got {size}.")
    return str(folder), len(sizes)


def _tracked(folder, files, n_frames):
    """Tracked points (n_frames, 2, 68) of a sequence, and how many frames it had."""
    files = _numbered(folder, files)
    points = np.stack([_numbers(file, 2, N_TRACKED).T for file in files])
    return resample(points, np.arange(len(points)), n_frames), len(points)
