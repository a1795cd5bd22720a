"""Several emotions at once, from one binary pipeline each."""

from numbers import Integral

import numpy as np
from scipy.special import logit
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from ._validation import (
    MetadataMixin,
    check_class_weight,
    check_fit,
    check_labels,
    check_per_sample,
    check_sample_weight,
    check_sequences,
    documented,
)
from .network import DecidesByLargest, interrupts_raised, target_of


def fit_to_emotion(estimator, X, y, emotion, *, groups=None, sample_weight=None):
    """Fit a clone of a binary classifier to "this emotion or not".

    Parameters
    ----------
    estimator : classifier
        Often a Pipeline. Steps that ask for ``emotion`` or ``groups`` by metadata routing get them.
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
    y : ndarray of shape (n_samples,)
        Emotion labels.
    emotion : label
        The one to tell from the rest.
    groups : ndarray of shape (n_samples,), default=None
        Subjects.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights for the classifier, that is a Pipeline's last step, and for other steps that ask for them.

    Returns
    -------
    classifier
        With the classes False and True.

    Raises
    ------
    ValueError
        If there are weights and the classifier takes none, or a ``class_weight`` in it weighs other classes than True
        and False, or a step in it refuses metadata routing.
    """
    estimator = clone(estimator)
    label = emotion.item() if isinstance(emotion, np.generic) else emotion
    why = f", that is {label!r} and all others, since it is told from the rest"
    for part in [estimator, *estimator.get_params().values()]:
        if isinstance(weights := getattr(part, "class_weight", None), dict):
            check_class_weight(weights, [True, False], why=why)
    metadata = {"emotion": y, "groups": groups, "sample_weight": sample_weight}
    metadata = {key: values for key, values in metadata.items() if values is not None}
    with config_context(enable_metadata_routing=True), interrupts_raised():
        if sample_weight is not None:
            _ask_for_weights(estimator)
        try:
            wanted = get_routing_for_object(estimator).consumes("fit", metadata)
        except NotImplementedError as error:  # aeon's estimators
            raise ValueError(
                f"estimator must hold steps that know metadata routing; one says: {error} A subclass of it with the "
                "line get_metadata_routing = sklearn.base.BaseEstimator.get_metadata_routing does."
            ) from error
        positive = target_of(_deciding(estimator)[-1], y == emotion)
        return estimator.fit(X, positive, **{key: metadata[key] for key in wanted})


def _ask_for_weights(estimator):
    """Have ``sample_weight`` routed to the classifier that decides, and elsewhere only where the user said so."""
    deciding = _deciding(estimator)
    for part in [estimator, *estimator.get_params().values()]:
        for method in ("fit", "score"):  # a search scores in its fit
            ask = getattr(part, f"set_{method}_request", None)
            if ask is None:
                continue
            requests = getattr(part._get_metadata_request(), method).requests
            if requests.get("sample_weight", False) is None:  # neither asked for nor declined
                ask(sample_weight=any(part is each for each in deciding))
    if not get_routing_for_object(deciding[-1]).consumes("fit", {"sample_weight"}):
        raise ValueError(
            "sample_weight must be None where the classifier does not take it; got weights for "
            f"{type(deciding[-1]).__name__}."
        )


def _deciding(estimator):
    """A classifier and those in it that it leaves the decision to, from the outside to the inside."""
    deciding = [estimator]
    while (inner := _wrapped(deciding[-1])) is not None:
        deciding.append(inner)
    return deciding


def _wrapped(estimator):
    """The classifier that a Pipeline, a search or another router passes metadata on to; None for one that decides."""
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(get_routing_for_object(estimator), MetadataRouter):
        return getattr(estimator, "estimator", None)
    return None


def decision_values(classifier, X):
    """Decision values of a fitted binary classifier, positive for its second class."""
    if hasattr(classifier, "decision_function"):
        return classifier.decision_function(X)
    tiny = np.finfo(np.float32).tiny
    return logit(np.clip(classifier.predict_proba(X)[:, 1], tiny, 1 - np.finfo(np.float32).eps))


def _gives_probabilities(classifier):
    if classifier.calibration is None and not hasattr(classifier.estimator, "predict_proba"):
        raise AttributeError(
            f"estimator must have predict_proba, which {type(classifier.estimator).__name__} has not: "
            'set calibration="sigmoid".'
        )
    return True


