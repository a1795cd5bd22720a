import pickle

import numpy as np
import pytest
from scipy.special import logit
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import ConvLSTMClassifier, EmotionClassifier, IGLandmarkSelector, SequenceFlattener

NETWORK = ConvLSTMClassifier(
    n_filters=4, lstm_units=6, fc_units=5, lr=1e-2, max_epochs=15, validation_fraction=None, random_state=0
)
SVM = make_pipeline(SequenceFlattener(), SVC(kernel="linear", C=0.01))
pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")


@pytest.fixture
def three_emotions(planted):
    X, emotion, groups = planted
    X[:, :, 0, 11] += 3 * (emotion == "anger")[:, None]
    return X, emotion, groups


def _selecting(n_landmarks=2):
    return make_pipeline(
        IGLandmarkSelector(NETWORK, n_landmarks_to_select=n_landmarks, random_state=0), NETWORK
    )


@pytest.mark.parametrize("estimator", [SVM, NETWORK], ids=["SVM", "network"])
def test_emotions_are_told_apart_on_new_subjects(three_emotions, estimator):
    X, emotion, groups = three_emotions
    train = groups < 4
    classifier = EmotionClassifier(estimator).fit(X[train], emotion[train])
    assert classifier.classes_.tolist() == sorted(set(emotion))
    assert classifier.score(X[~train], emotion[~train]) > 0.75


def test_each_emotion_has_landmarks_of_its_own_and_baselines_of_the_others(three_emotions):
    X, emotion, groups = three_emotions
    classifier = EmotionClassifier(_selecting()).fit(X, emotion, groups=groups)
    selectors = {label: fitted[0] for label, fitted in classifier.estimators_.items()}
    assert selectors["fear"].ranking_[0] in (3, 7)
    assert selectors["anger"].ranking_[0] == 11
    assert all(set(selector.typical_samples_) == set(emotion) for selector in selectors.values())


def test_decisions_are_those_of_the_binary_classifiers(three_emotions):
    X, emotion, _ = three_emotions
    classifier = EmotionClassifier(NETWORK).fit(X, emotion)
    positive = np.stack([fitted.predict_proba(X)[:, 1] for fitted in classifier.estimators_.values()], axis=1)
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities, positive / positive.sum(axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(classifier.decision_function(X), logit(positive), rtol=1e-2, atol=1e-3)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[positive.argmax(axis=1)])


def test_two_emotions_give_one_decision_value(three_emotions):
    X, emotion, _ = three_emotions
    two = emotion != "happiness"
    classifier = EmotionClassifier(SVM).fit(X[two], emotion[two])
    values = classifier.decision_function(X[two])
    assert values.shape == (40,)
    np.testing.assert_array_equal(classifier.predict(X[two]) == "fear", values > 0)


def test_an_svm_without_probabilities_offers_none():
    assert not hasattr(EmotionClassifier(SVM), "predict_proba")
    assert hasattr(EmotionClassifier(NETWORK), "predict_proba")


def test_any_number_of_jobs_gives_the_same(three_emotions):
    X, emotion, _ = three_emotions
    serial, parallel = (EmotionClassifier(NETWORK, n_jobs=n).fit(X, emotion).predict_proba(X) for n in (1, 2))
    np.testing.assert_array_equal(serial, parallel)


def test_it_takes_part_in_searches_and_pickles(three_emotions):
    X, emotion, groups = three_emotions
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            EmotionClassifier(_selecting()),
            {"estimator__iglandmarkselector__n_landmarks_to_select": [1, 3]},
            cv=StratifiedGroupKFold(2),
        )
        search.fit(X, emotion, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    wanted = search.best_params_["estimator__iglandmarkselector__n_landmarks_to_select"]
    for fitted in search.best_estimator_.estimators_.values():
        assert fitted[-1].n_features_in_ == wanted
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(X), search.predict_proba(X))
    assert cross_val_score(EmotionClassifier(SVM), X, emotion, cv=3).mean() > 0.7


def test_one_emotion_is_refused(three_emotions):
    X, _, _ = three_emotions
    with pytest.raises(ValueError, match=r"y must hold at least two classes; got \['fear'\]"):
        EmotionClassifier(SVM).fit(X, np.repeat("fear", 60))
