"""What decides about a result: seeds, new ones for copies and whether they made any difference; and code."""

import warnings

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_memory

from ..attribution import resolve_module
from ..storage import Code


def reseeded(estimator, seed):
    """A clone whose own and nested ``random_state`` are drawn anew."""
    random_state = check_random_state(seed)
    return clone(estimator).set_params(
        **{name: random_state.randint(np.iinfo(np.int32).max) for name in random_states(estimator)}
    )


def random_states(estimator):
    """The estimator's own and nested parameters ``random_state``, by name, in order."""
    return {
        n: value for n, value in sorted(estimator.get_params().items()) if n.split("__")[-1] == "random_state"
    }


def check_different(estimators):
    """Raise if two networks have the same weights: then a fit set a seed of its own."""
    weights = [list(resolve_module(one).state_dict().values()) for one in estimators]
    for i, one in enumerate(weights):
        for other in weights[:i]:
            if len(one) == len(other) and all(map(torch.equal, one, other)):
                name = type(estimators[0]).__name__
                raise ValueError(
                    f"n_repeats={len(estimators)} needs networks that differ; {name} trained the same one again. "
                    "Does its fit set a seed, as torch.manual_seed(0) does? Give it a random_state."
                )


def memory_of_code(memory, estimator):
    """A memory that keeps the results of an estimator, and the key of the estimator's code in it.

    Parameters
    ----------
    memory : str, path, joblib.Memory or None
    estimator : estimator

    Returns
    -------
    memory : joblib.Memory
        One that keeps nothing where the code can't be had.
    code : str or None
        To be among the arguments of what is kept; None where nothing is kept.

    Warns
    -----
    UserWarning
        If the code can't be had.
    """
    memory = check_memory(memory)
    if getattr(memory, "location", True) is None:
        return memory, None
    code = Code(estimator)
    if not code.unknown:
        return memory, code.key
    warnings.warn(
        f"memory is not used: results of {type(estimator).__name__} depend on {', '.join(code.unknown)}, and whether "
        "that has changed since can't be told, because its code can't be had.",
        stacklevel=2,
    )
    return check_memory(None), None
