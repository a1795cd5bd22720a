"""Landmarks that the user names."""

import re
from difflib import get_close_matches
from numbers import Integral

import numpy as np

from .. import facemesh
from .._validation import names_of_landmarks
from ._base import documented_selector
from ._controls import ControlSelector


@documented_selector
class FixedLandmarkSelector(ControlSelector):
    """Keep the landmarks that are named, whatever the data are.

    Parameters
    ----------
    landmarks : str or sequence of int and str
        Any of these, or several, mixed and in any order:

        - an index, from 0;
        - a name, as ``get_feature_names_out`` writes it: ``"left_brow_276"`` in the mesh and behind
          other selectors of it, ``"landmark5"`` elsewhere;
        - a region of the mesh, such as ``"nose"``: a key of :data:`facemesh.REGIONS`;
        - a set of the mesh, such as ``"lips"`` or ``"ibug68"``: a key of :data:`facemesh.SETS`.

        Regions and sets need the 468 landmarks of the face mesh. They may overlap one another and the landmarks that
        are named beside them; but no landmark, region or set may be given twice.

    Attributes
    ----------
    importances_ : ndarray of shape (n_landmarks,)
        1 for the chosen landmarks, 0 for the others.
    {chosen}
    {shape_learnt}

    See Also
    --------
    sklearn_emoxai.facemesh : Regions and sets, and where they come from.

    Notes
    -----
    ``ranking_`` begins with the chosen landmarks in the order given; the others follow by their index.

    As after every selector, landmarks keep the order of X: what ``"ibug68"`` leaves of the mesh is not in iBUG's order,
    as ``X[..., facemesh.IBUG_68]`` is. :class:`LandmarkAligner` and :class:`MirrorAugmented` take any 68 landmarks for
    iBUG's, so put the selector behind the one and inside the other.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import FixedLandmarkSelector
    >>> X = np.ones((4, 5, 2, 468))
    >>> FixedLandmarkSelector("ibug68").fit_transform(X).shape
    (4, 5, 2, 68)
    >>> FixedLandmarkSelector(["glabella", 4, "left_brow_276"]).fit(X).get_feature_names_out().tolist()
    ['nose_4', 'glabella_8', 'glabella_9', 'glabella_168', 'glabella_193', 'left_brow_276', 'glabella_417']
    """

    _parameter_constraints = {"landmarks": [str, "array-like"]}

    def __init__(self, landmarks):
        self.landmarks = landmarks

    def _n_to_select(self):
        return len(_find_landmarks(self.landmarks, names_of_landmarks(self, None)))

    def _choose(self, X, y, groups):
        chosen = _find_landmarks(self.landmarks, names_of_landmarks(self, None))
        self.importances_ = np.zeros(self.n_features_in_)
        self.importances_[chosen] = 1
        return self._select(np.concatenate([chosen, np.flatnonzero(self.importances_ == 0)]))


def _find_landmarks(landmarks, landmark_names):
    """Indices of what is named, in the order given, each once."""
    entries = [landmarks] if isinstance(landmarks, str) else list(landmarks)
    if not entries:
        raise ValueError(f"landmarks must name at least one landmark; got {landmarks!r}.")
    n_landmarks, names = len(landmark_names), {name: i for i, name in enumerate(landmark_names)}
    sets = {**facemesh.REGIONS, **facemesh.SETS} if n_landmarks == facemesh.N_LANDMARKS else {}
    chosen, given = [], {}
    for entry in entries:
        if isinstance(entry, bool | np.bool_):
            raise TypeError(
                f"landmarks must hold ints and strings; got {entry}. A mask's are np.flatnonzero(mask)."
            )
        if not isinstance(entry, Integral | str):
            raise TypeError(f"landmarks must hold ints and strings; got {entry!r}.")
        entry = str(entry) if isinstance(entry, str) else int(entry)  # numpy's are written otherwise
        if isinstance(entry, str) and entry not in names and entry not in sets:
            raise ValueError(_unknown(entry, names, sets))
        if isinstance(entry, int) and not 0 <= entry < n_landmarks:
            raise ValueError(f"landmarks must hold indices from 0 to {n_landmarks - 1}; got {entry}.")
        what = names.get(entry, entry)
        if what in given:
            raise ValueError(
                f"landmarks must name each landmark, region and set once; got {given[what]!r} and {entry!r}."
            )
        given[what] = entry
        chosen += sets[entry].tolist() if entry in sets else [what]
    return np.array(list(dict.fromkeys(chosen)), dtype=np.intp)


def _unknown(entry, names, sets):
    """What to say of a string that names nothing."""
    if not sets:
        expected = (
            f"indices or names from {next(iter(names))!r} to {next(reversed(names))!r}, since X has {len(names)} "
            f"landmarks and regions and sets are known of the mesh of {facemesh.N_LANDMARKS} alone"
        )
    else:
        expected = (
            "indices, names such as 'left_brow_276', or keys of facemesh.REGIONS or facemesh.SETS, "
            "such as 'nose' and 'lips'"
        )
    # With the right number, only the region can be wrong.
    numbered = re.fullmatch(r"(\w+?)_?(\d+)", entry)
    if numbered and numbered[1] in (*facemesh.REGIONS, "landmark"):
        close = [name for name, i in names.items() if i == int(numbered[2])]
    else:
        close = get_close_matches(entry, [*sets, *names], n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"landmarks must hold {expected}; got {entry!r}{hint}"
