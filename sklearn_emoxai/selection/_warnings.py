"""Warnings of several fits, passed on once and where the user called."""

import sys
import warnings

from ..attribution import BaselineWarning

# Packages whose frames no user wrote.
_INSIDE = {"joblib", "sklearn", "sklearn_emoxai"}


def warn_again(caught):
    """Pass on the warnings of several networks: of their baselines once, at the line of the user's call."""
    ours = [each.message for each in caught if issubclass(each.category, BaselineWarning)]
    for each in caught:
        if each.message not in ours:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if ours:
        frame, level = sys._getframe(1), 2
        while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _INSIDE:
            frame, level = frame.f_back, level + 1
        warnings.warn(ours[0], stacklevel=level)
