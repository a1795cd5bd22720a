"""Fitted estimators on disk, in files from which loading runs no code that they bring along."""

import hashlib
import io
import json
import os
import platform
import warnings
import zipfile
from pathlib import Path

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from .. import __version__
from ._atomic import write_atomically
from ._landmark_folder import is_landmark_folder
from ._versions import installed_versions

_FORMAT = 1
# Beside skops' own schema.json and arrays, which stay as skops writes them.
_NOTE = "sklearn_emoxai.json"
_PACKAGES = ("sklearn-emoxai", "scikit-learn", "torch", "numpy", "skops")
# Modules that older files name, and where their classes are now.
_MOVED = {"sklearn_emoxai.classifier": "sklearn_emoxai.network"}

# Types that a file may hold besides those that skops trusts: ours, and what searches, votes and calibration hold.
_TRUSTED = (
    "sklearn_emoxai.emotion.EmotionClassifier",
    "sklearn_emoxai.evaluation.SearchedNetwork",
    "sklearn_emoxai.evaluation.TotalVarianceScaler",
    "sklearn_emoxai.extraction.LandmarkExtractor",
    "sklearn_emoxai.network.ConvLSTMClassifier",
    "sklearn_emoxai.preprocessing.LandmarkAligner",
    "sklearn_emoxai.preprocessing.LandmarkMotion",
    "sklearn_emoxai.preprocessing.MirrorAugmented",
    "sklearn_emoxai.preprocessing.NeutralDifference",
    "sklearn_emoxai.preprocessing.SequenceChannels",
    "sklearn_emoxai.preprocessing.SequenceFlattener",
    "sklearn_emoxai.preprocessing.SequenceUnflattener",
    "sklearn_emoxai.selection.FixedLandmarkSelector",
    "sklearn_emoxai.selection.ForwardLandmarkSelector",
    "sklearn_emoxai.selection.IGLandmarkSelector",
    "sklearn_emoxai.selection.PermutationLandmarkSelector",
    "sklearn_emoxai.selection.RandomLandmarkSelector",
    "sklearn_emoxai.selection.UnivariateLandmarkSelector",
    "sklearn_emoxai.selection.VarianceLandmarkSelector",
    "numpy.ma.MaskedArray",  # of a search's results, under the names that numpy 2 and 1 give it
    "numpy.ma.core.MaskedArray",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.metrics._classification.accuracy_score",
    "sklearn.metrics._classification.balanced_accuracy_score",
    "sklearn.metrics._classification.f1_score",
    "sklearn.metrics._classification.matthews_corrcoef",
    "sklearn.metrics._ranking.roc_auc_score",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.GroupShuffleSplit",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.LeaveOneGroupOut",
    "sklearn.model_selection._split.ShuffleSplit",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.model_selection._split.StratifiedShuffleSplit",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
)


def save(estimator, path):
    """Write an estimator to one file, in one step: it is there whole, or not at all.

    Parameters
    ----------
    estimator : estimator
        Of this package or of scikit-learn, with whatever estimators it is made of.
    path : path-like
        The file, by custom with the ending ``.skops``; one that exists is replaced.

    Raises
    ------
    TypeError
        ``estimator`` is none, or holds something that skops can't write, such as an open file.
    FileNotFoundError, OSError
        There is no such folder, or the file can't be written there.

    Warns
    -----
    UserWarning
        If the file will hold types that :func:`load` trusts only on request.

    See Also
    --------
    load : Reads the file.

    Notes
    -----
    The format is that of skops [1]_: a zip archive of arrays and of JSON that names the types. A network is kept as its
    module's arguments and weights. One more entry, ``sklearn_emoxai.json``, tells the versions that wrote the file.

    References
    ----------
    .. [1] https://skops.readthedocs.io/en/stable/persistence.html

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> from sklearn_emoxai import ConvLSTMClassifier, load, save
    >>> X = np.random.default_rng(0).normal(size=(20, 4, 2, 10)).astype("float32")
    >>> network = ConvLSTMClassifier(max_epochs=2, random_state=0).fit(X, np.arange(20) % 2)
    >>> file = Path(tempfile.mkdtemp()) / "network.skops"
    >>> save(network, file)
    >>> bool((load(file).predict_proba(X) == network.predict_proba(X)).all())
    True
    """
    import skops.io

    folder = Path(path).parent
    if not folder.is_dir():
        why = "is no folder" if folder.exists() else "does not exist"
        raise FileNotFoundError(f"{os.fspath(path)} can't be written: {folder} {why}.")
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(f"estimator must be a scikit-learn estimator; got {type(estimator).__name__}.")
    try:
        written = _with_note(skops.io.dumps(estimator))
    except Exception as error:  # of whatever kind the object's own __reduce__ or __getstate__ raises
        why = "it refers to itself." if isinstance(error, RecursionError) else error
        where = _unwritable(estimator)
        raise TypeError(
            f"estimator must hold nothing that can't be written: {f'{where}: ' if where else ''}{why}"
        ) from error
    others = sorted(set(skops.io.get_untrusted_types(data=written)) - set(_TRUSTED))
    if others:
        warnings.warn(
            f"{os.fspath(path)} holds {_listed(others)}: load needs them named in trusted.", stacklevel=2
        )
    write_atomically(Path(path), written)


