"""Made-up emotions that only the relation of two regions, or of two brows' timing, tells."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    ForwardLandmarkSelector,
    LandmarkAligner,
    NeutralDifference,
    SequenceFlattener,
    facemesh,
    landmark_attributions,
)
from sklearn_emoxai.datasets import make_expressions

QUIET = {"difficulty": 0, "strength_spread": 0.2, "head_turn": 2, "geometry": 0.03, "random_state": 0}


def made(kind, n_subjects=30):
    """Head-fixed movements of 68 landmarks, whether related, subjects, and which landmarks the units move."""
    faces = make_expressions(n_subjects, 1, 8, interaction=kind, **QUIET)
    X = make_pipeline(LandmarkAligner(), NeutralDifference()).fit_transform(faces.data)[..., facemesh.IBUG_68]
    truth = faces.informative_mask["related"][facemesh.IBUG_68]
    return X, faces.target == "related", faces.groups, truth


@pytest.mark.parametrize("kind", ["xor", "timing"])
def test_no_region_tells_alone(kind):
    X, related, _, _ = made(kind)
    assert related.mean() == 0.5
    # Means of the classes differ no more than those of the same sequences by lot.
    flat, rng = X.reshape(len(X), -1), np.random.default_rng(0)

    def difference(labels):
        return np.abs(flat[labels].mean(axis=0) - flat[~labels].mean(axis=0)).max()

    assert difference(related) < np.quantile([difference(rng.permutation(related)) for _ in range(100)], 0.95)


@pytest.mark.parametrize("kind", ["xor", "timing"])
def test_nothing_linear_tells_the_classes_apart_and_the_relation_does(kind):
    X, related, groups, truth = made(kind)
    folds = {"groups": groups, "cv": GroupKFold(3), "scoring": "roc_auc"}
    linear = make_pipeline(SequenceFlattener(), SVC(kernel="linear"))
    assert cross_val_score(linear, X, related, **folds).mean() < 0.65
    forward = ForwardLandmarkSelector(n_landmarks_to_select=8)
    chosen = make_pipeline(forward, SequenceFlattener(), SVC(kernel="linear"))
    assert cross_val_score(chosen, X, related, **folds).mean() < 0.65
    curved = make_pipeline(SequenceFlattener(), SVC(C=10))
    assert cross_val_score(curved, X[..., truth], related, **folds).mean() > 0.75


@pytest.mark.slow
def test_network_finds_the_related_regions_where_a_linear_selection_chooses_by_lot():
    X, related, groups, truth = made("xor", 48)
    train = groups <= "S036"
    network = ConvLSTMClassifier(
        n_filters=8,
        lstm_units=24,
        fc_units=24,
        lr=1e-2,
        max_epochs=40,
        dropout=0,
        batch_size=32,
        random_state=0,
    ).fit(X[train], related[train])
    assert roc_auc_score(related[~train], network.decision_function(X[~train])) > 0.9
    importances = landmark_attributions(network, X[train], labels=related[train], n_steps=20)
    found = truth[np.argsort(-importances)[:16]].mean()
    linear = truth[
        ForwardLandmarkSelector(n_landmarks_to_select=16).fit(X[train], related[train]).get_support()
    ]
    assert found > 0.8 > 0.6 > linear.mean()  # .94 and .38 of which .37 are informative


def test_informative_landmarks_are_those_that_the_units_move():
    mask = make_expressions(1, 1, interaction="xor", random_state=0).informative_mask["related"]
    brow, corner, chin = 105, 61, 152
    assert mask[[brow, corner]].all()
    assert not mask[chin]
    assert not make_expressions(1, 1, interaction="timing", random_state=0).informative_mask["related"][
        corner
    ]


def test_expressions_without_a_relation_are_drawn_as_before():
    faces = make_expressions(2, 1, n_frames=3, random_state=0)
    assert faces.target.tolist() == ["anger", "disgust", "fear", "happiness", "sadness", "surprise"] * 2
    assert "anger, disgust, fear" in faces.DESCR


def test_unknown_relation_is_refused():
    with pytest.raises(ValueError, match="interaction must be one of xor, timing or None; got 'sum'"):
        make_expressions(1, interaction="sum")
