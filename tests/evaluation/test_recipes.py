"""The recipes of paper_models: the paper's networks, and what did best on people."""

import json

import numpy as np
import pytest

from sklearn_emoxai import (
    ConvLSTMClassifier,
    LandmarkMotion,
    LiveDetector,
    compare,
    export_onnx,
    load,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.evaluation import as_detector, keep_detector, paper_models

pytestmark = pytest.mark.slow

QUICK = {"n_filters": 4, "lstm_units": 8, "fc_units": 8, "lr": 1e-2, "dropout": 0.0, "max_epochs": 20}


@pytest.fixture(scope="module")
def paced():
    """80 sequences of 8 subjects, as far from rest in both classes, but faster in "fear"; on 12 landmarks."""
    rng = np.random.default_rng(0)
    fast = np.arange(80) % 2 == 0
    time, phase = np.arange(10)[:, None, None], rng.uniform(0, 2 * np.pi, size=(80, 1, 2, 12))
    X = np.sin(np.where(fast, 1.3, 0.5)[:, None, None, None] * time + phase)
    X[:, :1] = 0  # the neutral face that is subtracted
    return X.astype(np.float32), np.where(fast, "fear", "anger"), np.arange(80) // 10


def test_velocities_are_found_where_they_tell_the_class(paced):
    X, y, groups = paced
    models = {
        name: paper_models(recipe="best", n_networks=2, **QUICK)[name].set_params(align="passthrough")
        for name in ("RBF SVM", "T-EMO")
    }
    results = compare(
        models, X, y, groups=groups, emotions=["fear"], n_landmarks=12, n_splits=2, n_runs=1, random_state=0
    )
    assert results["parameters"].map(json.loads).map(lambda found: found["motion"]).unique().tolist() == [
        "LandmarkMotion(order=1)"
    ]
    assert results["roc_auc"].min() > 0.9
    without = {"RBF SVM": paper_models()["RBF SVM"].set_params(align="passthrough")}
    paper = compare(
        without, X, y, groups=groups, emotions=["fear"], n_landmarks=12, n_splits=2, n_runs=1, random_state=0
    )
    best = results[results["model"] == "RBF SVM"]
    assert paper["roc_auc"].mean() < best["roc_auc"].mean() - 0.02


def test_an_unknown_recipe_is_named():
    with pytest.raises(ValueError, match='recipe must be "paper" or "best"; got \'fast\''):
        paper_models(recipe="fast")
    for recipe in ("paper", "best"):
        with pytest.raises(ValueError, match="network_grid must be .*; got 'small'"):
            paper_models(recipe=recipe, network_grid="small")


def test_recipes_differ_in_what_they_should():
    paper, best = paper_models(), paper_models(recipe="best")
    assert list(paper) == list(best)
    plain = ConvLSTMClassifier.from_paper()
    assert paper["T-EMO"]["classify"].estimator.get_params() == plain.get_params()
    network = ConvLSTMClassifier(n_networks=3)
    assert best["T-EMO"]["select"].estimator.get_params() == network.get_params()
    for name in ("linear SVM", "RBF SVM", "T-EMO", "R-EMO"):
        search = best[name]["classify"]
        for grid in [search.param_grid] if isinstance(search.param_grid, dict) else search.param_grid:
            assert [str(each) for each in grid["motion"]] == ["passthrough", "LandmarkMotion(order=1)"]
    searched = best["T-EMO"]["classify"].estimator["classify"]
    assert searched.get_params() == network.get_params()
    assert best["R-EMO"]["classify"].estimator["classify"].randomized_conv
    alone = paper_models(recipe="best", network_grid=None, n_networks=2, n_filters=5)
    assert (alone["T-EMO"]["classify"].n_networks, alone["T-EMO"]["classify"].n_filters) == (2, 5)
    grids = paper_models(recipe="best", network_grid=[{"n_filters": [2, 4]}, {"lr": [1e-3]}])
    assert [sorted(grid) for grid in grids["R-EMO"]["classify"].param_grid] == [
        ["classify__n_filters", "motion"],
        ["classify__lr", "motion"],
    ]


@pytest.mark.filterwarnings("error")
def test_sequences_that_are_too_short_for_velocities_are_compared_without(paced):
    X, y, groups = paced
    models = paper_models(recipe="best", velocities=False, n_networks=2, **QUICK)
    assert isinstance(models["R-EMO"]["classify"], ConvLSTMClassifier)
    svm = {"linear SVM": models["linear SVM"].set_params(align="passthrough")}
    results = compare(
        svm,
        X[:, :3],
        y,
        groups=groups,
        emotions=["fear"],
        n_landmarks=12,
        n_splits=2,
        n_runs=1,
        random_state=0,
    )
    assert "motion" not in results["parameters"][0]
    grid = paper_models(recipe="best", velocities=False, network_grid={"n_filters": [2, 4]})["T-EMO"]
    assert grid["classify"].param_grid == {"n_filters": [2, 4]}


def test_folds_of_the_search_that_hold_too_few_subjects_to_validate_on_are_named_before_any_fit(paced):
    X, y, groups = paced
    model = paper_models(recipe="best", validation_fraction=0.1, **QUICK)["T-EMO"]
    arguments = {"emotions": ["fear"], "n_landmarks": 12, "n_splits": 2, "n_runs": 1, "random_state": 0}
    few = groups < 4
    with pytest.raises(
        ValueError, match="'T-EMO' cannot hold out its validation samples in split 0 of run 0"
    ):
        compare({"T-EMO": model}, X[few], y[few], groups=groups[few], **arguments)


@pytest.fixture(scope="module")
def faces():
    return make_expressions(
        n_subjects=6, n_repeats=1, n_frames=6, emotions=["anger", "fear", "surprise"], random_state=0
    )


@pytest.fixture(scope="module", params=["passthrough", LandmarkMotion(order=1)], ids=str)
def model(request):
    """T-EMO of the best recipe, whose search finds the one choice that it is given."""
    small = QUICK | {"n_filters": 2, "max_epochs": 8, "n_networks": 2}
    model = paper_models(recipe="best", n_landmarks_to_select=16, random_state=0, **small)["T-EMO"]
    return model.set_params(classify__param_grid={"motion": [request.param]})


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
@pytest.mark.parametrize("grouped", [True, False], ids=["subjects", "no subjects"])
def test_detectors_of_the_best_recipe_are_kept_and_taken_as_any_other(model, grouped, faces, tmp_path):
    groups = faces.groups if grouped else None
    fitted = keep_detector(tmp_path, model, faces.data, faces.target, groups=groups)
    loaded = load(tmp_path / "model.skops")
    X, expected = faces.data, fitted.predict_proba(faces.data)
    np.testing.assert_allclose(loaded.predict_proba(X), expected, atol=1e-6)
    detector = as_detector(loaded)
    parts, _ = detector.parts("fear")
    assert isinstance(parts.classifier, ConvLSTMClassifier)
    assert len(parts.landmarks) == 16
    with LiveDetector(loaded, neutral="window") as live:
        result = live.update_landmarks(80 * X[0, 0] + 300, 0.0)
    still = np.repeat(80 * X[:1, :1] + 300, 6, axis=1)
    assert list(result.probabilities.values()) == pytest.approx(
        loaded.predict_proba(still)[0].tolist(), abs=1e-5
    )
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    path = export_onnx(loaded, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"landmarks": X})[0], expected, atol=1e-5)
