"""The paper's global landmark relevance, in one pass that keeps no attributions."""

import warnings

import numpy as np
from sklearn.utils import Bunch, check_random_state

from ._baselines import BaselineWarning, typical_samples
from ._integrated_gradients import attribute_pairs, check_pairs
from ._model import resolve_module
from ._pairs import documented_attribution
from ._rivals import make_explainer

EXPLAIN = ("all", "positive")
# Samples of a label that expected gradients draw their baselines from.
BACKGROUND = 256


@documented_attribution
def landmark_attributions(
    model,
    X,
    *,
    labels=None,
    baselines=None,
    positive=None,
    explain="all",
    typical="medoid",
    attribution="integrated_gradients",
    target=1,
    n_steps=50,
    method="riemann_right",
    output="probability",
    engine="auto",
    batch_size=None,
    tolerance=0.01,
    random_state=None,
    return_parts=False,
):
    r"""Relevance of every landmark to a network, the paper's mean magnitude of integrated gradients, or of a rival.

    Parameters
    ----------
    model : torch.nn.Module or fitted estimator
        As in :func:`integrated_gradients`.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        May be a memory map: it is read in batches.
    labels : array-like of shape (n_samples,), optional
        Emotion labels. The typical sample of each becomes a baseline, for the samples of the other labels.
    baselines : array-like of shape (n_baselines, n_frames, 2, n_landmarks), optional
        Baselines for every sample, instead of typical samples.
    positive : label or array-like of shape (n_samples,), bool, optional
        The emotion that the network detects: its label among `labels`, or a mask of its samples.
    explain : {"all", "positive"}, default="all"
        The samples to explain: all, as in the paper, or those of the positive class.
    typical : str or mapping, default="medoid"
        The `method` of :func:`typical_samples`.
    {attribution}

        With "expected_gradients" baselines are drawn from all samples of a label (of more than 256, from so many of
        them) in place of its typical sample, or from the `baselines` given.
    target : int, default=1
        Index of the explained class.
    {n_steps_of_attribution}
    {engine_of_attribution}
    batch_size, tolerance
        As in :func:`integrated_gradients`.
    {random_state_of_draws}
    return_parts : bool, default=False
        Return what the mean is made of, too.

    Returns
    -------
    importances : ndarray of shape (n_landmarks,), float64
        Unless `return_parts`.
    parts : Bunch
        If `return_parts`, with the attributes

        - `importances`, of shape (n_landmarks,);
        - `frame_importances`, of shape (n_frames, n_landmarks): when each landmark matters; its sum over the
          frames is `importances`;
        - `signed_importances`, of shape (n_landmarks,): the mean of the attributions with their signs, which may
          cancel: above 0 where the landmark's being elsewhere than in the baseline speaks for the explained class;
        - `movements`, of shape (2, n_landmarks): which movement speaks for the class, the mean of attribution ×
          displacement from the baseline, summed over frames, in units of F times those of X. Above 0 in the first
          row: to the right; in the second: down;
        - `by_label`, of shape (n_labels, n_landmarks): over the samples of each label;
        - `by_baseline`, of shape (n_baselines, n_landmarks): against each baseline;
        - `means`, of shape (n_labels, n_baselines, n_frames, n_landmarks): both, NaN without a pair;
        - `n_pairs`, of shape (n_labels, n_baselines): explained pairs;
        - `labels`, of length n_labels: the label of each row (without `labels`, one row named None);
        - `typical_samples`: dict of label to index, in the order of the baselines; None without `labels` and with
          "expected_gradients", whose baselines are the labels;
        - `baseline_outputs`, of shape (n_baselines,): F at each baseline, or its mean over what
          baselines are drawn from;
        - `convergence_delta`: mean :math:`|\delta|`, in units of F;
        - `relative_delta`: mean :math:`|\delta|` over mean :math:`|F(x) - F(x')|`; 0 if that is 0.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described above.

    Warns
    -----
    BaselineWarning
        If the typical sample of another emotion than `positive` already has a probability above one half.
        Without `positive` the label of the most probable typical sample is taken for it. Of `baselines` that
        are given, `baseline_outputs` tells the same.

    Notes
    -----
    For baseline b, the mean over the explained samples i of another label; then the mean over baselines:

    .. math:: R_l = \frac1B \sum_b \frac1{n_b} \sum_{i} \sum_{t, c} \bigl|IG_{t c l}(x_i; x'_b)\bigr|

    In the paper every sample has five baselines, the typical samples of the five labels other than its own.

    `movements` is a mean of the attribution times the displacement, so that a landmark that speaks for the class when
    it moves up, and against it when it moves down, has its arrow upwards from both. Of a linear model it is
    :math:`w_c` times the mean square of the displacement.

    References
    ----------
    {paper}

    Examples
    --------
    >>> import torch
    >>> from sklearn_emoxai import ConvLSTM, landmark_attributions
    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(6, 10, 2, 20)
    >>> landmark_attributions(ConvLSTM(20), X, labels=["fear", "joy"] * 3, positive="joy").shape
    (20,)
    """
    module = resolve_module(model)
    many = attribution == "expected_gradients"
    X, labels, baselines, indices = _samples(
        module, X, labels, baselines, typical, target, output, random_state if many else False
    )
    if X.ndim != 4:
        raise ValueError(f"X must have shape (n_samples, n_frames, 2, n_landmarks); got {X.shape}.")
    mask = _positive_mask(positive, labels, len(X))
    explainer = make_explainer(
        attribution, module, X, baselines, target, n_steps, method, output, engine, batch_size, random_state
    )
    F_baselines = explainer.outputs(baselines)
    names, codes = np.array([None]), np.zeros(len(X), dtype=int)
    allowed = np.tile(_explained(explain, mask, len(X))[:, None], len(baselines))
    if labels is not None:
        names, codes = np.unique(labels, return_inverse=True)
        allowed &= codes[:, None] != np.arange(len(names))
    if output == "probability" and indices is not None:
        _warn_of_baselines(F_baselines, indices, mask, labels)
    if not allowed.any():
        raise ValueError("X must hold samples to explain against a baseline of another label; got none.")
    parts = _accumulate(
        explainer, X, baselines, codes, allowed, len(names),
        n_steps=n_steps, method=method, batch_size=batch_size, tolerance=tolerance,
    )  # fmt: skip
    parts.update(labels=names.tolist(), typical_samples=indices, baseline_outputs=F_baselines)
    return parts if return_parts else parts.importances


