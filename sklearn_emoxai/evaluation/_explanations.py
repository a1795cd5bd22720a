"""Judging explanations: whether the landmarks that they name matter, and whether they depend on the training."""

import copy
import warnings
from itertools import combinations
from numbers import Integral

import numpy as np
import pandas as pd
import torch
from scipy.integrate import trapezoid
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .._validation import (
    check_binary,
    check_labels,
    check_number,
    check_per_sample,
    check_sequences,
    documented,
)
from ..attribution import BaselineWarning, landmark_attributions, resolve_module
from ..emotion import decision_values, fit_to_emotion
from ..network import ConvLSTM
from ._configure import owners
from ._stability import selection_stability

# Sequences whose landmarks are replaced at once, to bound memory.
_BLOCK = 256
# Seeds; with fewer, the asymptotic interval of the stability is far too narrow.
_FEWEST_FOR_ASYMPTOTICS = 5


def deletion_curve(estimator, X, y, ranking, *, n_replaced=None, mode="deletion", neutral="first"):
    """Score of a fitted classifier as landmarks are replaced by the neutral shape, in order of relevance.

    Parameters
    ----------
    estimator : fitted classifier
        Binary, of sequences of all landmarks.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        Sequences that the classifier was not trained on, in head-fixed coordinates (see :class:`LandmarkAligner`):
        a landmark that is replaced must not stay behind while the head moves.
    y : array-like of shape (n_samples,)
        Their two classes, as the classifier was trained on them.
    ranking : array-like of shape (n_landmarks,), int
        Landmarks, the most relevant first.
    n_replaced : array-like of int, default=None
        Points of the curve, in [0, n_landmarks]. None takes about twenty, closer together at the beginning.
    mode : {"deletion", "insertion"}, default="deletion"
        "deletion" replaces the first landmarks of the ranking; "insertion" begins with all replaced and
        puts the first ones back.
    neutral : "first", float, or array-like that broadcasts to X, default="first"
        The neutral shape: each sequence's first frame, or these values, such as 0 after :class:`NeutralDifference`.

    Returns
    -------
    Bunch
        n_landmarks : ndarray of shape (n_points,), int
            Landmarks that are replaced, or put back.
        roc_auc : ndarray of shape (n_points,)
            Score at each point.
        area : float
            Mean of the curve over the share of landmarks. A ranking that names what the classifier
            uses has a small one for deletion and a large one for insertion.

    Raises
    ------
    ValueError
        If an argument is not as described above.

    References
    ----------
    Petsiuk, Das, Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    arXiv:1806.07421.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import SequenceFlattener, deletion_curve
    >>> X = np.random.default_rng(0).normal(size=(80, 3, 2, 10)).astype("float32")
    >>> y = np.arange(80) % 2
    >>> X[:, :, :, 4] += 3 * y[:, None, None]
    >>> svm = make_pipeline(SequenceFlattener(), SVC(kernel="linear")).fit(X[:40], y[:40])
    >>> ranking = [4, 0, 1, 2, 3, 5, 6, 7, 8, 9]
    >>> curve = deletion_curve(svm, X[40:], y[40:], ranking, n_replaced=[0, 1, 10], neutral=0)
    >>> bool(curve.roc_auc[0] > 0.95 > 0.8 > curve.roc_auc[1])
    True
    """
    X = check_sequences(X)
    y = check_labels(X, y)
    _, positive = check_binary(y)
    n_landmarks = X.shape[3]
    ranking = np.asarray(ranking)
    if ranking.shape != (n_landmarks,) or not np.array_equal(np.sort(ranking), np.arange(n_landmarks)):
        raise ValueError(f"ranking must hold each of the {n_landmarks} landmarks of X once; got {ranking}.")
    if mode not in ("deletion", "insertion"):
        raise ValueError(f'mode must be "deletion" or "insertion"; got {mode!r}.')
    if n_replaced is None:
        n_replaced = np.unique(np.r_[0, np.geomspace(1, n_landmarks, 20).round()])
    points = np.unique(np.asarray(n_replaced)).astype(int)
    if not len(points) or points[0] < 0 or points[-1] > n_landmarks:
        raise ValueError(f"n_replaced must be within 0 and {n_landmarks}; got {n_replaced}.")
    if isinstance(neutral, str) and neutral != "first":
        raise ValueError(f'neutral must be "first", a number or an array; got {neutral!r}.')

    values = np.empty((len(points), len(X)))
    for start in range(0, len(X), _BLOCK):
        rows = slice(start, start + _BLOCK)
        original = X[rows]
        shape = _neutral(neutral, original, rows, len(X))
        for i, k in enumerate(points):
            replaced = ranking[:k] if mode == "deletion" else ranking[k:]
            changed = original.copy()
            changed[..., replaced] = shape[..., replaced]
            values[i, rows] = decision_values(estimator, changed)
    scores = np.array([roc_auc_score(positive, row) for row in values])
    span = points[-1] - points[0]
    area = trapezoid(scores, points) / span if span else scores[0]
    return Bunch(n_landmarks=points, roc_auc=scores, area=float(area))


