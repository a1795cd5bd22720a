"""What all transformers that give sequences share: their output has four axes, and its features are landmarks."""

import numpy as np

from . import facemesh


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


def names_of_landmarks(estimator, input_features):
    """The names given, one for each landmark that a fitted estimator saw, or names of our own."""
    n_landmarks = estimator.n_features_in_
    if input_features is None:
        input_features = facemesh.landmark_names(n_landmarks)
    if len(input_features) != n_landmarks:
        raise ValueError(f"input_features must hold {n_landmarks} names; got {len(input_features)}.")
    return np.asarray(input_features, dtype=object)
