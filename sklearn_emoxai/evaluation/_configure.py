"""Setting and reading the parts of any model that a comparison varies, however deep they lie."""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline

from ..emotion import EmotionClassifier
from ..selection import fitted_parts
from ..storage import Code

# What changes how a model is computed, but not what.
_IRRELEVANT = {"memory": None, "n_jobs": None, "verbose": 0}
# Parameters at values that folders of earlier versions do not tell.
_UNWRITTEN = [("attribution", "integrated_gradients"), ("positive", None), ("n_networks", 1)]


def configured(model, *, n_landmarks, n_all, seed, memory):
    """An unfitted clone with its landmark count, seeds and memory set.

    Parameters
    ----------
    model : estimator
    n_landmarks : int or None
        For every landmark selector in it that takes a number; None leaves them as they are. A selector that keeps
        all is taken out, since its ranking would be for nothing.
    n_all : int
        Landmarks of the sequences.
    seed : int
        For every ``random_state`` that is None.
    memory : str or None
        For every ``memory`` that is None, other than a Pipeline's.
    """
    model = clone(model)
    for name in _selectors(model) if n_landmarks is not None else []:
        if n_landmarks == n_all and _is_step(model, name):
            model.set_params(**{name: "passthrough"})
        else:
            model.set_params(**{f"{name}__n_landmarks_to_select": n_landmarks})
    changes = {}
    for name, owner in owners(model):
        own = owner.get_params(deep=False)
        prefix = f"{name}__" if name else ""
        if own.get("random_state", 0) is None:
            changes[f"{prefix}random_state"] = seed
        if memory is not None and own.get("memory", 0) is None and not isinstance(owner, Pipeline):
            changes[f"{prefix}memory"] = memory
    return model.set_params(**changes)


def owners(model):
    """Name and estimator of the model itself and of every estimator in it."""
    yield "", model
    for name, value in model.get_params(deep=True).items():
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield name, value


def _selectors(model):
    """Names of the selectors in a model whose number of landmarks can be set, as in its parameters."""
    return [
        name for name, owner in owners(model)
        if name and "n_landmarks_to_select" in owner.get_params(deep=False)
    ]  # fmt: skip


def _is_step(model, name):
    parent, _, step = name.rpartition("__")
    parent = model.get_params()[parent] if parent else model
    return isinstance(parent, Pipeline) and step in parent.named_steps


def estimators(model):
    """The model itself and every estimator in it."""
    return [owner for _, owner in owners(model)]


def has_selector(model):
    """Whether the landmark count of a model can be set."""
    return bool(_selectors(model))


def inner_splits(model):
    """The largest number of folds that searches and calibrations in a model make; 0 without any."""
    found = [0]
    for _, owner in owners(model):
        if isinstance(owner, EmotionClassifier) and owner.calibration is None:
            continue  # which has a cv, and makes no folds
        cv = owner.get_params(deep=False).get("cv", ())
        if cv is None and isinstance(owner, RidgeCV | RidgeClassifierCV):
            continue  # leaves one sample out, in closed form
        if cv is None or hasattr(cv, "split") or isinstance(cv, int):
            cv = check_cv(cv)
            # Others, such as LeaveOneGroupOut, fit what is there.
            found.append(getattr(cv, "n_splits", 0))
    return max(found)


def describe(model):
    """Text that differs between models that compute different things."""
    return _text(_without_irrelevant(model))


def code_of(part):
    """The code that the results of a model, or the splits of a splitter, depend on: `Code` as JSON can hold it."""
    code = Code(_without_irrelevant(part) if hasattr(part, "get_params") else part)
    return {"parts": code.parts, "packages": code.packages, "unknown": code.unknown}


def _without_irrelevant(model):
    model = clone(model)
    irrelevant = {
        f"{name}__{key}" if name else key: value
        for name, owner in owners(model)
        for key, value in _IRRELEVANT.items()
        if key in owner.get_params(deep=False)
    }
    return model.set_params(**irrelevant)


def describe_scorer(scorer):
    """Text that differs between scorers that compute different things."""
    text = repr(scorer)
    return _text(scorer) if " at 0x" in text else text


def _text(value):
    if hasattr(value, "get_params") and not isinstance(value, type):
        params = value.get_params(deep=False).items()
        parts = ", ".join(f"{key}={_text(part)}" for key, part in params if (key, part) not in _UNWRITTEN)
        return f"{type(value).__name__}({parts})"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, np.ndarray):
        return _text(value.tolist())
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    text = repr(value)
    # An object without a text of its own shows its address, which is another one in each process.
    return type(value).__qualname__ if " at 0x" in text else text


def searched_parameters(fitted):
    """Parameters that a fitted model has searched; {} where it searched none."""
    for part in fitted_parts(fitted):
        if hasattr(part, "best_params_"):
            return part.best_params_
    return {}
