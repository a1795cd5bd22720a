"""Transformers between the tracked landmarks and a classifier."""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .. import facemesh
from .._validation import SequencesOutMixin, check_fit, check_sequences, names_of_landmarks
from ..storage import in_blocks

# By number of landmarks: the face mesh, the face mesh with ten iris points, iBUG 300-W's 68 (as in CK+).
_MESH_EYES = (facemesh.RIGHT_EYE_CORNERS, facemesh.LEFT_EYE_CORNERS)
EYES = {468: _MESH_EYES, 478: _MESH_EYES, 68: ((36, 39), (42, 45))}


def _mirror_68():
    """Landmark of iBUG's 68 that each one becomes in a mirror: every group is listed backwards."""
    groups = [
        (0, 17),
        (17, 27),
        (27, 28),
        (28, 29),
        (29, 30),
        (30, 31),
        (31, 36),
        (48, 55),
        (55, 60),
        (60, 65),
    ]
    permutation = np.arange(68)
    for start, stop in [*groups, (65, 68)]:
        permutation[start:stop] = permutation[start:stop][::-1]
    permutation[36:48] = [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    return permutation


class _ShapeLearner(TransformerMixin, BaseEstimator):
    """A transformer of sequences whose fit learns the shape alone."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the number of frames and landmarks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : ignored

        Returns
        -------
        self
        """
        check_fit(self, X)
        return self


class _SequenceTransformer(SequencesOutMixin, _ShapeLearner):
    """One that gives sequences of the same landmarks."""

    def get_feature_names_out(self, input_features=None):
        """Names of the landmarks, which stay what they are.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            None names those of the 468-point mesh by region and index, such as ``left_brow_276``, and others
            ``landmark0``, ``landmark1`` and so on.

        Returns
        -------
        ndarray of shape (n_landmarks,), object
        """
        check_is_fitted(self)
        return names_of_landmarks(self, input_features)


class LandmarkAligner(_SequenceTransformer):
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
    n_features_in_ : int
        Landmarks per frame.
    n_frames_in_ : int
        Frames per sequence.

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
        return in_blocks(lambda rows: self._aligned(X[rows], rows.start or 0), X)

    def _aligned(self, X, first):
        right, left = self._eyes()
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

    def _eyes(self):
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


class NeutralDifference(_SequenceTransformer):
    """Subtract the first frame, which shows the neutral face, from every frame.

    What is left is the expression's movement; the shape of the subject's face is gone.

    Parameters
    ----------
    keep_first : bool, default=False
        Whether the first frame, which is zero everywhere, stays in the sequence.

    Attributes
    ----------
    n_features_in_ : int
        Landmarks per frame.
    n_frames_in_ : int
        Frames per sequence.

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
        return in_blocks(lambda rows: X[rows, 0 if self.keep_first else 1 :] - X[rows, :1], X)


class SequenceFlattener(_ShapeLearner):
    """Lay each sequence out as one row, for an SVM or any other 2-D estimator.

    Attributes
    ----------
    n_features_in_ : int
        Landmarks per frame.
    n_frames_in_ : int
        Frames per sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import SequenceFlattener
    >>> flattener = SequenceFlattener().fit(np.zeros((4, 10, 2, 3)))
    >>> flattener.transform(np.zeros((4, 10, 2, 3))).shape
    (4, 60)
    >>> flattener.get_feature_names_out()[:4].tolist()
    ['frame0_x_landmark0', 'frame0_x_landmark1', 'frame0_x_landmark2', 'frame0_y_landmark0']
    """

    _parameter_constraints: dict = {}

    def transform(self, X):
        """Flatten sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_frames * 2 * n_landmarks), float32
            A view of X where that is possible.
        """
        check_is_fitted(self)
        X = check_sequences(X, fitted=self)
        return X.reshape(len(X), -1)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

        Parameters
        ----------
        input_features : array-like of shape (n_landmarks,), default=None
            Names of the landmarks. None names those of the 468-point mesh by region and index, and others
            landmark0, landmark1 and so on. A Pipeline's ``get_feature_names_out`` passes a selector's names on.

        Returns
        -------
        ndarray of shape (n_frames * 2 * n_landmarks,), object
        """
        check_is_fitted(self)
        names = names_of_landmarks(self, input_features)
        return np.array(
            [f"frame{p}_{c}_{name}" for p in range(self.n_frames_in_) for c in "xy" for name in names],
            dtype=object,
        )


