"""Landmark sequences from videos: LandmarkExtractor, with its cache and its parallel work."""

import functools
import importlib.metadata
import os
import socket
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields

import joblib
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.parallel import delayed

from .. import __version__
from .._validation import MetadataMixin, SequencesOutMixin, documented, is_missing
from ..facemesh import N_LANDMARKS, landmark_names
from ..storage import LandmarkCache, hash_source, in_order
from ._detectors import detector_fingerprint, has_started
from ._one_video import LandmarkSequence, Options, check_choice, documented_options, extract

_CACHE_VERSION = 3  # raised whenever the code changes the landmarks that it finds


@documented_options
class LandmarkExtractor(MetadataMixin, SequencesOutMixin, TransformerMixin, BaseEstimator):
    """Turn videos into sequences of face-mesh landmarks.

    It learns nothing: `transform` works without `fit`, so a pipeline may begin with it.

    Parameters
    ----------
    n_frames : int, default=10
        Frames a video, P: evenly spread in time, the first and the last among them. A shorter clip repeats
        the nearest frames.
    {options}
    on_error : {"raise", "nan"}, default="raise"
        What to do about a video without a result: an error that names it, or a row of NaN and one warning
        that lists all such videos.
    cache_dir : path-like or None, default=None
        Folder with one entry a video, made if need be. An entry is found again by the file's content and the
        parameters, whatever the file's name; an interrupted run goes on where it was.
    n_jobs : int or None, default=None
        Videos processed at once, through joblib; results do not depend on it.
    verbose : int, default=0
        1 shows a progress bar.

    See Also
    --------
    extract_landmarks : One video, with timestamps and the mask of the frames with a face.
    sklearn_emoxai.LandmarkAligner : Removes position, size and rotation of the face.

    References
    ----------
    {paper}

    Examples
    --------
    >>> from matplotlib.cbook import get_sample_data
    >>> import numpy as np
    >>> from PIL import Image
    >>> from sklearn_emoxai import LandmarkExtractor
    >>> with get_sample_data("grace_hopper.jpg") as file:
    ...     portrait = np.asarray(Image.open(file))
    >>> LandmarkExtractor(n_frames=2).fit_transform([portrait[None], portrait[None]]).shape
    (2, 2, 2, 468)
    """

    def __init__(
        self,
        n_frames=10,
        *,
        start=None,
        stop=None,
        fps=25.0,
        crop_size=300,
        crop_margin=0.25,
        grayscale=True,
        detector="auto",
        model_path=None,
        on_missing="interpolate",
        max_missing=0.5,
        on_error="raise",
        cache_dir=None,
        n_jobs=None,
        verbose=0,
    ):
        self.n_frames = n_frames
        self.start = start
        self.stop = stop
        self.fps = fps
        self.crop_size = crop_size
        self.crop_margin = crop_margin
        self.grayscale = grayscale
        self.detector = detector
        self.model_path = model_path
        self.on_missing = on_missing
        self.max_missing = max_missing
        self.on_error = on_error
        self.cache_dir = cache_dir
        self.n_jobs = n_jobs
        self.verbose = verbose

    @documented()
    def fit(self, X, y=None, *, emotion=None, groups=None):
        """Do nothing but check the parameters.

        Parameters
        ----------
        X : list of videos
            Not looked at.
        y : ignored
        {metadata_ignored}

        Returns
        -------
        LandmarkExtractor
        """
        self._options()
        return self

    def transform(self, X):
        """Extract the landmarks of each video.

        Parameters
        ----------
        X : list of n_samples path-like or ndarray
            Video files, folders of images, or arrays of frames as in `extract_landmarks`. A data frame or an
            array of one column holds one a row.

        Returns
        -------
        ndarray of shape (n_samples, n_frames, 2, 468), float32
            In pixels of each video's own frame; see `LandmarkSequence`.

        Raises
        ------
        FileNotFoundError, ValueError, TypeError
            Of the first video without a result, with ``on_error="raise"``; and for parameters out of range.
        """
        results = extract_many(
            X,
            self._options(),
            on_error=self.on_error,
            cache_dir=self.cache_dir,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        failed = [result.error for result in results if result.error is not None]
        if failed:
            warnings.warn(
                f"{len(failed)} of {len(results)} videos gave no landmarks; their rows are NaN:\n  "
                + "\n  ".join(failed),
                stacklevel=2,
            )
        landmarks = np.full((len(results), self.n_frames, 2, N_LANDMARKS), np.nan, dtype=np.float32)
        for row, result in zip(landmarks, results):
            if result.sequence is not None:
                row[:] = result.sequence.landmarks
        return landmarks

    def get_feature_names_out(self, input_features=None):
        """Names of the landmarks, such as ``left_brow_276``.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of shape (468,), object
        """
        return np.asarray(landmark_names(), dtype=object)

    def _options(self):
        if self.n_frames is None:
            raise TypeError("n_frames must be an int; got None. extract_landmarks takes all frames.")
        check_choice("on_error", self.on_error, ("raise", "nan"))
        return Options(**{field.name: getattr(self, field.name) for field in fields(Options)}).resolved()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = False
        return tags


@dataclass(frozen=True, eq=False)
class ExtractionResult:
    """What came of one video.

    Attributes
    ----------
    sequence : LandmarkSequence or None
        None where there is none.
    error : str or None
        The reason why there is none.
    seconds : float
        Time it took, by the clock.
    """

    sequence: LandmarkSequence | None
    error: str | None
    seconds: float


def extract_many(sources, options, *, on_error="raise", cache_dir=None, n_jobs=None, verbose=0):
    """Extract the landmarks of many videos, each on its own.

    Parameters
    ----------
    sources : list of path-like or ndarray
    options : Options
        Resolved.
    on_error, cache_dir, n_jobs, verbose
        As in LandmarkExtractor.

    Returns
    -------
    list of ExtractionResult
        In the order of the sources.
    """
    return list(
        extract_each(sources, options, on_error=on_error, cache_dir=cache_dir, n_jobs=n_jobs, verbose=verbose)
    )


def extract_each(sources, options, *, on_error="raise", cache_dir=None, n_jobs=None, verbose=0):
    """As `extract_many`, but an iterator, which gives each result once it and those before it are there."""
    sources = _listed(sources)
    if not sources:
        raise ValueError("X must hold at least one video; got an empty list.")
    missing = [
        i for i, source in enumerate(sources) if not isinstance(source, np.ndarray) and is_missing(source)
    ]
    if missing and on_error == "raise":
        raise ValueError(
            f"X must hold a video for each sample; sample {missing[0]} has {sources[missing[0]]}."
        )
    cache = None
    if cache_dir is not None:
        cache = (LandmarkCache(cache_dir), settings_key(options))
    return _each(sources, options, cache, on_error, n_jobs, bool(verbose))


def _listed(sources):
    """The videos as a list, one a sample; a data frame or a matrix of one column holds one a row."""
    if isinstance(sources, str | bytes | os.PathLike | Mapping | set | frozenset) or not hasattr(
        sources, "__iter__"
    ):
        raise TypeError(f"X must be a list of videos; got {sources!r}. For one video give a list of one.")
    shape = getattr(sources, "shape", ())
    is_frame = hasattr(sources, "columns")
    if is_frame or (isinstance(sources, np.ndarray) and sources.ndim == 2 and sources.dtype.kind in "OUS"):
        if shape[1] != 1:
            names = f", {list(sources.columns)}" if is_frame else ""
            raise ValueError(
                f"X must hold one column, with a video in each row; got {shape[1]} columns{names}. Pass the column "
                'with the videos, such as X["file"].'
            )
        sources = np.asarray(sources, dtype=object).ravel()
    return list(sources)


def settings_key(options):
    """A text that differs wherever the landmarks of the same video may."""
    return f"{_CACHE_VERSION} {detector_fingerprint(options.detector, options.model_path)} {options.key()}"


def _each(sources, options, cache, on_error, n_jobs, shown):
    from tqdm.auto import tqdm

    task = delayed(_extract_one)
    here = _software()
    with tqdm(total=len(sources), disable=not shown, unit="video", desc="Landmarks") as bar:
        tasks = (task(source, options, cache, on_error, here, _is_there(source)) for source in sources)
        for result in in_order(tasks, n_jobs=n_jobs, forks=not has_started()):
            bar.update()
            yield result


def _is_there(source):
    return isinstance(source, str | os.PathLike) and os.path.exists(source)


@functools.cache
def _software():
    """Versions of what decides about the landmarks, besides the options."""
    return {"sklearn-emoxai": __version__, "mediapipe": importlib.metadata.version("mediapipe")}


def _extract_one(source, options, cache, on_error, software, is_there):
    if _software() != software:
        raise RuntimeError(
            f"The worker on {socket.gethostname()} has {_software()}, but the work was started with {software}; "
            "landmarks would differ. Install the same versions on all."
        )
    started = time.perf_counter()
    try:
        sequence, error = _seen(source, options, cache, is_there), None
    except (ValueError, TypeError, OSError) as exception:
        if on_error == "raise":
            raise
        sequence, error = None, str(exception)
    return ExtractionResult(sequence, error, time.perf_counter() - started)


def _seen(source, options, cache, is_there):
    try:
        return _cached(source, options, cache)
    except FileNotFoundError as error:
        if not is_there or _is_there(source):
            raise
        folder = "" if os.path.isabs(source) else f", whose working folder is {os.getcwd()}"
        raise FileNotFoundError(
            f"{os.fspath(source)} can't be seen by the worker on {socket.gethostname()}{folder}, though it is there "
            "where the work was started. All workers must see the videos under the same path."
        ) from error


def _cached(source, options, cache):
    if cache is None or not isinstance(source, np.ndarray | str | os.PathLike):
        return extract(source, options)
    cache, settings = cache
    try:
        key = joblib.hash((hash_source(source), settings), hash_name="sha1")
    except FileNotFoundError:
        return extract(source, options)  # says what is wrong with it
    stored = cache.get(key)
    if stored is not None:
        return LandmarkSequence(**stored)
    sequence = extract(source, options)
    cache.put(key, {field.name: getattr(sequence, field.name) for field in fields(sequence)})
    return sequence
