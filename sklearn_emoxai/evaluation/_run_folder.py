"""The folder of a run: what was compared, what came out, and the landmarks that the final detectors look at."""

import io
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._validation import check_sequences
from ..emotion import EmotionClassifier
from ..preprocessing import EYES, LandmarkAligner
from ..selection import find_selector
from ..storage import save, write_atomically
from ._statistics import DEFAULT_METRIC

META, RESULTS, EXPLANATIONS, MODEL = "run.json", "results.csv", "explanations.npz", "model.skops"
# Columns of text; all others hold numbers.
_TEXT = ("emotion", "model", "parameters", "selected", "predictions")
_COLUMNS = ("emotion", "model", "n_landmarks", "run")
_KEYS = ("format", "data", "protocol", "models")


@dataclass(frozen=True, eq=False)
class Explanation:
    """The landmarks of one emotion.

    Attributes
    ----------
    importances : ndarray of shape (n_landmarks,)
    ranking : ndarray of shape (n_landmarks,), int
        Landmarks in the order in which they are chosen.
    support : ndarray of shape (n_landmarks,), bool
        The chosen ones.
    profile : ndarray of shape (n_frames, n_landmarks) or None
        Importances by frame, where the selector tells them.
    """

    importances: np.ndarray
    ranking: np.ndarray
    support: np.ndarray
    profile: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """What a run folder holds.

    Attributes
    ----------
    folder : Path
    meta : dict
        Of ``run.json``: the data, the protocol, the models, the versions.
    results : DataFrame
        As :func:`compare` returns it; labels are strings.
    explanations : dict of str to Explanation
        By emotion; empty where no detector was fitted yet.
    template : ndarray of shape (2, n_landmarks) or None
        A mean face to draw on.
    """

    folder: Path
    meta: dict
    results: object
    explanations: dict
    template: np.ndarray | None


def read_run(folder):
    """Read a run folder.

    Parameters
    ----------
    folder : path-like
        Written by ``compare(..., folder=folder)``, by ``emoxai compare`` or by ``emoxai demo``.

    Returns
    -------
    Run

    Raises
    ------
    FileNotFoundError
        There is no such folder, or it holds no results.
    ValueError
        A file in it is damaged, or they do not fit together.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder." if folder.exists() else f"{folder} does not exist.")
    for name in (META, RESULTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} holds no {name}: it is no run folder, or its run is not finished. emoxai compare makes one, "
                "and goes on with one that was interrupted."
            )
    meta, results = _read_meta(folder / META), _read_results(folder / RESULTS)
    explanations, template = {}, None
    if (folder / EXPLANATIONS).is_file():
        explanations, template = _read_explanations(folder / EXPLANATIONS)
    return Run(folder, meta, results, explanations, template)


def check_run_folder(folder, *, force=False):
    """Raise where a run folder is finished, and make room where that is wanted.

    Parameters
    ----------
    folder : path-like
        One that is new, or whose run was interrupted, is fine.
    force : bool, default=False
        Remove the run that is there; other files in the folder stay.

    Raises
    ------
    FileExistsError
        If a finished run is there, unless ``force``, or a file.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} must be a folder; it is a file.")
    if force:
        for name in (META, RESULTS, EXPLANATIONS, MODEL):
            (folder / name).unlink(missing_ok=True)
        for name in ("cells", "rankings"):
            shutil.rmtree(folder / name, ignore_errors=True)
    elif (folder / MODEL).exists():
        raise FileExistsError(f"{folder} holds a finished run; --force replaces it, -o takes another folder.")


def keep_detector(folder, model, X, y, *, groups=None, n_jobs=None):
    """Fit a detector of all emotions, and write it and its explanations to a run folder.

    Parameters
    ----------
    folder : path-like
    model : classifier
        Binary; a Pipeline with a landmark selector. :class:`EmotionClassifier` fits one clone for each label.
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
    y : ndarray of shape (n_samples,)
        Emotion labels.
    groups : ndarray of shape (n_samples,), default=None
        Subjects; None takes each sequence for one, as :func:`compare` does.
    n_jobs : int, default=None
        Emotions fitted at once.

    Returns
    -------
    EmotionClassifier
        Fitted on all samples. Its selectors are without the networks on all landmarks that they trained: prediction
        does not need them, and they are nearly all of the file's size.
    """
    groups = np.arange(len(X)) if groups is None else groups
    detector = EmotionClassifier(model, n_jobs=n_jobs).fit(X, y, groups=groups)
    save_explanations(folder, detector, template=mean_face(X))
    for fitted in detector.estimators_.values():
        for name in ("estimator_", "estimators_"):
            vars(find_selector(fitted, with_importances=True)).pop(name, None)
    save(detector, Path(folder) / MODEL)
    return detector


def add_to_meta(folder, **facts):
    """Add to ``run.json`` what :func:`compare` can't know.

    Parameters
    ----------
    folder : path-like
    **facts
        Values that JSON can hold; a name that is there already is replaced.
    """
    path = Path(folder) / META
    meta = json.dumps(_read_meta(path) | facts, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, meta.encode())


