"""Sequences less what is not expression: place, size and rotation of the face, and the neutral face."""

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .. import facemesh
from .._validation import check_sequences, documented, with_names
from ..storage import in_blocks
from ._base import SequenceTransformer

# By number of landmarks: the face mesh, the face mesh with ten iris points, iBUG 300-W's 68 (as in CK+).
_MESH_EYES = (facemesh.RIGHT_EYE_CORNERS, facemesh.LEFT_EYE_CORNERS)
EYES = {468: _MESH_EYES, 478: _MESH_EYES, 68: ((36, 39), (42, 45))}


@documented()
class LandmarkAligner(SequenceTransformer):
    """Remove translation, scale and in-plane rotation from landmark sequences.

    The centres of the eyes are put on a horizontal line around the origin, one unit apart.

    Parameters
    ----------
    eyes : pair of sequences of int, default=None
        Landmarks whose means are the centres of the subject's right and left eye. None takes the
        corners of the eyes, known for meshes of 468 or 478 points and for iBUG's 68.
    reference : {"frame", "first"}, default="frame"
        "frame" aligns each frame by its own eyes, which takes out head motion; "first" aligns all frames of a
        sequence by the eyes of the first, which keeps it.

    Attributes
    ----------
    eyes_ : tuple of two ndarray of int
        Landmarks whose means are the centres of the subject's right and left eye.
    {shape_learnt}

    Notes
    -----
    With landmarks as complex numbers z = x + iy, right eye centre a and left eye centre b, the aligned
    landmarks are (z − (a + b)/2) / (b − a): inter-ocular distances, x to the right of the image, y down.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import LandmarkAligner
    >>> X = np.random.default_rng(0).normal(size=(4, 10, 2, 468))
    >>> aligned = LandmarkAligner().fit_transform(X)
    >>> aligned[0, 0][:, [33, 133]].mean(axis=1).round(3).tolist()
    [-0.5, -0.0]
    """

    _parameter_constraints = {
        "eyes": ["array-like", None],
        "reference": [StrOptions({"frame", "first"})],
    }

    def __init__(self, *, eyes=None, reference="frame"):
        self.eyes = eyes
        self.reference = reference

    def transform(self, X):
        """Align sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
            In any unit that x and y share, such as pixels.

        Returns
        -------
        ndarray of shape (n_samples, n_frames, 2, n_landmarks), float32
            In inter-ocular distances.

        Raises
        ------
        ValueError
            If X has another shape than in fit, or the centres of the eyes coincide in a frame.
        """
        check_is_fitted(self)
        X = check_sequences(X, fitted=self)
        return with_names(in_blocks(lambda rows: self._aligned(X[rows], rows.start or 0), X), self)

    def _aligned(self, X, first):
        right, left = self.eyes_
        z = X[:, :, 0] + 1j * X[:, :, 1]
        eyes = z if self.reference == "frame" else z[:, :1]
        a, b = eyes[..., right].mean(-1, keepdims=True), eyes[..., left].mean(-1, keepdims=True)
        if not (a != b).all():
            sample, frame, _ = np.argwhere(a == b)[0]
            raise ValueError(
                f"X must hold two distinct eyes in every frame, since their distance is the unit; they "
                f"coincide in frame {frame} of sample {first + sample}."
            )
        z = (z - (a + b) / 2) / (b - a)
        return np.stack([z.real, z.imag], axis=2)

    @property
    def eyes_(self):
        """Landmarks of the subject's right and left eye, two ndarray of int."""
        n_landmarks = self.n_features_in_
        eyes = EYES.get(n_landmarks) if self.eyes is None else self.eyes
        if eyes is None:
            known = ", ".join(map(str, sorted(EYES)))
            raise ValueError(f"eyes must be given for {n_landmarks} landmarks; they are known for {known}.")
        try:
            right, left = (np.asarray(eye, dtype=np.intp).reshape(-1) for eye in eyes)
        except (TypeError, ValueError) as error:
            raise ValueError(f"eyes must be a pair of lists of landmarks; got {self.eyes!r}.") from error
        both = np.concatenate([right, left])
        if not (len(right) and len(left) and (both >= 0).all() and (both < n_landmarks).all()):
            raise ValueError(f"eyes must hold landmarks between 0 and {n_landmarks - 1}; got {self.eyes!r}.")
        return right, left


@documented()
class NeutralDifference(SequenceTransformer):
    """Subtract the first frame, which shows the neutral face, from every frame.

    What is left is the expression's movement; the shape of the subject's face is gone.

    Parameters
    ----------
    keep_first : bool, default=False
        Whether the first frame, which is zero everywhere, stays in the sequence.

    Attributes
    ----------
    {shape_learnt}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import NeutralDifference
    >>> NeutralDifference().fit_transform(np.ones((4, 10, 2, 468))).shape
    (4, 9, 2, 468)
    """

    _parameter_constraints = {"keep_first": ["boolean"]}

    def __init__(self, *, keep_first=False):
        self.keep_first = keep_first

    def transform(self, X):
        """Subtract the first frame.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_frames - 1, 2, n_landmarks), float32
            With ``keep_first``, of shape (n_samples, n_frames, 2, n_landmarks). In the unit of X.

        Raises
        ------
        ValueError
            If X has another shape than in fit, or a single frame.
        """
        check_is_fitted(self)
        X = check_sequences(X, fitted=self)
        if X.shape[1] < 2:
            raise ValueError(f"X must have at least 2 frames, the first of them neutral; got {X.shape[1]}.")
        skipped = 0 if self.keep_first else 1
        return with_names(in_blocks(lambda rows: X[rows, skipped:] - X[rows, :1], X), self, skipped=skipped)