def load(path, *, trusted=()):
    """Read an estimator that :func:`save` wrote. No code from the file is run.

    Parameters
    ----------
    path : path-like
    trusted : sequence of str or type, default=()
        Further types that the file may hold, by their full names; only ones that you know, from somebody you trust.

    Returns
    -------
    estimator

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is damaged, :func:`save` did not write it, a newer version did, or it holds types that are not
        trusted; these are named, and nothing is loaded.

    Warns
    -----
    UserWarning
        If other versions wrote the file than are installed; predictions may differ.

    See Also
    --------
    save : Writes the file, with an example.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(_no_file(path))
    foreign = f"{path} must be a file written by sklearn_emoxai.save"
    with open(path, "rb") as stream:
        try:
            note = _read_note(stream)
        except _Foreign as error:
            raise ValueError(f"{foreign}; {error}") from error
        _compare_versions(path, note)
        return _load_checked(stream, path, foreign, trusted)


def _no_file(path):
    """Why there is nothing to load, and where else it may be."""
    if not path.exists():
        return f"{path} does not exist."
    if is_landmark_folder(path):
        return f"{path} is no file, but a folder of landmarks."
    if (path / "model.skops").is_file():
        return f"{path} is no file, but the folder of a run; its detector is {path / 'model.skops'}."
    return f"{path} is no file."


class _Foreign(Exception):
    """Why a file is not ours."""


def _load_checked(stream, path, foreign, trusted):
    """The estimator, once every type that the file names is known to be harmless."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    trusted = [*_TRUSTED, *trusted]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", InconsistentVersionWarning
            )  # said already, for all packages at once
            stream = _with_modules_of_today(stream)
            estimator = skops.io.load(stream, trusted=trusted)
    except UntrustedTypesFoundException as error:
        names = sorted(set(skops.io.get_untrusted_types(file=stream)) - set(trusted))
        raise ValueError(
            f"{path} holds types that are not trusted, and nothing was loaded: {_listed(names)}. If you know them and "
            "who wrote the file, name them in trusted."
        ) from error
    except Exception as error:  # a damaged file may break its reader anywhere
        raise ValueError(f"{foreign}; it is damaged ({type(error).__name__}: {error}).") from error
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(f"{foreign}; it holds no estimator but a {type(estimator).__name__}.")
    return estimator


def _unwritable(value, seen=()):
    """Where in an estimator the innermost thing is that skops can't write, such as ``select.estimator_.module_``."""
    import skops.io

    if isinstance(value, BaseEstimator):
        parts = vars(value).items()
    elif isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, (list, tuple)):
        parts = enumerate(value)
    else:
        return ""
    for name, part in parts:
        if id(part) in seen:
            continue
        try:
            skops.io.dumps(part)
        except Exception:
            # A pipeline's steps are called by their names.
            step = isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], str)
            name, part = part if step else (name, part)
            rest = _unwritable(part, (*seen, id(part)))
            return rest if name == "steps" else ".".join(filter(None, [str(name), rest]))
    return ""


