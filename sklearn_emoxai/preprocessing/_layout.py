"""Other layouts of sequences: rows of numbers, for estimators that know no frames, and channels by time."""

import re
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from .. import facemesh
from .._validation import (
    MetadataMixin,
    SequencesOutMixin,
    check_sequences,
    documented,
    names_of_landmarks,
    with_names,
)
from ..storage import in_blocks, named, names_in
from ._base import ShapeLearner


@documented()
class SequenceFlattener(ShapeLearner):
    """Lay each sequence out as one row, for an SVM or any other 2-D estimator.

    Attributes
    ----------
    {shape_learnt}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import SequenceFlattener
    >>> flattener = SequenceFlattener().fit(np.zeros((4, 10, 2, 3)))
    >>> flattener.transform(np.zeros((4, 10, 2, 3))).shape
    (4, 60)
    >>> flattener.get_feature_names_out()[:4].tolist()
    ['frame1_x_landmark0', 'frame1_x_landmark1', 'frame1_x_landmark2', 'frame1_y_landmark0']
    """

    _parameter_constraints: dict = {}

    def transform(self, X):
        """Flatten sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_frames * 2 * n_landmarks), float32
            A view of X where that is possible.
        """
        check_is_fitted(self)
        X = check_sequences(X, fitted=self)
        return with_names(X.reshape(len(X), -1), self)

    def inverse_transform(self, X):
        """Sequences of rows, such as those of a linear model's ``coef_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames * 2 * n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_frames, 2, n_landmarks), float32
            A view of X where that is possible.

        Raises
        ------
        ValueError
            If X has another number of columns, or a value that is not finite.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=np.float32, input_name="X")
        shape = (self.n_frames_in_, 2, self.n_features_in_)
        if X.shape[1] != np.prod(shape):
            raise ValueError(
                f"X must have {np.prod(shape)} columns, for {shape[0]} frames and {shape[2]} landmarks; "
                f"got {X.shape[1]}."
            )
        return X.reshape(len(X), *shape)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            Names of the landmarks. None takes those that X had in fit, after a selector; where it had none,
            landmarks of the 468-point mesh are named by region and index, and others landmark0, landmark1 and so on.

        Returns
        -------
        ndarray of shape (n_frames * 2 * n_landmarks,), object
            Such as ``frame1_x_left_brow_276``: frames are counted from 1, as in the figures, and by their number in
            the clip, so that the first after a :class:`NeutralDifference` is frame 2.
        """
        check_is_fitted(self)
        names = names_of_landmarks(self, input_features)
        frames = range(self.first_frame_, self.first_frame_ + self.n_frames_in_)
        return np.array(_names_of_columns(frames, names), dtype=object)


