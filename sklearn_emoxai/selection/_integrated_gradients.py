"""The selection by integrated gradients of a network's decisions."""

from numbers import Integral

import numpy as np
from sklearn.base import _fit_context
from sklearn.cluster import KMeans
from sklearn.utils import Bunch
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_memory

from .._validation import check_binary, check_fit, check_labels, check_per_sample
from ..attribution import landmark_attributions, typical_samples
from ..classifier import ConvLSTMClassifier
from ._base import LandmarkSelector, fit_clone
from ._strategies import pivoted_qr


class IGLandmarkSelector(LandmarkSelector):
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
        **LandmarkSelector._parameter_constraints,
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
        self.typical_samples_ = result.typical_samples
        self.convergence_delta_ = result.convergence_delta
        if self.strategy == "top":
            self._select_most_important(result.importances)
        else:
            self.importances_ = result.importances
            self._select(pivoted_qr(X, result.importances))
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
    fitted = fit_clone(estimator, X, y, groups)
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
