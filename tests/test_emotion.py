import pickle

import numpy as np
import pytest
import sklearn
import torch
from scipy.special import logit
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    IGLandmarkSelector,
    LandmarkAligner,
    MirrorAugmented,
    NeutralDifference,
    SequenceFlattener,
    VarianceLandmarkSelector,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.emotion import decision_values

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
    select = IGLandmarkSelector(NETWORK, n_landmarks_to_select=n_landmarks, random_state=0)
    return Pipeline([("select", select), ("classify", NETWORK)])


class _Linear(torch.nn.Module):
    def __init__(self, n_outputs):
        super().__init__()
        self.layer = torch.nn.Linear(5 * 2 * 20, n_outputs)

    def forward(self, X):
        return self.layer(X.flatten(1)).squeeze(1)


SKORCH = {"max_epochs": 40, "lr": 0.01, "iterator_train__shuffle": True, "train_split": None, "verbose": 0}
TWO_OUTPUTS = NeuralNetClassifier(_Linear, module__n_outputs=2, criterion=torch.nn.CrossEntropyLoss, **SKORCH)
ONE_OUTPUT = NeuralNetBinaryClassifier(_Linear, module__n_outputs=1, **SKORCH)


@pytest.mark.parametrize(
    "estimator",
    [
        SVM,
        NETWORK,
        TWO_OUTPUTS,
        make_pipeline(VarianceLandmarkSelector(n_landmarks_to_select=None), ONE_OUTPUT),
    ],
    ids=["SVM", "network", "skorch", "binary skorch"],
)
def test_emotions_are_told_apart_on_new_subjects(three_emotions, estimator):
    torch.manual_seed(0)  # skorch nets have no seed of their own
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
            {"estimator__select__n_landmarks_to_select": [1, 3]},
            cv=StratifiedGroupKFold(2),
        )
        search.fit(X, emotion, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    wanted = search.best_params_["estimator__select__n_landmarks_to_select"]
    for fitted in search.best_estimator_.estimators_.values():
        assert fitted[-1].n_features_in_ == wanted
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(X), search.predict_proba(X))
    assert cross_val_score(EmotionClassifier(SVM), X, emotion, cv=3).mean() > 0.7


def test_one_emotion_is_refused(three_emotions):
    X, _, _ = three_emotions
    with pytest.raises(ValueError, match=r"y must hold at least two classes; got \['fear'\]"):
        EmotionClassifier(SVM).fit(X, np.repeat("fear", 60))


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_come_from_held_out_subjects(three_emotions, calibration):
    X, emotion, groups = three_emotions
    folds = StratifiedGroupKFold(3)
    classifier = EmotionClassifier(SVM, calibration=calibration, cv=3).fit(X, emotion, groups=groups)
    each = []
    for label in classifier.classes_:
        held_out = cross_val_predict(
            SVM, X, emotion == label, cv=list(folds.split(X, emotion, groups)), method="decision_function"
        )
        expected = CalibratedClassifierCV(FrozenEstimator(_Identity().fit(None)), method=calibration)
        expected.fit(held_out[:, None], emotion == label)
        own = classifier.estimators_[label].decision_function(X)
        each.append(expected.predict_proba(own[:, None])[:, 1])
    each = np.stack(each, axis=1)
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities, each / each.sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[each.argmax(axis=1)])


class _Identity(ClassifierMixin, BaseEstimator):
    """Its decision is its input."""

    def fit(self, X, y=None):
        self.classes_ = np.array([False, True])
        return self

    def decision_function(self, X):
        return X[:, 0]

    def predict(self, X):
        return X[:, 0] > 0


def test_calibration_helps_a_network_that_is_too_sure(three_emotions):
    rng = np.random.default_rng(1)
    _, emotion, groups = three_emotions
    X = rng.normal(size=(60, 5, 2, 20)).astype(np.float32)
    X[..., 3] += 0.4 * (emotion == "fear")[:, None, None]
    X[..., 11] += 0.4 * (emotion == "anger")[:, None, None]
    train = groups < 4
    plain, calibrated = (
        EmotionClassifier(NETWORK, calibration=calibration, cv=4)
        .fit(X[train], emotion[train], groups=groups[train])
        .predict_proba(X[~train])
        for calibration in (None, "sigmoid")
    )
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, rtol=1e-6)
    assert log_loss(emotion[~train], calibrated) < log_loss(emotion[~train], plain)