@documented()
class SequenceChannels(SequencesOutMixin, ShapeLearner):
    """Lay sequences out as channels by time, the layout of aeon, sktime and tsai.

    Attributes
    ----------
    {shape_learnt}

    See Also
    --------
    SequenceFlattener : Rows, for estimators that know no time.

    Notes
    -----
    Channels are x of all landmarks, then y of all. aeon calls the axes (n_cases, n_channels, n_timepoints), sktime's
    "numpy3D" (instances, variables, time points), tsai (samples, variables, steps).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import SequenceChannels
    >>> channels = SequenceChannels().fit(np.zeros((4, 10, 2, 3)))
    >>> channels.transform(np.zeros((4, 10, 2, 3))).shape
    (4, 6, 10)
    >>> channels.get_feature_names_out()[2:4].tolist()
    ['x_landmark2', 'y_landmark0']
    """

    _parameter_constraints: dict = {}

    def transform(self, X):
        """Exchange the axes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, 2 * n_landmarks, n_frames), float32
        """
        check_is_fitted(self)
        X = check_sequences(X, fitted=self)
        shape = (2 * self.n_features_in_, self.n_frames_in_)
        # Contiguous, which libraries of compiled kernels like better than a view.
        return in_blocks(lambda rows: np.ascontiguousarray(np.moveaxis(X[rows], 1, 3)).reshape(-1, *shape), X)

    def inverse_transform(self, X):
        """Sequences of channels.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2 * n_landmarks, n_frames)

        Returns
        -------
        ndarray of shape (n_samples, n_frames, 2, n_landmarks), float32

        Raises
        ------
        ValueError
            If X has another shape, or a value that is not finite.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=np.float32, input_name="X", allow_nd=True, ensure_2d=False)
        shape = (2 * self.n_features_in_, self.n_frames_in_)
        if X.shape[1:] != shape:
            raise ValueError(f"X must have shape (n_samples, {shape[0]}, {shape[1]}); got {X.shape}.")
        apart = X.reshape(len(X), 2, self.n_features_in_, self.n_frames_in_)
        return np.ascontiguousarray(np.moveaxis(apart, 3, 1))

    def get_feature_names_out(self, input_features=None):
        """Names of the channels.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            Names of the landmarks. None names those of the 468-point mesh by region and index, and others
            landmark0, landmark1 and so on.

        Returns
        -------
        ndarray of shape (2 * n_landmarks,), object
        """
        check_is_fitted(self)
        names = names_of_landmarks(self, input_features)
        return np.array([f"{coordinate}_{name}" for coordinate in "xy" for name in names], dtype=object)


class SequenceUnflattener(MetadataMixin, SequencesOutMixin, TransformerMixin, BaseEstimator):
    """Make sequences of the rows of a :class:`SequenceFlattener`.

    As the first step of a pipeline it brings a network into those tools of scikit-learn that insist on 2-D data,
    such as ``BaggingClassifier`` and ``SelfTrainingClassifier``.

    Parameters
    ----------
    n_frames : int
        Frames per sequence. The number of landmarks follows from the number of columns.

    Attributes
    ----------
    n_features_in_ : int
        Columns of X, n_frames * 2 * n_landmarks.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Names of the columns, where X was a data frame.
    n_landmarks_ : int
        Landmarks per frame.
    first_frame_ : int
        Number of the first frame, from the names of the columns; 1 where they tell none.

    See Also
    --------
    SequenceFlattener : The way there.

    Notes
    -----
    A row holds the first frame's x of all landmarks, then its y, then the next frame. What draws columns at random,
    such as ``BaggingClassifier(max_features=0.5)``, takes sequences apart; leave it at all columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import BaggingClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emoxai import ConvLSTMClassifier, SequenceFlattener, SequenceUnflattener
    >>> X = np.random.default_rng(0).normal(size=(20, 4, 2, 10))
    >>> network = make_pipeline(SequenceUnflattener(n_frames=4), ConvLSTMClassifier(max_epochs=2))
    >>> bag = BaggingClassifier(network, n_estimators=2, random_state=0)
    >>> make_pipeline(SequenceFlattener(), bag).fit(X, np.arange(20) % 2).predict(X).shape
    (20,)
    """

    _parameter_constraints = {"n_frames": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, n_frames):
        self.n_frames = n_frames

    @_fit_context(prefer_skip_nested_validation=True)
    @documented()
    def fit(self, X, y=None, *, emotion=None, groups=None):
        """Learn the number of landmarks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames * 2 * n_landmarks)
        y : ignored
        {metadata_ignored}

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is not 2-D, holds a value that is not finite, or columns that do not make up ``n_frames``; or if it is
            a data frame with a flattener's columns in another order.
        """
        names, first_frame = names_in(X)
        X = validate_data(self, X, dtype=np.float32)
        n_landmarks, rest = divmod(X.shape[1], 2 * self.n_frames)
        if rest:
            raise ValueError(
                f"X must have n_frames * 2 * n_landmarks columns, a multiple of {2 * self.n_frames} for "
                f"n_frames={self.n_frames}; got {X.shape[1]}."
            )
        if names is None:
            names, first_frame = _read_columns(self.n_frames, getattr(self, "feature_names_in_", None))
        self._landmark_names = names if names is not None and len(names) == n_landmarks else None
        self.first_frame_ = first_frame
        self.n_landmarks_ = n_landmarks
        return self

    def transform(self, X):
        """Make sequences of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames * 2 * n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_frames, 2, n_landmarks), float32
            A view of X where that is possible.

        Raises
        ------
        ValueError
            If X is not 2-D, holds a value that is not finite, or has other columns than in fit.
        """
        check_is_fitted(self, "n_landmarks_")
        X = validate_data(self, X, dtype=np.float32, reset=False)
        X = X.reshape(len(X), -1, 2, self.n_landmarks_)
        if getattr(self, "_landmark_names", None) is None:
            return X
        return named(X, self._landmark_names, self.first_frame_)

    def get_feature_names_out(self, input_features=None):
        """Names of the landmarks.

        Parameters
        ----------
        input_features : array-like of shape (n_frames * 2 * n_landmarks,), default=None
            Names of the columns. None takes those of the data frame that was fitted, if it was one.

        Returns
        -------
        ndarray of shape (n_landmarks,), object
            Those in the names of a :class:`SequenceFlattener`'s columns. Where columns have other names or none, the
            landmarks of the 468-point mesh by region and index, and others landmark0, landmark1 and so on.
        """
        check_is_fitted(self, "n_landmarks_")
        columns = _check_feature_names_in(self, input_features, generate_names=False)
        n_frames = self.n_features_in_ // (2 * self.n_landmarks_)
        names = _read_columns(n_frames, columns)[0]
        if names is None:
            names = getattr(self, "_landmark_names", None)
        if names is None:
            names = facemesh.landmark_names(self.n_landmarks_)
        return np.array(names, dtype=object)


def _names_of_columns(frames, landmarks):
    return [f"frame{p}_{c}_{name}" for p in frames for c in "xy" for name in landmarks]


def _read_columns(n_frames, columns):
    """Names of the landmarks whose flattened columns these are, None where they are others, and the first frame."""
    found = [
        re.fullmatch(r"frame(\d+)_[xy]_(.*)", str(column)) for column in (() if columns is None else columns)
    ]
    if not found or not all(found):
        return None, 1
    first = int(found[0][1])
    landmarks = [each[2] for each in found[: len(found) // (2 * n_frames)]]
    for column, expected in zip(columns, _names_of_columns(range(first, first + n_frames), landmarks)):
        if column != expected:
            raise ValueError(
                f"X must have the columns of {n_frames} frames in the order of SequenceFlattener; got {column!r} in "
                f"the place of {expected!r}."
            )
    return landmarks, first
