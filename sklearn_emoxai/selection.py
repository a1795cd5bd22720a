"""Choosing the landmarks that a network relies on."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.cluster import KMeans
from sklearn.utils import Bunch
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_memory, has_fit_parameter

from . import facemesh
from ._validation import (
    check_binary,
    check_fit,
    check_labels,
    check_per_sample,
    check_sequences,
)
from .attribution import landmark_attributions, typical_samples
from .classifier import ConvLSTMClassifier


class _LandmarkSelector(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Keep the first landmarks of a ranking. Subclasses' ``fit`` ends in ``_select``."""

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

    def _select(self, ranking):
        self.ranking_ = ranking
        self.support_ = np.zeros(self.n_features_in_, dtype=bool)
        self.support_[ranking[: self._n_to_select()]] = True

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
        return check_sequences(X, fitted=self)[..., self.support_]

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

    def get_feature_names_out(self, input_features=None):
        """Names of the chosen landmarks.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            Names of all landmarks. None names those of the 468-point mesh by region and index, such
            as ``left_brow_276``, and others ``landmark0``, ``landmark1``, …

        Returns
        -------
        ndarray of shape (n_selected,), object
        """
        check_is_fitted(self)
        n_landmarks = self.n_features_in_
        if input_features is None:
            input_features = _landmark_names(n_landmarks)
        if len(input_features) != n_landmarks:
            raise ValueError(f"input_features must hold {n_landmarks} names; got {len(input_features)}.")
        return np.asarray(input_features, dtype=object)[self.support_]


def _landmark_names(n_landmarks):
    if n_landmarks != facemesh.N_LANDMARKS:
        return [f"landmark{i}" for i in range(n_landmarks)]
    region = {i: name for name, landmarks in facemesh.REGIONS.items() for i in landmarks}
    return [f"{region[i]}_{i}" for i in range(n_landmarks)]


