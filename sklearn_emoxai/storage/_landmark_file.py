"""Landmarks in one file: the npz that people keep."""

import io
import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from ._atomic import write_atomically
from ._landmark_folder import LandmarkFolder, plain_strings

_FORMAT = "sklearn-emoxai landmarks 1"
_SMALL = 1 << 30  # bytes that any file may unfold to


def save_landmarks(path, X, *, target=None, groups=None, paths=None, **arrays):
    """Write landmark sequences to one compressed npz file, in one step: it is there whole, or not at all.

    Parameters
    ----------
    path : path-like
        The file; one that exists is replaced.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        Stored as float32.
    target, groups, paths : array-like of shape (n_samples,) or None
        Labels, subjects and source files.
    **arrays : array-like
        Further arrays, for example ``detected``.

    Raises
    ------
    ValueError
        X has another shape, an array another length, or an array can't be stored without pickle.

    See Also
    --------
    load_landmarks : Reads the file.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> from sklearn_emoxai import load_landmarks, save_landmarks
    >>> file = Path(tempfile.mkdtemp()) / "landmarks.npz"
    >>> save_landmarks(file, np.zeros((2, 10, 2, 468)), target=["anger", "fear"])
    >>> load_landmarks(file).target
    array(['anger', 'fear'], dtype='<U5')
    """
    X = np.asarray(X, dtype=np.float32)
    if X.ndim != 4 or X.shape[2] != 2:
        raise ValueError(f"X must have shape (n_samples, n_frames, 2, n_landmarks); got {X.shape}.")
    stored = {"format": np.array(_FORMAT), "data": X}
    for name, values in {"target": target, "groups": groups, "paths": paths, **arrays}.items():
        if values is None:
            continue
        if name in ("format", "data"):
            raise ValueError(f"The name {name!r} is taken by the file format.")
        values = np.asarray([os.fspath(p) for p in values] if name == "paths" else values)
        if values.dtype == object:
            values = plain_strings(name, values)
        if values.ndim and name in ("target", "groups", "paths") and values.shape != (len(X),):
            raise ValueError(f"{name} must have shape ({len(X)},), one per sample of X; got {values.shape}.")
        stored[name] = values
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **stored)
    write_atomically(Path(path), buffer.getvalue())


def load_landmarks(path, *, mmap=False):
    """Read landmark sequences written by `save_landmarks`, or to a folder by ``emoxai extract``.

    Parameters
    ----------
    path : path-like
        A file, or a folder, which may be growing still: what is finished is read.
    mmap : bool, default=False
        Whether ``data`` stays in its file, as a read-only memory map that other processes open by name and
        whose large selections are temporary files, too; for data larger than memory. Folders only.

    Returns
    -------
    Bunch
        ``data``, ndarray of shape (n_samples, n_frames, 2, n_landmarks), float32; ``target``, ``groups`` and
        ``paths``, ndarray of shape (n_samples,) or None; further arrays by the names they were saved under.
        Rows of videos without landmarks are NaN.

    Raises
    ------
    FileNotFoundError
        There is no such file or folder, or a part of the folder is missing.
    ValueError
        The file is damaged or cut off, of another version, or not one of these; or mmap is asked of a file.

    Warns
    -----
    UserWarning
        A folder is not finished.
    """
    path = Path(path)
    if path.is_dir():
        return LandmarkFolder(path).load(mmap=mmap)
    if mmap and path.exists():
        raise ValueError(
            f"mmap must be False for {path}, whose sequences are compressed; emoxai extract -o FOLDER writes what "
            "can stay on disk."
        )
    return Bunch(**_read_npz(path))


def _read_npz(path):
    foreign = f"{os.fspath(path)} must be a file written by save_landmarks"
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            _check_size(file.zip, path)
            if str(file["format"]) != _FORMAT:
                raise ValueError(f"it says {str(file['format'])!r}, and this version reads {_FORMAT!r}")
            content = {name: file[name] for name in file.files if name != "format"}
            _check_arrays(content)
    except FileNotFoundError:
        raise FileNotFoundError(f"{os.fspath(path)} does not exist.") from None
    except KeyError as error:
        raise ValueError(f"{foreign}; it is another npz file.") from error
    except PermissionError:
        raise
    except Exception as error:  # a damaged file may break its reader anywhere
        raise ValueError(f"{foreign}; it can't be read ({error or type(error).__name__}).") from error
    return {"target": None, "groups": None, "paths": None, **content}


def _check_size(archive, path):
    """Refuse what unfolds to far more than landmarks can be compressed from: it could fill the memory."""
    unfolded, most = sum(entry.file_size for entry in archive.infolist()), 100 * os.path.getsize(path)
    if unfolded > max(most, _SMALL):
        raise ValueError(f"its {os.path.getsize(path)} bytes unfold to {unfolded}")


def _check_arrays(content):
    """Refuse arrays that `save_landmarks` does not write."""
    X = content["data"]
    if X.dtype != np.float32 or X.ndim != 4 or X.shape[2] != 2:
        raise ValueError(f"its data are {X.dtype} of shape {X.shape}")
    for name in ("target", "groups", "paths"):
        if name in content and content[name].shape != X.shape[:1]:
            raise ValueError(f"its {name} have shape {content[name].shape}, and there are {len(X)} samples")