def _samples(module, X, labels, baselines, typical, target, output, background):
    """X, labels, baselines as arrays, and the typical samples' indices if they are the baselines.

    Unless `background` is False, it draws lists of baselines, in place of typical samples.
    """
    if (labels is None) == (baselines is None):
        given = "neither" if labels is None else "both"
        raise ValueError(f"labels or baselines must be given, one of the two; got {given}.")
    if labels is None:
        X, baselines = check_pairs(X, baselines)
        return X, None, baselines if background is False else [baselines], None
    X, _ = check_pairs(X, X[:1])
    labels = np.asarray(labels)
    if background is not False:
        return X, labels, _backgrounds(X, labels, check_random_state(background)), None
    indices = typical_samples(X, labels, method=typical, model=module, target=target, output=output)
    _check_several(indices)
    return X, labels, X[list(indices.values())], indices


def _check_several(labels):
    if len(labels) < 2:
        raise ValueError(f"labels must hold at least two labels; got only {list(labels)}.")


def _backgrounds(X, labels, random_state):
    """Samples of each label, in the sorted order of the labels, at most `BACKGROUND`."""
    if labels.shape != (len(X),):
        raise ValueError(f"labels must have shape ({len(X)},), one a sample; got {labels.shape}.")
    _check_several(np.unique(labels).tolist())
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return [
        X[np.sort(random_state.permutation(rows)[:BACKGROUND])] if len(rows) > BACKGROUND else X[rows]
        for rows in members
    ]