def test_a_calibrated_selection_keeps_its_landmarks_and_pickles(three_emotions):
    X, emotion, groups = three_emotions
    classifier = EmotionClassifier(_selecting(), calibration="sigmoid", cv=2).fit(X, emotion, groups=groups)
    assert classifier.estimators_["anger"][0].ranking_[0] == 11
    assert set(classifier.estimators_["anger"][0].typical_samples_) == set(emotion)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_calibration_gives_an_svm_probabilities(three_emotions):
    X, emotion, _ = three_emotions
    probabilities = EmotionClassifier(SVM, calibration="sigmoid", cv=2).fit(X, emotion).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_calibration_needs_enough_samples_or_subjects(three_emotions):
    X, emotion, groups = three_emotions
    classifier = EmotionClassifier(SVM, calibration="sigmoid", cv=7)
    with pytest.raises(ValueError, match="cv=7 needs as many subjects of each emotion; 'anger' has 6"):
        classifier.fit(X, emotion, groups=groups)
    with pytest.raises(ValueError, match="cv=21 needs as many samples of each emotion; 'anger' has 20"):
        classifier.set_params(cv=21).fit(X, emotion)
    with pytest.raises(ValueError, match="'calibration' parameter"):
        classifier.set_params(calibration="platt").fit(X, emotion)


def test_neutral_is_one_more_label_and_groups_reach_the_network():
    faces = make_expressions(
        n_subjects=10,
        n_repeats=1,
        n_frames=4,
        emotions=("anger", "fear", "happiness", "neutral"),
        difficulty=0,
        random_state=0,
    )
    network = _Witness(**NETWORK.get_params() | {"max_epochs": 30})
    pipeline = Pipeline(
        [
            ("align", LandmarkAligner()),
            ("difference", NeutralDifference()),
            ("select", IGLandmarkSelector(network, n_landmarks_to_select=12, n_steps=10, random_state=0)),
            ("classify", network),
        ]
    )
    _Witness.groups = []
    train = np.arange(40) < 32
    classifier = EmotionClassifier(pipeline).fit(
        faces.data[train], faces.target[train], groups=faces.groups[train]
    )
    assert len(_Witness.groups) == 4 * 2
    for groups in _Witness.groups:
        np.testing.assert_array_equal(groups, faces.groups[train])
    assert classifier.classes_.tolist() == ["anger", "fear", "happiness", "neutral"]
    assert set(classifier.estimators_["neutral"]["select"].typical_samples_) == set(faces.target)
    assert classifier.score(faces.data[~train], faces.target[~train]) > 0.6


class _Witness(ConvLSTMClassifier):
    groups = []

    def fit(self, X, y, *, groups=None):
        _Witness.groups.append(groups)
        return super().fit(X, y, groups=groups)


def test_cross_validation_routes_the_subjects(three_emotions):
    X, emotion, groups = three_emotions
    _Witness.groups = []
    classifier = EmotionClassifier(_Witness(**NETWORK.get_params() | {"max_epochs": 2}))
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            classifier, X, emotion, cv=StratifiedGroupKFold(2), params={"groups": groups}
        )
    assert np.isfinite(scores).all()
    seen = [set(subjects) for subjects in _Witness.groups]
    assert len(seen) == 2 * 3
    assert not seen[0] & seen[-1]


def _svm_with(step):
    return make_pipeline(SequenceFlattener(), step, SVC(kernel="linear", C=0.01))


takers_of_weights = pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (SVM, "svc__sample_weight"),
        (NETWORK, "sample_weight"),
        (_svm_with(StandardScaler()), "svc__sample_weight"),
        (MirrorAugmented(NETWORK, permutation=np.arange(20)[::-1]), "sample_weight"),
    ],
    ids=["SVM", "network", "scaled SVM", "mirrored"],
)


