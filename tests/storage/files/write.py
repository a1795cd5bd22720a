"""Writes one of each kind of file that users keep, to see that later versions read them.

usage: python tests/storage/files/write.py FOLDER && tar -cJf NAME.tar.xz -C FOLDER .
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

import sklearn_emoxai as emoxai
from sklearn_emoxai.evaluation import keep_detector, paper_models
from sklearn_emoxai.storage import LandmarkFolder

NETWORK = {"n_filters": 2, "lstm_units": 3, "fc_units": 3, "max_epochs": 2, "validation_fraction": None}


def sequences():
    """Sequences of iBUG's 68 landmarks, whose eyes are known: 18 samples of 6 subjects."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(18, 3, 2, 68)).astype(np.float32)
    return X, np.array(["anger", "fear", "happiness"])[np.arange(18) % 3], np.arange(18) // 3


def fitted(X, y, groups):
    """Estimators of every class that a file may hold, by name."""
    network = emoxai.ConvLSTMClassifier(random_state=0, **NETWORK)
    few = {"n_landmarks_to_select": 4}
    selectors = {
        "integrated_gradients": emoxai.IGLandmarkSelector(
            network, n_baselines=2, n_steps=2, random_state=0, **few
        ),
        "forward": emoxai.ForwardLandmarkSelector(**few),
        "permutation": emoxai.PermutationLandmarkSelector(network, random_state=0, **few),
        "random": emoxai.RandomLandmarkSelector(random_state=0, **few),
        "univariate": emoxai.UnivariateLandmarkSelector(**few),
        "variance": emoxai.VarianceLandmarkSelector(**few),
    }
    prepared = [("align", emoxai.LandmarkAligner()), ("difference", emoxai.NeutralDifference())]
    flat_svm = make_pipeline(emoxai.SequenceFlattener(), SVC(kernel="linear"))
    models = {
        name: Pipeline([*prepared, ("select", selector), ("classify", flat_svm)])
        for name, selector in selectors.items()
    }
    models["mirrored_network"] = make_pipeline(emoxai.LandmarkAligner(), emoxai.MirrorAugmented(network))
    models["grid_search"] = GridSearchCV(models["forward"], {"select__n_landmarks_to_select": [2, 4]}, cv=2)
    models = {name: model.fit(X, y == "fear") for name, model in models.items()}
    detector = Pipeline([*prepared, ("select", selectors["integrated_gradients"]), ("classify", network)])
    models["model"] = emoxai.EmotionClassifier(detector).fit(X, y, groups=groups)
    paper = paper_models(
        network_grid={"n_filters": [1, 2]}, n_landmarks_to_select=4, random_state=0, **NETWORK
    )
    for name in ("RBF SVM", "R-EMO"):
        models[name] = emoxai.EmotionClassifier(paper[name]).fit(X, y, groups=groups)
    models["calibrated"] = emoxai.EmotionClassifier(flat_svm, calibration="sigmoid", cv=2).fit(
        X, y, groups=groups
    )
    models["extractor"] = emoxai.LandmarkExtractor(n_frames=4)
    return models


def comparison(X, y, groups, folder):
    """A comparison of few and small models."""
    models = paper_models(network_grid=None, n_landmarks_to_select=4, random_state=0, **NETWORK)
    return emoxai.compare(
        {name: models[name] for name in ("majority class", "linear SVM", "T-EMO")},
        X,
        y,
        groups=groups,
        n_landmarks=[68, 4],
        n_splits=2,
        n_runs=1,
        folder=folder,
        random_state=0,
    )


def interrupt(folder):
    """Take a finished comparison back to where two of its fits are missing."""
    for cell in sorted((folder / "cells").iterdir())[:2]:
        cell.unlink()
    (folder / "results.csv").unlink()
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(run | {"finished": None}), encoding="utf-8")


def main(folder):
    """Write everything, and what the estimators decide about the sequences."""
    folder = Path(folder)
    folder.mkdir()
    X, y, groups = sequences()
    decisions = {}
    for name, model in fitted(X, y, groups).items():
        emoxai.save(model, folder / f"{name.replace(' ', '_')}.skops")
        if hasattr(model, "decision_function"):
            decisions[name.replace(" ", "_")] = model.decision_function(X)
    np.savez_compressed(folder / "decisions.npz", **decisions)
    for name in ("run", "interrupted_run"):
        comparison(X, y, groups, folder / name)
    interrupt(folder / "interrupted_run")
    model = paper_models(network_grid=None, n_landmarks_to_select=4, random_state=0, **NETWORK)["T-EMO"]
    keep_detector(folder / "run", model, X, y, groups=groups)
    emoxai.save_landmarks(folder / "landmarks.npz", X, target=y, groups=groups)
    paths = [f"clip{i}.mp4" for i in range(len(X))]
    store = LandmarkFolder.create(folder / "landmark_folder", X.shape, target=y, groups=groups, paths=paths)
    store.append((each, np.ones(3, bool), np.arange(3) / 25, {"file": path}) for each, path in zip(X, paths))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1])