def _with_note(written):
    """What skops wrote, with its bool keys put right, equal arrays kept once, and the versions that wrote it."""
    note = {"format": _FORMAT, "python": platform.python_version(), "versions": installed_versions(_PACKAGES)}
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(written)) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target,
    ):
        first, files = {}, {}
        for name in source.namelist():
            if name == "schema.json":
                continue
            content = source.read(name)
            files[name] = first.setdefault(hashlib.sha256(content).digest(), name)
            if files[name] == name:
                target.writestr(name, content)
        schema = _revised(json.loads(source.read("schema.json")), files)
        target.writestr("schema.json", json.dumps(schema))
        target.writestr(_NOTE, json.dumps(note, indent=2))
    return buffer.getvalue()


def _with_modules_of_today(stream):
    """The file, or in its place one that is the same but for the modules that its types are in."""
    with zipfile.ZipFile(stream) as source:
        written = json.loads(source.read("schema.json"))
        schema = _revised(written)
        if schema == written:
            return stream
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
            for name in source.namelist():
                target.writestr(name, json.dumps(schema) if name == "schema.json" else source.read(name))
    return buffer


def _revised(node, files=None):
    """A schema that names our classes where users import them: a file outlives the private modules of a version.

    With files, one that also reads each array from the file it is in, and dicts' keys as they were.

    skops writes the key False, of ``class_weight`` for example, as "false", and reads it as ``bool("false")``,
    which is True; ``bool("")`` is False.
    """
    if isinstance(node, list):
        return [_revised(each, files) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: _revised(value, files) for key, value in node.items()}
    module = node.get("__module__")
    if isinstance(module, str) and module.startswith("sklearn_emoxai."):
        node["__module__"] = _MOVED.get(module, module).partition("._")[0]
    if files is None:
        return node
    if node.get("__loader__") == "DictNode":
        types = [each["__class__"] for each in node["key_types"]["content"]]
        node["content"] = {
            "" if key == "false" and kind in ("bool", "bool_") else key: value
            for kind, (key, value) in zip(types, node["content"].items())
        }
    elif isinstance(node.get("file"), str):
        node["file"] = files[node["file"]]
    return node


def _read_note(stream):
    """The entry that tells of the versions."""
    try:
        with zipfile.ZipFile(stream) as archive:
            names = set(archive.namelist())
            if _NOTE not in names:
                raise _Foreign(_other_archive(names))
            # A compressed entry could unfold to more than the memory.
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise _Foreign("it is compressed.")
            damaged = archive.testzip()
            note = json.loads(archive.read(_NOTE))
            version, versions = note["format"], dict(note["versions"])
    except zipfile.BadZipFile:
        raise _Foreign("it is no zip archive, or is cut off.") from None
    except _Foreign:
        raise
    except Exception as error:
        raise _Foreign(f"it is damaged ({type(error).__name__}: {error}).") from error
    if damaged:
        raise _Foreign(f"its entry {damaged} is damaged.")
    if version != _FORMAT:
        raise _Foreign(
            f"its format is {version!r}, of sklearn-emoxai {versions.get('sklearn-emoxai')}; this is {__version__}, "
            f"which reads format {_FORMAT}."
        )
    return versions


def _other_archive(names):
    """What a zip archive with these entries is, if no saved estimator."""
    if {"data.npy", "format.npy"} <= names:
        return "it holds landmarks, as save_landmarks and emoxai extract write them."
    if "template.npy" in names:
        return "it holds the explanations of a run; its detector is the file model.skops."
    if names and all(name.endswith(".npy") for name in names):
        return "it holds NumPy arrays."
    if "schema.json" in names:
        return "skops wrote it without sklearn_emoxai.save."
    return "it is another zip archive."


def _compare_versions(path, written):
    """Warn where the file's versions are not those installed; builds such as "+cpu" are the same version."""
    here = installed_versions(_PACKAGES)
    differ = [
        f"{name} {version} (here {here[name]})"
        for name, version in written.items()
        if name in here and str(version).partition("+")[0] != here[name].partition("+")[0]
    ]
    if differ:
        warnings.warn(f"{path} was written by {', '.join(differ)}; predictions may differ.", stacklevel=3)


def _listed(names):
    return ", ".join(map(str, names))
