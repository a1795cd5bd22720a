"""Everything that can go wrong in a comparison, found before the first fit."""

from numbers import Integral

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.utils import check_random_state

from .._validation import check_number
from ..network import ConvLSTMClassifier, validation_split
from ._configure import configured, estimators, has_selector, inner_splits
from ._models import SearchedNetwork, network_of
from ._statistics import DEFINED_FOR_ONE_CLASS, METRICS

# Columns of compare's table that are no metrics.
RESERVED = (
    "emotion", "model", "n_landmarks", "run", "split", "n_train", "n_test", "fit_seconds", "predict_seconds",
    "parameters", "selected", "predictions",
)  # fmt: skip


def check_models(models, metrics):
    """Models as a dict of name to estimator; a list of pairs may come, too."""
    pairs = list(models.items()) if hasattr(models, "items") else list(models)
    if not pairs:
        raise ValueError("models must hold at least one estimator; got none.")
    if any(not isinstance(pair, tuple) or len(pair) != 2 for pair in pairs):
        raise TypeError("models must be a dictionary of name to estimator, or (name, estimator) pairs.")
    names = [name for name, _ in pairs]
    for name, model in pairs:
        if not isinstance(name, str) or not name:
            raise TypeError(f"models must have strings as names; got {name!r}.")
        if names.count(name) > 1:
            raise ValueError(
                f"models must have different names; {name!r} is there {names.count(name)} times."
            )
        missing = [method for method in ("fit", "predict", "get_params") if not hasattr(model, method)]
        if missing:
            raise TypeError(f"models must hold estimators; {name!r} has no {missing[0]}: {model!r}.")
        if "roc_auc" in metrics and not gives_values(model):
            raise ValueError(
                f"models must have decision_function or predict_proba for the metric 'roc_auc'; {name!r} has neither."
            )
    return dict(pairs)


def gives_values(model):
    """Whether a model has decision values."""
    return hasattr(model, "decision_function") or hasattr(model, "predict_proba")


def check_metrics(metrics):
    """Metrics as a dict of name to scorer, each once; None stands for one of our own."""
    if callable(metrics):
        raise TypeError(f"metrics must give each scorer a name, as in {{'name': scorer}}; got {metrics!r}.")
    metrics = [metrics] if isinstance(metrics, str) else metrics
    pairs = metrics.items() if hasattr(metrics, "items") else [(name, name) for name in metrics]
    found = {}
    for name, metric in pairs:
        if not isinstance(name, str):
            raise TypeError(f"metrics must give each scorer a name, as in {{'name': scorer}}; got {name!r}.")
        if name in RESERVED:
            raise ValueError(f"metrics must have other names than compare's own columns; got {name!r}.")
        if name == metric and name in METRICS:
            found[name] = None
        elif callable(metric):
            found[name] = metric
        elif isinstance(metric, str) and metric in get_scorer_names():
            found[name] = get_scorer(metric)
        else:
            raise _unknown_metric(metric)
    if not found:
        raise _unknown_metric()
    return found


def _unknown_metric(*metric):
    got = repr(metric[0]) if metric else "none"
    return ValueError(
        f"metrics must be some of {', '.join(METRICS)}, names of scikit-learn's scorers, or a dictionary of name to "
        f"scorer; got {got}."
    )


def check_landmark_counts(n_landmarks, models, n_all):
    """Counts in the order given, each once; [None] leaves the models as they are."""
    if n_landmarks is None:
        return [None]
    counts = [n_landmarks] if isinstance(n_landmarks, Integral) else list(n_landmarks)
    for count in counts:
        check_number("n_landmarks", count, Integral, 1)
        if count > n_all:
            raise ValueError(f"n_landmarks must be at most the {n_all} landmarks of X; got {count}.")
    if not any(has_selector(model) for model in models.values()):
        raise ValueError(
            "n_landmarks needs a model with a landmark selector that takes a number; none of models has one."
        )
    return list(dict.fromkeys(int(count) for count in counts))


def check_emotions(emotions, y):
    """Labels of y to tell from the rest, each once."""
    labels = np.unique(y).tolist()
    if emotions is None:
        return [label for label in labels if label != "neutral"]
    emotions = [emotions] if isinstance(emotions, str) else list(emotions)
    for emotion in emotions:
        if emotion not in labels:
            raise ValueError(f"emotions must be labels of y, {labels}; got {emotion!r}.")
    if not emotions:
        raise ValueError("emotions must hold at least one label; got none.")
    return [labels[labels.index(emotion)] for emotion in dict.fromkeys(emotions)]