def _explained(explain, positive, n_samples):
    """Mask of the samples to explain."""
    if explain not in EXPLAIN:
        raise ValueError(f"explain must be one of {', '.join(EXPLAIN)}; got {explain!r}.")
    if explain == "all":
        return np.ones(n_samples, dtype=bool)
    if positive is None:
        raise ValueError('positive must name the positive class with explain="positive"; got None.')
    return positive


def _positive_mask(positive, labels, n_samples):
    if positive is None:
        return None
    if np.ndim(positive):
        mask = np.asarray(positive)
        if mask.dtype != bool or mask.shape != (n_samples,):
            raise ValueError(
                f"positive must be a label or a boolean mask of shape ({n_samples},); "
                f"got shape {mask.shape}, dtype {mask.dtype}."
            )
        return mask
    if labels is None or positive not in labels:
        known = "none without labels" if labels is None else ", ".join(map(str, np.unique(labels)))
        raise ValueError(f"positive must be one of the labels ({known}) or a boolean mask; got {positive!r}.")
    return labels == positive


def _warn_of_baselines(F_baselines, indices, positive, labels):
    """Warn of typical samples that the network takes for the positive class without being of it."""
    names = list(indices)
    own = {names[int(np.argmax(F_baselines))]} if positive is None else set(labels[positive].tolist())
    suspects = {n: round(float(F), 3) for n, F in zip(names, F_baselines) if F > 0.5 and n not in own}
    if suspects:
        warnings.warn(
            f"the network takes the typical samples of {suspects} for the explained emotion, and paths from them say "
            'little about it: train it longer, or set typical="unlikely_medoid".',
            BaselineWarning,
            stacklevel=3,
        )


def _accumulate(explainer, X, baselines, codes, allowed, n_labels, **options):
    """Means of |IG| over the pairs of each label and baseline, and what follows from them."""
    n_pairs = np.zeros((n_labels, len(baselines)), dtype=int)
    sums = np.zeros((*n_pairs.shape, X.shape[1], X.shape[3]))
    signed, movements = np.zeros((2, len(baselines), *X.shape[2:]))
    absolute = differences = 0.0
    stream = attribute_pairs(explainer, X, baselines, with_delta=True, allowed=allowed, **options)
    for b, samples, part, delta in stream:
        np.add.at(n_pairs[:, b], codes[samples], 1)
        np.add.at(sums[:, b], codes[samples], np.abs(part).sum(axis=2))
        signed[b] += part.sum(axis=(0, 1))
        origin = baselines[b].mean(axis=0) if isinstance(baselines, list) else baselines[b]
        movements[b] += np.einsum("ntcl,ntcl->cl", part, X[samples] - origin)
        absolute += np.abs(delta).sum()
        differences += np.abs(part.reshape(len(part), -1).sum(axis=1, dtype=float) - delta).sum()
    pairs, total = n_pairs[..., None, None], n_pairs.sum()
    used = n_pairs.any(axis=0)
    with np.errstate(invalid="ignore"):
        means = sums / pairs
        by_baseline = sums.sum(axis=0) / pairs.sum(axis=0)
        by_label = sums.sum(axis=1) / pairs.sum(axis=1)
    frames = by_baseline[used].mean(axis=0)
    signed, movements = (
        (each[used] / n_pairs.sum(axis=0)[used, None, None]).mean(axis=0) for each in (signed, movements)
    )
    return Bunch(
        importances=frames.sum(axis=0),
        frame_importances=frames,
        signed_importances=signed.sum(axis=0),
        movements=movements,
        by_label=by_label.sum(axis=1),
        by_baseline=by_baseline.sum(axis=1),
        means=means,
        n_pairs=n_pairs,
        convergence_delta=absolute / total,
        # F without any difference has nothing to be incomplete about.
        relative_delta=absolute / differences if differences else 0.0,
    )
