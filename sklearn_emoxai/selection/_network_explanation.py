"""One network, trained on all landmarks, and what its decisions are attributed to."""

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.utils import Bunch, check_random_state

from ..attribution import BACKGROUND, landmark_attributions, typical_samples
from ..network import RANDOM_NUMBERS
from ._base import fit_clone
from ._reproducibility import reseeded


def explain_network(
    estimator,
    X,
    y,
    positive,
    emotion,
    groups,
    *,
    seed,
    attribution,
    n_steps,
    explain,
    typical,
    n_baselines,
    max_samples,
    random_state,
    code=None,
):
    """Fit the network on all landmarks, with a seed of its own unless None, and attribute its decisions.

    A memory keeps the result by its arguments; ``code`` is the network's, for that alone.
    """
    if seed is None:
        fitted = fit_clone(estimator, X, y, groups)
    else:
        with RANDOM_NUMBERS, torch.random.fork_rng():
            torch.manual_seed(seed)
            fitted = fit_clone(reseeded(estimator, seed), X, y, groups)
    if not isinstance(getattr(fitted, "module_", None), torch.nn.Module):
        raise TypeError(no_module(estimator))
    target = int(np.flatnonzero(np.unique(y) == y[positive][0])[0])
    rows = np.arange(len(X))
    if max_samples is not None and max_samples < len(X):  # X as it is may stay in its file
        rows = _draw(positive if emotion is None else emotion, max_samples, random_state)
        X, positive, emotion = X[rows], positive[rows], None if emotion is None else emotion[rows]
    typical_rows, baselines = None, None
    if emotion is None and attribution == "expected_gradients":
        rest = np.flatnonzero(~positive)
        baselines = X[rest[_draw(np.zeros(len(rest)), min(BACKGROUND, len(rest)), random_state)]]
    elif emotion is None:
        typical_rows = _cluster_medoids(X, ~positive, n_baselines, random_state)
        baselines = X[list(typical_rows.values())]
    found = landmark_attributions(
        fitted,
        X,
        labels=emotion,
        baselines=baselines,
        positive=positive,
        attribution=attribution,
        random_state=random_state,
        target=target,
        n_steps=n_steps,
        explain=explain,
        typical=typical,
        return_parts=True,
    )
    typical_rows = typical_rows or found.typical_samples
    return Bunch(
        estimator=fitted,
        profile=found.frame_importances,
        movements=found.movements,
        typical_samples=typical_rows and {name: int(rows[i]) for name, i in typical_rows.items()},
        convergence_delta=found.convergence_delta,
    )


def _draw(labels, max_samples, random_state):
    """Sorted rows, drawn from each label in proportion and without replacement."""
    random_state = check_random_state(random_state)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.sort(
        np.concatenate(
            [
                random_state.choice(rows, n_drawn(len(rows), len(labels), max_samples), replace=False)
                for rows in members
            ]
        )
    )


def n_drawn(n_members, n_samples, max_samples):
    """Samples of a label that are drawn: its share of max_samples, at least one."""
    if max_samples is None or max_samples >= n_samples:
        return n_members
    return max(n_members * max_samples // n_samples, 1)


def no_module(estimator):
    """What to say of an estimator that is no network."""
    return (
        "estimator must have a torch module of logits in module_ after fit, as ConvLSTMClassifier and skorch nets "
        f"have; got {type(estimator).__name__}. PermutationLandmarkSelector takes any classifier."
    )


def _cluster_medoids(X, members, n_clusters, random_state):
    """Cluster the member sequences; number of the cluster → index in X of its medoid."""
    rows = np.flatnonzero(members)
    flat = X[rows].reshape(len(rows), -1)
    clusters = KMeans(n_clusters, n_init=1, random_state=random_state).fit_predict(flat)
    return {cluster: int(rows[i]) for cluster, i in typical_samples(flat, clusters).items()}
