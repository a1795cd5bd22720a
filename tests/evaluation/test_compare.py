import json
import re
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import fbeta_score, make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold, StratifiedGroupKFold, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    IGLandmarkSelector,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    compare,
)
from sklearn_emoxai.attribution import BaselineWarning
from sklearn_emoxai.evaluation import paper_models

NETWORK = ConvLSTMClassifier(
    n_filters=4, lstm_units=6, fc_units=5, lr=1e-2, max_epochs=15, validation_fraction=0.3, random_state=0
)
SVM = make_pipeline(SequenceFlattener(), SVC(kernel="linear"))
MODELS = {
    "majority": DummyClassifier(),
    "SVM": SVM,
    "network": make_pipeline(IGLandmarkSelector(NETWORK, n_landmarks_to_select=2), NETWORK),
}
SECONDS = ["fit_seconds", "predict_seconds"]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")


@pytest.fixture
def fits(monkeypatch):
    """Number of landmarks of every fit of a network."""
    counts, fit = [], ConvLSTMClassifier.fit

    def counting(self, X, y, *, groups=None):
        counts.append(X.shape[3])
        return fit(self, X, y, groups=groups)

    monkeypatch.setattr(ConvLSTMClassifier, "fit", counting)
    return counts


def test_compare_scores_every_model_on_every_split(planted):
    X, emotion, groups = planted
    results = compare(
        MODELS, X, emotion, groups=groups, emotions=["fear"], n_splits=2, n_runs=2, random_state=0
    )
    assert len(results) == 3 * 2 * 2
    assert not results.duplicated(["emotion", "model", "n_landmarks", "run", "split"]).any()
    assert set(results["n_landmarks"][results["model"] == "network"]) == {2}
    assert set(results["n_landmarks"][results["model"] != "network"]) == {20}
    assert set(results["selected"][results["model"] == "network"]) <= {"3 7", "7 3"}
    assert set(results["selected"][results["model"] != "network"]) == {""}
    mean = results.groupby("model")["balanced_accuracy"].mean()
    assert mean["majority"] == 0.5
    assert mean["SVM"] > 0.9
    assert mean["network"] > 0.8
    assert (results["fit_seconds"] > 0).all()
    assert (results["n_train"] + results["n_test"] == 60).all()


def test_results_do_not_depend_on_the_number_of_jobs(planted):
    X, emotion, groups = planted
    network = clone(NETWORK).set_params(max_epochs=2, random_state=None)
    models = {"network": make_pipeline(IGLandmarkSelector(network, n_landmarks_to_select=2), network)}
    serial, parallel = (
        compare(models, X, emotion, groups=groups, emotions=["fear"], n_splits=2, n_runs=1, n_jobs=n, random_state=0)
        for n in (1, 2)
    )  # fmt: skip
    pd.testing.assert_frame_equal(serial.drop(columns=SECONDS), parallel.drop(columns=SECONDS))


def test_fits_are_counted_before_their_training_part_ends(planted, capfd, tmp_path):
    def slowly(X):
        time.sleep(0.7)
        return X

    X, emotion, groups = planted
    slow = make_pipeline(FunctionTransformer(slowly), DummyClassifier())
    models = {"a": DummyClassifier(), "b": DummyClassifier(), "slow": slow}
    arguments = {
        "groups": groups,
        "emotions": ["fear"],
        "n_splits": 2,
        "n_runs": 1,
        "random_state": 0,
        "verbose": 1,
    }
    compare(models, X, emotion, folder=tmp_path / "run", n_jobs=2, **arguments)
    printed = capfd.readouterr().err
    assert printed.startswith(
        "6 fits (emotions 1 × splits 2 × models and landmark counts 3) on 30 sequences of 5 "
    )
    counts = {int(count) for count in re.findall(r"(\d)/6 ", printed)}
    assert counts & {1, 2, 4, 5}  # those of a whole training part are 3 and 6
    assert 6 in counts

    for cell in sorted((tmp_path / "run" / "cells").iterdir())[:2]:
        cell.unlink()
    compare(models, X, emotion, folder=tmp_path / "run", n_jobs=1, **arguments)
    printed = capfd.readouterr().err
    assert "4 are kept from before" in printed
    assert {int(count) for count in re.findall(r"(\d)/6 ", printed)} <= {4, 5, 6}


