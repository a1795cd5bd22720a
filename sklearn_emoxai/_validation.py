"""What a sequence array is, what its landmarks are called, and what a fit may be given: shared by every estimator."""

import inspect
import re
import textwrap
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, check_is_fitted, column_or_1d

from . import facemesh
from .storage import MappedArray, named, names_in

# Labels of whatever is not the emotion.
_REST = re.compile(
    r"(rest|others?|neutral|no|none|negative|background|not?[ _-].*|non[ _-]?.*)", re.IGNORECASE
)
SHAPE = "(n_samples, n_frames, 2, n_landmarks)"
_SHAPE_LEARNT = """\
n_features_in_ : int
    Landmarks per frame.
n_frames_in_ : int
    Frames per sequence.
first_frame_ : int
    Number in the clip, from 1, of their first frame: after a :class:`~sklearn_emoxai.NeutralDifference` 2.
feature_names_in_ : ndarray of shape (n_landmarks,), object
    Names of the landmarks, where X comes from a selector or a data frame and so has names."""

_METADATA_IGNORED = """\
emotion, groups : ignored
    Taken so that steps of a Pipeline can be exchanged."""

_PAPER = """\
Di Luzio, Rosato, Panella, "An Explainable Fast Deep Neural Network for Emotion Recognition",
arXiv:2407.14865."""


def documented(**parts):
    """Decorator: in the docstring of a class or function, a line ``{name}`` becomes the part of that name.

    So what several of them share is written once, and ``help`` shows it whole. Known everywhere are
    ``{shape_learnt}``, the attributes that tell the shape a fit has seen, ``{metadata_ignored}``, the parameters of a
    fit that needs neither, and ``{paper}``.

    Parameters
    ----------
    **parts : str
        Lines of a section, such as parameters with their descriptions.
    """
    known = {"shape_learnt": _SHAPE_LEARNT, "metadata_ignored": _METADATA_IGNORED, "paper": _PAPER}
    parts = {**known, **parts}

    def fill(documented):
        if documented.__doc__:  # python -OO has none
            documented.__doc__ = re.sub(
                r"^( *)\{(\w+)\}$",
                lambda found: textwrap.indent(parts[found[2]], found[1]),
                documented.__doc__,
                flags=re.M,
            )
        return documented

    return fill


def check_sequences(X, *, fitted=None, name="X"):
    """Landmark sequences as a float32 array, without a copy where they are one already.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
    fitted : estimator, optional
        A fitted estimator whose ``n_frames_in_`` and ``n_features_in_`` X must match.
    name : str
        Name of the argument, for the error message.

    Returns
    -------
    ndarray of shape (n_samples, n_frames, 2, n_landmarks), float32

    Raises
    ------
    ValueError
        If X has another shape, no sample, or a value that is not finite.
    """
    try:
        shape = np.shape(X)
    except ValueError as error:
        raise ValueError(f"{name} must have shape {SHAPE}; its sequences differ in length.") from error
    if len(shape) != 4:
        raise ValueError(f"{name} must have shape {SHAPE}; got {tuple(shape)}.{_advice_on_axes(name, shape)}")
    given = X
    X = check_array(X, dtype=np.float32, ensure_2d=False, allow_nd=True, input_name=name)
    if isinstance(given, MappedArray) and X.dtype == given.dtype:
        X = given  # check_array made an ndarray of it, without a copy
    if X.shape[2] != 2 or 0 in X.shape:
        raise ValueError(f"{name} must have shape {SHAPE}; got {X.shape}.{_advice(name, *X.shape[2:])}")
    if fitted is not None:
        expected = (fitted.n_frames_in_, fitted.n_features_in_)
        if (X.shape[1], X.shape[3]) != expected:
            raise ValueError(
                f"{name} has {X.shape[1]} frames and {X.shape[3]} landmarks; this "
                f"{type(fitted).__name__} was fitted on {expected[0]} frames and {expected[1]} landmarks."
            )
    return X


def _advice(name, n_rows, n_columns):
    """How frames of other trackers become ours, as a sentence; none where few landmarks leave it open."""
    if n_rows > 3 and n_columns == 2:
        return f" Its axes are in another order: pass {name}.swapaxes(2, 3)."
    if n_rows > 3 and n_columns == 3:
        return f" Its axes are in another order, with z: pass {name}[..., :2].swapaxes(2, 3)."
    if n_rows == 3 and n_columns > 3:
        return f" z has no place there: pass {name}[:, :, :2]."
    return ""


