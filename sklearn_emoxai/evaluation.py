"""Comparing models on the same splits by subject."""

import time

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from tqdm.auto import tqdm

from ._validation import check_labels, check_per_sample, check_sequences
from .classifier import ConvLSTMClassifier
from .emotion import decision_values, fit_to_emotion
from .preprocessing import LandmarkAligner, NeutralDifference, SequenceFlattener
from .selection import IGLandmarkSelector

METRICS = ("accuracy", "balanced_accuracy", "roc_auc", "f1", "mcc")


def paper_models(*, n_landmarks_to_select=128, memory=None, random_state=0, **network):
    """The paper's networks, the SVMs and the majority class, on all landmarks and on the selected ones.

    Parameters
    ----------
    n_landmarks_to_select : int or float, default=128
        As in :class:`IGLandmarkSelector`.
    memory : str, path, joblib.Memory or None, default=None
        Where rankings are kept, so that both SVMs use the one of T-EMO.
    random_state : int, default=0
        Seed of the networks.
    **network : dict
        Parameters of :class:`ConvLSTMClassifier`.

    Returns
    -------
    dict of str to Pipeline
        Binary classifiers of landmark sequences, each behind :class:`LandmarkAligner` and
        :class:`NeutralDifference`. The SVMs' C is searched by subject, inside the training part.

    Examples
    --------
    >>> from sklearn_emoxai.evaluation import paper_models
    >>> list(paper_models())[:4]
    ['majority class', 'linear SVM', 'RBF SVM', 'T-EMO']
    """
    t_emo = ConvLSTMClassifier(random_state=random_state, **network)
    r_emo = clone(t_emo).set_params(randomized_conv=True)

    def selector(estimator):
        return IGLandmarkSelector(
            estimator, n_landmarks_to_select=n_landmarks_to_select, memory=memory, random_state=random_state
        )

    def svm(kernel):
        svc = SVC(kernel=kernel, class_weight=t_emo.class_weight)
        return make_pipeline(
            SequenceFlattener(), GridSearchCV(svc, {"C": [1, 10, 100]}, cv=StratifiedGroupKFold(2))
        )

    classifiers = {
        "linear SVM": (svm("linear"), selector(t_emo)),
        "RBF SVM": (svm("rbf"), selector(t_emo)),
        "T-EMO": (t_emo, selector(t_emo)),
        "R-EMO": (r_emo, selector(r_emo)),
    }
    prepare = [("align", LandmarkAligner()), ("difference", NeutralDifference())]
    models = {"majority class": DummyClassifier()}
    for name, (classifier, _) in classifiers.items():
        models[name] = Pipeline([*prepare, ("classify", classifier)])
    for name, (classifier, select) in classifiers.items():
        models[f"{name}, selected"] = Pipeline([*prepare, ("select", select), ("classify", classifier)])
    return models


