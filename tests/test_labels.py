"""Labels, emotions and subjects of any dtype: what is missing is named with argument and sample."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    ForwardLandmarkSelector,
    IGLandmarkSelector,
    MirrorAugmented,
    PermutationLandmarkSelector,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    compare,
    retraining_curves,
    seed_agreement,
    typical_samples,
)

WORDS = np.array(["anger", "fear"] * 12)
BAD = 3


def network(**parameters):
    sizes = {"n_filters": 2, "lstm_units": 4, "fc_units": 4, "max_epochs": 1, "device": "cpu"}
    return ConvLSTMClassifier(**sizes | parameters, random_state=0)


def svm():
    return make_pipeline(SequenceFlattener(), LinearSVC())


def mirrored():
    return MirrorAugmented(svm(), permutation=np.arange(20))


def selector():
    return IGLandmarkSelector(network(), n_landmarks_to_select=2, n_steps=3, n_baselines=2, random_state=0)


def with_gap(gap, dtype=object):
    values = WORDS.astype(object)
    values[BAD] = gap
    return pd.Series(values, dtype=dtype)


MISSING = {
    "None": lambda: with_gap(None),
    "NaN": lambda: with_gap(np.nan),
    "NaT": lambda: with_gap(pd.NaT),
    "pandas.NA": lambda: with_gap(pd.NA),
    "list": lambda: with_gap(None).tolist(),
    "array": lambda: with_gap(pd.NA).to_numpy(),
    "categories": lambda: pd.Categorical(with_gap(None)),
    "string": lambda: with_gap(pd.NA, "string"),
    "boolean": lambda: (with_gap(None) == "fear").astype("boolean").mask(np.arange(24) == BAD),
    "Int64": lambda: (with_gap(None) == "fear").astype("Int64").mask(np.arange(24) == BAD),
    "float": lambda: (with_gap(None) == "fear").astype(float).mask(np.arange(24) == BAD),
}
TAKES = {
    "y of ConvLSTMClassifier": lambda X, labels: network().fit(X, labels),
    "y of EmotionClassifier": lambda X, labels: EmotionClassifier(svm()).fit(X, labels),
    "y of IGLandmarkSelector": lambda X, labels: selector().fit(X, labels),
    "y of ForwardLandmarkSelector": lambda X, labels: ForwardLandmarkSelector(n_landmarks_to_select=2).fit(
        X, labels
    ),
    "y of UnivariateLandmarkSelector": lambda X, labels: UnivariateLandmarkSelector(
        n_landmarks_to_select=2
    ).fit(X, labels),
    "y of PermutationLandmarkSelector": lambda X, labels: PermutationLandmarkSelector(
        svm(), n_landmarks_to_select=2
    ).fit(X, labels),
    "y of compare": lambda X, labels: compare({"svm": svm()}, X, labels, groups=np.arange(24) // 4),
    "emotion of IGLandmarkSelector": lambda X, labels: selector().fit(X, WORDS, emotion=labels),
    "y of MirrorAugmented": lambda X, labels: mirrored().fit(X, labels),
    "groups of MirrorAugmented": lambda X, labels: mirrored().fit(X, WORDS, groups=labels),
    "groups of ConvLSTMClassifier": lambda X, labels: network().fit(X, WORDS, groups=labels),
    "groups of EmotionClassifier": lambda X, labels: EmotionClassifier(svm()).fit(X, WORDS, groups=labels),
    "groups of compare": lambda X, labels: compare({"svm": svm()}, X, WORDS, groups=labels),
    "emotions of retraining_curves": lambda X, labels: retraining_curves(
        UnivariateLandmarkSelector(n_landmarks_to_select=2), svm(), X, labels, "fear"
    ),
    "groups of seed_agreement": lambda X, labels: seed_agreement(selector(), X, WORDS, "fear", groups=labels),
    "labels of typical_samples": typical_samples,
}


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(24, 5, 2, 20)).astype(np.float32)


@pytest.mark.parametrize("where", TAKES)
def test_a_missing_label_is_named_wherever_labels_are_taken(where, X):
    argument = where.split()[0]
    with pytest.raises(
        ValueError, match=rf"^{argument} must hold a label for each sample; sample 3 has <NA>"
    ):
        TAKES[where](X, with_gap(pd.NA))


@pytest.mark.parametrize("kind", MISSING)
@pytest.mark.parametrize("where", ["y of ConvLSTMClassifier", "groups of ConvLSTMClassifier"])
def test_whatever_marks_a_missing_label_is_found(where, kind, X):
    argument = where.split()[0]
    with pytest.raises(ValueError, match=rf"^{argument} must hold a label for each sample; sample 3 has "):
        TAKES[where](X, MISSING[kind]())


@pytest.mark.parametrize("dtype", ["string[pyarrow]", "bool[pyarrow]", "int64[pyarrow]"])
def test_missing_labels_of_arrow_are_found(dtype, X):
    pytest.importorskip("pyarrow")
    labels = WORDS if dtype.startswith("string") else WORDS == "fear"
    series = pd.Series(labels).astype(dtype).mask(np.arange(24) == BAD)
    with pytest.raises(ValueError, match=r"^y must hold a label for each sample; sample 3 has "):
        network().fit(X, series)
    whole = pd.Series(labels).astype(dtype)
    theirs = LogisticRegression().fit(X.reshape(24, -1), whole)
    assert network().fit(X, whole).classes_.tolist() == theirs.classes_.tolist()


def test_all_missing_labels_are_counted(X):
    labels = with_gap(None)
    labels[20] = np.nan
    with pytest.raises(ValueError, match=r"sample 3 has None\. 2 of 24 are missing"):
        network().fit(X, labels)


@pytest.mark.parametrize(
    "where", ["y of ConvLSTMClassifier", "groups of compare", "emotion of IGLandmarkSelector"]
)
def test_text_among_numbers_is_named(where, X):
    argument = where.split()[0]
    with pytest.raises(
        ValueError,
        match=rf"^{argument} must hold labels of one kind, .*; sample 0 has 'anger' and sample 3 7\.",
    ):
        TAKES[where](X, with_gap(7))


@pytest.mark.parametrize("dtype", ["category", "string", "object", "boolean", "Int64", "Float64"])
def test_complete_labels_of_pandas_give_their_classes(dtype, X):
    values = pd.Series(WORDS if dtype in ("category", "string", "object") else WORDS == "fear").astype(dtype)
    model = network(validation_fraction=0.3).fit(
        X, values, groups=values.astype(str) + pd.Series(np.arange(24) // 4).astype("string")
    )
    assert model.classes_.tolist() == np.unique(np.asarray(values)).tolist()
