"""Seeds: which an estimator has, new ones for its copies, and whether they made any difference."""

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..attribution import resolve_module


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