def fewest_landmarks(results, model, *, metric=DEFAULT_METRIC):
    """The least number of landmarks that does as well as the best, by the one-standard-error rule.

    Parameters
    ----------
    results : DataFrame
        As :func:`compare` returns it.
    model : str
        One of its models.
    metric : str, default="roc_auc"

    Returns
    -------
    int
        The least count whose mean is at most one standard error of the best count's mean below it. The
        standard error is over runs and splits, of the mean over emotions.

    References
    ----------
    Breiman, Friedman, Olshen, Stone, "Classification and Regression Trees", 1984, section 3.4.3.
    """
    rows = results[results["model"] == model]
    scores = rows.groupby(["n_landmarks", "run", "split"])[metric].mean().groupby("n_landmarks")
    means, errors = scores.mean(), scores.sem().fillna(0)
    best = means.idxmax()
    return int(means.index[means >= means[best] - errors[best]].min())


def save_explanations(folder, estimator, *, template):
    """Write the landmarks that a detector looks at to ``explanations.npz`` of a run folder.

    Parameters
    ----------
    folder : path-like
    estimator : EmotionClassifier
        Fitted; each of its classifiers a Pipeline with a landmark selector.
    template : array-like of shape (2, n_landmarks)
        A mean face to draw on, such as :func:`mean_face` computes.

    Returns
    -------
    dict of str to Explanation

    Raises
    ------
    ValueError
        If a classifier chooses no landmarks by importance, or ``template`` has another shape.
    """
    found = explanations_of(estimator)
    template = np.asarray(template, dtype=np.float32)
    if template.shape != (2, estimator.n_features_in_):
        raise ValueError(f"template must have shape (2, {estimator.n_features_in_}); got {template.shape}.")
    arrays = {
        f"{emotion}/{name}": value
        for emotion, explanation in found.items()
        for name, value in vars(explanation).items()
        if value is not None
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, template=template, **arrays)
    write_atomically(Path(folder) / EXPLANATIONS, buffer.getvalue())
    return found


def explanations_of(estimator):
    """The landmarks of each emotion, from the selectors in a fitted :class:`EmotionClassifier`.

    Parameters
    ----------
    estimator : EmotionClassifier

    Returns
    -------
    dict of str to Explanation
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, "estimators_") or not hasattr(estimator.estimators_, "items"):
        raise ValueError(f"estimator must be an EmotionClassifier; got {type(estimator).__name__}.")
    found = {str(emotion): explanation_of(fitted) for emotion, fitted in estimator.estimators_.items()}
    for emotion, each in found.items():
        if each is None:
            raise ValueError(f"estimator chooses no landmarks by their importance for {emotion!r}.")
    return found


def explanation_of(fitted):
    """What the selector in a fitted classifier found, an Explanation; None without one that tells importances."""
    selector = find_selector(fitted, with_importances=True)
    if selector is None:
        return None
    return Explanation(
        selector.importances_,
        selector.ranking_,
        selector.support_,
        getattr(selector, "profile_", None),
    )


def mean_face(X):
    """Mean of the first frames, which show the neutral face where sequences begin with it.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

    Returns
    -------
    ndarray of shape (2, n_landmarks), float32
        In inter-ocular distances, the eyes level, for landmarks whose eyes are known (468 and 68); else in
        standard deviations about the mean.
    """
    first = check_sequences(np.asarray(X[:, :1]))
    if first.shape[3] in EYES:
        first = LandmarkAligner().fit_transform(first)
    face = first.mean(axis=(0, 1), dtype=float)
    if first.shape[3] not in EYES:
        face -= face.mean(axis=1, keepdims=True)
        face /= face.std() or 1.0
    return face.astype(np.float32)


def _read_meta(path):
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of the text's encoding too
        raise ValueError(f"{path} must be written by compare; it can't be read ({error}).") from error
    missing = [key for key in _KEYS if key not in meta] if isinstance(meta, dict) else _KEYS
    if missing:
        raise ValueError(f"{path} must be written by compare; it lacks {', '.join(missing)}.")
    if meta["format"] != 1:
        raise ValueError(f"{path} must be of format 1, which this version reads; it says {meta['format']!r}.")
    return meta


def _read_results(path):
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        missing = [column for column in _COLUMNS if column not in table]
        if missing:
            raise ValueError(f"it lacks the columns {', '.join(missing)}")
        for column in table.columns.difference(_TEXT):
            table[column] = pd.to_numeric(table[column])
    except ValueError as error:  # ParserError, EmptyDataError and UnicodeDecodeError are some
        raise ValueError(f"{path} must be a table written by compare; {error}.") from error
    if not len(table):
        raise ValueError(f"{path} must hold results; it has no rows.")
    return table


def _read_explanations(path):
    foreign = f"{path} must be written by save_explanations"
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{foreign}; it can't be read ({error}).") from error
    try:
        template = arrays.pop("template")
        parts = {}
        for name, values in arrays.items():
            emotion, _, part = name.rpartition("/")
            parts.setdefault(emotion, {})[part] = values
        explanations = {emotion: Explanation(**each) for emotion, each in parts.items()}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{foreign}; it holds {', '.join(arrays) or 'nothing'}.") from error
    n_landmarks = template.shape[-1]
    for emotion, each in explanations.items():
        shapes = {each.importances.shape, each.ranking.shape, each.support.shape}
        if shapes != {(n_landmarks,)} or (
            each.profile is not None and each.profile.shape[1:] != (n_landmarks,)
        ):
            raise ValueError(
                f"{foreign}; the arrays of {emotion} do not have the {n_landmarks} landmarks of the template."
            )
    return explanations, template
