import json

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import SequenceFlattener, compare, group_scores, summarize
from sklearn_emoxai.evaluation._groups import as_predictions, sample_table

N_SUBJECTS, PER_SUBJECT = 12, 6
SUBJECTS = np.repeat(np.arange(N_SUBJECTS), PER_SUBJECT)
GENDER = pd.Series(np.where(SUBJECTS < 8, "female", "male"), name="gender")


def _results(seed=0, n_splits=3, shift=1.0, models=("SVM",), emotions=("fear",)):
    """Rows of compare with predictions, subjects in turn in the splits; the male subjects are told less well."""
    rng = np.random.default_rng(seed)
    rows = []
    for emotion in emotions:
        for model in models:
            target = np.tile([1, 0, 0], len(SUBJECTS) // 3).astype(bool)
            values = rng.normal(size=len(SUBJECTS)) + np.where(SUBJECTS < 8, 2.0, shift) * target - 0.7
            values = values + 10 * (SUBJECTS % n_splits)  # a classifier of each split has its own scale
            for split in range(n_splits):
                samples = np.flatnonzero(SUBJECTS % n_splits == split)
                here, predicted = values[samples], values[samples] > 10 * split
                text = as_predictions(samples, target[samples], predicted, here)
                rows.append((emotion, model, 468, 0, split, text))
    columns = ["emotion", "model", "n_landmarks", "run", "split", "predictions"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1", "mcc"])
def test_measures_of_decisions_are_those_of_all_sample_table_of_a_group(metric):
    results = _results()
    function = {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "f1": metrics.f1_score,
        "mcc": metrics.matthews_corrcoef,
    }[metric]
    found = group_scores(results, GENDER, SUBJECTS, metric=metric).query("emotion == 'fear'")
    tested = sample_table(results)
    for row in found.itertuples():
        part = tested[GENDER.to_numpy()[tested["sample"]] == row.gender]
        assert row.score == pytest.approx(function(part["target"], part["predicted"]))
        assert row.low < row.score < row.high
    assert found[["gender", "n_subjects", "n_samples", "n_positive"]].to_numpy().tolist() == [
        ["female", 8, 48, 16],
        ["male", 4, 24, 8],
    ]


def test_the_auc_is_over_pairs_of_the_same_test_part():
    results = _results()
    found = group_scores(results, GENDER, SUBJECTS).query("emotion == 'fear'").set_index("gender")
    tested = sample_table(results)
    for gender in ("female", "male"):
        part = tested[GENDER.to_numpy()[tested["sample"]] == gender]
        aucs, pairs = zip(
            *((metrics.roc_auc_score(p["target"], p["decision"]), p["target"].sum() * (~p["target"]).sum())
              for _, p in part.groupby("split"))
        )  # fmt: skip
        assert found.loc[gender, "score"] == pytest.approx(np.average(aucs, weights=pairs))
    everyone = group_scores(_results(n_splits=1), np.zeros(len(SUBJECTS)), SUBJECTS).query(
        "emotion == 'fear'"
    )
    tested = sample_table(_results(n_splits=1))
    assert everyone["score"].item() == pytest.approx(
        metrics.roc_auc_score(tested["target"], tested["decision"])
    )
    assert list(everyone)[4] == "group"


def test_intervals_from_subjects_cover_the_truth_where_those_from_samples_would_not():
    # Subjects differ in accuracy (.5 or 1), so their sequences are alike; in truth it is .75.
    rng = np.random.default_rng(0)
    n, per = 40, 20
    subjects, covered, widths = np.repeat(np.arange(n), per), 0, []
    for _ in range(150):
        right = rng.uniform(size=n * per) < np.repeat(rng.choice([0.5, 1.0], size=n), per)
        target = np.ones(n * per, dtype=bool)
        text = as_predictions(np.arange(n * per), target, right, None)
        row = pd.DataFrame([("fear", "SVM", 468, 0, 0, text)], columns=list(_results()))
        found = group_scores(row, np.zeros(n * per), subjects, metric="accuracy", n_bootstraps=300).iloc[0]
        covered += found["low"] <= 0.75 <= found["high"]
        widths.append(found["high"] - found["low"])
    assert 0.88 < covered / 150 < 0.99
    assert np.mean(widths) > 2 * 2 * 1.96 * np.sqrt(0.75 * 0.25 / (n * per)) * 0.8


def test_one_subject_has_a_score_but_no_interval_and_a_class_that_is_missing_no_auc():
    results = _results()
    found = group_scores(results, pd.Series(SUBJECTS, name="subject"), SUBJECTS)
    assert found["subject"].unique().tolist() == list(range(N_SUBJECTS))
    assert found["score"].notna().all()
    assert found[["low", "high"]].isna().all().all()
    parts = [json.loads(text) for text in results["predictions"]]
    for part in parts:
        part["target"] = [int(t and SUBJECTS[i] >= 8) for t, i in zip(part["target"], part["sample"])]
    results["predictions"] = [json.dumps(part) for part in parts]
    found = group_scores(results, GENDER, SUBJECTS).query("emotion == 'fear'").set_index("gender")
    assert np.isnan(found.loc["female", "score"])
    assert found.loc["male", "score"] > 0
    assert "not defined" in summarize(results, by=GENDER, groups=SUBJECTS)["fear"].tolist()


def test_missing_values_are_a_group_and_bands_keep_their_order():
    age = pd.Series(np.linspace(20, 79, len(SUBJECTS)))
    age[:6] = np.nan
    bands = pd.cut(age, [0, 40, 60, 100], labels=["young", "middle", "old"]).rename("band")
    found = group_scores(_results(), bands, SUBJECTS)
    assert found["band"].unique().tolist() == ["young", "middle", "old", "unknown"]
    assert found.query("band == 'unknown'")["n_subjects"].tolist() == [1, 1]


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_list_may_lack_values_too(missing):
    found = group_scores(_results(), [missing] * 6 + GENDER.tolist()[6:], SUBJECTS)
    assert found["group"].unique().tolist() == ["female", "male", "unknown"]


def test_models_meet_on_the_same_draws():
    results = _results(models=("SVM", "copy"))
    results["predictions"] = results.groupby("split")["predictions"].transform("first")
    found = group_scores(results, GENDER, SUBJECTS)
    columns = ["score", "low", "high"]
    one, other = (found.loc[found["model"] == name, columns].to_numpy() for name in ("SVM", "copy"))
    np.testing.assert_array_equal(one, other)


def test_a_summary_by_group_begins_with_the_smallest_and_tells_the_sizes():
    results = _results(models=("SVM", "network"), emotions=("fear", "joy"))
    table = summarize(results, "accuracy", by=GENDER, groups=SUBJECTS)
    assert table.index.tolist() == [
        ("SVM", 468, "male"), ("SVM", 468, "female"), ("network", 468, "male"), ("network", 468, "female"),
    ]  # fmt: skip
    assert table["subjects"].tolist() == [4, 8] * 2
    assert table["samples"].tolist() == [24, 48] * 2
    assert list(table) == ["fear", "joy", "mean", "subjects", "samples"]
    row = group_scores(results, GENDER, SUBJECTS, metric="accuracy").query(
        "model == 'network' and gender == 'male' and emotion == 'mean'"
    )
    score, low, high = row[["score", "low", "high"]].to_numpy()[0]
    assert table.loc[("network", 468, "male"), "mean"] == f"{score:.3f} [{low:.3f}, {high:.3f}]"
    assert str(table).startswith("accuracy")


def test_compare_keeps_the_predictions_of_every_tested_sample(planted, tmp_path):
    X, emotion, groups = planted
    models = {"SVM": make_pipeline(SequenceFlattener(), SVC()), "majority": DummyClassifier()}
    arguments = {"groups": groups, "emotions": ["fear"], "n_splits": 2, "n_runs": 1, "random_state": 0}
    results = compare(models, X, emotion, keep_predictions=True, folder=tmp_path / "run", **arguments)
    tested = sample_table(results)
    assert sorted(tested.query("model == 'SVM'")["sample"]) == list(range(60))
    assert (tested["target"] == (emotion[tested["sample"]] == "fear")).all()
    for row in results.to_dict("records"):
        part = tested[(tested["model"] == row["model"]) & (tested["split"] == row["split"])]
        assert row["accuracy"] == pytest.approx((part["target"] == part["predicted"]).mean())
        assert row["roc_auc"] == pytest.approx(metrics.roc_auc_score(part["target"], part["decision"]))
    with pytest.raises(ValueError, match="keep_predictions is True there, False here"):
        compare(models, X, emotion, folder=tmp_path / "run", **arguments)
    assert "predictions" not in compare(models, X, emotion, **arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"results": _results().drop(columns="predictions")}, r"results must hold predictions, as those of compare\("),
        ({"results": _results().assign(predictions="")}, "results must hold predictions"),
        ({"results": _results()[:0]}, "results must hold predictions"),
        ({"by": GENDER[:50]}, "by must have a value for every sample of X; got 50, and sample 71 was tested on"),
        ({"by": GENDER.to_frame()}, r"by must have shape \(n_samples,\); got \(72, 1\)"),
        ({"by": GENDER.rename("emotion")}, "by must have another name than .*; got 'emotion': by.rename"),
        ({"groups": SUBJECTS[:50]}, "groups must have a value for every sample of X; got 50"),
        ({"groups": [0, None, *SUBJECTS[2:]]}, "groups must hold a subject for each sample; sample 1 has none"),
        ({"metric": "average_precision"}, "metric must be one of accuracy, .*; got 'average_precision'"),
        ({"confidence": 95}, "confidence must be between 0 and 1; got 95"),
        ({"n_bootstraps": 0}, "n_bootstraps must be at least 1; got 0"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change, message):
    arguments = {"results": _results(), "by": GENDER, "groups": SUBJECTS} | change
    with pytest.raises(ValueError, match=message):
        group_scores(**arguments)


def test_a_summary_by_group_needs_subjects_and_no_reference():
    with pytest.raises(ValueError, match="by needs groups, the subjects of X; got None"):
        summarize(_results(), by=GENDER)
    with pytest.raises(ValueError, match="by needs no reference; got 'SVM'"):
        summarize(_results(), by=GENDER, groups=SUBJECTS, reference="SVM")
