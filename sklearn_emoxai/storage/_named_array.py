"""Arrays of sequences that know what their landmarks are called, and which frame of the clip is their first."""

import numpy as np

from ._mapped_array import MappedArray


class NamedSequences(np.ndarray):
    """Sequences after a selection, whose landmarks keep the names that they had before it; as such or flattened.

    Rows, as of a cross-validation, and results of the same shape keep the names, and landmarks and frames that are
    taken by a slice, a mask or indices keep theirs; anything else is an ordinary array. Pickled with its names.

    Attributes
    ----------
    landmark_names : ndarray of shape (n_landmarks,), object, or None
    first_frame : int
        Number in the clip, from 1.
    """

    landmark_names, first_frame = None, 1

    def __array_finalize__(self, other):
        names = getattr(other, "landmark_names", None)
        if _are_named(self.shape, names):
            self.landmark_names, self.first_frame = names, other.first_frame

    def __array_wrap__(self, array, context=None, return_scalar=False):
        """What has another shape is an ordinary array."""
        if array.shape != self.shape or self.landmark_names is None:
            return np.asarray(array)[()]
        return named(np.asarray(array), self.landmark_names, self.first_frame)

    def __getitem__(self, key):
        """As numpy's, with the names of what is taken."""
        part = np.asarray(self)[key]
        keys = key if isinstance(key, tuple) else (key,)
        keys = keys[:-1] if keys and keys[-1] is Ellipsis else keys  # as scikit-learn takes rows
        if len(keys) == 2 and keys[0] is Ellipsis and self.ndim == 4:
            keys = (slice(None), slice(None), slice(None), keys[1])
        if self.landmark_names is None or part.ndim != self.ndim or any(each is Ellipsis for each in keys):
            return part
        if not keys or (self.ndim == 2 and len(keys) > 1):
            return part
        _, frames, _, landmarks = (*keys, *(slice(None),) * 3)[:4]
        if np.ndim(keys[0]) > 1 or not isinstance(frames, slice) or frames.step not in (None, 1):
            return part
        skipped = frames.indices(self.shape[1])[0] if self.ndim == 4 else 0
        return named(part, self.landmark_names[landmarks], self.first_frame + skipped)

    def __reduce__(self):
        """The array and the names."""
        return named, (np.array(self), self.landmark_names, self.first_frame)


def _are_named(shape, names):
    """Whether sequences of this shape, or their rows, have so many landmarks."""
    if names is None:
        return False
    return (len(shape) == 4 and shape[3] == len(names)) or (
        len(shape) == 2 and shape[1] > 0 and shape[1] % (2 * len(names)) == 0
    )


def named(X, landmark_names, first_frame):
    """Sequences with the names of their landmarks, and the number of their first frame.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks) or (n_samples, n_frames * 2 * n_landmarks)
    landmark_names : array-like of shape (n_landmarks,)
    first_frame : int

    Returns
    -------
    NamedSequences or MappedArray
        A view of X; a `MappedArray` as it is, with the names as attributes, which its parts lack.
    """
    X = X if isinstance(X, MappedArray) else np.asarray(X).view(NamedSequences)
    X.landmark_names, X.first_frame = np.asarray(landmark_names, dtype=object), first_frame
    return X


def names_in(X):
    """Names of the landmarks of sequences, None where they tell none, and the number of their first frame."""
    names = getattr(X, "landmark_names", None)
    return (names, X.first_frame) if names is not None and _are_named(X.shape, names) else (None, 1)