def test_one_emotion_alone_gives_the_rows_that_it_gives_among_others(planted):
    X, emotion, groups = planted
    models = {"network": make_pipeline(IGLandmarkSelector(NETWORK, n_landmarks_to_select=2), SVM)}
    models["network"] = clone(models["network"]).set_params(iglandmarkselector__estimator__random_state=None)
    arguments = {"groups": groups, "n_splits": 2, "n_runs": 1, "random_state": 3}
    every = compare(models, X, emotion, **arguments)
    alone = compare(models, X, emotion, emotions=["happiness"], **arguments)
    among = every[every["emotion"] == "happiness"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.drop(columns=SECONDS), among.drop(columns=SECONDS))


def test_metrics_are_those_of_predictions_made_by_hand(planted):
    X, emotion, _ = planted
    rng = np.random.default_rng(1)
    X += rng.normal(scale=4, size=X.shape).astype(np.float32)
    results = compare({"SVM": SVM}, X, emotion, emotions=["fear"], protocol=KFold(3), n_runs=1)
    for row, (train, test) in zip(results.itertuples(), KFold(3).split(X)):
        target = emotion == "fear"
        fitted = SVM.fit(X[train], target[train])
        values, truth = fitted.decision_function(X[test]), target[test]
        predicted = values > 0
        tp, tn = (predicted & truth).sum(), (~predicted & ~truth).sum()
        fp, fn = (predicted & ~truth).sum(), (~predicted & truth).sum()
        wins = values[truth][:, None] > values[~truth]
        root = np.sqrt(float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
        assert row.roc_auc == pytest.approx(wins.mean())
        assert row.mcc == pytest.approx((tp * tn - fp * fn) / root)
        assert row.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))
        assert row.balanced_accuracy == pytest.approx((tp / (tp + fn) + tn / (tn + fp)) / 2)
        assert row.accuracy == pytest.approx((tp + tn) / len(test))


def test_scorers_of_scikit_learn_score_what_the_own_metrics_do(planted):
    X, emotion, groups = planted
    twice = make_scorer(
        lambda truth, values: 2 * roc_auc_score(truth, values), response_method="decision_function"
    )
    metrics = {
        "roc_auc": "roc_auc",
        "AUC": "roc_auc",
        "precision": "average_precision",
        "twice": twice,
        "share": lambda model, X, y: np.mean(model.predict(X)),
    }
    arguments = {"groups": groups, "emotions": ["fear"], "n_splits": 2, "n_runs": 1, "random_state": 0}
    X += np.random.default_rng(1).normal(scale=4, size=X.shape).astype(np.float32)
    found = compare({"SVM": SVM}, X, emotion, metrics=metrics, **arguments)
    assert [name for name in found if name in metrics] == list(metrics)
    np.testing.assert_allclose(found["AUC"], found["roc_auc"])
    np.testing.assert_allclose(found["twice"], 2 * found["roc_auc"])
    assert found["precision"].between(0, 1, inclusive="neither").all()
    assert found["share"].between(0, 1, inclusive="neither").all()
    names = compare({"SVM": SVM}, X, emotion, metrics=["mcc", "average_precision"], **arguments)
    np.testing.assert_allclose(names["average_precision"], found["precision"])
    assert "roc_auc" not in names