def compare(
    models,
    X,
    y,
    *,
    groups,
    emotions=None,
    n_splits=5,
    n_runs=1,
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Fit and score binary models, one emotion against the rest, on the same splits by subject.

    Parameters
    ----------
    models : dict of str to classifier
        Name → estimator, often a Pipeline. Steps that ask for ``emotion`` or ``groups`` by metadata routing,
        as :class:`IGLandmarkSelector` and :class:`ConvLSTMClassifier` do, get them.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
    y : array-like of shape (n_samples,)
        Emotion labels.
    groups : array-like of shape (n_samples,)
        Subjects. None of them is both trained and tested on.
    emotions : list, default=None
        Labels to tell from the rest, one after another. None takes all of y but "neutral".
    n_splits : int, default=5
        Parts of the subjects; each is tested on once in a run.
    n_runs : int, default=1
        Repetitions with other partitions.
    n_jobs : int, default=None
        Splits fitted at once, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Draws the partitions.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row for each emotion, model, run and split, with the columns ``emotion``, ``model``, ``n_landmarks``,
        ``run``, ``split``, ``accuracy``, ``balanced_accuracy``, ``roc_auc``, ``f1``, ``mcc`` (all on the tested
        subjects), ``fit_seconds`` and ``predict_seconds``.

    Raises
    ------
    ValueError
        If an argument has a wrong shape, an emotion is not in y, or has samples of fewer subjects than there
        are splits.
    """
    X = check_sequences(X)
    y = check_labels(X, y)
    groups = check_per_sample(X, groups, name="groups")
    if groups is None:
        raise ValueError("groups must hold the subject of each sample; got None.")
    if not models:
        raise ValueError("models must hold at least one estimator; got an empty dictionary.")
    labels = np.unique(y)
    if emotions is None:
        emotions = [label for label in labels.tolist() if label != "neutral"]
    for emotion in emotions:
        if emotion not in labels:
            raise ValueError(f"emotions must be labels of y, {labels.tolist()}; got {emotion!r}.")
        n_subjects = len(np.unique(groups[y == emotion]))
        if n_subjects < n_splits:
            raise ValueError(
                f"n_splits must be at most the number of subjects with {emotion!r}, {n_subjects}; got {n_splits}."
            )

    random_state = check_random_state(random_state)
    seeds = random_state.randint(np.iinfo(np.int32).max, size=n_runs)
    cells = []
    for emotion in emotions:
        target = y == emotion
        for run, seed in enumerate(seeds):
            folds = StratifiedGroupKFold(n_splits, shuffle=True, random_state=int(seed))
            for split, (train, test) in enumerate(folds.split(X, target, groups)):
                cells.append((emotion, run, split, train, test))

    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    results = parallel(delayed(_cell)(models, X, y, groups, *cell) for cell in cells)
    bar = tqdm(results, total=len(cells), desc="splits", unit="split", disable=not verbose)
    return pd.DataFrame([row for rows in bar for row in rows])


def _cell(models, X, y, groups, emotion, run, split, train, test):
    """Rows of all models on one split."""
    target = y[test] == emotion
    rows = []
    for name, model in models.items():
        start = time.perf_counter()
        model = fit_to_emotion(model, X[train], y[train], emotion, groups=groups[train])
        fitted = time.perf_counter()
        predicted, scores = model.predict(X[test]), decision_values(model, X[test])
        rows.append(
            {
                "emotion": emotion,
                "model": name,
                "n_landmarks": _n_landmarks(model, X),
                "run": run,
                "split": split,
                **_metrics(target, predicted, scores),
                "fit_seconds": fitted - start,
                "predict_seconds": time.perf_counter() - fitted,
            }
        )
    return rows


def _metrics(target, predicted, scores):
    return {
        "accuracy": accuracy_score(target, predicted),
        "balanced_accuracy": balanced_accuracy_score(target, predicted),
        "roc_auc": roc_auc_score(target, scores),
        "f1": f1_score(target, predicted, zero_division=0),
        "mcc": matthews_corrcoef(target, predicted),
    }


def _n_landmarks(model, X):
    """Landmarks that the last step of a fitted model sees."""
    steps = [step for _, step in getattr(model, "steps", [])]
    supports = [step.get_support() for step in steps if hasattr(step, "get_support")]
    return int(supports[-1].sum()) if supports else X.shape[3]


def summarize(results, metric="balanced_accuracy"):
    """Mean ± standard deviation over runs and splits, a row for each model and a column for each emotion.

    Parameters
    ----------
    results : pandas.DataFrame
        As returned by :func:`compare`.
    metric : {"accuracy", "balanced_accuracy", "roc_auc", "f1", "mcc"}, default="balanced_accuracy"

    Returns
    -------
    pandas.DataFrame of str
        The last column is the mean over emotions, with the standard deviation between splits.
    """
    order = list(dict.fromkeys(zip(results["model"], results["n_landmarks"])))
    by_split = results.groupby(["model", "n_landmarks", "run", "split"], sort=False)[metric].mean()
    keys = ["model", "n_landmarks"]
    cells = results.groupby([*keys, "emotion"], sort=False)[metric].agg(["mean", "std"])
    table = _plus_minus(cells).unstack("emotion")[list(dict.fromkeys(results["emotion"]))]
    table["mean"] = _plus_minus(by_split.groupby(keys, sort=False).agg(["mean", "std"]))
    return table.loc[order]


def _plus_minus(cells):
    return cells["mean"].map("{:.3f}".format) + " ± " + cells["std"].map("{:.3f}".format)