def _neutral(neutral, X, rows, n_samples):
    """Neutral shapes of some sequences, in their shape."""
    if isinstance(neutral, str):
        return np.broadcast_to(X[:, :1], X.shape)
    neutral = np.asarray(neutral, dtype=X.dtype)
    if neutral.ndim == 4 and len(neutral) == n_samples:
        neutral = neutral[rows]
    try:
        return np.broadcast_to(neutral, X.shape)
    except ValueError as error:
        raise ValueError(
            f"neutral must broadcast to the sequences' shape {(n_samples, *X.shape[1:])}; got {neutral.shape}."
        ) from error


documented_labelled = documented(
    labelled_sequences="""\
X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
emotions : array-like of shape (n_samples,)
    Emotion labels.
emotion : label
    The one to tell from the rest.
groups : array-like of shape (n_samples,), default=None
    Subjects."""
)


@documented_labelled
def retraining_curves(
    selector,
    estimator,
    X,
    emotions,
    emotion,
    *,
    groups=None,
    n_landmarks=(128, 64, 32, 16),
    n_random=3,
    cv=5,
    n_jobs=None,
    random_state=None,
):
    """Scores of a classifier retrained on the first, the last, and random landmarks of a ranking.

    Parameters
    ----------
    selector : landmark selector
        Fitted, as a clone, to each training part, for its ranking. Should take all landmarks' importance into
        account, as ``IGLandmarkSelector(strategy="top")``: other strategies do not rank their last landmarks.
    estimator : classifier
        Binary; retrained on each set of landmarks.
    {labelled_sequences}
    n_landmarks : sequence of int, default=(128, 64, 32, 16)
    n_random : int, default=3
        Random sets of each size on each training part.
    cv : int or splitter, default=5
        As in :func:`sklearn.model_selection.check_cv`; give one that heeds the groups.
    n_jobs : int, default=None
        Training parts at once, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Draws the random sets.

    Returns
    -------
    pandas.DataFrame
        Columns ``landmarks`` ("top", "random" or "bottom"), ``n_landmarks``, ``split``, ``repeat`` and
        ``roc_auc``, on the test parts.

    Raises
    ------
    ValueError
        If an argument is not as described above.

    Examples
    --------
    >>> from sklearn.model_selection import StratifiedGroupKFold
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import LandmarkAligner, SequenceFlattener, UnivariateLandmarkSelector, retraining_curves
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> faces = make_expressions(n_subjects=4, n_repeats=1, n_frames=3, difficulty=0, random_state=0)
    >>> X = LandmarkAligner().fit_transform(faces.data)
    >>> svm = make_pipeline(SequenceFlattener(), SVC(kernel="linear"))
    >>> table = retraining_curves(
    ...     UnivariateLandmarkSelector(), svm, X, faces.target, "surprise",
    ...     groups=faces.groups, n_landmarks=[16], n_random=1, cv=StratifiedGroupKFold(2), random_state=0,
    ... )
    >>> table["landmarks"].value_counts().to_dict()
    {'top': 2, 'bottom': 2, 'random': 2}
    """
    X = check_sequences(X)
    emotions = check_labels(X, emotions, name="emotions")
    groups = check_per_sample(X, groups, name="groups")
    target = emotions == emotion
    check_binary(target)
    too_many = [k for k in n_landmarks if not 1 <= k <= X.shape[3]]
    if too_many:
        raise ValueError(f"n_landmarks must be within 1 and {X.shape[3]}; got {too_many[0]}.")
    splits = list(check_cv(cv, target, classifier=True).split(X, target, groups))
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=len(splits))
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_retrained)(
            selector, estimator, X, emotions, emotion, groups, split, train, test, n_landmarks, n_random, seed
        )
        for split, ((train, test), seed) in enumerate(zip(splits, seeds))
    )
    return pd.DataFrame([row for rows in parts for row in rows])