def test_thresholds_are_tuned_on_subjects_of_the_training_part(planted):
    X, emotion, groups = planted
    seen = []

    class Folds(StratifiedGroupKFold):
        def split(self, X, y=None, groups=None):
            for train, test in super().split(X, y, groups):
                assert not set(groups[train]) & set(groups[test])
                seen.append(set(groups))
                yield train, test

    network = clone(NETWORK).set_params(validation_fraction=None)
    network = make_pipeline(IGLandmarkSelector(network, n_landmarks_to_select=2), network)
    tuned = TunedThresholdClassifierCV(
        network, scoring=make_scorer(fbeta_score, beta=9), cv=Folds(2), random_state=0
    )
    rng = np.random.default_rng(1)
    X += rng.normal(scale=6, size=X.shape).astype(np.float32)
    results = compare(
        {"as it is": network, "tuned": tuned}, X, emotion, groups=groups, emotions=["fear"], n_splits=2, n_runs=1,
        random_state=0, metrics={"roc_auc": "roc_auc", "recall": "recall"},
    )  # fmt: skip
    assert [len(subjects) for subjects in seen] == [3] * 4  # of six subjects, those trained on
    scores = results.groupby("model")[["roc_auc", "recall"]].mean()
    assert scores.loc["tuned", "roc_auc"] == pytest.approx(scores.loc["as it is", "roc_auc"])
    assert scores.loc["tuned", "recall"] > scores.loc["as it is", "recall"]


@pytest.mark.parametrize(
    ("scorer", "what"),
    [
        (lambda model, X, y: model.nonsense, r"raised AttributeError \(.*nonsense.*\) with"),
        (lambda model, X, y: "good", "gave 'good' in the place of a number with"),
    ],
)
def test_a_scorer_that_fails_is_named_with_the_model_and_the_split(planted, scorer, what):
    X, emotion, groups = planted
    with pytest.raises(
        ValueError, match=rf"the scorer 'mine' {what} 'SVM', for 'fear' in split 0 of run 0\."
    ):
        compare({"SVM": SVM}, X, emotion, groups=groups, emotions=["fear"], metrics={"mine": scorer})


def test_a_folder_of_another_scorer_is_refused(planted, tmp_path):
    X, emotion, groups = planted
    arguments = {
        "groups": groups,
        "emotions": ["fear"],
        "n_splits": 2,
        "n_runs": 1,
        "folder": tmp_path / "run",
    }
    beta = [make_scorer(fbeta_score, beta=beta) for beta in (1, 2, 2)]
    compare({"SVM": SVM}, X, emotion, metrics={"F": beta[1]}, **arguments)
    compare({"SVM": SVM}, X, emotion, metrics={"F": beta[2]}, **arguments)
    with pytest.raises(ValueError, match="the scorer 'F' is make_scorer.*beta=2.* there, .*beta=1.* here"):
        compare({"SVM": SVM}, X, emotion, metrics={"F": beta[0]}, **arguments)
    arguments["folder"] = tmp_path / "other"
    compare({"SVM": SVM}, X, emotion, metrics=["f1"], **arguments)
    with pytest.raises(ValueError, match="the scorer 'f1' is our own there, make_scorer.*beta=2.* here"):
        compare({"SVM": SVM}, X, emotion, metrics={"f1": beta[1]}, **arguments)


def test_landmark_counts_of_a_training_part_share_one_ranking(planted, fits):
    X, emotion, groups = planted
    selector = IGLandmarkSelector(clone(NETWORK).set_params(random_state=None))
    models = {"SVM": make_pipeline(selector, SVM), "other SVM": make_pipeline(selector, SVM)}
    results = compare(
        models, X, emotion, groups=groups, emotions=["fear"], n_landmarks=[20, 5, 2], n_splits=3, n_runs=1,
        random_state=0,
    )  # fmt: skip
    assert fits == [20] * 3
    assert results["n_landmarks"].tolist() == [20, 5, 2] * 2 * 3
    five, two = (results.loc[results["n_landmarks"] == k, "selected"].str.split() for k in (5, 2))
    assert [f[:2] for f in five] == two.tolist()
    assert (results.loc[results["n_landmarks"] == 20, "selected"] == "").all()


