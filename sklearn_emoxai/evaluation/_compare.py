"""Comparing models on the same splits."""

import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from numbers import Integral

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from sklearn.utils import check_random_state
from sklearn.utils.parallel import delayed

from .._validation import check_labels, check_number, check_per_sample, check_sequences
from ..emotion import EmotionClassifier, decision_values, fit_to_emotion
from ..selection import selected_landmarks
from ..storage import in_order
from . import _checks as checks
from ._configure import code_of, configured, describe, describe_scorer, has_selector, searched_parameters
from ._groups import as_predictions
from ._models import PAPER_COUNTS, paper_models
from ._progress import counted_fits
from ._protocols import find_protocol, partitions, take, training_groups
from ._resuming import FORMAT, ResumableRun, difference, fingerprint, machine, versions, warn_of_unknown_code
from ._statistics import METRICS, ScorerError, score


def compare(
    models,
    X,
    y,
    *,
    groups=None,
    protocol="subject",
    emotions=None,
    n_landmarks=None,
    n_splits=None,
    n_runs=10,
    metrics=METRICS,
    keep_predictions=False,
    folder=None,
    description="",
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Fit and score binary models, one emotion against the rest, on the same splits.

    Parameters
    ----------
    models : dict of str to classifier, list of (str, classifier), or None
        Name → estimator, often a Pipeline. Steps that ask for ``emotion`` or ``groups`` by metadata routing,
        as :class:`IGLandmarkSelector` and :class:`ConvLSTMClassifier` do, get them. None takes
        :func:`paper_models`.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        May be a memory map: a training part is read at a time.
    y : array-like of shape (n_samples,)
        Emotion labels.
    groups : array-like of shape (n_samples,), default=None
        Subjects.
    protocol : str or scikit-learn splitter, default="subject"
        - "subject": ``n_splits`` parts of the subjects, each tested on once in a run. No subject is
          both trained and tested on.
        - "leave-one-subject-out": each subject is tested on once in a run.
        - "paper-no-leak": 85 % of the sequences train, 15 % test; mirrored copies are added to the training part
          only. Subjects are on both sides.
        - "paper": as the paper does it, mirrored copies of all sequences are added before 15 % are drawn for
          testing. It leaks: a tested sequence's mirror image may be trained on.
        - A splitter: its splits of the samples, with "this emotion or not" as y.
    emotions : list, default=None
        Labels to tell from the rest, one after another. None takes all of y but "neutral".
    n_landmarks : int or list of int, default=None
        Landmark counts for the models that have a landmark selector, as an IGLandmarkSelector; at the count of
        X nothing is selected. A :class:`FixedLandmarkSelector` keeps its own. None leaves models as they are, or
        with ``models=None`` takes the paper's 468, 234, 128, 64, 32 and 16.
    n_splits : int, default=None
        For "subject". None is 5.
    n_runs : int, default=10
        Repetitions with other seeds and, where the protocol draws them, other splits.
    metrics : list of str, or dict of str to scorer, default=("accuracy", "balanced_accuracy", "roc_auc", "f1", "mcc")
        Of these, "f1" is that of the emotion, 0 where it is never predicted. Others are scikit-learn's scorers, by
        their names, such as "average_precision", or as what :func:`~sklearn.metrics.make_scorer` gives, in a
        dictionary with names of yours; the class True is the emotion.
    keep_predictions : bool, default=False
        Add a column with the decision on every tested sample, for :func:`group_scores` and ``summarize(by=...)``.
    folder : path-like, default=None
        Keeps every finished fit. The same call after an interruption goes on where it stopped, and gives the
        table that it would have given; it is refused where the models' code has changed since: of what lies outside
        installed packages the code as it runs, of what lies inside the package's version. Made where it does not
        exist.
    description : str, default=""
        What the data are, for readers of the folder.
    n_jobs : int, default=None
        Training parts at once, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Draws the splits, and for each training part one seed for every ``random_state`` of the models that is
        None. With a folder that exists, None takes its own.
    verbose : int, default=0
        1 says what is about to be fitted, and shows a progress bar, which counts each fit as soon as it is done.

    Returns
    -------
    pandas.DataFrame
        One row for each emotion, model, landmark count, run and split:

        - ``emotion``, ``model``, ``n_landmarks``, ``run``, ``split``;
        - ``n_train``, ``n_test``: samples, without copies that the protocol adds to a training part;
        - the metrics, on the test part;
        - ``fit_seconds``, ``predict_seconds``. The first model of a training part that needs a ranking
          computes it, the others reuse it;
        - ``parameters``: those that the model searched, as JSON, or "";
        - ``selected``: its landmarks in the order of choice, separated by spaces, or "". Of several selectors in a
          row, those that the last one leaves, by their numbers in X; of an :class:`EmotionClassifier`, those of the
          emotion's own classifier;
        - ``predictions``, with ``keep_predictions``: as JSON, the numbers of the tested samples in X, their targets,
          predictions and decision values, to six digits.

    Raises
    ------
    ValueError, TypeError
        Before anything is fitted: if an argument is not as described, a part of the data lacks what a split, a
        search, a validation or a metric needs, or the folder holds another comparison, or one with other code. Later,
        if a scorer that is not of the five fails, or gives no number.

    Warns
    -----
    UserWarning
        If the code of a model can't be had, so that a comparison in a folder can't go on after an interruption.

    See Also
    --------
    summarize : Means and standard deviations.
    paired_tests : Differences from a reference, with a corrected test.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import LandmarkAligner, SequenceFlattener, compare
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> faces = make_expressions(n_subjects=6, n_repeats=1, n_frames=4, difficulty=0, random_state=0)
    >>> models = {"SVM": make_pipeline(LandmarkAligner(), SequenceFlattener(), SVC(kernel="linear"))}
    >>> table = compare(
    ...     models, faces.data, faces.target, groups=faces.groups, n_splits=3, n_runs=1, random_state=0
    ... )
    >>> len(table)  # 6 emotions, 3 splits
    18
    """
    store = None if folder is None else ResumableRun(folder)
    before = None if store is None else store.read()
    if random_state is None and before is not None:
        random_state = before["random_state"]
    plan = _plan(
        models, X, y, groups, protocol, emotions, n_landmarks, n_splits, n_runs, metrics, random_state
    )
    plan.keep_predictions = keep_predictions
    if store is not None:
        run = _settings(plan, description)
        if before is None:
            warn_of_unknown_code(run)
            run = store.start(run)
        else:
            different = difference(before, run)
            if different:
                raise ValueError(
                    f"folder must be new or hold this comparison; {store.path} holds another one: {different}. "
                    "Another folder keeps both."
                )
            run["started"] = before["started"]
    table = pd.DataFrame(list(_rows(plan, store, n_jobs, verbose)))
    if store is not None:
        store.finish(run, table)
    return table


@dataclass
class Unit:
    """A training and a test part, for one emotion."""

    emotion: object
    run: int
    split: int
    train: np.ndarray
    test: np.ndarray
    groups: np.ndarray
    seed: int


@dataclass
class Plan:
    """A comparison whose arguments are checked."""

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None
    protocol: object
    protocol_description: str
    emotions: list
    counts: list
    n_runs: int
    metrics: dict
    random_state: int
    models: dict
    units: list
    keep_predictions: bool = False

    @property
    def cells(self):
        """Name, model and landmark count of every fit on a training part."""
        return [
            (name, model, count)
            for name, model in self.models.items()
            for count in (self.counts if has_selector(model) else [None])
        ]

    @property
    def n_fits(self):
        return len(self.units) * len(self.cells)


def _plan(models, X, y, groups, protocol, emotions, n_landmarks, n_splits, n_runs, metrics, random_state):
    X = check_sequences(X)
    y = check_labels(X, y)
    groups = check_per_sample(X, groups, name="groups")
    protocol = find_protocol(protocol, n_splits)
    if protocol.name == "subject":
        n_splits = check_number("n_splits", 5 if n_splits is None else n_splits, Integral, 2)
    n_runs = check_number("n_runs", n_runs, Integral, 1)
    metrics = checks.check_metrics(metrics)
    if models is None:
        models = paper_models()
        if n_landmarks is None:
            n_landmarks = [X.shape[3], *(count for count in PAPER_COUNTS if count < X.shape[3])]
    models = checks.check_models(models, metrics)
    counts = checks.check_landmark_counts(n_landmarks, models, X.shape[3])
    emotions = checks.check_emotions(emotions, y)
    checks.check_protocol(protocol, X, y, emotions, groups, n_splits)
    if not isinstance(random_state, Integral):
        random_state = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    random_state = check_number("random_state", random_state, Integral, 0)
    units = _units(protocol, y, emotions, groups, n_splits, n_runs, random_state)
    checks.check_units(units, models, y, metrics)
    return Plan(
        X,
        y,
        groups,
        protocol,
        protocol.description.format(n_splits=n_splits) if protocol.splitter is None else protocol.description,
        emotions,
        counts,
        n_runs,
        metrics,
        random_state,
        models,
        units,
    )


def _units(protocol, y, emotions, groups, n_splits, n_runs, random_state):
    labels = np.unique(y).tolist()
    units = []
    for emotion in emotions:
        for run in range(n_runs):
            parts = partitions(protocol, y, emotion, groups, n_splits=n_splits, seed=_seed(random_state, run))
            for split, (train, test) in enumerate(parts):
                seed = _seed(random_state, run, labels.index(emotion), split)
                within = training_groups(protocol, train, groups, len(y))
                units.append(Unit(emotion, run, split, train, test, within, seed))
    return units


def _seed(*numbers):
    """One that does not depend on how many others are drawn."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def _settings(plan, description):
    """What run.json says of a comparison."""
    labels, sizes = np.unique(plan.y, return_counts=True)
    return {
        "format": FORMAT,
        "data": {
            "description": description,
            "n_samples": len(plan.X),
            "n_subjects": None if plan.groups is None else len(np.unique(plan.groups)),
            "n_frames": plan.X.shape[1],
            "n_landmarks": plan.X.shape[3],
            "labels": dict(zip(map(str, labels.tolist()), sizes.tolist())),
        },
        "protocol": plan.protocol.name,
        "protocol_description": plan.protocol_description,
        "n_runs": plan.n_runs,
        "metrics": list(plan.metrics),
        "keep_predictions": plan.keep_predictions,
        "random_state": plan.random_state,
        "models": list(plan.models),
        "emotions": plan.emotions,
        "landmark_counts": plan.counts,
        "machine": machine(),
        "versions": versions(),
        "fingerprints": {
            "X": fingerprint(plan.X),
            "y": fingerprint(plan.y),
            "groups": fingerprint(plan.groups),
            "models": {name: describe(model) for name, model in plan.models.items()},
            "scorers": {name: describe_scorer(scorer) for name, scorer in plan.metrics.items() if scorer},
            "code": {name: code_of(model) for name, model in plan.models.items()},
            "scorer_code": {name: code_of(scorer) for name, scorer in plan.metrics.items() if scorer},
            "splitter": code_of(plan.protocol.splitter),
        },
    }


def _rows(plan, store, n_jobs, verbose):
    """Rows of all cells, in the order of the units."""
    arguments = (plan.cells, plan.X, plan.y, plan.metrics, plan.keep_predictions, store)
    kept = 0
    if verbose:
        pairs = product(plan.units, plan.cells)
        kept = 0 if store is None else sum(store.load(_key(unit, *cell)) is not None for unit, cell in pairs)
        print(_announced(plan, kept), file=sys.stderr)
    with counted_fits(plan.n_fits, kept, shown=bool(verbose)) as count:
        if effective_n_jobs(n_jobs) == 1:
            for unit in plan.units:
                yield from _unit_rows(unit, *arguments, count)
            return
        tasks = (delayed(_unit_list)(unit, *arguments, count) for unit in plan.units)
        for rows in in_order(tasks, n_jobs=n_jobs):
            count.returned += len(rows)
            yield from rows


def _announced(plan, kept):
    n_emotions, n_models = len(plan.emotions), len(plan.cells)
    n_splits = len(plan.units) // n_emotions
    n_train = int(np.median([len(unit.train) for unit in plan.units]))
    return (
        f"{plan.n_fits} fits (emotions {n_emotions} × splits {n_splits} × models and landmark counts {n_models}) "
        f"on {n_train} sequences of {plan.X.shape[1]} frames and {plan.X.shape[3]} landmarks"
        + (f"; {kept} are kept from before" if kept else "")
        + ". Fewer filters, epochs, landmark counts, models or splits make it quicker."
    )


def _unit_list(*arguments):
    return list(_unit_rows(*arguments))


def _key(unit, name, _, count):
    """What a cell is kept as."""
    return [unit.emotion, name, count, unit.run, unit.split]


def _unit_rows(unit, cells, X, y, metrics, keep_predictions, store, count_fit):
    """Rows of all models on one training part, those that are kept already without a fit."""
    rankings, train = None, None
    try:
        for name, model, count in cells:
            key = _key(unit, name, model, count)
            row = None if store is None else store.load(key)
            if row is None:
                if train is None:
                    train, test = take(X, unit.train), take(X, unit.test)
                    rankings = _rankings(store, unit)
                model = configured(
                    model, n_landmarks=count, n_all=X.shape[3], seed=unit.seed, memory=rankings
                )
                try:
                    cell = _cell(model, unit, train, test, y, metrics, keep_predictions)
                except ScorerError as error:
                    where = f"{name!r}, for {unit.emotion!r} in split {unit.split} of run {unit.run}"
                    raise ValueError(
                        f"metrics must be defined for every model and test part; {error} {where}."
                    ) from error
                row = {"emotion": unit.emotion, "model": name} | cell
                if store is not None:
                    store.save(key, row)
                count_fit()
            yield row
    finally:
        if rankings is not None:
            shutil.rmtree(rankings, ignore_errors=True)


def _rankings(store, unit):
    """A folder for the rankings of a training part, which its models share."""
    if store is None:
        return tempfile.mkdtemp(prefix="emoxai-rankings-")
    folder = store.rankings / f"{unit.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _cell(model, unit, train, test, y, metrics, keep_predictions):
    """The rest of the row of one model on one training part."""
    labels, target = y[unit.train % len(y)], y[unit.test % len(y)] == unit.emotion
    start = time.perf_counter()
    model = fit_to_emotion(model, train, labels, unit.emotion, groups=unit.groups)
    fitted = time.perf_counter()
    predicted = np.asarray(model.predict(test), dtype=bool)
    values = None
    if metrics.get("roc_auc", False) is None or (keep_predictions and checks.gives_values(model)):
        values = decision_values(model, test)
    predicted_at = time.perf_counter()
    selected = selected_landmarks(model.estimators_[True] if isinstance(model, EmotionClassifier) else model)
    parameters = searched_parameters(model)
    row = {
        "n_landmarks": train.shape[3] if selected is None else len(selected),
        "run": unit.run,
        "split": unit.split,
        "n_train": len(np.unique(unit.train % len(y))),
        "n_test": len(unit.test),
        **score(metrics, model, test, target, predicted, values),
        "fit_seconds": fitted - start,
        "predict_seconds": predicted_at - fitted,
        "parameters": json.dumps(parameters, default=_plain) if parameters else "",
        "selected": "" if selected is None else " ".join(map(str, selected)),
    }
    if keep_predictions:
        row["predictions"] = as_predictions(unit.test % len(y), target, predicted, values)
    return row


def _plain(value):
    return value.item() if hasattr(value, "item") else str(value)
