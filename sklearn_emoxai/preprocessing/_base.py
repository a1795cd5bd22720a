"""What the transformers of sequences share: their fit learns the shape alone."""

from sklearn.base import BaseEstimator, TransformerMixin, _fit_context

from .._validation import MetadataMixin, SequencesOutMixin, check_fit, documented


class ShapeLearner(MetadataMixin, TransformerMixin, BaseEstimator):
    """A transformer of sequences whose fit learns the shape alone."""

    @_fit_context(prefer_skip_nested_validation=True)
    @documented()
    def fit(self, X, y=None, *, emotion=None, groups=None):
        """Learn the number of frames and landmarks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : ignored
        {metadata_ignored}

        Returns
        -------
        self
        """
        check_fit(self, X)
        return self


class SequenceTransformer(SequencesOutMixin, ShapeLearner):
    """One that gives sequences of the same landmarks."""