def test_r_emo_takes_the_parameters_that_were_searched_for_t_emo(planted, fits):
    X, emotion, groups = planted
    models = paper_models(network_grid={"n_filters": [2, 3]}, max_epochs=2, validation_fraction=None)
    models = {name: models[name].set_params(align="passthrough") for name in ("T-EMO", "R-EMO")}
    arguments = {"groups": groups, "emotions": ["fear"], "n_splits": 3, "n_runs": 1, "random_state": 0}
    results = compare(models, X, emotion, n_landmarks=20, **arguments)
    # Two values on two folds, then T-EMO and R-EMO.
    assert len(fits) == 3 * (2 * 2 + 1 + 1)
    t_emo, r_emo = (results[results["model"] == name].reset_index() for name in models)
    assert (t_emo["parameters"] == r_emo["parameters"]).all()
    assert set(json.loads(t_emo["parameters"][0])) == {"n_filters"}
    assert (t_emo["roc_auc"] != r_emo["roc_auc"]).any()


def test_searched_parameters_are_told(planted):
    X, emotion, groups = planted
    search = make_pipeline(SequenceFlattener(), GridSearchCV(SVC(), {"C": [np.float64(3)]}, cv=2))
    results = compare({"SVM": search}, X, emotion, groups=groups, emotions="fear", n_splits=2, n_runs=1)
    assert set(results["parameters"]) == {'{"C": 3.0}'}


def test_seeds_that_are_none_differ_between_runs_and_others_stay(planted):
    X, emotion, groups = planted
    seeds = []

    class Spy(ClassifierMixin, BaseEstimator):
        def __init__(self, random_state=None):
            self.random_state = random_state

        def fit(self, X, y):
            seeds.append(self.random_state)
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.zeros(len(X), bool)

    models = {"drawn": Spy(), "given": Spy(7)}
    arguments = {"groups": groups, "emotions": ["fear"], "n_splits": 2, "n_runs": 2, "metrics": ["accuracy"]}
    compare(models, X, emotion, random_state=0, **arguments)
    assert seeds[1::2] == [7] * 4
    assert len(set(seeds[::2])) == 4
    again = list(seeds)
    seeds.clear()
    compare(models, X, emotion, random_state=0, **arguments)
    assert seeds == again


def test_memory_map_is_read_and_left_as_it_is(planted, tmp_path):
    X, emotion, groups = planted
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    arguments = {"groups": groups, "emotions": ["fear"], "n_splits": 3, "n_runs": 1, "random_state": 0}
    found, expected = (compare({"SVM": SVM}, data, emotion, **arguments) for data in (mapped, X))
    pd.testing.assert_frame_equal(found.drop(columns=SECONDS), expected.drop(columns=SECONDS))


def test_papers_models_differ_in_what_they_should():
    models = paper_models(n_filters=3, n_landmarks_to_select=16)
    assert list(models) == ["majority class", "linear SVM", "RBF SVM", "T-EMO", "R-EMO"]
    t_emo, r_emo = models["T-EMO"][-1].estimator, models["R-EMO"][-1].estimator
    assert not t_emo.randomized_conv
    assert r_emo.randomized_conv
    assert t_emo.n_filters == 3
    for name in ("linear SVM", "RBF SVM", "T-EMO", "R-EMO"):
        selector = models[name]["select"]
        assert (selector.n_landmarks_to_select, selector.strategy) == (16, "top")
        assert not selector.estimator.randomized_conv
    assert isinstance(paper_models(network_grid=None)["R-EMO"][-1], ConvLSTMClassifier)


def test_without_models_the_papers_are_taken_at_the_papers_counts(monkeypatch, planted):
    import sklearn_emoxai.evaluation._compare as module

    X, emotion, groups = planted
    stand_in = {"SVM": make_pipeline(IGLandmarkSelector(NETWORK), SVM)}
    monkeypatch.setattr(module, "paper_models", lambda: stand_in)
    results = compare(None, X, emotion, groups=groups, emotions=["fear"], n_splits=2, n_runs=1)
    assert results["n_landmarks"].unique().tolist() == [20, 16]