def _retrained(
    selector, estimator, X, emotions, emotion, groups, split, train, test, n_landmarks, n_random, seed
):
    X_train, X_test, labels = X[train], X[test], emotions[train]
    subjects = None if groups is None else groups[train]
    ranking = fit_to_emotion(_keeping_all(selector), X_train, labels, emotion, groups=subjects).ranking_
    random_state = np.random.RandomState(seed)
    rows = []
    for k in n_landmarks:
        sets = [("top", ranking[:k]), ("bottom", ranking[-k:])]
        sets += [("random", random_state.permutation(X.shape[3])[:k]) for _ in range(n_random)]
        for i, (name, chosen) in enumerate(sets):
            chosen = np.sort(chosen)
            fitted = fit_to_emotion(estimator, X_train[..., chosen], labels, emotion, groups=subjects)
            score = roc_auc_score(emotions[test] == emotion, decision_values(fitted, X_test[..., chosen]))
            row = {"landmarks": name, "n_landmarks": k, "split": split, "repeat": max(i - 2, 0)}
            rows.append(row | {"roc_auc": float(score)})
    return rows


@documented_labelled
def seed_agreement(
    selector,
    X,
    emotions,
    emotion,
    *,
    groups=None,
    n_seeds=5,
    n_landmarks=(128, 64, 32, 16),
    n_jobs=None,
    random_state=None,
):
    """How much explanations agree between networks that differ in nothing but their seed.

    Parameters
    ----------
    selector : landmark selector
        One with ``importances_``, such as :class:`IGLandmarkSelector`.
    {labelled_sequences}
    n_seeds : int, default=5
    n_landmarks : sequence of int, default=(128, 64, 32, 16)
        Where to compare the selections.
    n_jobs : int, default=None
        Seeds at once, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Draws the seeds, for every ``random_state`` of the selector.

    Returns
    -------
    Bunch
        importances : ndarray of shape (n_seeds, n_landmarks)
            Of each network.
        correlation : float
            Spearman's, mean over the pairs of seeds.
        stability : dict of int to Bunch
            Number of landmarks → :func:`selection_stability` of the first so many of the rankings. Below five
            seeds the interval is bootstrapped: it is then wide, as it should be.

    Raises
    ------
    ValueError
        If an argument is not as described above, the selector has no ``random_state`` (its own or its estimator's),
        or two seeds gave the same importances.

    Examples
    --------
    >>> from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, LandmarkAligner, seed_agreement
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> faces = make_expressions(n_subjects=4, n_repeats=1, n_frames=3, difficulty=0, random_state=0)
    >>> X = LandmarkAligner().fit_transform(faces.data)
    >>> network = ConvLSTMClassifier(n_filters=2, lr=1e-3, max_epochs=10)
    >>> selector = IGLandmarkSelector(network, n_steps=5, typical="unlikely_medoid")
    >>> found = seed_agreement(selector, X, faces.target, "surprise", n_seeds=2, n_landmarks=[32], random_state=0)
    >>> found.importances.shape, -1 <= found.correlation <= 1
    ((2, 468), True)
    """
    X = check_sequences(X)
    emotions = check_labels(X, emotions, name="emotions")
    groups = check_per_sample(X, groups, name="groups")
    check_number("n_seeds", n_seeds, Integral, 2)
    if not any("random_state" in owner.get_params(deep=False) for _, owner in owners(selector)):
        raise ValueError(
            f"selector must have a random_state, its own or its estimator's; {type(selector).__name__} has none."
        )
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_seeds).tolist()
    fitted = Parallel(n_jobs=n_jobs)(
        delayed(fit_to_emotion)(_reseeded(_keeping_all(selector), seed), X, emotions, emotion, groups=groups)
        for seed in seeds
    )
    importances = np.stack([one.importances_ for one in fitted])
    if len(np.unique(importances, axis=0)) < n_seeds:
        raise ValueError(
            "selector must give other importances with another random_state; some seeds gave the same. Does a fit set "
            "a seed of its own, as torch.manual_seed(0) does?"
        )
    stability = {}
    for k in n_landmarks:
        supports = np.zeros(importances.shape, dtype=bool)
        for support, one in zip(supports, fitted):
            support[one.ranking_[:k]] = True
        interval = "bootstrap" if n_seeds < _FEWEST_FOR_ASYMPTOTICS else "asymptotic"
        stability[k] = selection_stability(supports, interval=interval, random_state=0)
    correlations = [spearmanr(a, b).statistic for a, b in combinations(importances, 2)]
    return Bunch(importances=importances, correlation=float(np.mean(correlations)), stability=stability)


