"""A run folder to make reports of."""

import json

import numpy as np
import pandas as pd
import pytest

from sklearn_emoxai import facemesh

EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
COUNTS = (468, 234, 128, 64, 32, 16)
CENTRES = {
    "anger": ("glabella", "left_brow", "right_brow"),
    "disgust": ("nose", "philtrum"),
    "fear": ("left_eye", "right_eye", "left_brow"),
    "happiness": ("outer_lips", "left_cheek", "right_cheek"),
    "sadness": ("left_brow", "right_brow", "chin"),
    "surprise": ("inner_lips", "chin", "forehead"),
}


def _write_run(folder, *, emotions=EMOTIONS, explained=True, selected=True, seed=0):
    """A run folder of full size, its numbers drawn."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    labels = dict.fromkeys(emotions, 20)
    meta = {
        "format": 1,
        "data": {
            "description": "Rendered clips",
            "n_samples": 20 * len(emotions),
            "n_subjects": 20,
            "n_frames": 10,
            "n_landmarks": 468,
            "labels": labels,
        },
        "protocol": "subject",
        "protocol_description": "no person is both trained and tested on",
        "n_runs": 2,
        "metrics": ["accuracy", "balanced_accuracy", "roc_auc"],
        "random_state": 0,
        "models": ["majority class", "linear SVM", "T-EMO", "R-EMO"],
        "started": "2030-01-02T03:04:05+00:00",
        "finished": "2030-01-02T04:04:05+00:00",
        "machine": "x86_64, 2 cores",
        "versions": {"sklearn-emoxai": "0.1", "torch": "2.13.0"},
    }
    (folder / "run.json").write_text(json.dumps(meta))
    arrays, rows = {"template": facemesh.TEMPLATE}, []
    for emotion in emotions:
        importances = _importances(rng, CENTRES.get(emotion, ("nose",)))
        ranking = np.argsort(-importances)
        rise = np.linspace(0, 1, 10) ** 2
        arrays |= {
            f"{emotion}/importances": importances,
            f"{emotion}/profile": np.outer(rise / rise.sum(), importances),
            f"{emotion}/ranking": ranking,
            f"{emotion}/support": np.isin(np.arange(468), ranking[:32]),
        }
        for i, model in enumerate(meta["models"]):
            for count in COUNTS if i else COUNTS[:1]:
                for run, split in np.ndindex(2, 3):
                    noisy = np.argsort(-importances * rng.lognormal(0, 0.2, 468))
                    chosen = " ".join(map(str, noisy[:count])) if selected and i and count < 468 else ""
                    score = 0.5 if not i else rng.normal(0.8 + 0.03 * i - 0.1 * (16 / count), 0.04)
                    rows.append(
                        {
                            "emotion": emotion,
                            "model": model,
                            "n_landmarks": count,
                            "run": run,
                            "split": split,
                            "accuracy": score + 0.1,
                            "balanced_accuracy": score,
                            "roc_auc": score + 0.05,
                            "fit_seconds": 1.0,
                            "predict_seconds": 0.1,
                            "parameters": "",
                            "selected": chosen,
                        }
                    )
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    if explained:
        np.savez(folder / "explanations.npz", **arrays)
    return folder


def _importances(rng, regions):
    centres = facemesh.TEMPLATE[:, [facemesh.REGIONS[name][0] for name in regions]]
    distance = np.hypot(*(facemesh.TEMPLATE[:, :, None] - centres[:, None])).min(axis=1)
    return np.exp(-4 * distance) * rng.lognormal(0, 0.4, 468)


@pytest.fixture(scope="session")
def write_run():
    """The function that writes a run folder."""
    return _write_run
