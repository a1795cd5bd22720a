"""Where the files of a published data set lie, and which of them are missing."""

from collections import Counter
from pathlib import Path

from .._class_folders import is_hidden
from .._labels import check_folder


def find_folder(root, places, holds, *, what, advice):
    """The folder of a data set that holds its files.

    Parameters
    ----------
    root : path-like
        What the user gave, which may be a level too high.
    places : tuple of str
        Folders in `root` to look in, "" for itself.
    holds : callable
        Whether a folder has such files directly in it.
    what, advice : str
        What is looked for, and what to do where it is not there, for the message.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If none of them holds any.
    """
    root = Path(root)
    check_folder(root)
    for place in places:
        if (root / place).is_dir() and holds(root / place):
            return root / place
    has = sorted(path.name for path in root.iterdir() if not is_hidden(path))
    more = f" and {len(has) - 8} more" if len(has) > 8 else ""
    looked = ", ".join(str(root / place) for place in places)
    raise FileNotFoundError(
        f"root must hold {what}; looked for in {looked}; {root} has {has[:8]}{more}. {advice}"
    )


def visible_files(folder, *suffixes):
    """Files of some suffixes in a folder, sorted, without those of the system."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not is_hidden(path) and not path.is_dir()
    )


def one_each(files, key, skipped):
    """Files of distinct trials; a second copy of a trial is a fault.

    Parameters
    ----------
    files : list of Path
    key : callable
        The trial that a file is of.
    skipped : Skipped

    Returns
    -------
    dict
        Trial -> file
    """
    found = {}
    for file in files:
        first = found.setdefault(key(file), file)
        if first is not file:
            skipped.wrong(file, f"a second copy of {first}; leave one of them.")
    return found


def counted(target):
    """How many there are of each, in words."""
    return ", ".join(f"{n} {label}" for label, n in sorted(Counter(target.tolist()).items()))
