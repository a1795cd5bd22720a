"""A folder of landmark sequences that grows: resumable, readable meanwhile, larger than memory."""

import contextlib
import csv
import io
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from ._atomic import names_what_has_no_room, write_atomically
from ._mapped_array import open_mapped

FORMAT = "sklearn-emoxai landmark folder 1"
QUALITY_COLUMNS = (
    *("file", "emotion", "subject", "n_source_frames", "fps", "width", "height"),
    *("face_share", "seconds", "error"),
)
_PER_FRAME = {"data": np.nan, "detected": False, "timestamps": np.nan}  # and what stands for nothing
_DTYPES = {"data": np.float32, "detected": np.bool_, "timestamps": np.float64}
_LARGEST_ABOUT = 1 << 24  # bytes of landmarks.json
_PER_SAMPLE = ("target", "groups", "paths")
_FILES = {"landmarks.json", "quality.csv", *(f"{name}.npy" for name in (*_PER_FRAME, *_PER_SAMPLE))}
_COMMIT_SECONDS = 1.0


class LandmarkFolder:
    """Landmark sequences in plain npy files, with room for all from the start.

    =====================  =========================================================================
    ``landmarks.json``     format, sizes, and the settings that the sequences were extracted with
    ``data.npy``           float32, (n_samples, n_frames, 2, n_landmarks); zeros where not yet there
    ``detected.npy``       bool, (n_samples, n_frames)
    ``timestamps.npy``     float64, (n_samples, n_frames), in seconds
    ``target.npy`` …       labels, subjects (``groups.npy``) and source files (``paths.npy``)
    ``quality.csv``        a row a finished sequence, in their order: it says how many there are
    =====================  =========================================================================

    Parameters
    ----------
    path : path-like
        The folder.

    Attributes
    ----------
    shape : tuple of int
        (n_samples, n_frames, 2, n_landmarks).
    n_done : int
        Sequences that are finished; they come first.
    settings : str

    Raises
    ------
    FileNotFoundError
        There is no such folder, or a file of it is missing.
    ValueError
        It is of another format, or a file is cut off.
    """

    def __init__(self, path):
        self.path = Path(path)
        about = _read_about(self.path)
        self.settings = about["settings"]
        self.shape = tuple(about["shape"])
        self._check_sizes()
        self._read_log()

    @classmethod
    def create(cls, path, shape, *, target=None, groups=None, paths=None, settings=""):
        """Make the folder, with room for sequences of this shape.

        Parameters
        ----------
        path : path-like
            Made if need be; it must not hold landmarks.
        shape : tuple of int
            (n_samples, n_frames, 2, n_landmarks).
        target, groups, paths : array-like of shape (n_samples,) or None
        settings : str
            What the sequences depend on, apart from their sources.

        Returns
        -------
        LandmarkFolder
        """
        path = Path(path)
        path.mkdir(exist_ok=True)
        for name, dtype, each in (
            ("data", np.float32, shape),
            ("detected", bool, shape[:2]),
            ("timestamps", np.float64, shape[:2]),
        ):
            np.lib.format.open_memmap(path / f"{name}.npy", "w+", dtype, each)
        for name, values in zip(_PER_SAMPLE, (target, groups, paths)):
            if values is not None:
                np.save(path / f"{name}.npy", _plain(name, values, shape[0]))
        write_atomically(path / "quality.csv", (",".join(QUALITY_COLUMNS) + "\n").encode())
        # Last, because it makes the folder a store.
        about = {"format": FORMAT, "shape": list(map(int, shape)), "settings": settings}
        write_atomically(path / "landmarks.json", json.dumps(about, indent=2).encode())
        return cls(path)

    @classmethod
    def resume(cls, path, shape, *, target=None, groups=None, paths=None, settings=""):
        """Open the folder where it holds just these sequences, finished or not; else make it.

        Raises
        ------
        ValueError
            It holds others.
        """
        path = Path(path)
        if not is_landmark_folder(path):
            if path.is_dir() and any(file.name not in _FILES for file in path.iterdir()):
                raise ValueError(
                    f"{path} must be a new or empty folder, or hold landmarks; it holds other files."
                )
            return cls.create(path, shape, target=target, groups=groups, paths=paths, settings=settings)
        folder = cls(path)
        folder._check_same(tuple(shape), dict(zip(_PER_SAMPLE, (target, groups, paths))), settings)
        return folder

    @property
    def quality(self):
        """Rows of quality.csv, dicts of str, of the sequences that are finished."""
        with open(self.path / "quality.csv", "rb") as stream:
            content = stream.read(self._log_bytes).decode("utf-8")
        return list(csv.DictReader(io.StringIO(content)))

    def append(self, sequences):
        """Write the next sequences.

        Parameters
        ----------
        sequences : iterable of (landmarks, detected, timestamps, quality)
            Arrays of shape (n_frames, 2, n_landmarks), (n_frames,), (n_frames,) or None, which is NaN and
            False; quality is a dict of the columns of quality.csv. What was written stays if the iterable
            raises or the process ends.
        """
        with names_what_has_no_room(self.path), contextlib.ExitStack() as stack:
            files = [stack.enter_context(_RowFile(self.path / f"{name}.npy")) for name in _PER_FRAME]
            log = stack.enter_context(open(self.path / "quality.csv", "r+b"))
            log.truncate(self._log_bytes)  # a line that was cut off
            waiting, committed = [], time.monotonic()
            try:
                for *values, quality in sequences:
                    if self.n_done == self.shape[0]:
                        raise ValueError(f"{self.path} has room for {self.shape[0]} sequences; got more.")
                    for file, value in zip(files, values):
                        file.write(self.n_done, value)
                    waiting.append(_as_text(quality))
                    self.n_done += 1
                    if time.monotonic() - committed > _COMMIT_SECONDS:
                        self._commit(files, log, waiting)
                        committed = time.monotonic()
            finally:
                self._commit(files, log, waiting)

    def _commit(self, files, log, waiting):
        """Put rows on the disk, and only then into the log, which makes them count."""
        for file in files:
            file.sync()
        if log.seek(0, os.SEEK_END) != self._log_bytes:
            raise RuntimeError(f"{log.name} was changed by another process; only one may write to a store.")
        text = _csv_lines(waiting)
        log.write(text)
        log.flush()
        self._log_bytes += len(text)
        waiting.clear()

    def load(self, *, mmap=False):
        """The finished sequences, as `load_landmarks` returns them.

        Warns
        -----
        UserWarning
            Not all are finished.
        """
        if not self.n_done:
            raise ValueError(f"{self.path} must hold finished sequences; none of its {self.shape[0]} is yet.")
        if self.n_done < self.shape[0]:
            warnings.warn(
                f"{self.path} holds {self.n_done} of {self.shape[0]} sequences yet; only these are read.",
                stacklevel=3,
            )
        content = dict.fromkeys(_PER_SAMPLE)
        for name in (*_PER_FRAME, *_PER_SAMPLE):
            path = self.path / f"{name}.npy"
            if path.exists():
                found = np.load(path, mmap_mode="r")
                shape = (self.n_done, *found.shape[1:])
                keep = mmap and name == "data"
                content[name] = (
                    open_mapped(path.absolute(), found.dtype, shape, found.offset)
                    if keep
                    else np.array(found[: self.n_done])
                )
        return Bunch(**content)

    def _check_sizes(self):
        expected = {"data": self.shape, "detected": self.shape[:2], "timestamps": self.shape[:2]}
        for name in (*expected, *_PER_SAMPLE):
            path = self.path / f"{name}.npy"
            if path.exists() and not path.is_file():  # a device would never end
                raise ValueError(f"{path} must be a file of an array; it is none.")
            if not path.exists():
                if name in expected:
                    raise FileNotFoundError(
                        f"{self.path} lacks {path.name}: it was cut off, or copied in part."
                    )
                continue
            try:
                found = np.load(path, mmap_mode="r")
                shape, dtype = found.shape, found.dtype
            except Exception as error:  # a damaged file may break its reader anywhere
                raise ValueError(f"{path} is damaged or cut off: {error or type(error).__name__}.") from error
            wanted = _DTYPES.get(name, dtype)
            if dtype != wanted or dtype.kind not in "biufU":
                raise ValueError(
                    f"{path} is damaged: it must hold {wanted}, or numbers or strings; it holds {dtype}."
                )
            if shape != expected.get(name, self.shape[:1]):
                raise ValueError(
                    f"{path} must have the shape {expected.get(name, self.shape[:1])} that landmarks.json says; "
                    f"it has {shape}."
                )

    def _read_log(self):
        """Count the rows: each is a line, since _as_text has no others."""
        path = self.path / "quality.csv"
        if not path.is_file():
            raise FileNotFoundError(f"{self.path} lacks quality.csv: it was cut off, or copied in part.")
        content = path.read_bytes()
        self._log_bytes = content.rfind(b"\n") + 1  # the last line may be cut off
        self.n_done = max(content.count(b"\n") - 1, 0)
        if self.n_done > self.shape[0]:
            raise ValueError(
                f"{path} has {self.n_done} rows, more than the {self.shape[0]} sequences of the store."
            )

    def _check_same(self, shape, per_sample, settings):
        if shape[1:] != self.shape[1:]:
            raise ValueError(
                f"{self.path} holds sequences of shape {self.shape[1:]}; these have {shape[1:]}."
            )
        what = "Another output, or the same arguments, will do"
        if settings != self.settings:
            raise ValueError(
                f"{self.path} was begun with other parameters. There: {self.settings}; now: {settings}. {what}."
            )
        if shape[0] != self.shape[0]:
            raise ValueError(
                f"{self.path} was begun for {self.shape[0]} videos; there are {shape[0]}. {what}."
            )
        for name, values in per_sample.items():
            path = self.path / f"{name}.npy"
            before = np.load(path) if path.exists() else None
            if (values is None) != (before is None):
                raise ValueError(
                    f"{self.path} was begun {'with' if values is None else 'without'} {name}. {what}."
                )
            if values is not None and (different := np.flatnonzero(before != np.asarray(values))).size:
                i = different[0]
                raise ValueError(
                    f"{self.path} was begun for others: {name} of video {i} is {str(before[i])!r} there, "
                    f"{str(values[i])!r} now. {what}."
                )


