"""One table for any set of explanations of a network: how faithful, steady, sparse and right they are."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import check_random_state

from .._validation import check_binary, check_labels, check_number, check_per_sample, check_sequences
from ..attribution import check_pairs, model_outputs, pair_attributions, resolve_module
from ..emotion import decision_values, fit_to_emotion
from ._explanations import deletion_curve, untrained_copy

# Measure → (which way is better, what it says).
MEASURES = {
    "deletion": ("lower", "Mean score as the landmarks named first are replaced by the neutral shape."),
    "insertion": ("higher", "Mean score as they are put back into a neutral face."),
    "retraining": ("higher", "ROC AUC of a classifier retrained on them, less that on random landmarks."),
    "infidelity": (
        "lower",
        "Mean squared error of the values of random landmarks as to what the network loses with them.",
    ),
    "max_sensitivity": (
        "lower",
        "Largest relative change of the explanation when all coordinates move a little.",
    ),
    "sparseness": (
        "",
        "Gini index of the landmarks' values: 0 where all count alike, 1 where a single one does.",
    ),
    "completeness_error": (
        "lower",
        "How far the values miss the change of the answer that they add up to, relative.",
    ),
    "untrained_correlation": (
        "lower",
        "Rank correlation with an untrained network's: high where it shows the data only.",
    ),
    "seed_correlation": ("higher", "Rank correlation with those of networks that differ in their seed only."),
    "relevance_mass": ("higher", "Share of the explanation on the landmarks that are known to matter."),
    "relevance_rank": ("higher", "Share of those landmarks among as many that are named first."),
    "precision_area": ("higher", "Mean precision over all lengths of the list of landmarks named first."),
    "recall_area": ("higher", "Mean recall over all lengths of that list."),
}


def judge_explanations(
    model,
    X,
    y,
    *,
    baselines,
    explanations=("integrated_gradients", "feature_ablation", "gradient_x_input"),
    truth=None,
    other_models=(),
    retrain=None,
    groups=None,
    n_landmarks=16,
    target=1,
    output="probability",
    neutral="first",
    n_steps=50,
    n_perturbations=10,
    radius=0.02,
    random_state=None,
):
    r"""Judge explanations of a network by the measures that are usual, in one table.

    Parameters
    ----------
    model : fitted classifier
        Binary, with a torch module of logits in ``module_``, such as :class:`ConvLSTMClassifier`.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        Sequences to explain, that it was not trained on.
    y : array-like of shape (n_samples,)
        Their two classes, the explained one the last.
    baselines : array-like of shape (n_baselines, n_frames, 2, n_landmarks)
        What explanations are against, such as typical samples of the other emotions.
    explanations : sequence of str or dict, default=("integrated_gradients", "feature_ablation", "gradient_x_input")
        Names as in :func:`pair_attributions`, whose mean over the baselines is taken; or name → such a name, an array
        of the shape of X, or a function of a module and sequences that returns one. Of an array, what needs other
        explanations is missing.
    truth : array-like of shape (n_landmarks,) or (n_samples, n_landmarks), bool, default=None
        Landmarks that are known to matter, as :func:`make_expressions` tells them; judged on the explained class.
    other_models : sequence of fitted classifiers, default=()
        Networks that differ from the model in their seed only, for "seed_correlation".
    retrain : classifier, default=None
        Retrained on the first `n_landmarks` of each explanation of a training part, and on as many random ones, in
        three parts of X, by groups where they are given. None leaves that out.
    groups : array-like of shape (n_samples,), default=None
        Subjects, for `retrain`.
    n_landmarks : int, default=16
        For `retrain`.
    target : int, default=1
        Index of the explained class among the module's outputs.
    output : {"probability", "logit"}, default="probability"
        F, as in :func:`pair_attributions`.
    neutral : "first", float, or array-like that broadcasts to X, default="first"
        As in :func:`deletion_curve`.
    n_steps : int, default=50
        As in :func:`pair_attributions`.
    n_perturbations : int, default=10
        Sets of landmarks for "infidelity", and moved copies for "max_sensitivity", of each sample.
    radius : float, default=0.02
        How far coordinates are moved at most for "max_sensitivity", in the unit of X.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pandas.DataFrame
        A row for each measure that could be had. Columns: the explanations; ``better``, "higher", "lower" or ""; and
        ``meaning``, a sentence.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described above.

    See Also
    --------
    deletion_curve, retraining_curves, seed_agreement, randomization_check : Single measures with their curves.

    Notes
    -----
    A landmark's value is its attributions' sum over frames and coordinates, their magnitudes' for "deletion",
    "insertion", the correlations, "sparseness" and what needs `truth`. With the value :math:`a_l`, mean baselines
    :math:`x'_b` and random sets S, each landmark in it with a chance that is drawn uniformly for each set,

    .. math:: \text{infidelity} = E_S \Bigl(\sum_{l \in S} a_l - \frac1B \sum_b F(x) - F(x_{S \leftarrow x'_b})\Bigr)^2.

    "max_sensitivity" is :math:`\max_\epsilon \|a(x + \epsilon) - a(x)\| / \|a(x)\|` over all coordinates, of
    :math:`\epsilon` uniform within the radius; baselines stay. No measure says alone that an explanation is right: the
    same values, shuffled, would have the same sparseness.

    References
    ----------
    Yeh, Hsieh, Suggala, Inouye, Ravikumar, "On the (In)fidelity and Sensitivity of Explanations", arXiv:1901.09392.

    Chalasani, Chen, Chowdhury, Jha, Wu, "Concise Explanations of Neural Networks using Adversarial Training",
    arXiv:1810.06583 (the Gini index).

    Arras, Osman, Samek, "CLEVR-XAI: A benchmark dataset for the ground truth evaluation of neural network
    explanations", Information Fusion 81, 2022 (relevance mass and rank).

    Ismail, Gunady, Corrada Bravo, Feizi, "Benchmarking Deep Learning Interpretability in Time Series Predictions",
    arXiv:2010.13924 (areas under precision and recall).

    Hedström et al., "Quantus: An Explainable AI Toolkit", Journal of Machine Learning Research 24(34), 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import ConvLSTMClassifier, judge_explanations
    >>> X = np.random.default_rng(0).normal(size=(60, 4, 2, 10)).astype("float32")
    >>> y = np.arange(60) % 2
    >>> X[y == 1, ..., 4] += 2
    >>> network = ConvLSTMClassifier(lr=1e-2, max_epochs=30, random_state=0).fit(X[:40], y[:40])
    >>> table = judge_explanations(
    ...     network, X[40:], y[40:], baselines=X[:6:2], truth=np.arange(10) == 4, neutral=0, random_state=0
    ... )
    >>> float(table.loc["relevance_rank", "integrated_gradients"])
    1.0
    """
    X = check_sequences(X)
    y = check_labels(X, y)
    _, positive = check_binary(y)
    groups = check_per_sample(X, groups, name="groups")
    n_perturbations = check_number("n_perturbations", n_perturbations, Integral, 1)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    check_number("radius", radius, Real, 0)
    if retrain is not None:
        check_number("n_landmarks", n_landmarks, Integral, 1, X.shape[3])
    truth = _checked_truth(truth, X)
    module = resolve_module(model)
    baselines = check_sequences(baselines, name="baselines")
    check_pairs(X, baselines)
    if not isinstance(explanations, dict):
        names = [explanations] if isinstance(explanations, str) else explanations
        explanations = {name: name for name in names}
    if not explanations:
        raise ValueError("explanations must hold at least one; got none.")
    if taken := {"better", "meaning"} & set(explanations):
        raise ValueError(f"explanations must not have the names of the other columns; got {min(taken)!r}.")
    splits = None if retrain is None else _splits(X, positive, groups, seed)
    options = {"target": target, "output": output, "n_steps": n_steps, "random_state": seed}
    F = model_outputs(module, X, output, target)
    lost = F - model_outputs(module, baselines, output, target).mean()
    sets, drops = _losses(module, X, baselines, F, n_perturbations, target, output, seed)
    found = {}
    for name, given in explanations.items():
        explain = _explainer(name, given, baselines, options)
        a = _checked_attributions(name, given if explain is None else explain(module, X), X)
        values, size = a.sum(axis=(1, 2)), np.abs(a).sum(axis=(1, 2))
        ranking = np.argsort(-size.mean(axis=0), kind="stable")
        row = found[name] = {
            mode: deletion_curve(model, X, y, ranking, mode=mode, neutral=neutral).area
            for mode in ("deletion", "insertion")
        }
        if retrain is not None:
            row["retraining"] = _retraining_gain(
                retrain, X, positive, groups, size, n_landmarks, splits, seed
            )
        row["infidelity"] = float(((np.einsum("snl,nl->sn", sets, values) - drops) ** 2).mean())
        row["sparseness"] = float(gini(size).mean())
        row["completeness_error"] = float(
            np.abs(values.sum(axis=1) - lost).mean() / (np.abs(lost).mean() or 1)
        )
        if explain is not None:
            moved = (explain(module, moved) for moved in _moved(X, radius, n_perturbations, seed))
            row["max_sensitivity"] = float(max_sensitivity(a, moved).mean())
            other = np.abs(explain(untrained_copy(module, seed), X)).sum(axis=(0, 1, 2))
            row["untrained_correlation"] = float(spearmanr(size.mean(axis=0), other).statistic)
            others = [np.abs(explain(resolve_module(one), X)).sum(axis=(0, 1, 2)) for one in other_models]
            if others:
                correlations = [spearmanr(size.mean(axis=0), each).statistic for each in others]
                row["seed_correlation"] = float(np.mean(correlations))
        if truth is not None:
            row |= {k: float(v.mean()) for k, v in localisation(size[positive], truth[positive]).items()}
    table = pd.DataFrame(found).reindex(MEASURES).dropna(how="all")
    return table.assign(
        better=[MEASURES[name][0] for name in table.index],
        meaning=[MEASURES[name][1] for name in table.index],
    )


def _checked_truth(truth, X):
    if truth is None:
        return None
    truth = np.asarray(truth)
    if truth.dtype != bool or truth.shape not in ((X.shape[3],), (len(X), X.shape[3])):
        raise ValueError(
            f"truth must be a mask of shape ({X.shape[3]},) or ({len(X)}, {X.shape[3]}); "
            f"got {truth.dtype}, shape {truth.shape}."
        )
    truth = np.broadcast_to(truth, (len(X), X.shape[3]))
    if not truth.any(axis=1).all():
        raise ValueError("truth must name at least one landmark for each sample; it names none for some.")
    return truth


def _explainer(name, given, baselines, options):
    """A function of a module and sequences; None for an array."""
    if isinstance(given, str):
        return lambda module, X: pair_attributions(module, X, baselines, attribution=given, **options).mean(
            axis=1
        )
    return given if callable(given) else None


def _checked_attributions(name, values, X):
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"explanations[{name!r}] must be a name, a function or an array; got {type(values).__name__}."
        ) from error
    if values.shape != X.shape or not np.isfinite(values).all():
        raise ValueError(
            f"explanations[{name!r}] must be finite and of the shape of X, {X.shape}; got {values.shape}."
        )
    return values


def _losses(module, X, baselines, F, n_sets, target, output, seed):
    """Random sets, (n_sets, n_samples, n_landmarks), and what F loses without them, (n_sets, n_samples)."""
    random_state = np.random.RandomState(seed)
    chance = random_state.uniform(size=(n_sets, len(X), 1))
    sets = random_state.uniform(size=(n_sets, len(X), X.shape[3])) < chance
    drops = np.empty(sets.shape[:2])
    for drop, members in zip(drops, sets):
        without = [
            model_outputs(module, np.where(members[:, None, None], baseline, X), output, target)
            for baseline in baselines
        ]
        drop[:] = F - np.mean(without, axis=0)
    return sets.astype(float), drops


def _moved(X, radius, n_copies, seed):
    random_state = np.random.RandomState(seed)
    for _ in range(n_copies):
        yield X + random_state.uniform(-radius, radius, size=X.shape).astype(X.dtype)


def max_sensitivity(attributions, moved):
    """Largest relative change of each sample's attributions among those of moved copies, of shape (n_samples,)."""
    flat = attributions.reshape(len(attributions), -1)
    size = np.linalg.norm(flat, axis=1)
    changes = [np.linalg.norm(each.reshape(flat.shape) - flat, axis=1) for each in moved]
    return np.max(changes, axis=0) / np.where(size > 0, size, 1)


def gini(values):
    """Gini index of each row of values that are not negative, of shape (n_samples, n_landmarks)."""
    values = np.sort(values, axis=1)
    n = values.shape[1]
    total = values.sum(axis=1)
    weights = 2 * np.arange(1, n + 1) - n - 1
    return (weights * values).sum(axis=1) / np.where(total > 0, n * total, 1)


def localisation(values, truth):
    """Where the values, not negative and of shape (n_samples, n_landmarks), lie, by name, each (n_samples,)."""
    n = values.shape[1]
    order = np.argsort(-values, axis=1, kind="stable")
    hits = np.take_along_axis(truth, order, axis=1).cumsum(axis=1)
    n_true = truth.sum(axis=1)
    total = values.sum(axis=1)
    return {
        "relevance_mass": (values * truth).sum(axis=1) / np.where(total > 0, total, 1),
        "relevance_rank": hits[np.arange(len(values)), n_true - 1] / n_true,
        "precision_area": (hits / np.arange(1, n + 1)).mean(axis=1),
        "recall_area": (hits / n_true[:, None]).mean(axis=1),
    }


def _splits(X, positive, groups, seed):
    """Three training and test parts, both classes in each."""
    units = np.arange(len(X)) if groups is None else groups
    fewest = min(len(np.unique(units[positive])), len(np.unique(units[~positive])))
    what = "X must hold samples" if groups is None else "groups must hold subjects"
    if fewest < 3:
        raise ValueError(f"{what} of each class for the three parts of retrain, 3 or more; got {fewest}.")
    folds = StratifiedKFold if groups is None else StratifiedGroupKFold
    splits = list(folds(3, shuffle=True, random_state=seed).split(X, positive, groups))
    if any(len(np.unique(positive[part])) < 2 for split in splits for part in split):
        raise ValueError(f"{what} with both classes, so that each of the three parts of retrain has both.")
    return splits


def _retraining_gain(estimator, X, positive, groups, size, n_landmarks, splits, seed):
    """ROC AUC on test parts with the first landmarks of the training part's explanation, less with random ones."""
    random_state, gains = np.random.RandomState(seed), []
    for train, test in splits:
        first = np.argsort(-size[train].mean(axis=0), kind="stable")[:n_landmarks]
        scores = []
        for chosen in (first, random_state.permutation(X.shape[3])[:n_landmarks]):
            chosen = np.sort(chosen)
            subjects = None if groups is None else groups[train]
            fitted = fit_to_emotion(estimator, X[train][..., chosen], positive[train], True, groups=subjects)
            scores.append(roc_auc_score(positive[test], decision_values(fitted, X[test][..., chosen])))
        gains.append(scores[0] - scores[1])
    return float(np.mean(gains))
