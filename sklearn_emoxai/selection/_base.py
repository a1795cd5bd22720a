"""What all landmark selectors share: a ranking of which the first landmarks are kept."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from .._validation import MetadataMixin, SequencesOutMixin, check_fit, check_sequences, documented, with_names
from ..network import interrupts_raised, target_of

# What the docstrings of all selectors share.
documented_selector = documented(
    n_landmarks_to_select="""\
n_landmarks_to_select : int, float or None, default=128
    Number of landmarks to keep, a share of them in (0, 1], or None for all.""",
    chosen="""\
ranking_ : ndarray of shape (n_landmarks,), int
    Landmarks in the order in which they are chosen.
support_ : ndarray of shape (n_landmarks,), bool
    Mask of the chosen landmarks.""",
)


@documented_selector
class LandmarkSelector(MetadataMixin, SequencesOutMixin, TransformerMixin, BaseEstimator):
    """Base of all landmark selectors: keeps the first landmarks of a ranking.

    A selector of your own has a parameter ``n_landmarks_to_select``, and a ``fit`` that begins with ``_check_fit(X)``
    and ends in ``_select(ranking)`` or ``_select_most_important(importances)``. The rest comes with this class. If the
    fit takes ``emotion`` or ``groups``, they are asked for by metadata routing.

    Attributes
    ----------
    {chosen}
    {shape_learnt}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai.selection import LandmarkSelector
    >>> class RangeLandmarkSelector(LandmarkSelector):
    ...     def __init__(self, *, n_landmarks_to_select=128):
    ...         self.n_landmarks_to_select = n_landmarks_to_select
    ...
    ...     def fit(self, X, y=None):
    ...         X = self._check_fit(X)
    ...         return self._select_most_important(np.ptp(X, axis=1).mean(axis=(0, 1)))
    >>> X = np.random.default_rng(0).normal(size=(30, 5, 2, 20))
    >>> X[..., 4] *= 3
    >>> selector = RangeLandmarkSelector(n_landmarks_to_select=1)
    >>> selector.fit_transform(X).shape, selector.get_support(indices=True)
    ((30, 5, 2, 1), array([4]))
    """

    _parameter_constraints = {
        "n_landmarks_to_select": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="right"),
            None,
        ],
    }

    def _n_to_select(self):
        """Landmarks to keep, of ``n_features_in_``."""
        n_landmarks, wanted = self.n_features_in_, self.n_landmarks_to_select
        if wanted is None:
            return n_landmarks
        if isinstance(wanted, Integral):
            if wanted > n_landmarks:
                raise ValueError(
                    f"n_landmarks_to_select must be at most the {n_landmarks} landmarks of X; got {wanted}."
                )
            return wanted
        return max(1, round(wanted * n_landmarks))

    def _check_fit(self, X):
        """Validate the parameters and X; X as a float32 array of shape (n_samples, n_frames, 2, n_landmarks)."""
        self._validate_params()
        X = check_fit(self, X)
        self._n_to_select()
        return X

    def _select(self, ranking):
        """Keep the first of the ranking, an array of all landmarks in the order of choice, and return self."""
        self.ranking_ = np.asarray(ranking)
        self.support_ = np.zeros(self.n_features_in_, dtype=bool)
        self.support_[self.ranking_[: self._n_to_select()]] = True
        return self

    def _select_most_important(self, importances):
        """Keep those with the largest importances, of shape (n_landmarks,), and return self."""
        self.importances_ = np.asarray(importances)
        return self._select(np.argsort(-self.importances_, kind="stable"))

    def get_support(self, indices=False):
        """Mask of the chosen landmarks, or their indices in increasing order.

        Parameters
        ----------
        indices : bool, default=False

        Returns
        -------
        ndarray of shape (n_landmarks,), bool, or (n_selected,), int
        """
        check_is_fitted(self)
        return np.flatnonzero(self.support_) if indices else self.support_

    def transform(self, X):
        """Keep the chosen landmarks, in increasing order of their index.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_frames, 2, n_selected), float32
        """
        check_is_fitted(self)
        return with_names(check_sequences(X, fitted=self)[..., self.support_], self)

    def inverse_transform(self, X):
        """Put the chosen landmarks back in their places, zeros in the others'.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_selected)

        Returns
        -------
        ndarray of shape (n_samples, n_frames, 2, n_landmarks), float32
        """
        check_is_fitted(self)
        X = check_sequences(X)
        n_selected = self.support_.sum()
        if X.shape[3] != n_selected:
            raise ValueError(f"X must hold the {n_selected} chosen landmarks; got {X.shape[3]}.")
        full = np.zeros((*X.shape[:3], self.n_features_in_), dtype=X.dtype)
        full[..., self.support_] = X
        return full


def fit_clone(estimator, X, y, groups):
    """A fitted clone; the groups go to its fit where it takes them."""
    takes_groups = groups is not None and has_fit_parameter(estimator, "groups")
    with interrupts_raised():
        return clone(estimator).fit(
            X, target_of(estimator, y), **({"groups": groups} if takes_groups else {})
        )