def _advice_on_axes(name, shape):
    """How a single sequence becomes a batch of one, and rows become sequences, as a sentence."""
    if len(shape) == 2:
        return " Rows become sequences by SequenceUnflattener(n_frames)."
    if len(shape) == 3 and shape[1] == 2:
        return f" One sequence is a batch of one: pass {name}[None]."
    if len(shape) == 3 and shape[1] > 3 and shape[2] in (2, 3):
        part = name if shape[2] == 2 else f"{name}[..., :2]"
        return f" One sequence is a batch of one, its landmarks last: pass {part}.swapaxes(1, 2)[None]."
    return ""


def check_fit(estimator, X):
    """Check X and record its shape on the estimator, as the first step of a fit."""
    names, estimator.first_frame_ = names_in(X)
    vars(estimator).pop("feature_names_in_", None)  # of an earlier fit
    if names is not None:
        estimator.feature_names_in_ = names
    X = check_sequences(X)
    estimator.n_frames_in_, estimator.n_features_in_ = X.shape[1], X.shape[3]
    return X


def with_names(X, estimator, *, skipped=0):
    """Sequences that a fitted transformer gives, with the names of its output where these are not plain.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_frames_out, 2, n_landmarks_out), or flattened
    estimator : transformer
    skipped : int
        Frames at the beginning that it takes away.
    """
    first_frame = getattr(estimator, "first_frame_", 1) + skipped
    selects = hasattr(estimator, "get_support")
    if first_frame == 1 and not selects and not hasattr(estimator, "feature_names_in_"):
        return X
    names = names_of_landmarks(estimator, None)
    return named(X, names[estimator.get_support()] if selects else names, first_frame)


def check_labels(X, y, *, name="y"):
    """One class label per sequence, as a 1-d array."""
    if y is None:
        raise ValueError(f"{name} must hold one class label per sample of X; got None.")
    if np.ndim(y) > 0:
        check_complete(y, name=name)
    y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    check_consistent_length(X, y)
    return y


