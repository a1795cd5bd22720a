import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, SequenceFlattener, compare
from sklearn_emoxai.evaluation import paper_models, summarize

NETWORK = ConvLSTMClassifier(
    n_filters=4, lstm_units=6, fc_units=5, lr=1e-2, max_epochs=15, validation_fraction=0.3, random_state=0
)
MODELS = {
    "majority": DummyClassifier(),
    "SVM": make_pipeline(SequenceFlattener(), SVC(kernel="linear")),
    "network": make_pipeline(IGLandmarkSelector(NETWORK, n_landmarks_to_select=2), NETWORK),
}


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_compare_scores_every_model_on_every_split(planted):
    X, emotion, groups = planted
    results = compare(
        MODELS, X, emotion, groups=groups, emotions=["fear"], n_splits=3, n_runs=2, random_state=0
    )
    assert len(results) == 3 * 3 * 2
    assert set(results["n_landmarks"][results["model"] == "network"]) == {2}
    assert set(results["n_landmarks"][results["model"] != "network"]) == {20}
    mean = results.groupby("model")["balanced_accuracy"].mean()
    assert mean["majority"] == 0.5
    assert mean["SVM"] > 0.9
    assert mean["network"] > 0.8
    assert (results["fit_seconds"] > 0).all()


def test_results_do_not_depend_on_the_number_of_jobs(planted):
    X, emotion, groups = planted
    models = {"network": NETWORK}
    serial, parallel = (
        compare(models, X, emotion, groups=groups, emotions=["fear"], n_splits=3, n_jobs=n, random_state=0)
        for n in (1, 2)
    )
    seconds = ["fit_seconds", "predict_seconds"]
    pd.testing.assert_frame_equal(serial.drop(columns=seconds), parallel.drop(columns=seconds))


class _Spy(ClassifierMixin, BaseEstimator):
    """Fails where a subject is trained and tested on; X holds the subject's number."""

    def fit(self, X, y):
        self.trained_, self.classes_ = set(X[:, 0, 0, 0]), np.unique(y)
        return self

    def predict(self, X):
        assert not self.trained_ & set(X[:, 0, 0, 0])
        return np.zeros(len(X), bool)

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


def test_no_subject_is_both_trained_and_tested_on(planted):
    X, emotion, groups = planted
    X[:] = groups[:, None, None, None]
    results = compare({"spy": _Spy()}, X, emotion, groups=groups, n_splits=3, n_runs=3, random_state=0)
    assert len(results) == 3 * 3 * 3


def test_summary_gives_mean_and_deviation_of_each_emotion():
    results = pd.DataFrame(
        {
            "emotion": ["fear", "fear", "joy", "joy"],
            "model": "SVM",
            "n_landmarks": 468,
            "run": 0,
            "split": [0, 1, 0, 1],
            "accuracy": [0.5, 0.7, 0.8, 1.0],
        }
    )
    table = summarize(results, "accuracy")
    assert table.loc[("SVM", 468)].tolist() == ["0.600 ± 0.141", "0.900 ± 0.141", "0.750 ± 0.141"]


def test_papers_models_differ_in_what_they_should():
    models = paper_models(n_landmarks_to_select=16, n_filters=3)
    assert len(models) == 9
    assert not models["T-EMO"][-1].randomized_conv
    assert models["R-EMO"][-1].randomized_conv
    assert models["R-EMO, selected"]["select"].estimator.randomized_conv
    assert models["T-EMO, selected"]["select"].n_landmarks_to_select == 16
    assert models["T-EMO"][-1].n_filters == 3


def test_bad_input_is_named_before_anything_is_fitted(planted):
    X, emotion, groups = planted
    with pytest.raises(ValueError, match="groups must hold the subject"):
        compare(MODELS, X, emotion, groups=None)
    with pytest.raises(ValueError, match="n_splits must be at most.*'anger', 6; got 7"):
        compare(MODELS, X, emotion, groups=groups, n_splits=7)
    with pytest.raises(ValueError, match=r"emotions must be labels of y.*'joy'"):
        compare(MODELS, X, emotion, groups=groups, emotions=["joy"])
    with pytest.raises(ValueError, match="models must hold"):
        compare({}, X, emotion, groups=groups)
