"""When landmarks matter, beside what a network gives to late frames whatever they show."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from .._validation import check_labels, check_number, check_sequences
from ..attribution import BaselineWarning, check_pairs, landmark_attributions, model_outputs, resolve_module

MEASURES = ("attribution", "occlusion")


def time_profile(
    estimator,
    X,
    y,
    *,
    baselines,
    measure="attribution",
    window=1,
    target=1,
    output="probability",
    **attribution,
):
    r"""Importance of each frame, relative to that in a network that learnt from frames that are all alike.

    A network that reads frames in order and keeps its last state gives late frames most of the importance,
    whatever they show. What it gives where every frame shows the same is that habit, and is divided out.

    Parameters
    ----------
    estimator : fitted classifier
        With a torch module of logits in ``module_``, such as :class:`ConvLSTMClassifier`. A clone of it is trained as
        the reference.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        Sequences that are explained, and that the reference is trained on with their frames made alike: the ones
        that the estimator was trained on.
    y : array-like of shape (n_samples,)
        Their two classes.
    baselines : array-like of shape (n_baselines, n_frames, 2, n_landmarks)
        As in :func:`landmark_attributions`.
    measure : {"attribution", "occlusion"}, default="attribution"
        "attribution": the mean magnitude of attributions, summed over the landmarks. "occlusion": the mean magnitude of
        F(x) − F(x with a window of frames around it from the baseline).
    window : int, default=1
        Frames that are occluded at once, an odd number.
    target : int, default=1
    output : {"probability", "logit"}, default="probability"
        As in :func:`landmark_attributions`.
    **attribution : dict
        Other arguments of :func:`landmark_attributions`, such as ``attribution`` and ``n_steps``, for "attribution".

    Returns
    -------
    Bunch
        profile : ndarray of shape (n_frames,)
            Share of each frame in the importance.
        reference : ndarray of shape (n_frames,)
            The same of the reference, of the sequences whose frames are all their mean frame.
        relative : ndarray of shape (n_frames,)
            The first over the second: above 1 where a frame matters more than its place alone would have it.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described above.

    See Also
    --------
    landmark_attributions : ``frame_importances``, which is not corrected.

    Notes
    -----
    A frame without any information may still get some importance, and one whose information another frame repeats
    little: the profile tells what the network uses.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import ConvLSTMClassifier, time_profile
    >>> X, y = np.random.default_rng(0).normal(size=(80, 6, 2, 5)).astype("float32"), np.arange(80) % 2
    >>> X[y == 1, 1:3] += 1  # the second and the third frame tell
    >>> network = ConvLSTMClassifier(n_filters=4, lr=1e-2, max_epochs=30, random_state=0).fit(X, y)
    >>> found = time_profile(network, X, y, baselines=X[y == 0][:3], n_steps=10)
    >>> sorted(np.argsort(-found.relative)[:2].tolist())
    [1, 2]
    """
    check_is_fitted(estimator)
    X, baselines = check_sequences(X), check_sequences(baselines, name="baselines")
    y = check_labels(X, y)
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}; got {measure!r}.")
    check_number("window", window, Integral, 1, X.shape[1])
    if window % 2 == 0:
        raise ValueError(f"window must be odd; got {window}.")
    if measure == "occlusion" and attribution:
        raise ValueError(f'measure="occlusion" takes no further arguments; got {sorted(attribution)}.')

    check_pairs(X, baselines)

    def shares(model, X, baselines):
        if measure == "occlusion":
            values = _occluded(resolve_module(model), X, baselines, window, target, output)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BaselineWarning)
                parts = landmark_attributions(
                    model,
                    X,
                    baselines=baselines,
                    target=target,
                    output=output,
                    return_parts=True,
                    **attribution,
                )
            values = parts.frame_importances.sum(axis=1)
        return values / (values.sum() or 1)

    alike = _alike(X)
    profile = shares(estimator, X, baselines)
    reference = shares(clone(estimator).fit(alike, y), alike, _alike(baselines))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(reference > 0, profile / reference, np.nan)
    return Bunch(profile=profile, reference=reference, relative=relative)


def _alike(X):
    """Sequences that show their mean frame all the time."""
    return np.repeat(X.mean(axis=1, keepdims=True), X.shape[1], axis=1)


def _occluded(module, X, baselines, window, target, output):
    """Mean magnitude of what F loses without each window of frames, of shape (n_frames,)."""
    F, n_frames = model_outputs(module, X, output, target), X.shape[1]
    lost = np.zeros(n_frames)
    for frame in range(n_frames):
        rows = slice(max(0, frame - window // 2), frame + window // 2 + 1)
        for baseline in baselines:
            without = X.copy()
            without[:, rows] = baseline[rows]
            lost[frame] += np.abs(F - model_outputs(module, without, output, target)).mean()
    return lost / len(baselines)