def check_complete(labels, *, name):
    """Labels as an array, where none is missing and all can be compared.

    Parameters
    ----------
    labels : array-like
        Of any dtype, those of pandas and Arrow included.
    name : str
        Of the argument, for the error message.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If a label is None, NaN, NaT or ``pandas.NA``, or some are text and others are not; the message names the
        first such sample.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "fcmMO":
        return labels
    values = labels.ravel().tolist() if labels.dtype == object else labels.ravel()
    missing = [i for i, value in enumerate(values) if is_missing(value)]
    if missing:
        more = f" {len(missing)} of {len(values)} are missing." if len(missing) > 1 else ""
        raise ValueError(
            f"{name} must hold a label for each sample; sample {missing[0]} has {values[missing[0]]}.{more}"
        )
    if labels.dtype == object:
        is_text = [isinstance(value, str) for value in values]
        if len(set(is_text)) > 1:
            text, other = is_text.index(True), is_text.index(False)
            raise ValueError(
                f"{name} must hold labels of one kind, all text or none; sample {text} has {values[text]!r} and sample "
                f"{other} {values[other]!r}."
            )
    return labels


def is_missing(label):
    """Whether a label is None, or differs from itself, as NaN and NaT do; pandas.NA does not tell."""
    if label is None:
        return True
    try:
        return bool(label != label)
    except TypeError:  # "boolean value of NA is ambiguous"
        return True
    except ValueError:  # an array, which is no label but is not missing
        return False


def check_binary(y, positive=None):
    """The two classes of y, the one to be explained last, and a mask of its samples.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    positive : label, default=None
        The class to be explained; None is the one that sorts last.
    """
    classes = np.unique(y)
    if len(classes) != 2:
        raise ValueError(f"y must hold two classes, this emotion and the rest; got {classes.tolist()}.")
    if positive is not None:
        if positive not in classes.tolist():
            raise ValueError(
                f"positive must be one of the classes of y, {classes.tolist()}; got {positive!r}."
            )
        classes = classes if classes[1] == positive else classes[::-1]
    return classes, y == classes[1]


def warn_of_rest(classes):
    """Warn where the class that is explained, the last, is called as if it were the rest."""
    rest, explained = classes.tolist()
    if isinstance(explained, str) and _REST.fullmatch(explained) and not _REST.fullmatch(str(rest)):
        warnings.warn(
            f"the class {explained!r} of y is explained, since it sorts last; positive={rest!r} explains the other.",
            stacklevel=3,
        )


def check_per_sample(X, values, *, name):
    """One label per sequence, such as an emotion or a subject, as a 1-d array; None stays None."""
    if values is None:
        return None
    return check_complete(_one_per_sample(X, values, name), name=name)


def _one_per_sample(X, values, name):
    values = np.asarray(values)
    if values.shape != (_num_samples(X),):
        raise ValueError(
            f"{name} must have shape ({_num_samples(X)},), one value per sample of X; got {values.shape}."
        )
    return values


class MetadataMixin:
    """Asks for ``emotion`` and ``groups`` by metadata routing, where ``fit`` has parameters of these names.

    All our estimators take both, needed or not: a Pipeline raises for metadata that none of its steps asks for,
    so that steps could not be exchanged or left out without another call. A subclass whose ``fit`` takes fewer
    gets fewer.
    """

    def __init_subclass__(cls, **kwargs):
        if hasattr(cls, "fit"):
            taken = inspect.signature(cls.fit).parameters
            # Set before BaseEstimator reads it; False overrules a base class that asks.
            cls.__metadata_request__fit = {name: name in taken for name in ("emotion", "groups")}
        super().__init_subclass__(**kwargs)


def check_sample_weight(X, y, sample_weight):
    """One weight per sequence, as a 1-d array of float64; None stays None.

    Raises
    ------
    ValueError
        If the shape is wrong, a weight is negative, infinite or no number, or all weights of a class are zero.
    """
    if sample_weight is None:
        return None
    values = _one_per_sample(X, sample_weight, "sample_weight")
    try:
        weights = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight must hold numbers; got values of dtype {values.dtype}.") from error
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        raise ValueError(
            f"sample_weight must hold finite numbers that are at least 0; got {weights[wrong][0]}."
        )
    check_each_class_weighs(y, weights)
    return weights


def check_each_class_weighs(y, weights, *, part=""):
    """Refuse weights that leave a class without any.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,)
    part : str
        What the samples are part of, for the error message.
    """
    for label in np.unique(y).tolist():
        if not weights[y == label].any():
            raise ValueError(
                f"sample_weight must be positive for a {part}sample of each class; got only zeros for {label!r}."
            )


def check_class_weight(class_weight, labels, *, why=""):
    """Refuse weights of classes that there are not, or that are no weights.

    As in scikit-learn, there may be more keys than labels where all labels have one.

    Parameters
    ----------
    class_weight : dict
    labels : list
        As the user knows them.
    why : str
        What the labels come from, for the error message.
    """
    unknown = [key for key in class_weight if key not in labels]
    if unknown and any(label not in class_weight for label in labels):
        raise ValueError(f"class_weight must have keys out of the labels {labels}{why}; got {unknown[0]!r}.")
    for label, weight in class_weight.items():
        if isinstance(weight, bool) or not isinstance(weight, Real) or not 0 < weight < np.inf:
            raise ValueError(
                f"class_weight must hold finite numbers above 0; got {weight!r} for the label {label!r}."
            )


class SequencesOutMixin:
    """Keeps sequences arrays, whatever output scikit-learn is asked for: no data frame has four axes."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**{"auto_wrap_output_keys": None, **kwargs})

    def set_output(self, *, transform=None):
        """Nothing: sequences stay arrays.

        For the sake of Pipelines, which ask all of their steps.

        Parameters
        ----------
        transform : ignored

        Returns
        -------
        self
        """
        return self

    def get_feature_names_out(self, input_features=None):
        """Names of the landmarks that are left.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            Names of all landmarks. None takes those that X had in fit, after another selector; where it had none,
            landmarks of the 468-point mesh are named by region and index, such as ``left_brow_276``, and others
            ``landmark0``, ``landmark1`` and so on.

        Returns
        -------
        ndarray of shape (n_landmarks_out,), object
        """
        check_is_fitted(self)
        names = names_of_landmarks(self, input_features)
        return names[self.get_support()] if hasattr(self, "get_support") else names


def names_of_landmarks(estimator, input_features):
    """The names given, one for each landmark that a fitted estimator saw, or names of our own."""
    n_landmarks = estimator.n_features_in_
    if input_features is None:
        input_features = getattr(estimator, "feature_names_in_", None)
    if input_features is None:
        input_features = facemesh.landmark_names(n_landmarks)
    if len(input_features) != n_landmarks:
        raise ValueError(f"input_features must hold {n_landmarks} names; got {len(input_features)}.")
    return np.asarray(input_features, dtype=object)


def check_number(name, value, kind, least, most=np.inf, *, otherwise=""):
    """The value, where it is a number in a range.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : object
    kind : {numbers.Integral, numbers.Real}
    least, most : float
        Limits, both included; infinity and NaN are always outside.
    otherwise : str
        What else the argument may be, for the message.

    Raises
    ------
    TypeError, ValueError
        If it is no such number, or beyond a limit.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, kind):
        noun = "an int" if kind is Integral else "a number"
        raise TypeError(f"{name} must be {noun}{otherwise}; got {value!r}.")
    if not least <= value <= most or value == np.inf:
        limits = f"at least {least:g}" if most == np.inf else f"from {least:g} to {most:g}"
        raise ValueError(f"{name} must be {limits}; got {value}.")
    return int(value) if kind is Integral else value