class _RowFile:
    """An npy file whose rows are written by plain writes: dirty pages of a map would count as ours."""

    def __init__(self, path):
        array = np.load(path, mmap_mode="r")
        self._row = np.empty(array.shape[1:], array.dtype)
        self._start, self._nothing = array.offset, _PER_FRAME[path.stem]
        self._stream = open(path, "r+b")  # noqa: SIM115 closed on exit

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.close()

    def write(self, row, value):
        self._row[:] = self._nothing if value is None else value
        self._stream.seek(self._start + row * self._row.nbytes)
        self._stream.write(self._row.tobytes())

    def sync(self):
        self._stream.flush()
        os.fsync(self._stream.fileno())


def is_landmark_folder(path):
    """Whether a `LandmarkFolder` was made there."""
    return (Path(path) / "landmarks.json").exists()


def _read_about(path):
    file = path / "landmarks.json"
    if file.exists() and not (file.is_file() and file.stat().st_size <= _LARGEST_ABOUT):
        raise ValueError(
            f"{path} must be a folder of landmarks of this version ({FORMAT!r}): {file.name} is none of its files."
        )
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}, of another version")
        if not _is_shape(about["shape"]):
            raise ValueError(f"its shape is {str(about['shape'])[:80]}")
        return about
    except FileNotFoundError:
        what = "is no folder of landmarks: it has no landmarks.json" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {what}.") from None
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise ValueError(
            f"{path} must be a folder of landmarks of this version ({FORMAT!r}): {error}."
        ) from error


def _is_shape(shape):
    return isinstance(shape, list) and len(shape) == 4 and all(type(n) is int and n >= 0 for n in shape)


def _plain(name, values, n_samples):
    values = np.asarray([os.fspath(value) for value in values] if name == "paths" else values)
    values = plain_strings(name, values) if values.dtype == object else values
    if values.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), one per sequence; got {values.shape}.")
    return values


def _as_text(quality):
    """A row of the log as it will be read: strings, on one line."""
    return {name: " ".join(str(quality.get(name, "")).splitlines()) for name in QUALITY_COLUMNS}


def _csv_lines(rows):
    stream = io.StringIO()
    csv.DictWriter(stream, QUALITY_COLUMNS, lineterminator="\n").writerows(rows)
    # Names that are not UTF-8 are shown escaped, and the text stays UTF-8; the exact ones are in paths.npy.
    return stream.getvalue().encode("utf-8", "backslashreplace")


def plain_strings(name, values):
    """Return an object array of strings (pandas holds them so) as a string array."""
    if not all(isinstance(value, str) for value in values.flat):
        raise ValueError(f"{name} must hold numbers or strings; the file keeps no other objects.")
    return values.astype(str)
