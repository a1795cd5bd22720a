"""How early in a sequence a classifier can tell: its score against the number of frames seen."""

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._validation import check_labels, check_number, check_per_sample, check_sequences
from ..emotion import decision_values
from ..preprocessing import resample
from ._groups import draws_of_subjects, ordered_pairs, weighted_auc
from ._statistics import check_confidence

FILLS = ("hold", "stretch")


def early_decisions(
    classifier,
    X,
    y,
    *,
    groups=None,
    n_frames=None,
    fill="hold",
    confidence=0.95,
    n_bootstraps=1000,
    random_state=0,
):
    """ROC AUC of a fitted classifier that has seen only the first frames of each sequence.

    Parameters
    ----------
    classifier : classifier
        Binary and fitted, on whole sequences of other subjects.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        Not trained on.
    y : array-like of shape (n_samples,)
        Two classes; the second of ``classifier.classes_`` is the one to find.
    groups : array-like of shape (n_samples,), default=None
        Subjects, for the intervals; None takes each sequence for one of a subject of its own.
    n_frames : list of int, default=None
        Numbers of frames seen; None is every number from 1 to all.
    fill : {"hold", "stretch"}, default="hold"
        What takes the place of the frames not yet seen, since the classifier wants as many as it was trained on.
        "hold" repeats the last one seen: the face stands still from then on. "stretch" spreads the frames seen evenly
        over the whole length, linear in between, as a window does that ends at the present moment.
    confidence : float, default=0.95
        Level of the intervals.
    n_bootstraps : int, default=1000
        Times that subjects are drawn anew.
    random_state : int, RandomState instance or None, default=0
        Draws them.

    Returns
    -------
    DataFrame
        Columns ``n_frames``, ``roc_auc``, ``low`` and ``high``; NaN as interval of one subject.

    Raises
    ------
    NotFittedError
        If the classifier is not fitted.
    ValueError
        If an argument is not as described, or y holds one class.

    See Also
    --------
    EarlyDecisionDisplay : Draws it.
    group_scores : Explains the intervals.

    Notes
    -----
    Of one frame, nothing is left less the neutral one, so behind :class:`NeutralDifference` one frame gives .5. The
    classifier was not trained to decide early; one that is trained on sequences cut short may do better.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import LandmarkAligner, NeutralDifference, SequenceFlattener, early_decisions
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> faces = make_expressions(n_subjects=10, n_repeats=1, n_frames=5, difficulty=0, random_state=0)
    >>> X, y, train = faces.data, faces.target == "surprise", faces.groups < "S006"
    >>> svm = make_pipeline(LandmarkAligner(), NeutralDifference(), SequenceFlattener(), SVC())
    >>> found = early_decisions(svm.fit(X[train], y[train]), X[~train], y[~train], groups=faces.groups[~train])
    >>> (found.loc[[0, 4], "roc_auc"] > 0.75).tolist()  # of the first frame, and of all five
    [False, True]
    """
    check_is_fitted(classifier, "classes_")
    X = check_sequences(X)
    y = check_labels(X, y)
    groups = check_per_sample(X, groups, name="groups")
    check_confidence(confidence)
    check_number("n_bootstraps", n_bootstraps, Integral, 1)
    if fill not in FILLS:
        raise ValueError(f"fill must be one of {', '.join(map(repr, FILLS))}; got {fill!r}.")
    counts = (
        range(1, X.shape[1] + 1) if n_frames is None else [n_frames] if np.isscalar(n_frames) else n_frames
    )
    counts = [check_number("n_frames", count, Integral, 1, X.shape[1]) for count in counts]
    classes = classifier.classes_
    if len(classes) != 2 or not np.isin(y, classes).all():
        raise ValueError(
            f"classifier must be binary with the classes of y; it has {classes.tolist()}, y {np.unique(y).tolist()}."
        )
    target = y == classes[1]
    if target.all() or not target.any():
        raise ValueError(f"y must hold both classes; got only {y[:1].tolist()[0]!r}.")
    codes, names = pd.factorize(np.arange(len(y)) if groups is None else groups, sort=True)
    weights = draws_of_subjects(len(names), n_bootstraps, check_random_state(random_state))
    tail, rows = 50 * (1 - confidence), []
    for count in counts:
        values = decision_values(classifier, _seen(X, count, fill))
        aucs = weighted_auc(*ordered_pairs(target, values, codes, len(names)), weights)
        drawn, interval = aucs[1:][np.isfinite(aucs[1:])], (np.nan, np.nan)
        if len(names) > 1 and len(drawn):
            interval = np.percentile(drawn, [tail, 100 - tail])
        rows.append((count, aucs[0], *interval))
    return pd.DataFrame(rows, columns=["n_frames", "roc_auc", "low", "high"])


def _seen(X, count, fill):
    """Sequences of which the first frames alone are known."""
    if fill == "hold":
        return X[:, np.minimum(np.arange(X.shape[1]), count - 1)]
    frames = np.moveaxis(X[:, :count], 0, -1)  # resample takes one sequence, of any number of points
    stretched = resample(frames.reshape(count, 2, -1), np.arange(count), X.shape[1])
    return np.moveaxis(stretched.reshape(X.shape[1], *frames.shape[1:]), -1, 0)