def _keeping_all(selector):
    """A clone for its ranking alone, however few landmarks it was to select."""
    selector = clone(selector)
    return (
        selector.set_params(n_landmarks_to_select=None)
        if "n_landmarks_to_select" in selector.get_params()
        else selector
    )


def _reseeded(estimator, seed):
    seeded = clone(estimator)
    names = [
        f"{name}__random_state" if name else "random_state"
        for name, owner in owners(seeded)
        if "random_state" in owner.get_params(deep=False)
    ]
    return seeded.set_params(**dict.fromkeys(names, seed))


def randomization_check(model, X, *, n_repeats=5, random_state=None, **attribution):
    """Compare a network's landmark importances with those of untrained networks.

    Parameters
    ----------
    model : torch.nn.Module or fitted estimator
        As in :func:`landmark_attributions`.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
    n_repeats : int, default=5
        Untrained networks: copies of the model with all weights drawn anew.
    random_state : int, RandomState instance or None, default=None
        Draws the weights.
    **attribution : dict
        Arguments of :func:`landmark_attributions`, such as ``labels`` and ``positive``.

    Returns
    -------
    Bunch
        importances : ndarray of shape (n_landmarks,)
            Of the model.
        untrained : ndarray of shape (n_repeats, n_landmarks)
            Of the untrained networks.
        correlation : float
            Spearman's between both, mean over the repeats. Near that of :func:`seed_agreement`, the
            explanations tell more of the data than of what was learnt.

    Raises
    ------
    ValueError
        If an argument is not as described, or no layer of the model can draw new weights, as in a scripted module.

    References
    ----------
    Adebayo et al., "Sanity Checks for Saliency Maps", arXiv:1810.03292.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import ConvLSTMClassifier, randomization_check
    >>> X = np.random.default_rng(0).normal(size=(40, 4, 2, 10)).astype("float32")
    >>> y = np.arange(40) % 2
    >>> X[y == 1, ..., 4] += 2
    >>> network = ConvLSTMClassifier(lr=1e-2, random_state=0).fit(X, y)
    >>> found = randomization_check(network, X, baselines=X[y == 0][:3], n_repeats=2, random_state=0)
    >>> int(found.importances.argmax()), found.untrained.shape
    (4, (2, 10))
    """
    module = resolve_module(model)
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_repeats).tolist()
    importances = landmark_attributions(module, X, **attribution)
    # An untrained network's outputs are all near one half: no baseline shows what it should lack.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BaselineWarning)
        untrained = np.stack(
            [landmark_attributions(untrained_copy(module, s), X, **attribution) for s in seeds]
        )
    correlations = [spearmanr(importances, one).statistic for one in untrained]
    return Bunch(importances=importances, untrained=untrained, correlation=float(np.mean(correlations)))


def untrained_copy(trained, seed):
    """A copy with all weights drawn anew; what it subtracts from its input stays."""
    module = copy.deepcopy(trained)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for part in module.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
        if isinstance(module, ConvLSTM):
            module._initialize()
    weights = [part.state_dict().values() for part in (trained, module)]
    if all(map(torch.equal, *weights)):
        raise ValueError(
            f"model must have layers with reset_parameters, which draw new weights; {type(module).__name__} has none."
        )
    return module
