"""The selection by integrated gradients of a network's decisions."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import _fit_context
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_memory

from .. import facemesh
from .._validation import check_binary, check_fit, check_labels, check_per_sample, warn_of_rest
from ..attribution import ATTRIBUTIONS, DRAWING_ATTRIBUTIONS
from ..network import ConvLSTMClassifier
from ._base import LandmarkSelector, documented_selector
from ._network_explanation import explain_network, n_drawn, no_module
from ._ranking import STRATEGIES, order_landmarks
from ._reproducibility import check_different, memory_of_code, random_states
from ._warnings import warn_again


@documented_selector
class IGLandmarkSelector(LandmarkSelector):
    r"""Keep the landmarks that a network relies on, by integrated gradients.

    A network is trained on all landmarks to tell one emotion from the rest. Its decision on every
    training sample is attributed to the landmarks, against typical samples of the other emotions.

    Parameters
    ----------
    estimator : estimator, default=None
        Trained, as a clone, on all landmarks. Any estimator with a torch module of logits in
        ``module_``; a :class:`~sklearn.frozen.FrozenEstimator` is taken as it is. None is a
        ``ConvLSTMClassifier(random_state=random_state)``.
    {n_landmarks_to_select}
    positive : label, default=None
        The class of y whose probability is explained, the emotion. None is the one that sorts last, such as True;
        where that is called "rest", "other", "neutral" or the like, a warning says so.
    strategy : {"forward", "qr", "top"}, default="forward"
        "top" keeps the most important landmarks, as the paper does. The others choose one after another:
        "forward" the landmark that adds most to a linear prediction of the emotion from those chosen before,
        "qr" the one with the most movement that those do not explain; both weight landmarks by importance.
    symmetric : bool, default=False
        Whether a landmark and its mirror image are chosen together, one after the other, by the mean of their
        scores. Landmarks on the midline stand alone, so the last pair may be cut: its better half is kept.
        For the 468 landmarks of the face mesh.
    by_region : bool, default=False
        Whether the strategy chooses from the regions of the mesh (:data:`facemesh.REGIONS`) in turn: none gets
        its next landmark, or with ``symmetric`` its next pair, before all others have as many, or none left.
        So 17 landmarks are one of each region. For the 468 landmarks of the face mesh.
    n_repeats : int, default=1
        Networks whose importances are averaged: the estimator, and copies of it with seeds drawn from
        ``random_state``. Each must be another network.
    attribution : str, default="integrated_gradients"
        What is computed of a sample and a baseline, see :func:`pair_attributions`: integrated gradients, as in the
        paper, or a rival, such as "feature_ablation".
    n_steps : int or "auto", default=50
        Steps of the integral, m in the paper; for a rival, see :func:`pair_attributions`.
    explain : {"all", "positive"}, default="all"
        Samples whose attributions are averaged: all, as in the paper, or those of the emotion.
    typical : {"medoid", "unlikely_medoid"}, default="medoid"
        How typical samples are chosen, see :func:`typical_samples`.
    n_baselines : int, default=5
        Without ``emotion``: baselines are the medoids of so many clusters of the rest.
    max_samples : int or None, default=None
        Samples at most that are explained and that typical samples are chosen from: drawn from each emotion, or
        class, in proportion, but one of each at least. The network trains on all. None is all, as in the paper;
        the search for typical samples then takes time with the square of an emotion's samples.
    memory : str, path, joblib.Memory or None, default=None
        Where the ranking is kept, so that a grid over ``n_landmarks_to_select`` computes it once for each
        fold. Whatever is random must then have a fixed ``random_state``, here and in the estimator. A ranking is
        known by the data, the parameters, and the code of the estimator: of what lies outside installed packages
        as it runs, of what lies inside by the package's version.
    n_jobs : int, default=None
        Networks trained at once, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Draws the samples of ``max_samples``, the clusters, the seeds of ``n_repeats``, what an attribution
        draws, and the default estimator.
        An estimator without any ``random_state``, such as a skorch net, is trained with torch's generator seeded
        by it; your own generator is left as it is.

    Attributes
    ----------
    estimator_ : estimator
        The network trained on all landmarks; the first of ``estimators_``.
    estimators_ : list of estimators
        The ``n_repeats`` networks.
    importances_ : ndarray of shape (n_landmarks,)
        Mean over samples and baselines of the attribution's magnitude, summed over frames and coordinates; mean
        over the networks.
    profile_ : ndarray of shape (n_frames, n_landmarks)
        The same frame by frame; ``importances_`` is its sum over the frames.
    movements_ : ndarray of shape (2, n_landmarks)
        Which movement speaks for the emotion, to the right and down: the mean of attribution × displacement from
        the baseline, as in :func:`landmark_attributions`.
    {chosen}
    typical_samples_ : dict or None
        Emotion, or number of the cluster → index in X of its typical sample, for the first network. None where
        "expected_gradients" drew baselines from all samples of the other emotions.
    convergence_delta_ : float
        Mean over samples, baselines and networks of the absolute completeness error.
    classes_ : ndarray of shape (2,)
        The rest, and the emotion.
    {shape_learnt}

    See Also
    --------
    landmark_attributions : The importances, for a network that is already there.

    Notes
    -----
    Pass ``emotion`` through a Pipeline or a search by metadata routing; it is requested by default::

        sklearn.set_config(enable_metadata_routing=True)
        search.fit(X, emotion == "fear", emotion=emotion, groups=subjects)

    "forward" and "qr" work on the mean frames of the training sequences, centred: a matrix A with two columns a
    landmark, scaled by a power of its importance. "qr" scales by the importance, and takes blocks of two columns as
    a QR decomposition with column pivoting takes single ones. "forward" scales by its square root, and takes the
    block that lowers most

    .. math:: \min_w \|y - A_S w\|^2 + \lambda \|w\|^2,

    S the chosen landmarks, y the centred class, and λ 0.03 of the mean energy of a landmark's columns. The scale
    is thus a prior on the coefficients: less important landmarks pay more for the same use. The paper knows only
    "top".

    References
    ----------
    {paper}

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

    _parameter_constraints = {
        **LandmarkSelector._parameter_constraints,
        "estimator": [HasMethods(["fit"]), None],
        "positive": "no_validation",
        "strategy": [StrOptions(set(STRATEGIES))],
        "symmetric": ["boolean"],
        "by_region": ["boolean"],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "attribution": [StrOptions(set(ATTRIBUTIONS))],
        "n_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "explain": [StrOptions({"all", "positive"})],
        "typical": [StrOptions({"medoid", "unlikely_medoid"})],
        "n_baselines": [Interval(Integral, 1, None, closed="left")],
        "max_samples": [Interval(Integral, 1, None, closed="left"), None],
        "memory": [str, HasMethods(["cache"]), HasMethods(["__fspath__"]), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_landmarks_to_select=128,
        positive=None,
        strategy="forward",
        symmetric=False,
        by_region=False,
        n_repeats=1,
        attribution="integrated_gradients",
        n_steps=50,
        explain="all",
        typical="medoid",
        n_baselines=5,
        max_samples=None,
        memory=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_landmarks_to_select = n_landmarks_to_select
        self.positive = positive
        self.strategy = strategy
        self.symmetric = symmetric
        self.by_region = by_region
        self.n_repeats = n_repeats
        self.attribution = attribution
        self.n_steps = n_steps
        self.explain = explain
        self.typical = typical
        self.n_baselines = n_baselines
        self.max_samples = max_samples
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __setstate__(self, state):
        super().__setstate__(
            {"positive": None, "attribution": "integrated_gradients"} | state
        )  # older files lack them

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, emotion=None, groups=None):
        """Train the network on all landmarks, attribute its decisions, and choose landmarks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : array-like of shape (n_samples,)
            Two classes, of which ``positive`` is the emotion.
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
            If X, y, emotion or groups have a wrong shape or do not fit one another, more landmarks
            are to be selected than there are, ``memory`` is to keep what no ``random_state`` fixes, or
            ``n_repeats`` networks are one and the same.
        TypeError
            If the estimator has no torch module.
        """
        X = check_fit(self, X)
        y = check_labels(X, y)
        emotion = check_per_sample(X, emotion, name="emotion")
        groups = check_per_sample(X, groups, name="groups")
        self.classes_, positive = check_binary(y, self.positive)
        if self.positive is None:
            warn_of_rest(self.classes_)
        self._check_parameters(positive, emotion)
        results = self._explain(X, y, positive, emotion, groups)
        self.estimators_ = [result.estimator for result in results]
        check_different(self.estimators_)
        self.estimator_ = self.estimators_[0]
        self.typical_samples_ = results[0].typical_samples
        self.convergence_delta_ = float(np.mean([result.convergence_delta for result in results]))
        self.profile_ = np.mean([result.profile for result in results], axis=0)
        self.movements_ = np.mean([result.movements for result in results], axis=0)
        self.importances_ = self.profile_.sum(axis=0)
        self._select(
            order_landmarks(
                STRATEGIES[self.strategy](X, positive, self.importances_),
                mirror=facemesh.MIRROR if self.symmetric else None,
                regions=facemesh.region_of_landmarks() if self.by_region else None,
            )
        )
        return self

    def _check_parameters(self, positive, emotion):
        """Raise before anything is trained if the data do not allow what is asked for."""
        if emotion is not None:
            _check_emotion(emotion, positive, self.classes_)
        elif (n_rest := n_drawn((~positive).sum(), len(positive), self.max_samples)) < self.n_baselines:
            drawn = "" if self.max_samples is None else f" among max_samples={self.max_samples}"
            raise ValueError(
                f"n_baselines={self.n_baselines} needs as many samples of class {self.classes_.tolist()[0]!r} "
                f"in y{drawn}; got {n_rest}."
            )
        self._n_to_select()
        for name in ("symmetric", "by_region"):
            if getattr(self, name) and self.n_features_in_ != facemesh.N_LANDMARKS:
                raise ValueError(
                    f"{name}=True needs the {facemesh.N_LANDMARKS} landmarks of the face mesh; "
                    f"X has {self.n_features_in_}."
                )
        if self.n_repeats > 1 and isinstance(self.estimator, FrozenEstimator):
            raise ValueError(f"n_repeats must be 1 with a FrozenEstimator; got {self.n_repeats}.")
        kind = type(self.estimator)
        if kind.__module__.startswith("sklearn.") and kind is not FrozenEstimator:
            raise TypeError(no_module(self.estimator))
        if getattr(check_memory(self.memory), "location", True) is not None:
            self._check_reproducible(emotion)

    def _check_reproducible(self, emotion):
        """Raise if a memory would keep one random result for good."""
        states = {} if self.estimator is None else random_states(self.estimator)
        unset = [f"estimator__{name}" for name, value in states.items() if value is None]
        # What random_state decides here: the seed of an estimator that has none, the clusters, what is drawn.
        draws = self.max_samples is not None or self.attribution in DRAWING_ATTRIBUTIONS
        if self.random_state is None and (not states or emotion is None or draws):
            unset.insert(0, "random_state")
        if unset and not isinstance(self.estimator, FrozenEstimator):
            raise ValueError(
                f"memory would keep one random result for good: {unset[0]} must be fixed, such as 0; got None."
            )

    def _explain(self, X, y, positive, emotion, groups):
        """Trained and attributed networks, from the memory where it has them."""
        estimator = self.estimator
        if estimator is None:
            estimator = ConvLSTMClassifier(random_state=self.random_state)
        generator = check_random_state(self.random_state)
        seeds = generator.randint(np.iinfo(np.int32).max, size=self.n_repeats - 1).tolist()
        own_seed = (
            self.random_state is None or isinstance(estimator, FrozenEstimator) or random_states(estimator)
        )
        first = None if own_seed else generator.randint(np.iinfo(np.int32).max)
        memory, code = memory_of_code(self.memory, estimator)
        explain = delayed(memory.cache(explain_network))
        # A cluster ignores n_jobs, and would send X to another worker even for a single network.
        backend = "sequential" if self.n_repeats == 1 else None
        with warnings.catch_warnings(record=True) as caught:
            # Of joblib's memory, on a busy machine; nothing that a user could mend.
            warnings.filterwarnings("ignore", "Persisting input arguments", UserWarning)
            results = Parallel(n_jobs=self.n_jobs, backend=backend)(
                explain(
                    estimator,
                    X,
                    y,
                    positive,
                    emotion,
                    groups,
                    seed=seed,
                    attribution=self.attribution,
                    n_steps=self.n_steps,
                    explain=self.explain,
                    typical=self.typical,
                    n_baselines=self.n_baselines,
                    max_samples=self.max_samples,
                    random_state=self.random_state,
                    code=code,
                )
                for seed in [first, *seeds]
            )
        warn_again(caught)
        return results


def _check_emotion(emotion, positive, classes):
    """Raise unless the positive class is one emotion, and the others are in the rest."""
    rest, explained = classes.tolist()
    own, others = np.unique(emotion[positive]).tolist(), np.unique(emotion[~positive]).tolist()
    if len(own) != 1:
        hint = (
            f"positive={rest!r} explains the other class."
            if len(others) == 1
            else "Where y is permuted, as permutation_test_score does, leave emotion out."
        )
        raise ValueError(
            f"emotion must hold one label for all samples of class {explained!r} in y; got {own}. {hint}"
        )
    if own[0] in others:
        raise ValueError(
            f"emotion must differ from {own[0]!r} for the samples of class {rest!r} in y; "
            f"it does not for sample {np.flatnonzero((emotion == own[0]) & ~positive)[0]}."
        )
