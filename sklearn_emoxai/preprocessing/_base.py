"""What the transformers of sequences share: their fit learns the shape alone."""

from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from .._validation import SequencesOutMixin, check_fit, names_of_landmarks


class ShapeLearner(TransformerMixin, BaseEstimator):
    """A transformer of sequences whose fit learns the shape alone."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the number of frames and landmarks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : ignored

        Returns
        -------
        self
        """
        check_fit(self, X)
        return self


class SequenceTransformer(SequencesOutMixin, ShapeLearner):
    """One that gives sequences of the same landmarks."""

    def get_feature_names_out(self, input_features=None):
        """Names of the landmarks, which stay what they are.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            None names those of the 468-point mesh by region and index, such as ``left_brow_276``, and others
            ``landmark0``, ``landmark1`` and so on.

        Returns
        -------
        ndarray of shape (n_landmarks,), object
        """
        check_is_fitted(self)
        return names_of_landmarks(self, input_features)
