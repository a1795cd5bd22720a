"""Mirror images of sequences, and a classifier that learns from them."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _routing_enabled, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from .. import facemesh
from .._validation import MetadataMixin, check_complete, check_fit, check_per_sample, documented, with_names


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


def _estimator_has(method):
    return available_if(lambda self: hasattr(getattr(self, "estimator_", self.estimator), method))


class PredictsAsItsEstimator:
    """Predictions of a classifier that holds a fitted one in ``estimator_``."""

    def predict(self, X):
        """Class labels, as the fitted estimator predicts them.

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
        """Class probabilities, as the fitted estimator gives them.

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
        """Decision values, as the fitted estimator gives them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)


@documented()
class MirrorAugmented(
    MetadataMixin, PredictsAsItsEstimator, MetaEstimatorMixin, ClassifierMixin, BaseEstimator
):
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
    {shape_learnt}

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
    def fit(self, X, y, *, emotion=None, groups=None, **fit_params):
        """Fit the estimator on X and its mirror image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : array-like of shape (n_samples,)
        emotion, groups : array-like of shape (n_samples,), default=None
            Emotion labels and subjects, passed to the estimator where it asks for them: by metadata routing, or
            without routing where its fit has a parameter of the name.
        **fit_params : dict
            Passed to the estimator's fit; what has one value per sample is repeated for the copies.

        Returns
        -------
        self
        """
        X = check_fit(self, X)
        y = check_complete(y, name="y")
        metadata = {
            "emotion": check_per_sample(X, emotion, name="emotion"),
            "groups": check_per_sample(X, groups, name="groups"),
        }
        metadata = {name: value for name, value in metadata.items() if value is not None}
        if _routing_enabled():
            fit_params = process_routing(self, "fit", **metadata, **fit_params)["estimator"]["fit"]
        else:
            fit_params |= {
                name: value for name, value in metadata.items() if has_fit_parameter(self.estimator, name)
            }
        twice = {
            name: np.concatenate([value, value]) if _is_per_sample(value, len(X)) else value
            for name, value in fit_params.items()
        }
        both = with_names(np.concatenate([X, mirror(X, permutation=self.permutation)]), self)
        self.estimator_ = clone(self.estimator).fit(both, np.concatenate([y, y]), **twice)
        self.classes_ = self.estimator_.classes_
        return self

    def get_metadata_routing(self):
        """Metadata that ``fit`` takes, and what of them it passes on to the estimator.

        Returns
        -------
        MetadataRouter
        """
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=to_fit)


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