class _NoScores(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise AssertionError("fitted")

    def predict(self, X):
        return np.zeros(len(X))


class _Mustnt(_NoScores):
    def predict_proba(self, X):
        raise AssertionError("predicted")


BAD = [
    ({"groups": None}, ValueError, "groups must hold the subject of each sample for protocol='subject'; got None"),
    ({"groups": [0] * 59}, ValueError, r"groups must have shape \(60,\)"),
    ({"n_splits": 7}, ValueError, "n_splits must be at most the number of subjects with 'anger', 6; got 7"),
    ({"groups": [0] * 60}, ValueError, "groups must hold at least 2 subjects with 'anger', .*; got 1"),
    ({"n_splits": 1}, ValueError, "n_splits must be at least 2; got 1"),
    ({"n_splits": 3, "protocol": KFold(3)}, ValueError, "n_splits is for protocol=\"subject\"; got n_splits=3"),
    ({"n_runs": 0}, ValueError, "n_runs must be at least 1; got 0"),
    ({"n_runs": 2.0}, TypeError, "n_runs must be an int; got 2.0"),
    ({"emotions": ["joy"]}, ValueError, r"emotions must be labels of y.*'joy'"),
    ({"emotions": []}, ValueError, "emotions must hold at least one label"),
    ({"metrics": ["auc"]}, ValueError, "metrics must be some of accuracy, .*; got 'auc'"),
    ({"metrics": {"mine": "auc"}}, ValueError, "or a dictionary of name to scorer; got 'auc'"),
    ({"metrics": make_scorer(fbeta_score, beta=2)}, TypeError, "metrics must give each scorer a name"),
    ({"metrics": [make_scorer(fbeta_score, beta=2)]}, TypeError, "metrics must give each scorer a name"),
    ({"metrics": {"run": "f1"}}, ValueError, "metrics must have other names than compare's own columns; got 'run'"),
    ({"metrics": []}, ValueError, "metrics must be some of accuracy, .*; got none"),
    ({"protocol": "random"}, ValueError, "protocol must be one of 'subject'.*got 'random'"),
    ({"protocol": "paper"}, ValueError, "mirrors the sequences.*for 68 and 468 landmarks; X has 20"),
    ({"models": {}}, ValueError, "models must hold at least one estimator; got none"),
    ({"models": {3: _Mustnt()}}, TypeError, "models must have strings as names; got 3"),
    ({"models": [("a", _Mustnt()), ("a", _Mustnt())]}, ValueError, "different names; 'a' is there 2 times"),
    ({"models": [_Mustnt()]}, TypeError, r"\(name, estimator\) pairs"),
    ({"models": {"a": 3}}, TypeError, "models must hold estimators; 'a' has no fit: 3"),
    ({"models": {"a": _NoScores()}}, ValueError, "'roc_auc'; 'a' has neither"),
    ({"n_landmarks": [4]}, ValueError, "n_landmarks needs a model with a landmark selector"),
    ({"n_landmarks": [21]}, ValueError, "n_landmarks must be at most the 20 landmarks of X; got 21"),
    ({"random_state": -1}, ValueError, "random_state must be at least 0; got -1"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input_is_named_before_anything_is_fitted(planted, change, error, message):
    X, emotion, groups = planted
    arguments = {"models": {"a": _Mustnt()}, "groups": groups, "n_runs": 1} | change
    models = arguments.pop("models")
    with pytest.raises(error, match=message):
        compare(models, X, emotion, **arguments)


def test_undefined_metric_is_named_before_anything_is_fitted(planted):
    X, emotion, groups = planted
    emotion[groups == 4] = "anger"
    arguments = {"groups": groups, "emotions": ["anger"], "n_runs": 1, "protocol": "leave-one-subject-out"}
    with pytest.raises(ValueError, match="'balanced_accuracy' is not in split 4 of run 0.*10 .*only 'anger'"):
        compare({"a": _Mustnt()}, X, emotion, **arguments)
    results = compare({"a": DummyClassifier()}, X, emotion, metrics="accuracy", **arguments)
    assert results["accuracy"].tolist()[4] == 0


def test_training_part_without_the_emotion_is_named_before_anything_is_fitted(planted):
    X, emotion, _ = planted
    emotion = np.sort(emotion)
    with pytest.raises(
        ValueError, match="protocol leaves no samples of 'anger' to train on in split 0 of run 0"
    ):
        compare({"a": _Mustnt()}, X, emotion, protocol=KFold(3), metrics=["accuracy"])


def test_search_with_too_many_folds_is_named_before_anything_is_fitted(planted):
    X, emotion, groups = planted
    search = GridSearchCV(_Mustnt(), {}, cv=5)
    with pytest.raises(
        ValueError, match="'a' makes 5 folds of what it trains on, but split 0 of run 0 has only 3 subjects"
    ):
        compare({"a": search}, X, emotion, groups=groups, n_splits=2)


def test_an_emotion_classifier_makes_folds_only_to_calibrate(planted):
    X, emotion, groups = planted
    arguments = {"groups": groups, "emotions": ["fear"], "n_splits": 2, "n_runs": 1, "random_state": 0}
    select = UnivariateLandmarkSelector(n_landmarks_to_select=5)
    several = EmotionClassifier(make_pipeline(select, clone(SVM)))
    results = compare({"s": several}, X, emotion, n_landmarks=[2, 20], **arguments)
    assert results["n_landmarks"].tolist() == [2, 20, 2, 20]
    assert [set(each.split()) for each in results["selected"][::2]] == [{"3", "7"}] * 2
    assert results["balanced_accuracy"].min() > 0.9
    calibrated = EmotionClassifier(clone(SVM), calibration="sigmoid")
    with pytest.raises(ValueError, match="models: 's' makes 5 folds of what it trains on"):
        compare({"s": calibrated}, X, emotion, **arguments)


@pytest.mark.filterwarnings("always::sklearn_emoxai.attribution.BaselineWarning")
def test_a_comparison_warns_of_baselines_once(planted):
    X, emotion, groups = planted
    network = clone(NETWORK).set_params(max_epochs=3, class_weight={False: 1, True: 500})
    model = make_pipeline(IGLandmarkSelector(network, n_landmarks_to_select=2, n_steps=2), SVM)
    with pytest.warns(BaselineWarning) as caught:
        compare({"a": model}, X, emotion, groups=groups, emotions=["fear"], n_splits=3, n_runs=1)
    assert [each.filename for each in caught if each.category is BaselineWarning] == [__file__]


def test_ridge_regression_has_no_folds(planted):
    X, emotion, groups = planted
    ridge = make_pipeline(SequenceFlattener(), RidgeClassifierCV())
    found = compare({"ridge": ridge}, X, emotion, groups=groups, emotions=["fear"], n_splits=2, n_runs=1)
    assert found["roc_auc"].min() > 0.8


def test_validation_without_the_emotion_is_named_before_anything_is_fitted(planted):
    X, emotion, groups = planted
    emotion[(emotion == "fear") & (groups > 1)] = "anger"
    models = {"a": _Mustnt(), "network": ConvLSTMClassifier(validation_fraction=0.5)}
    with pytest.raises(
        ValueError, match=r"'network' cannot hold out its validation samples in split .* 'fear'"
    ):
        compare(models, X, emotion, groups=groups, n_splits=2, emotions=["fear"], random_state=0)


def test_too_few_samples_of_a_label_are_named(planted):
    X, emotion, _ = planted
    X = np.concatenate([X] * 4, axis=3)[..., :68]
    emotion[0] = "contempt"
    with pytest.raises(ValueError, match="at least 2 samples of each label.*got 1 of 'contempt'"):
        compare({"a": _Mustnt()}, X, emotion, protocol="paper-no-leak")
