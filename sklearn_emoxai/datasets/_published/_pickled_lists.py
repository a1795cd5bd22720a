"""Lists in a pickle, read without running what a pickle may run."""

import io
import pickle
from collections import defaultdict

from .._text_tables import missing_content

_ALLOWED = {
    ("collections", "defaultdict"): defaultdict,
    ("builtins", "list"): list,
    ("builtins", "dict"): dict,
}


class _ListsOnly(pickle.Unpickler):
    """Makes dicts, lists, text and numbers, and calls nothing else."""

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}")
        return _ALLOWED[module, name]


def read_lists(path, names):
    """The lists of a pickled dict.

    Parameters
    ----------
    path : Path
    names : tuple of str
        Keys of lists that must be there, all as long.

    Returns
    -------
    list of tuple
        A row an entry, with the values of `names`.

    Raises
    ------
    ValueError
        If the file holds anything else.
    """
    problem = missing_content(path)
    if problem is not None:
        raise ValueError(f"{path}: expected a pickle; {problem}")
    try:
        content = _ListsOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"{path}: expected a pickle of lists, text and numbers; {error}.") from error
    lists = [content.get(name) for name in names] if isinstance(content, dict) else [None]
    if not all(isinstance(values, list) for values in lists) or len({len(values) for values in lists}) > 1:
        raise ValueError(f"{path}: expected a pickled dict with equally long lists {', '.join(names)}.")
    return list(zip(*lists))