@takers_of_weights
def test_weights_reach_every_binary_classifier(three_emotions, estimator, name):
    X, emotion, _ = three_emotions
    weights = np.random.default_rng(0).uniform(1, 10, 60)
    values = EmotionClassifier(estimator).fit(X, emotion, sample_weight=weights).decision_function(X)
    for label, found in zip(sorted(set(emotion)), values.T, strict=True):
        binary = clone(estimator).fit(X, emotion == label, **{name: weights})
        np.testing.assert_allclose(found, decision_values(binary, X), rtol=1e-6)


@takers_of_weights
@pytest.mark.filterwarnings("ignore:Since FrozenEstimator does not appear to accept sample_weight")
def test_weights_reach_the_folds_and_the_sigmoids_of_a_calibration(three_emotions, estimator, name):
    if sklearn.__version__.startswith("1.6.") and name == "sample_weight":
        pytest.skip("scikit-learn 1.6 fits no weighted sigmoid to decisions in float32")
    X, emotion, groups = three_emotions
    weights = np.random.default_rng(0).uniform(1, 10, 60)
    classifier = EmotionClassifier(estimator, calibration="sigmoid", cv=2)
    values = classifier.fit(X, emotion, groups=groups, sample_weight=weights).decision_function(X)
    folds = list(StratifiedGroupKFold(2).split(X, emotion, groups))
    for label, found in zip(classifier.classes_, values.T, strict=True):
        target = emotion == label
        held_out = cross_val_predict(
            estimator, X, target, cv=folds, method="decision_function", params={name: weights}
        )
        expected = CalibratedClassifierCV(FrozenEstimator(_Identity().fit(None)), method="sigmoid")
        expected.fit(held_out[:, None], target, sample_weight=weights)
        own = classifier.estimators_[label].decision_function(X)
        np.testing.assert_allclose(found, decision_values(expected, own[:, None]), rtol=1e-4)


def test_integer_weights_are_repeated_samples_to_an_svm(three_emotions):
    X, emotion, _ = three_emotions
    repeats = np.random.default_rng(0).integers(0, 4, 60)
    rows = np.repeat(np.arange(60), repeats)
    weighted = EmotionClassifier(SVM).fit(X, emotion, sample_weight=repeats).decision_function(X)
    repeated = EmotionClassifier(SVM).fit(X[rows], emotion[rows]).decision_function(X)
    np.testing.assert_allclose(weighted, repeated, atol=5e-3)  # libsvm stops at 1e-3


