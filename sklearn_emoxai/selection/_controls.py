"""Selections to compare with: what does not look at a network, or looks at it in another way."""

from numbers import Integral

import numpy as np
from sklearn.base import _fit_context
from sklearn.feature_selection import f_classif
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval

from .._validation import check_binary, check_fit, check_labels, check_per_sample
from ._base import LandmarkSelector, documented_selector, fit_clone
from ._ranking import Forward, order_landmarks


class ControlSelector(LandmarkSelector):
    """A selector whose fit checks, and leaves the rest to ``_choose``, which ends as a selector's fit does."""

    def __init__(self, *, n_landmarks_to_select=128):
        self.n_landmarks_to_select = n_landmarks_to_select

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, emotion=None, groups=None):
        """Rank the landmarks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : array-like of shape (n_samples,), default=None
            Classes; not looked at by a selector that needs none.
        emotion : ignored
        groups : array-like of shape (n_samples,), default=None
            Subjects, passed to the estimator of a selector that has one, where it takes them.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If X, y or groups have a wrong shape, y lacks classes that the selector needs, or the landmarks to select
            are not as described, or not in X.
        """
        X = check_fit(self, X)
        self._n_to_select()
        return self._choose(X, y, groups)


@documented_selector
class RandomLandmarkSelector(ControlSelector):
    """Keep random landmarks.

    Parameters
    ----------
    {n_landmarks_to_select}
    spread : bool, default=False
        Whether the landmarks are spread over the face: each is then drawn with a probability proportional to its
        squared distance, on the mean face, from the nearest one drawn before, as k-means++ draws its seeds.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    {chosen}
    {shape_learnt}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import RandomLandmarkSelector
    >>> RandomLandmarkSelector(n_landmarks_to_select=3, random_state=0).fit_transform(np.ones((4, 5, 2, 20))).shape
    (4, 5, 2, 3)
    """

    _parameter_constraints = {
        **LandmarkSelector._parameter_constraints,
        "spread": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(self, *, n_landmarks_to_select=128, spread=False, random_state=None):
        self.n_landmarks_to_select = n_landmarks_to_select
        self.spread = spread
        self.random_state = random_state

    def _choose(self, X, y, groups):
        random_state = check_random_state(self.random_state)
        if self.spread:
            return self._select(_spread_order(X.mean(axis=(0, 1), dtype=np.float64).T, random_state))
        return self._select(random_state.permutation(self.n_features_in_))


def _spread_order(points, random_state):
    """Points of shape (n, 2) in the order in which k-means++ would draw them all."""
    order = [random_state.randint(len(points))]
    distances = np.full(len(points), np.inf)
    while len(order) < len(points):
        distances = np.minimum(distances, ((points - points[order[-1]]) ** 2).sum(axis=1))
        distances[order] = 0
        left = np.flatnonzero(distances)
        if not len(left):  # the others coincide with points drawn before
            rest = np.setdiff1d(np.arange(len(points)), order)
            return np.concatenate([order, random_state.permutation(rest)])
        order.append(left[random_state.choice(len(left), p=distances[left] / distances[left].sum())])
    return np.array(order)


@documented_selector
class VarianceLandmarkSelector(ControlSelector):
    """Keep the landmarks whose place differs most between sequences.

    Parameters
    ----------
    {n_landmarks_to_select}

    Attributes
    ----------
    importances_ : ndarray of shape (n_landmarks,)
        Variance over the samples, summed over frames and coordinates.
    {chosen}
    {shape_learnt}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import VarianceLandmarkSelector
    >>> X = np.random.default_rng(0).normal(size=(30, 5, 2, 20))
    >>> X[..., 4] *= 3
    >>> VarianceLandmarkSelector(n_landmarks_to_select=1).fit(X).get_support(indices=True)
    array([4])
    """

    def _choose(self, X, y, groups):
        return self._select_most_important(X.var(axis=0, dtype=np.float64).sum(axis=(0, 1)))


@documented_selector
class UnivariateLandmarkSelector(ControlSelector):
    """Keep the landmarks that tell the classes apart one by one, by an analysis of variance.

    Parameters
    ----------
    {n_landmarks_to_select}

    Attributes
    ----------
    importances_ : ndarray of shape (n_landmarks,)
        ANOVA F between the classes, averaged over frames and coordinates.
    {chosen}
    {shape_learnt}

    See Also
    --------
    sklearn.feature_selection.f_classif : Computes F.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import UnivariateLandmarkSelector
    >>> X, y = np.random.default_rng(0).normal(size=(30, 5, 2, 20)), np.arange(30) % 2
    >>> X[y == 1, ..., 4] += 2
    >>> UnivariateLandmarkSelector(n_landmarks_to_select=1).fit(X, y).get_support(indices=True)
    array([4])
    """

    def _choose(self, X, y, groups):
        y = check_labels(X, y)
        if len(np.unique(y)) < 2:
            raise ValueError(f"y must hold at least two classes; got {np.unique(y).tolist()}.")
        varies = np.ptp(X, axis=0) > 0
        F = np.zeros(X.shape[1:])
        F[varies] = f_classif(X[:, varies].astype(np.float64), y)[0]
        return self._select_most_important(F.mean(axis=(0, 1)))


@documented_selector
class ForwardLandmarkSelector(ControlSelector):
    """Keep the landmarks that a greedy forward selection takes, without any network.

    Parameters
    ----------
    {n_landmarks_to_select}

    Attributes
    ----------
    {chosen}
    classes_ : ndarray of shape (2,)
        The rest, and the emotion.
    {shape_learnt}

    See Also
    --------
    IGLandmarkSelector : Its ``strategy="forward"`` is the same, weighted by the importances of a network.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import ForwardLandmarkSelector
    >>> X, y = np.random.default_rng(0).normal(size=(30, 5, 2, 20)), np.arange(30) % 2
    >>> X[y == 1, ..., 4] += 2
    >>> ForwardLandmarkSelector(n_landmarks_to_select=1).fit(X, y).get_support(indices=True)
    array([4])
    """

    def _choose(self, X, y, groups):
        self.classes_, positive = check_binary(check_labels(X, y))
        return self._select(order_landmarks(Forward(X, positive, np.ones(self.n_features_in_))))


@documented_selector
class PermutationLandmarkSelector(ControlSelector):
    """Keep the landmarks without whose order an estimator scores worst.

    Parameters
    ----------
    estimator : classifier
        Trained, as a clone, on all landmarks. A :class:`~sklearn.frozen.FrozenEstimator` is taken as it is.
    {n_landmarks_to_select}
    scoring : str, callable or None, default="roc_auc"
        As in scikit-learn.
    n_repeats : int, default=1
        Permutations of each landmark.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    estimator_ : classifier
        The one trained on all landmarks.
    importances_ : ndarray of shape (n_landmarks,)
        Mean fall of the score on the training samples when the landmark's movements are shuffled among them.
    {chosen}
    {shape_learnt}

    Notes
    -----
    Costs ``n_repeats`` predictions of all samples for each landmark. Landmarks that repeat one another hide each
    other's importance.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import PermutationLandmarkSelector, SequenceFlattener
    >>> X, y = np.random.default_rng(0).normal(size=(60, 5, 2, 20)), np.arange(60) % 2
    >>> X[y == 1, ..., 4] += 2
    >>> svm = make_pipeline(SequenceFlattener(), SVC(kernel="linear", C=0.01))
    >>> selector = PermutationLandmarkSelector(svm, n_landmarks_to_select=1, random_state=0).fit(X, y)
    >>> selector.get_support(indices=True)
    array([4])
    """

    _parameter_constraints = {
        **LandmarkSelector._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"])],
        "scoring": [str, callable, None],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self, estimator, *, n_landmarks_to_select=128, scoring="roc_auc", n_repeats=1, random_state=None
    ):
        self.estimator = estimator
        self.n_landmarks_to_select = n_landmarks_to_select
        self.scoring = scoring
        self.n_repeats = n_repeats
        self.random_state = random_state

    def _choose(self, X, y, groups):
        y = check_labels(X, y)
        groups = check_per_sample(X, groups, name="groups")
        random_state = check_random_state(self.random_state)
        self.estimator_ = fit_clone(self.estimator, X, y, groups)
        score = check_scoring(self.estimator_, scoring=self.scoring)
        orders = [random_state.permutation(len(X)) for _ in range(self.n_repeats)]
        whole, shuffled = score(self.estimator_, X, y), X.copy()
        importances = np.empty(self.n_features_in_)
        for landmark in range(self.n_features_in_):
            falls = []
            for order in orders:
                shuffled[..., landmark] = X[order, :, :, landmark]
                falls.append(whole - score(self.estimator_, shuffled, y))
            shuffled[..., landmark] = X[..., landmark]
            importances[landmark] = np.mean(falls)
        return self._select_most_important(importances)
