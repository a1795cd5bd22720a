"""What a fitted classifier is to those who show it videos: its labels, its frames, its probabilities, its parts."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..extraction import LandmarkExtractor
from ..selection import n_frames_in, n_landmarks_in, take_apart


@dataclass(frozen=True, eq=False)
class Detector:
    """A fitted classifier of landmark sequences, as commands and videos need it; :func:`as_detector` makes one.

    Attributes
    ----------
    estimator : classifier
        It takes X of shape (n_samples, n_frames, 2, n_landmarks): of a search the best estimator, and of a Pipeline
        that begins with a :class:`LandmarkExtractor` the steps behind it.
    labels : list of str
        In the order of the estimator's ``classes_``.
    positive : str or None
        The emotion that a classifier of two labels tells from the rest; None where all labels are emotions.
    n_frames, n_landmarks : int or None
        Of the sequences that it takes; None where no fitted step tells.
    unit : {"probability", "score"} or None
        What :meth:`values` gives: probabilities; or decision values, of which the largest decides and which are no
        probabilities; None where the estimator has neither.
    extractor : LandmarkExtractor or None
        The step that the Pipeline began with.
    """

    estimator: object
    labels: list
    positive: str | None
    n_frames: int | None
    n_landmarks: int | None
    unit: str | None
    extractor: LandmarkExtractor | None

    @property
    def emotions(self):
        """Labels that there is something to explain of: the positive one, or all."""
        return self.labels if self.positive is None else [self.positive]

    @property
    def by_emotion(self):
        """Label → binary classifier, of an :class:`EmotionClassifier`; None of other classifiers."""
        fitted = getattr(self.estimator, "estimators_", None)
        return {str(label): each for label, each in fitted.items()} if hasattr(fitted, "items") else None

    def extractor_for(self, **parameters):
        """An unfitted extractor of the sequences that it takes.

        Parameters
        ----------
        **parameters
            Of :class:`LandmarkExtractor`; they overrule those of the Pipeline's own, None does not.

        Returns
        -------
        LandmarkExtractor
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        if self.extractor is None:
            return LandmarkExtractor(self.n_frames, **given)
        return clone(self.extractor).set_params(**given)

    def predict(self, X):
        """Label of each sequence.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        list of str
        """
        names = dict(zip(self.estimator.classes_.tolist(), self.labels))
        return [names[label] for label in np.asarray(self.estimator.predict(X)).tolist()]

    def values(self, X):
        """Probability or score of each label, as ``unit`` says.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)

        Returns
        -------
        ndarray of shape (n_samples, n_labels), or None
            For two labels, scores are the decision value of the second and its negative.
        """
        if self.unit is None:
            return None
        if self.unit == "probability":
            return np.asarray(self.estimator.predict_proba(X))
        values = np.asarray(self.estimator.decision_function(X))
        return np.stack([-values, values], axis=1) if values.ndim == 1 else values

    def parts(self, label):
        """What decides on a label, taken apart, and the column of its output that is the label's.

        Parameters
        ----------
        label : str

        Returns
        -------
        parts : Parts
            As ``take_apart`` gives them.
        target : int
        """
        if self.by_emotion is not None:
            return take_apart(self.by_emotion[label], self.n_landmarks), 1
        return take_apart(self.estimator, self.n_landmarks), self.labels.index(label)


def as_detector(fitted, *, positive=None):
    """What a fitted classifier is to those who show it videos.

    Parameters
    ----------
    fitted : classifier
        An :class:`EmotionClassifier`, a :class:`ConvLSTMClassifier`, a Pipeline or another classifier of sequences; or
        a search around one. A Pipeline may begin with a :class:`LandmarkExtractor`.
    positive : str, default=None
        Of a classifier of two labels the one that is the emotion; None is the second, which scikit-learn takes for the
        positive one. Where the labels are no words, as those of ``y == "fear"``, this names the second.

    Returns
    -------
    Detector

    Raises
    ------
    TypeError
        If it is no classifier of labels.
    NotFittedError, ValueError
        If it is not fitted, or `positive` is no label of it, or its labels are not two.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emoxai import LandmarkAligner, SequenceFlattener
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> from sklearn_emoxai.evaluation import as_detector
    >>> faces = make_expressions(n_subjects=4, n_repeats=1, n_frames=5, random_state=0)
    >>> svm = make_pipeline(LandmarkAligner(), SequenceFlattener(), SVC())
    >>> detector = as_detector(svm.fit(faces.data, faces.target == "fear"), positive="fear")
    >>> detector.labels, detector.unit, detector.n_frames
    (['not fear', 'fear'], 'score', 5)
    """
    # scikit-learn raises for what is no estimator, such as the path of one.
    if isinstance(fitted, type) or not hasattr(fitted, "get_params") or not is_classifier(fitted):
        got = f"the class {fitted.__name__}" if isinstance(fitted, type) else f"a {type(fitted).__name__}"
        raise TypeError(f"A detector must be a fitted classifier of sequences; got {got}.")
    check_is_fitted(fitted)
    estimator, extractor = fitted, None
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    steps = [step for _, step in getattr(estimator, "steps", [])]
    first = next((i for i, step in enumerate(steps) if hasattr(step, "fit")), None)  # not "passthrough"
    if first is not None and isinstance(steps[first], LandmarkExtractor):
        extractor, estimator = steps[first], Pipeline(estimator.steps[first + 1 :])
    if np.ndim(getattr(estimator, "classes_", None)) != 1:
        raise TypeError(f"A detector must have its labels in classes_; {type(fitted).__name__} has none.")
    labels, positive = _named(estimator, positive)
    n_frames = n_frames_in(estimator) if extractor is None else extractor.n_frames
    return Detector(
        estimator, labels, positive, n_frames, n_landmarks_in(estimator), _unit(estimator), extractor
    )


def _named(estimator, positive):
    """Labels as words, and which of two is the emotion."""
    classes = estimator.classes_.tolist()
    labels = [str(label) for label in classes]
    if len(labels) != 2 or hasattr(getattr(estimator, "estimators_", None), "items"):
        if positive is not None:
            raise ValueError(
                "positive must be None where each label is an emotion of its own, as here "
                f"{', '.join(labels)}; got {positive!r}."
            )
        return labels, None
    if positive is None or positive in labels:
        return labels, positive or labels[1]
    if any(isinstance(label, str) for label in classes):
        raise ValueError(f"positive must be {labels[0]} or {labels[1]}, the labels; got {positive!r}.")
    return [f"not {positive}", positive], positive


def _unit(estimator):
    if hasattr(estimator, "predict_proba"):
        return "probability"
    return "score" if hasattr(estimator, "decision_function") else None