class IGLandmarkSelector(_LandmarkSelector):
    """Keep the landmarks that a network relies on, by integrated gradients.

    A network is trained on all landmarks to tell one emotion from the rest. Its decision on every
    training sample is attributed to the landmarks, against typical samples of the other emotions.

    Parameters
    ----------
    estimator : estimator, default=None
        Trained, as a clone, on all landmarks. Any estimator with a torch module of logits in
        ``module_``; a :class:`~sklearn.frozen.FrozenEstimator` is taken as it is. None is a
        ``ConvLSTMClassifier(random_state=random_state)``.
    n_landmarks_to_select : int, float or None, default=128
        Number of landmarks to keep, a share of them in (0, 1], or None for all.
    strategy : {"top", "qr"}, default="qr"
        "top" keeps the most important landmarks, as the paper does. "qr" chooses one after another,
        each time the landmark with the most movement that those already chosen do not explain,
        weighted by its importance.
    n_steps : int or "auto", default=50
        Steps of the integral, m in the paper.
    explain : {"all", "positive"}, default="all"
        Samples whose attributions are averaged: all, as in the paper, or those of the emotion.
    typical : {"medoid", "unlikely_medoid"}, default="medoid"
        How typical samples are chosen, see :func:`typical_samples`.
    n_baselines : int, default=5
        Without ``emotion``: baselines are the medoids of so many clusters of the rest.
    memory : str, path, joblib.Memory or None, default=None
        Where the ranking is kept, so that a grid over ``n_landmarks_to_select`` computes it once for each
        fold. Needs an estimator with a fixed ``random_state``.
    random_state : int, RandomState instance or None, default=None
        Draws the clusters, and the default estimator.

    Attributes
    ----------
    estimator_ : estimator
        The network trained on all landmarks.
    importances_ : ndarray of shape (n_landmarks,)
        Mean over samples and baselines of |attribution|, summed over frames and coordinates.
    ranking_ : ndarray of shape (n_landmarks,), int
        Landmarks in the order in which they are chosen.
    support_ : ndarray of shape (n_landmarks,), bool
        Mask of the chosen landmarks.
    typical_samples_ : dict
        Emotion, or number of the cluster → index in X of its typical sample.
    convergence_delta_ : float
        Mean over samples and baselines of the absolute completeness error.
    classes_ : ndarray of shape (2,)
        The rest, and the emotion.
    n_features_in_ : int
        Landmarks per frame.
    n_frames_in_ : int
        Frames per sequence.

    See Also
    --------
    landmark_attributions : The importances, for a network that is already there.

    Notes
    -----
    Pass ``emotion`` through a Pipeline or a search by metadata routing; it is requested by default::

        sklearn.set_config(enable_metadata_routing=True)
        search.fit(X, emotion == "fear", emotion=emotion, groups=subjects)

    "qr" works on the mean frames of the training sequences, centred: a matrix with two columns a
    landmark, each scaled by the landmark's importance. Blocks of two columns are chosen as by a QR
    decomposition with column pivoting. The paper knows only "top".

    References
    ----------
    Di Luzio, Rosato, Panella, "An Explainable Fast Deep Neural Network for Emotion Recognition",
    arXiv:2407.14865.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector
    >>> X = np.random.default_rng(0).normal(size=(60, 5, 2, 20)).astype("float32")
    >>> y = np.arange(60) % 2 == 0
    >>> X[:, :, :, [3, 7]] += 2 * y[:, None, None, None]
    >>> network = ConvLSTMClassifier(lr=1e-2, random_state=0)
    >>> selector = IGLandmarkSelector(network, n_landmarks_to_select=2, random_state=0).fit(X, y)
    >>> selector.get_support(indices=True)
    array([3, 7])
    """

    __metadata_request__fit = {"emotion": True, "groups": True}

    _parameter_constraints = {
        **_LandmarkSelector._parameter_constraints,
        "estimator": [HasMethods(["fit"]), None],
        "strategy": [StrOptions({"top", "qr"})],
        "n_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "explain": [StrOptions({"all", "positive"})],
        "typical": [StrOptions({"medoid", "unlikely_medoid"})],
        "n_baselines": [Interval(Integral, 1, None, closed="left")],
        "memory": [str, HasMethods(["cache"]), HasMethods(["__fspath__"]), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_landmarks_to_select=128,
        strategy="qr",
        n_steps=50,
        explain="all",
        typical="medoid",
        n_baselines=5,
        memory=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_landmarks_to_select = n_landmarks_to_select
        self.strategy = strategy
        self.n_steps = n_steps
        self.explain = explain
        self.typical = typical
        self.n_baselines = n_baselines
        self.memory = memory
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, emotion=None, groups=None):
        """Train the network on all landmarks, attribute its decisions, and choose landmarks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : array-like of shape (n_samples,)
            Two classes; the one that sorts last, such as True, is the emotion.
        emotion : array-like of shape (n_samples,), default=None
            The emotion labels that y was made from. The baselines of a sample are the typical samples
            of the labels other than its own. None takes clusters of the rest instead.
        groups : array-like of shape (n_samples,), default=None
            Subjects, passed to the estimator where it takes them.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X, y, emotion or groups have a wrong shape or do not fit one another, or more landmarks
            are to be selected than there are.
        """
        X = check_fit(self, X)
        y = check_labels(X, y)
        emotion = check_per_sample(X, emotion, name="emotion")
        groups = check_per_sample(X, groups, name="groups")
        self.classes_, positive = check_binary(y)
        if emotion is not None:
            _check_emotion(emotion, positive, self.classes_)
        elif (~positive).sum() < self.n_baselines:
            raise ValueError(
                f"n_baselines={self.n_baselines} needs as many samples of class {self.classes_.tolist()[0]!r} in y; "
                f"got {(~positive).sum()}."
            )
        self._n_to_select()

        estimator = self.estimator
        if estimator is None:
            estimator = ConvLSTMClassifier(random_state=self.random_state)
        rank = check_memory(self.memory).cache(_explain)
        result = rank(
            estimator,
            X,
            y,
            positive,
            emotion,
            groups,
            n_steps=self.n_steps,
            explain=self.explain,
            typical=self.typical,
            n_baselines=self.n_baselines,
            random_state=self.random_state,
        )
        self.estimator_ = result.estimator
        self.importances_ = result.importances
        self.typical_samples_ = result.typical_samples
        self.convergence_delta_ = result.convergence_delta
        order = np.argsort(-self.importances_, kind="stable")
        self._select(order if self.strategy == "top" else _pivoted_qr(X, self.importances_))
        return self


def _check_emotion(emotion, positive, classes):
    """Raise unless the positive class is one emotion, and the others are in the rest."""
    rest, explained = classes.tolist()
    own, others = np.unique(emotion[positive]).tolist(), np.unique(emotion[~positive]).tolist()
    if len(own) != 1:
        raise ValueError(
            f"emotion must hold one label for all samples of class {explained!r} in y; got {own}."
        )
    if own[0] in others:
        raise ValueError(
            f"emotion must differ from {own[0]!r} for the samples of class {rest!r} in y; "
            f"it does not for sample {np.flatnonzero((emotion == own[0]) & ~positive)[0]}."
        )


def _explain(
    estimator, X, y, positive, emotion, groups, *, n_steps, explain, typical, n_baselines, random_state
):
    """Fit the network on all landmarks and attribute its decisions to them."""
    fit_params = {"groups": groups} if groups is not None and has_fit_parameter(estimator, "groups") else {}
    fitted = clone(estimator).fit(X, y, **fit_params)
    parts = {}
    if emotion is None:
        parts["typical_samples"] = _cluster_medoids(X, ~positive, n_baselines, random_state)
        parts["baselines"] = X[list(parts["typical_samples"].values())]
    attributions = landmark_attributions(
        fitted,
        X,
        labels=emotion,
        baselines=parts.get("baselines"),
        positive=positive,
        n_steps=n_steps,
        explain=explain,
        typical=typical,
        return_parts=True,
    )
    return Bunch(
        estimator=fitted,
        importances=attributions.importances,
        typical_samples=parts.get("typical_samples", attributions.typical_samples),
        convergence_delta=attributions.convergence_delta,
    )


def _cluster_medoids(X, members, n_clusters, random_state):
    """Cluster the member sequences; number of the cluster → index in X of its medoid."""
    rows = np.flatnonzero(members)
    flat = X[rows].reshape(len(rows), -1)
    clusters = KMeans(n_clusters, n_init=1, random_state=random_state).fit_predict(flat)
    return {cluster: int(rows[i]) for cluster, i in typical_samples(flat, clusters).items()}


def _pivoted_qr(X, importances):
    """Landmarks in the order in which a QR decomposition with block pivoting takes them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
    importances : ndarray of shape (n_landmarks,)
        Weights of the landmarks' columns.

    Returns
    -------
    ndarray of shape (n_landmarks,), int
        Once the chosen landmarks explain all of the movement, the others follow by importance.

    Notes
    -----
    The pivoted QR decomposition of the matrix A of mean frames, two columns a landmark, is computed as the
    pivoted Cholesky decomposition of AᵀA, of which a sum over the samples is enough: each step takes the
    landmark with the largest residual energy, and eliminates its two columns.
    """
    n_landmarks = X.shape[3]
    frames = np.stack([sequence.mean(axis=0, dtype=np.float64) for sequence in X])
    weighted = ((frames - frames.mean(axis=0)) * importances / importances.max()).reshape(len(X), -1)
    residual = (weighted.T @ weighted).reshape(2, n_landmarks, 2, n_landmarks)
    energy = np.einsum("clcl->l", residual).copy()
    exhausted = 1e-10 * energy.max()
    ranking = []
    while len(ranking) < n_landmarks and energy.max() > exhausted:
        chosen = int(energy.argmax())
        ranking.append(chosen)
        columns = residual[:, :, :, chosen]
        inverse = np.linalg.pinv(columns[:, chosen], hermitian=True)
        residual = residual - np.einsum("alb,bc,dmc->aldm", columns, inverse, columns, optimize=True)
        energy = np.einsum("clcl->l", residual).copy()
        energy[ranking] = -np.inf
    left = np.setdiff1d(np.arange(n_landmarks), ranking)
    return np.concatenate([ranking, left[np.argsort(-importances[left], kind="stable")]]).astype(np.intp)
