"""What fitted classifiers of all kinds are to those who show them videos."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    LandmarkExtractor,
    LandmarkMotion,
    MirrorAugmented,
    NeutralDifference,
    SequenceFlattener,
    SequenceUnflattener,
    UnivariateLandmarkSelector,
)
from sklearn_emoxai.evaluation import as_detector

NETWORK = ConvLSTMClassifier(
    n_filters=2, kernel_size=1, lstm_units=4, fc_units=4, max_epochs=2, random_state=0
)
SVM = make_pipeline(SequenceFlattener(), SVC())
LOGISTIC = make_pipeline(SequenceFlattener(), LogisticRegression())
PIPELINE = make_pipeline(
    "passthrough", NeutralDifference(), UnivariateLandmarkSelector(n_landmarks_to_select=4), NETWORK
)
ROWS = make_pipeline(SequenceUnflattener(n_frames=5), NETWORK)


def _flattened(classifier):
    return make_pipeline(SequenceFlattener(), classifier)


# Classifier → what it gives.
KINDS = {
    "network": (NETWORK, "probability"),
    "pipeline": (PIPELINE, "probability"),
    "SVM": (SVM, "score"),
    "search": (GridSearchCV(PIPELINE, {"convlstmclassifier__n_filters": [2]}, cv=2), "probability"),
    "search inside": (_flattened(GridSearchCV(SVC(), {"C": [1]}, cv=2)), "score"),
    "search of a search": (
        GridSearchCV(GridSearchCV(SVM, {"svc__C": [1]}, cv=2), {"cv": [2]}, cv=2),
        "score",
    ),
    "mirrored": (MirrorAugmented(LOGISTIC, permutation=np.arange(20)), "probability"),
    "emotions": (EmotionClassifier(PIPELINE), "probability"),
    "emotions by SVMs": (EmotionClassifier(SVM), "score"),
    "vote": (VotingClassifier([("a", LOGISTIC), ("b", NETWORK)], voting="soft"), "probability"),
    "hard vote": (VotingClassifier([("a", LOGISTIC), ("b", SVM)]), None),
    "bag": (_flattened(BaggingClassifier(ROWS, n_estimators=2)), "probability"),
    "calibrated": (_flattened(CalibratedClassifierCV(ROWS, cv=2)), "probability"),
    "one against the rest": (OneVsRestClassifier(SVM), "score"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_detector_tells_labels_frames_landmarks_and_what_it_gives(planted, name):
    X, emotion, _ = planted
    classifier, unit = KINDS[name]
    fitted = classifier.fit(X, emotion)
    detector = as_detector(fitted)
    assert (detector.n_frames, detector.n_landmarks, detector.unit) == (5, 20, unit)
    assert detector.labels == detector.emotions == ["anger", "fear", "happiness"]
    predicted = detector.predict(X)
    assert predicted == fitted.predict(X).tolist()
    values = detector.values(X)
    if unit is None:
        assert values is None
    else:
        assert values.shape == (60, 3)
        assert [detector.labels[i] for i in values.argmax(axis=1)] == predicted


def test_two_labels_have_a_positive_one(planted):
    X, emotion, _ = planted
    svm = SVM.fit(X, np.where(emotion == "fear", "fear", "rest"))
    assert as_detector(svm).positive == "rest"
    detector = as_detector(svm, positive="fear")
    assert (detector.labels, detector.emotions) == (["fear", "rest"], ["fear"])
    values = detector.values(X)
    np.testing.assert_array_equal(values[:, 1], svm.decision_function(X))
    np.testing.assert_array_equal(values[:, 0], -values[:, 1])
    with pytest.raises(ValueError, match="positive must be fear or rest, the labels; got 'joy'"):
        as_detector(svm, positive="joy")


@pytest.mark.parametrize("classes", [(False, True), (0, 1), (-1, 1)])
def test_a_positive_class_without_a_name_is_given_one(planted, classes):
    X, emotion, _ = planted
    svm = SVM.fit(X, np.array(classes)[(emotion == "fear").astype(int)])
    assert as_detector(svm).labels == [str(each) for each in classes]
    assert as_detector(svm, positive=str(classes[1])).labels == [str(each) for each in classes]
    detector = as_detector(svm, positive="fear")
    assert detector.labels == ["not fear", "fear"]
    assert np.mean((np.array(detector.predict(X)) == "fear") == (emotion == "fear")) > 0.9


def test_a_pipeline_from_videos_is_split_behind_its_extractor(planted):
    X, emotion, _ = planted
    extractor = LandmarkExtractor(n_frames=5, crop_margin=0.3)
    whole = make_pipeline("passthrough", extractor, *PIPELINE.fit(X, emotion))
    detector = as_detector(whole)
    assert detector.n_frames == 5
    assert detector.predict(X) == PIPELINE.predict(X).tolist()
    used = detector.extractor_for(max_missing=0.2, model_path=None)
    assert (used.n_frames, used.crop_margin, used.max_missing) == (5, 0.3, 0.2)
    assert extractor.max_missing == 0.5


def test_an_extractor_is_made_where_a_detector_has_none(planted):
    X, emotion, _ = planted
    used = as_detector(PIPELINE.fit(X, emotion)).extractor_for(max_missing=0.2, detector=None)
    assert used.get_params() == LandmarkExtractor(5, max_missing=0.2).get_params()


def test_parts_are_those_that_decide_on_a_label(planted):
    X, emotion, _ = planted
    several = as_detector(EmotionClassifier(PIPELINE).fit(X, emotion))
    parts, target = several.parts("fear")
    assert parts.classifier is several.estimator.estimators_["fear"][-1]
    assert target == 1
    one = as_detector(PIPELINE.fit(X, emotion))
    parts, target = one.parts("happiness")
    assert parts.classifier is one.estimator[-1]
    assert len(parts.landmarks) == 4
    assert target == 2


def test_parts_behind_a_search_of_a_pipeline_are_its_parts(planted):
    X, emotion, _ = planted
    inner = GridSearchCV(make_pipeline(LandmarkMotion(order=1), NETWORK), {}, cv=2)
    whole = make_pipeline(NeutralDifference(), UnivariateLandmarkSelector(n_landmarks_to_select=4), inner)
    fitted = whole.fit(X, emotion)
    parts, _ = as_detector(fitted).parts("fear")
    motion, network = fitted[-1].best_estimator_
    assert parts.classifier is network
    assert parts.steps == [*fitted[:2], motion]
    np.testing.assert_array_equal(parts.landmarks, fitted[1].get_support(indices=True))
    np.testing.assert_allclose(network.predict_proba(parts.prepare(X)), fitted.predict_proba(X))
    np.testing.assert_array_equal(parts.by_landmark(np.arange(8.0)), [0 + 4, 1 + 5, 2 + 6, 3 + 7])


def test_landmarks_that_are_chosen_by_their_motion_are_told_once(planted):
    X, emotion, _ = planted
    select = UnivariateLandmarkSelector(n_landmarks_to_select=7)
    fitted = make_pipeline(LandmarkMotion(append=False), select, NETWORK).fit(X, emotion)
    parts, _ = as_detector(fitted).parts("fear")
    chosen = fitted[1].get_support(indices=True) % 20
    assert len(set(chosen)) < 7
    np.testing.assert_array_equal(parts.columns, chosen)
    assert sorted(parts.landmarks) == sorted(set(chosen))
    np.testing.assert_allclose(parts.importances, fitted[1].importances_.reshape(2, 20).sum(axis=0))
    assert parts.by_landmark(np.ones((2, 7))).sum() == 14


def test_what_is_no_detector_is_said(planted):
    X, emotion, _ = planted
    with pytest.raises(TypeError, match="must be a fitted classifier of sequences; got a NeutralDifference"):
        as_detector(NeutralDifference().fit(X))
    for given, got in (("model.skops", "a str"), (SVC, "the class SVC"), (None, "a NoneType")):
        with pytest.raises(TypeError, match=f"must be a fitted classifier of sequences; got {got}"):
            as_detector(given)
    with pytest.raises(NotFittedError):
        as_detector(SVC())
    several = EmotionClassifier(SVM).fit(X, emotion)
    with pytest.raises(ValueError, match="positive must be None where each label is an emotion of its own"):
        as_detector(several, positive="fear")
