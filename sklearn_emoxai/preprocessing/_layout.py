"""Other layouts of sequences: rows of numbers, for estimators that know no frames."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._validation import check_sequences, documented, names_of_landmarks
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
    ['frame0_x_landmark0', 'frame0_x_landmark1', 'frame0_x_landmark2', 'frame0_y_landmark0']
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
        return X.reshape(len(X), -1)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            Names of the landmarks. None names those of the 468-point mesh by region and index, and others
            landmark0, landmark1 and so on. A Pipeline's ``get_feature_names_out`` passes a selector's names on.

        Returns
        -------
        ndarray of shape (n_frames * 2 * n_landmarks,), object
        """
        check_is_fitted(self)
        names = names_of_landmarks(self, input_features)
        return np.array(
            [f"frame{p}_{c}_{name}" for p in range(self.n_frames_in_) for c in "xy" for name in names],
            dtype=object,
        )