def check_protocol(protocol, X, y, emotions, groups, n_splits):
    """Raise where a protocol cannot split these samples."""
    if protocol.grouped and groups is None:
        raise ValueError(
            f"groups must hold the subject of each sample for protocol={protocol.name!r}; got None."
        )
    if protocol.mirrored and X.shape[3] not in (68, 468):
        raise ValueError(
            f"protocol={protocol.name!r} mirrors the sequences, which is known how to for 68 and 468 landmarks; "
            f"X has {X.shape[3]}."
        )
    if protocol.mirrored:
        labels, sizes = np.unique(y, return_counts=True)
        least = 1 if protocol.mirrored == "before" else 2
        if sizes.min() < least:
            raise ValueError(
                f"y must hold at least {least} samples of each label for protocol={protocol.name!r}; "
                f"got {sizes.min()} of {labels[sizes.argmin()].item()!r}."
            )
    if protocol.name == "subject":
        for emotion in emotions:
            for members, what in (
                (y == emotion, repr(emotion)),
                (y != emotion, f"other labels than {emotion!r}"),
            ):
                n_subjects = len(np.unique(groups[members]))
                if n_subjects < 2:
                    raise ValueError(
                        f"groups must hold at least 2 subjects with {what}, one to train on and one to test on; "
                        f"got {n_subjects}."
                    )
                if n_subjects < n_splits:
                    raise ValueError(
                        f"n_splits must be at most the number of subjects with {what}, {n_subjects}; got {n_splits}."
                    )


def check_units(units, models, y, metrics):
    """Raise where a training or test part lacks what a model or a metric needs."""
    # Of other scorers nothing is known.
    needs_both = [
        name for name, scorer in metrics.items() if scorer is None and name not in DEFINED_FOR_ONE_CLASS
    ]
    for unit in units:
        where = f"split {unit.split} of run {unit.run}"
        target, tested = (y[part % len(y)] == unit.emotion for part in (unit.train, unit.test))
        if len(np.unique(target)) < 2:
            kind = "only" if target.all() else "no"
            raise ValueError(f"protocol leaves {kind} samples of {unit.emotion!r} to train on in {where}.")
        if needs_both and len(np.unique(tested)) < 2:
            kind = "only" if tested.all() else "no"
            raise ValueError(
                f"metrics must be defined on every test part; {needs_both[0]!r} is not in {where}, whose "
                f"{len(tested)} test samples hold {kind} {unit.emotion!r}. Leave it out, or take another protocol."
            )
        n_least = min(len(np.unique(unit.groups[target])), len(np.unique(unit.groups[~target])))
        # Models share networks of the same validation samples.
        held_out = set()
        for name, model in models.items():
            wanted = inner_splits(model)
            if wanted > n_least:
                raise ValueError(
                    f"models: {name!r} makes {wanted} folds of what it trains on, but {where} has only {n_least} "
                    f"subjects (or sequences, without subjects) of one class to train on, for {unit.emotion!r}."
                )
            try:
                _hold_out(model, unit, target, held_out)
            except ValueError as error:
                raise ValueError(
                    f"models: {name!r} cannot hold out its validation samples in {where}, for {unit.emotion!r}: {error}"
                ) from error


def _hold_out(model, unit, target, done):
    """Draw the validation samples of the networks in a model as their fits will, for the error message."""
    networks = []
    whole = np.arange(len(target))
    for part in estimators(configured(model, n_landmarks=None, n_all=0, seed=unit.seed, memory=None)):
        if isinstance(part, ConvLSTMClassifier):
            networks.append((part, whole))
        elif isinstance(part, SearchedNetwork):
            searched = network_of(part.estimator)
            key = (part.cv, searched.validation_fraction, str(searched.random_state))
            if key not in done:
                folds = part.folds(whole, target, unit.groups)
                networks += [(network_of(part.twin()), train) for train, _ in folds]
            done.add(key)
        elif isinstance(part, GridSearchCV) and isinstance(part.cv, StratifiedGroupKFold):
            inside = [each for each in estimators(part) if isinstance(each, ConvLSTMClassifier)]
            if any(each.validation_fraction is not None for each in inside):
                folds = part.cv.split(whole, target, unit.groups)
                networks += [(each, train) for train, _ in folds for each in inside]
    for network, rows in networks:
        fraction = network.validation_fraction
        key = (fraction, str(network.random_state), len(rows), rows[-1])
        if fraction is None or key in done:
            continue
        done.add(key)
        random_state = check_random_state(network.random_state)
        validation_split(target[rows].astype(int), unit.groups[rows], fraction, random_state)