def test_weights_go_to_the_last_step_unless_another_asks_for_them(three_emotions):
    X, emotion, _ = three_emotions
    weights = np.where(emotion == "fear", 50, 1)

    def means(scaler):
        classifier = EmotionClassifier(_svm_with(scaler)).fit(X, emotion, sample_weight=weights)
        return classifier.estimators_["fear"]["standardscaler"].mean_

    with config_context(enable_metadata_routing=True):
        asking = StandardScaler().set_fit_request(sample_weight=True)
    flat = SequenceFlattener().fit_transform(X)
    np.testing.assert_allclose(means(StandardScaler()), flat.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(means(asking), np.average(flat, axis=0, weights=weights), atol=1e-5)


def test_a_selection_before_the_network_is_made_without_weights(three_emotions):
    X, emotion, groups = three_emotions
    weights = np.random.default_rng(0).uniform(1, 10, 60)
    plain = EmotionClassifier(_selecting()).fit(X, emotion, groups=groups)
    estimator = _selecting()
    weighted = EmotionClassifier(estimator).fit(X, emotion, groups=groups, sample_weight=weights)
    for label in plain.classes_:
        first, second = plain.estimators_[label], weighted.estimators_[label]
        np.testing.assert_array_equal(first[0].importances_, second[0].importances_)
        assert not np.array_equal(first.predict_proba(X), second.predict_proba(X))
    # The caller's own estimator asks for no more than before.
    assert estimator[-1].get_metadata_routing().fit.requests["sample_weight"] is None


def test_a_search_for_each_emotion_fits_and_scores_with_weights(three_emotions):
    X, emotion, _ = three_emotions
    emotion = np.random.default_rng(1).permutation(emotion)
    repeats = np.random.default_rng(0).integers(1, 4, 60)
    folds = [(np.arange(60) % 2 == i, np.arange(60) % 2 != i) for i in (0, 1)]
    search = GridSearchCV(SVM, {"svc__C": [1e-4, 1e-2]}, cv=folds)
    found = EmotionClassifier(search).fit(X, emotion, sample_weight=repeats).estimators_["fear"]
    target = emotion == "fear"
    for i, (train, test) in enumerate(folds):
        for C, scores in zip([1e-4, 1e-2], found.cv_results_[f"split{i}_test_score"], strict=True):
            svm = (
                clone(SVM)
                .set_params(svc__C=C)
                .fit(X[train], target[train], svc__sample_weight=repeats[train])
            )
            assert scores == svm.score(X[test], target[test], sample_weight=repeats[test])


@pytest.mark.parametrize("scaler", ["passthrough", StandardScaler()], ids=str)
def test_weights_for_a_classifier_that_takes_none_are_refused(three_emotions, scaler):
    X, emotion, _ = three_emotions
    with config_context(enable_metadata_routing=True):
        if scaler != "passthrough":
            scaler = clone(scaler).set_fit_request(sample_weight=True)
    neighbors = make_pipeline(SequenceFlattener(), scaler, KNeighborsClassifier())
    for calibration in (None, "sigmoid"):
        classifier = EmotionClassifier(neighbors, calibration=calibration)
        with pytest.raises(
            ValueError,
            match="sample_weight must be None where the classifier does not take it; got weights for KNei",
        ):
            classifier.fit(X, emotion, sample_weight=np.ones(60))
        classifier.fit(X, emotion)


def test_wrong_weights_are_named(three_emotions):
    X, emotion, _ = three_emotions
    for weights, message in [
        (np.ones(59), r"sample_weight must have shape \(60,\)"),
        (-np.ones(60), r"sample_weight must hold finite numbers that are at least 0; got -1\.0"),
        (emotion != "fear", "sample_weight must be positive for a sample of each class; .* for 'fear'"),
    ]:
        with pytest.raises(ValueError, match=message):
            EmotionClassifier(SVM).fit(X, emotion, sample_weight=weights)


def test_weights_are_routed_to_it_when_asked_for(three_emotions):
    X, emotion, groups = three_emotions
    parameters = {"groups": groups, "sample_weight": np.arange(60)}
    with config_context(enable_metadata_routing=True):
        classifier = EmotionClassifier(SVM).set_score_request(sample_weight=False)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            cross_val_score(classifier, X, emotion, cv=StratifiedGroupKFold(2), params=parameters)
        classifier.set_fit_request(sample_weight=True)
        scores = cross_val_score(classifier, X, emotion, cv=StratifiedGroupKFold(2), params=parameters)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    "classifier",
    [
        SVC(class_weight={"fear": 2}),
        ConvLSTMClassifier(class_weight={"fear": 2}),
    ],
)
def test_weights_of_emotions_are_refused_since_each_is_told_from_the_rest(planted, classifier):
    X, emotion, _ = planted
    model = EmotionClassifier(make_pipeline(SequenceFlattener(), classifier))
    with pytest.raises(
        ValueError,
        match=r"keys out of the labels \[True, False\], that is 'anger' and all others, .*; got 'fear'",
    ):
        model.fit(X, emotion)


def test_steps_that_refuse_metadata_routing_are_refused_with_the_remedy(planted):
    class Foreign(SVC):
        def get_metadata_routing(self):
            raise NotImplementedError("no routing here.")

    class Mended(Foreign):
        get_metadata_routing = BaseEstimator.get_metadata_routing

    X, emotion, _ = planted
    with pytest.raises(
        ValueError, match="one says: no routing here. A subclass of it with the line get_metadata"
    ):
        EmotionClassifier(make_pipeline(SequenceFlattener(), Foreign())).fit(X, emotion)
    EmotionClassifier(make_pipeline(SequenceFlattener(), Mended())).fit(X, emotion)
