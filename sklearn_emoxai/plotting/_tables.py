"""What figures and the report read from compare's table."""

import re

import numpy as np
import pandas as pd

# Endings of a model's name that tell its number of landmarks, which has a column of its own.
_COUNT = re.compile(r", (selected|all landmarks|\d+ landmarks)$")
_KEYS = ("emotion", "model", "n_landmarks")


def check_results(results, *columns):
    """Raise unless `results` is a table with the columns."""
    if not isinstance(results, pd.DataFrame):
        raise TypeError(f"results must be a DataFrame, as compare returns it; got {type(results).__name__}.")
    missing = [column for column in (*_KEYS, *columns) if column not in results]
    if missing:
        raise ValueError(f"results must have the columns {missing}; it has {results.columns.tolist()}.")
    if not len(results):
        raise ValueError("results must have at least one row; it is empty.")


def without_counts(results):
    """The table with models' names without an ending such as ", 32 landmarks", so that one model is one line.

    Names stay as they are where two models of one number of landmarks would become one.

    Examples
    --------
    >>> import pandas as pd
    >>> models = ["T-EMO", "T-EMO, selected", "SVM"]
    >>> table = pd.DataFrame({"emotion": "fear", "model": models, "n_landmarks": [468, 32, 468]})
    >>> without_counts(table)["model"].tolist()
    ['T-EMO', 'T-EMO', 'SVM']
    """
    shorter = results.assign(model=[_COUNT.sub("", str(name)) for name in results["model"]])
    keys = [*_KEYS, *(column for column in ("run", "split") if column in results)]
    return results if shorter.duplicated(keys).any() else shorter


def accuracy_curves(results, metric, emotion=None):
    """Mean and spread of a metric by model and number of landmarks.

    Parameters
    ----------
    results : DataFrame
        As :func:`compare` returns it.
    metric : str
        One of its columns.
    emotion : label, default=None
        None takes the mean over the emotions within each run and split.

    Returns
    -------
    DataFrame
        Columns ``model`` (without the number of landmarks), ``n_landmarks``, ``mean``, ``std`` (over runs and splits,
        NaN where there is one) and ``n`` (of them), in the models' order and by number of landmarks.
    """
    check_results(results, metric)
    if emotion is not None:
        known = results["emotion"].unique().tolist()
        if emotion not in known:
            raise ValueError(f"emotion must be one of {known}; got {emotion!r}.")
        results = results[results["emotion"] == emotion]
    results = without_counts(results)
    keys = ["model", "n_landmarks"]
    repeats = [column for column in ("run", "split") if column in results]
    values = results.groupby([*keys, *repeats], sort=False)[metric].mean()
    curves = values.groupby(keys, sort=False).agg(["mean", "std", "count"]).reset_index()
    order = {name: i for i, name in enumerate(dict.fromkeys(results["model"]))}
    curves = curves.sort_values(keys, key=lambda c: c.map(order) if c.name == "model" else c)
    return curves.rename(columns={"count": "n"}).reset_index(drop=True)


def selections(results, n_landmarks):
    """Chosen landmarks of every run and split, by model, emotion and number of landmarks.

    Parameters
    ----------
    results : DataFrame
        With the column ``selected``: indices separated by spaces, empty where a model selects none.
    n_landmarks : int
        Landmarks in all.

    Returns
    -------
    dict of (model, emotion, number) to ndarray of shape (n_selections, n_landmarks), bool
        Those with two selections or more. A model whose selection another one repeats in full is left out.
    """
    check_results(results, "selected")
    results = without_counts(results)
    chosen = results[results["selected"].fillna("").astype(str).str.strip() != ""]
    supports, seen = {}, set()
    for (model, count, emotion), rows in chosen.groupby(["model", "n_landmarks", "emotion"], sort=False):
        texts = tuple(rows["selected"].astype(str))
        # SVMs on the landmarks of a network repeat its selections; all landmarks are no selection.
        if len(rows) < 2 or count >= n_landmarks or (emotion, count, texts) in seen:
            continue
        seen.add((emotion, count, texts))
        masks = np.zeros((len(texts), n_landmarks), dtype=bool)
        for mask, text in zip(masks, texts):
            indices = np.array(text.split(), dtype=int)
            if indices.min() < 0 or indices.max() >= n_landmarks:
                raise ValueError(f"results must select landmarks 0 to {n_landmarks - 1}; got {text!r}.")
            mask[indices] = True
        supports[model, emotion, int(count)] = masks
    return supports
