"""Typical samples, the baselines of the paper's global procedure."""

from collections.abc import Mapping

import numpy as np
from sklearn.metrics import euclidean_distances

from .._validation import check_complete
from ._model import check_output, model_outputs, resolve_module

METHODS = ("medoid", "unlikely_medoid")
# Rows of a block of the distance matrix.
BLOCK = 512


class BaselineWarning(UserWarning):
    """A baseline that already shows what it should lack."""


def typical_samples(X, labels, *, method="medoid", model=None, target=1, output="probability", share=0.5):
    """One typical sample of each label.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        Samples; any shape after the first axis will do. May be a memory map: it is read in blocks.
    labels : array-like of shape (n_samples,)
        Emotion label of each sample.
    method : {"medoid", "unlikely_medoid"} or mapping of label to index, default="medoid"
        "medoid": the sample with the least sum of Euclidean distances to the samples of its label.
        "unlikely_medoid": the medoid of the `share` of the label's samples that `model` gives the lowest
        probability of `target`, as a baseline should have. A mapping gives the samples yourself.
    model : torch.nn.Module or fitted estimator, optional
        For "unlikely_medoid".
    target : int, default=1
        Index of the explained class, for "unlikely_medoid".
    output : {"probability", "logit"}, default="probability"
        What to rank by, for "unlikely_medoid", as in :func:`integrated_gradients`.
    share : float, default=0.5
        For "unlikely_medoid", in (0, 1]; at least one sample is kept.

    Returns
    -------
    dict
        Label → index of its typical sample in X, in the sorted order of the labels.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described above, or a given index belongs to another label.

    Notes
    -----
    The paper says only that a typical sample is chosen for each label; the medoid is our choice. The
    distances are computed exactly, in float64 and in blocks, so that the memory does not grow with the
    square of n_samples. Of samples that tie, the first is taken.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([0.0, 1.0, 5.0, 7.0, 8.0, 20.0]).reshape(-1, 1, 1, 1)
    >>> typical_samples(X, ["joy", "joy", "joy", "fear", "fear", "fear"])
    {'fear': 4, 'joy': 1}
    """
    X, labels = np.asanyarray(X), np.asarray(labels)
    if labels.ndim != 1 or len(labels) != len(X) or not len(X):
        raise ValueError(f"labels must have shape ({len(X)},), one a sample; got {labels.shape}.")
    check_complete(labels, name="labels")
    members = {label: np.flatnonzero(labels == label) for label in np.unique(labels).tolist()}
    if isinstance(method, Mapping):
        return _given(method, members)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)} or a mapping; got {method!r}.")
    if method == "unlikely_medoid":
        values = _outputs(model, X, output, target)
        members = {label: _least(values, rows, share) for label, rows in members.items()}
    return {label: int(rows[medoid(X, rows)]) for label, rows in members.items()}


def _given(indices, members):
    """The caller's own choice, each index checked against its label."""
    missing = [label for label in members if label not in indices]
    if missing:
        raise ValueError(f"method must give a sample of each label; none for {missing}.")
    for label, index in indices.items():
        if label not in members or index not in members[label]:
            raise ValueError(f"method must give indices of samples of their label; got {label!r}: {index!r}.")
    return {label: int(indices[label]) for label in members}


def _outputs(model, X, output, target):
    if model is None:
        raise ValueError('model must be given with method="unlikely_medoid"; got None.')
    module = resolve_module(model)
    check_output(module, X[:2], X[-1:], output, target)
    return model_outputs(module, X, output, target)


def _least(values, rows, share):
    """The share of the rows with the least values, at least one, in their order."""
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1]; got {share}.")
    n_kept = max(1, int(np.ceil(share * len(rows))))
    return np.sort(rows[np.argsort(values[rows], kind="stable")[:n_kept]])


def medoid(X, rows):
    """Position in `rows` of the sample with the least sum of distances to X[rows]; the first of ties."""
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    # Centred, so that the expanded square that euclidean_distances uses loses no digits.
    centre = sum(_flat(X, block).sum(axis=0) for block in blocks) / len(rows)
    total = np.concatenate([_distance_sums(X, block, blocks, centre) for block in blocks])
    # Rounding must not decide between equal samples.
    return int(np.argmax(total <= total.min() * (1 + 1e-9)))


def _distance_sums(X, block, blocks, centre):
    points = _flat(X, block) - centre
    return sum(euclidean_distances(points, _flat(X, other) - centre).sum(axis=1) for other in blocks)


def _flat(X, rows):
    return np.asarray(X[rows], dtype=np.float64).reshape(len(rows), -1)
