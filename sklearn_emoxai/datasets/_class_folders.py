"""What lies in the folders of a data set: clips, stills, files of the system, files without content."""

from pathlib import Path

import numpy as np

from ..extraction import VIDEO_SUFFIXES, is_hidden, is_image, is_video
from ._labels import first_of
from ._text_tables import missing_content

# What may lie beside clips without being missed: texts, transcripts and annotations, sound, features.
_COMPANIONS = frozenset(
    {
        *(
            ".csv",
            ".doc",
            ".docx",
            ".html",
            ".json",
            ".log",
            ".md",
            ".pdf",
            ".rtf",
            ".tsv",
            ".txt",
            ".xls",
            ".xlsx",
        ),
        *(".ass", ".eaf", ".srt", ".sub", ".textgrid", ".vtt", ".xml", ".yaml", ".yml"),
        *(".aac", ".flac", ".m4a", ".mp3", ".ogg", ".wav"),
        *(".h5", ".hdf5", ".mat", ".npy", ".npz", ".pkl", ".pt", ".pts"),
    }
)

# Images, of which extraction reads none.
_OTHER_IMAGES = frozenset({".avif", ".heic", ".heif", ".jfif", ".jp2", ".pgm", ".ppm"})

_SINGLE_IMAGE = "a single image; expected videos, or folders with the images of one clip each."
_BESIDE = (
    "lies in no class folder, so that its emotion is unknown: put it into a folder named for it, or write a CSV with "
    "the columns file, emotion and subject."
)


def is_csv(path):
    """Whether a path is a CSV file."""
    return path.suffix.lower() == ".csv" and not is_hidden(path) and path.is_file()


def clips_of_classes(root, is_clip, reader, skipped):
    """Clips in subfolders that are named for emotions.

    Parameters
    ----------
    root : Path
    is_clip : {is_video, is_csv}
    reader : LabelReader
    skipped : Skipped
        Told of what is no clip, and where the user may miss it, to warn of it.

    Returns
    -------
    list of dict
        With the keys file (relative to `root`), emotion, _path and _emotion.
    """
    rows = []
    for folder in _visible(root):
        if not folder.is_dir():
            if is_clip(folder):
                skipped.pass_over(folder, _BESIDE)
            continue
        emotion = reader.read(folder.name)
        if emotion is None:
            skipped.wrong(folder, reader.unknown(folder.name) + _level(folder, reader))
            continue
        if emotion not in reader.keep:
            skipped.left_out(folder, f"{emotion} was not asked for.")
            continue
        for path in _clips(folder, is_clip, skipped):
            file = str(path.relative_to(root))
            rows.append({"file": file, "emotion": emotion, "_path": str(path), "_emotion": emotion})
    return rows


def _level(folder, reader):
    """A hint where the class folders lie one level deeper; it follows a sentence."""
    below = [path for path in _visible(folder) if path.is_dir() and path.name.strip().lower() in reader.known]
    if not below:
        return ""
    stills = any(map(_is_any_image, _visible(below[0])))
    what = (
        ", and hold single images, stills, where videos are expected"
        if stills
        else f": give {folder} as root"
    )
    return f" The folders in it, such as {below[0].name}, are named for emotions{what}."


def _is_any_image(path):
    return is_image(path) or path.suffix.lower() in _OTHER_IMAGES


def _visible(folder):
    return [path for path in sorted(folder.iterdir()) if not is_hidden(path)]


def _clips(folder, is_clip, skipped):
    """The clips of a class folder; what else is in it is noted."""
    for path in _visible(folder):
        if not path.exists():
            skipped.wrong(path, "the link points to nothing.", FileNotFoundError)
        elif is_clip(path):
            yield path
        elif is_clip is not is_video:  # trackers write much beside their tables
            skipped.left_out(path, "is no table.")
        elif path.is_dir():
            kind = "images that can't be read" if any(map(_is_any_image, _visible(path))) else "no images"
            reason = f"a folder with {kind}; clips are looked for in the class folder itself."
            skipped.pass_over(path, reason)
        elif _is_any_image(path):
            skipped.pass_over(path, _SINGLE_IMAGE)
        elif path.suffix.lower() in _COMPANIONS:
            skipped.left_out(path, "is no clip.")
        else:
            known = ", ".join(sorted(VIDEO_SUFFIXES))
            skipped.pass_over(path, f"its suffix {path.suffix!r} is none of a video: {known}.")


def why_none(skipped):
    """What the user should know of the entries that were left out, where all were; it follows a sentence."""
    images = [entry for entry in skipped.passed_over if entry[1] == _SINGLE_IMAGE]
    if images and len(images) == len(skipped.passed_over):
        return (
            f" Its class folders hold {len(images)} single images, such as {images[0][0]}: stills, where videos are "
            "expected, or folders with the images of one clip each."
        )
    notable = skipped.passed_over + skipped.faults + skipped.rows
    return f" The first: {first_of(notable)}" if notable else ""


def without_content(paths, skipped):
    """Whether each clip is left out because it is empty or a stub.

    Parameters
    ----------
    paths : list of str
    skipped : Skipped
        Told of such clips.

    Returns
    -------
    ndarray of shape (n_clips,), bool

    Raises
    ------
    ValueError
        If all clips are empty or stubs.
    """
    problems = [_problem(Path(path)) for path in paths]
    if problems and all(problems):
        raise ValueError(
            f"{paths[0]}: {problems[0]} None of the {len(paths)} files that were found can be read."
        )
    return np.array(
        [bool(why) and skipped.doubt(path, why) for path, why in zip(paths, problems)], dtype=bool
    )


def _problem(path):
    """Why a clip can't be read, of a folder its first image; None where nothing speaks against it."""
    if path.is_dir():
        path = next((file for file in _visible(path) if is_image(file)), None)
    return missing_content(path) if path is not None and path.is_file() else None