@documented()
class EmotionClassifier(MetadataMixin, DecidesByLargest, MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Classifier of several emotions, one clone of a binary classifier for each.

    Each clone learns "this emotion or not", on landmarks of its own where it selects some.

    Parameters
    ----------
    estimator : classifier
        Binary. May be a Pipeline; steps that ask for ``emotion`` or ``groups``, as :class:`IGLandmarkSelector` and
        :class:`ConvLSTMClassifier` do, get the labels and the subjects.
    calibration : {"sigmoid", "isotonic"} or None, default=None
        How the binary classifiers' decision values become probabilities: by Platt's sigmoid or an isotonic
        regression, fitted to the decisions on held-out folds. None takes their own probabilities.
    cv : int or splitter, default=5
        Folds for the calibration: so many, stratified by emotion, and by subject where groups are given.
    n_jobs : int, default=None
        Emotions fitted at once, as in joblib.

    Attributes
    ----------
    estimators_ : dict
        Label → the classifier fitted to it, on all samples, with the classes False and True.
    calibrated_ : dict or None
        Label → the :class:`~sklearn.calibration.CalibratedClassifierCV` around it; None without ``calibration``.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    {shape_learnt}

    Notes
    -----
    The label with the largest decision value is predicted; with ``calibration``, decision values are the calibrated
    probabilities' log-odds. The probabilities of the binary classifiers are divided by their sum. The paper trains
    one network per emotion and joins none.

    Calibration fits each binary classifier ``cv`` more times, whole with its selection, so that no sample is judged
    by a network that saw it or by landmarks chosen with it. The classifiers that predict are trained on all samples.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import EmotionClassifier, LandmarkAligner, SequenceFlattener
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> faces = make_expressions(n_subjects=10, n_repeats=1, n_frames=4, difficulty=0, random_state=0)
    >>> svm = make_pipeline(LandmarkAligner(), SequenceFlattener(), SVC(kernel="linear"))
    >>> classifier = EmotionClassifier(svm).fit(faces.data[:42], faces.target[:42])
    >>> classifier.score(faces.data[42:], faces.target[42:]) > 0.5  # chance is 1/6
    True
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "calibration": [StrOptions({"sigmoid", "isotonic"}), None],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"])],
        "n_jobs": [Integral, None],
    }

    def __init__(self, estimator, *, calibration=None, cv=5, n_jobs=None):
        self.estimator = estimator
        self.calibration = calibration
        self.cv = cv
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, emotion=None, groups=None, sample_weight=None):
        """Fit one clone for each emotion.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        y : array-like of shape (n_samples,)
            Emotion labels, two or more; neutral may be among them.
        emotion : ignored
            The labels are in y.
        groups : array-like of shape (n_samples,), default=None
            Subjects.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, at least 0, for every binary classifier and for its calibration. In a Pipeline
            they go to the last step; other steps, such as a selector with a network of its own, get them only where
            ``set_fit_request(sample_weight=True)`` asks for them. Folds are drawn without them. A search scores
            with them where it has no ``scoring`` of its own; a scorer must ask for them, or decline, by
            ``set_score_request``. A sigmoid of weighted networks needs scikit-learn 1.7.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X, y, groups or sample_weight have a wrong shape, or y holds one label, or some label has fewer
            samples, or subjects, than there are folds to calibrate on, or a weight is negative or not finite, or
            some label has no weight, or there are weights and the classifier does not take any.
        """
        X = check_fit(self, X)
        y = check_labels(X, y)
        groups = check_per_sample(X, groups, name="groups")
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes; got {self.classes_.tolist()}.")
        sample_weight = check_sample_weight(X, y, sample_weight)
        estimator = self.estimator
        if self.calibration is not None:
            folds = self._folds(X, y, groups)
            estimator = CalibratedClassifierCV(estimator, method=self.calibration, cv=folds, ensemble=False)
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_to_emotion)(estimator, X, y, label, groups=groups, sample_weight=sample_weight)
            for label in self.classes_
        )
        self.estimators_ = dict(zip(self.classes_.tolist(), fitted))
        self.calibrated_ = None
        if self.calibration is not None:
            self.calibrated_ = self.estimators_
            self.estimators_ = {
                label: calibrated.calibrated_classifiers_[0].estimator
                for label, calibrated in self.calibrated_.items()
            }
        return self

    def _folds(self, X, y, groups):
        """Training and held-out samples of each fold, the same for all emotions."""
        if not isinstance(self.cv, Integral):
            return list(self.cv.split(X, y, groups))
        units = np.arange(len(y)) if groups is None else groups
        for label in self.classes_.tolist():
            n_units = len(np.unique(units[y == label]))
            if n_units < self.cv:
                name = "samples" if groups is None else "subjects"
                raise ValueError(
                    f"cv={self.cv} needs as many {name} of each emotion; {label!r} has {n_units}."
                )
        folds = StratifiedKFold(self.cv) if groups is None else StratifiedGroupKFold(self.cv)
        return list(folds.split(X, y, groups))

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """The binary classifiers' probabilities, calibrated where asked for, divided by their sum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self)
        X = check_sequences(X, fitted=self)
        each = np.stack([fitted.predict_proba(X)[:, 1] for fitted in self._deciding()], axis=1)
        total = each.sum(axis=1, keepdims=True)
        return np.divide(each, total, out=np.full_like(each, 1 / each.shape[1]), where=total > 0)

    def _decision_values(self, X):
        X = check_sequences(X, fitted=self)
        return np.stack([decision_values(fitted, X) for fitted in self._deciding()], axis=1)

    def _deciding(self):
        """The binary classifiers whose word counts, in the order of the labels."""
        return (self.calibrated_ or self.estimators_).values()