def _estimator_has(method):
    return available_if(lambda self: hasattr(getattr(self, "estimator_", self.estimator), method))


class MirrorAugmented(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Fit a classifier on sequences and their mirror images; predict on sequences as they are.

    The copies are made inside ``fit``, so none of them leaks into the test part of a cross-validation.

    Parameters
    ----------
    estimator : classifier
        Fitted, as a clone, on twice the samples. May be a Pipeline.
    permutation : array-like of int of shape (n_landmarks,), default=None
        The landmark that each one becomes in a mirror. None knows it for a mesh of 468 points and for
        iBUG's 68.

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Landmarks per frame.
    n_frames_in_ : int
        Frames per sequence.

    Notes
    -----
    The horizontal coordinate changes its sign. Where it is not centred on the face, as in pixels, the mirror
    image lies elsewhere in the plane: put a :class:`LandmarkAligner` before this estimator or first inside it.
    The paper mirrors every video before it splits; a test sample's own mirror image is then trained on.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import LandmarkAligner, MirrorAugmented, SequenceFlattener
    >>> model = make_pipeline(LandmarkAligner(), MirrorAugmented(make_pipeline(SequenceFlattener(), SVC())))
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "permutation": ["array-like", None],
    }

    def __init__(self, estimator, *, permutation=None):
        self.estimator = estimator
        self.permutation = permutation

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Fit the estimator on X and its mirror image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : array-like of shape (n_samples,)
        **fit_params : dict
            Passed to the estimator's fit; what has one value per sample is repeated for the copies.

        Returns
        -------
        self
        """
        X = check_fit(self, X)
        if _routing_enabled():
            fit_params = process_routing(self, "fit", **fit_params)["estimator"]["fit"]
        twice = {
            name: np.concatenate([value, value]) if _is_per_sample(value, len(X)) else value
            for name, value in fit_params.items()
        }
        both = np.concatenate([X, mirror(X, permutation=self.permutation)])
        self.estimator_ = clone(self.estimator).fit(both, np.concatenate([y, y]), **twice)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        """Class labels, as the fitted estimator predicts them on X alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @_estimator_has("predict_proba")
    def predict_proba(self, X):
        """Class probabilities, as the fitted estimator gives them on X alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @_estimator_has("decision_function")
    def decision_function(self, X):
        """Decision values, as the fitted estimator gives them on X alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def get_metadata_routing(self):
        """Metadata that ``fit`` passes on to the estimator.

        Returns
        -------
        MetadataRouter
        """
        return MetadataRouter(owner=self).add(
            estimator=self.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit")
        )


def mirror(X, *, permutation=None):
    """Mirror image of landmark sequences: the subject's left side becomes the right.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
    permutation : array-like of int of shape (n_landmarks,), default=None
        The landmark that each one becomes. None knows it for a mesh of 468 points and for iBUG's 68.

    Returns
    -------
    ndarray of shape (n_samples, n_frames, 2, n_landmarks)
        Twice applied, it gives X again.
    """
    n_landmarks = X.shape[3]
    if permutation is None:
        known = {468: facemesh.MIRROR, 68: _mirror_68()}
        if n_landmarks not in known:
            raise ValueError(
                f"permutation must be given for {n_landmarks} landmarks; it is known for 68 and 468 only."
            )
        permutation = known[n_landmarks]
    permutation = np.asarray(permutation)
    if permutation.shape != (n_landmarks,) or not np.array_equal(
        permutation[permutation], np.arange(n_landmarks)
    ):
        raise ValueError(
            f"permutation must pair the {n_landmarks} landmarks of X with one another; got {permutation!r}."
        )
    mirrored = X[..., permutation]
    mirrored[:, :, 0] *= -1
    return mirrored


def _is_per_sample(value, n_samples):
    return np.ndim(value) > 0 and len(value) == n_samples
