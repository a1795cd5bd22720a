"""Warnings of several fits, passed on once and where the user called."""

import sys
import warnings

from ..attribution import BaselineWarning

# Packages whose frames no user wrote.
_INSIDE = {"joblib", "sklearn", "sklearn_emoxai"}
_TOLD = "__told_of_baselines"


def warn_again(caught):
    """Pass on the warnings of several networks, alike ones once.

    That of their baselines comes once for each call of the user, and at its line. A search or a comparison is one call,
    however often it fits. In each of joblib's processes or threads there is one more.
    """
    ours = [each.message for each in caught if issubclass(each.category, BaselineWarning)]
    for each in {(each.category, str(each.message)): each for each in caught}.values():
        if each.message not in ours:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if not ours:
        return
    call, level = sys._getframe(1), 3  # that of the line that calls it
    while call.f_back and call.f_back.f_globals.get("__name__", "").split(".")[0] in _INSIDE:
        call, level = call.f_back, level + 1
    # Python's own memory of what was shown is emptied by every catch_warnings. The mark ends with the call.
    if _TOLD not in call.f_locals:
        call.f_locals[_TOLD] = True
        warnings.warn(ours[0], stacklevel=level)
