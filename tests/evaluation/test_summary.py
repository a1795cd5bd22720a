import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_emoxai.evaluation import corrected_ttest, paired_tests, summarize
from sklearn_emoxai.evaluation._statistics import holm


def _results(scores, n_landmarks=468):
    """Rows of models → emotion → scores of the splits."""
    return pd.DataFrame(
        [
            {"emotion": emotion, "model": model, "n_landmarks": n_landmarks, "run": i // 2, "split": i % 2,
             "n_train": 30, "n_test": 10, "accuracy": value}
            for model, emotions in scores.items()
            for emotion, values in emotions.items()
            for i, value in enumerate(values)
        ]
    )  # fmt: skip


def test_summary_gives_mean_and_deviation_of_each_emotion():
    table = summarize(_results({"SVM": {"fear": [0.5, 0.7], "joy": [0.8, 1.0]}}), "accuracy")
    assert table.loc[("SVM", 468)].tolist() == ["0.600 ± 0.141", "0.900 ± 0.141", "0.750 ± 0.141"]


def test_summary_of_one_split_gives_no_deviation():
    table = summarize(_results({"SVM": {"fear": [0.5], "joy": [0.8]}}), "accuracy")
    assert table.loc[("SVM", 468)].tolist() == ["0.500", "0.800", "0.650"]


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    scores = {
        model: {emotion: rng.uniform(low, 1, size=4) for emotion in ("fear", "joy")}
        for model, low in {"SVM": 0.3, "network": 0.6, "majority": 0.1}.items()
    }
    fewer = _results({"network": scores["network"], "SVM": scores["SVM"]}, 32)
    fewer["accuracy"] -= np.linspace(0, 0.1, len(fewer))
    return pd.concat([_results(scores), fewer], ignore_index=True)


def _scores(results, model, count, emotion):
    rows = results.query("model == @model and n_landmarks == @count and emotion == @emotion")
    return rows["accuracy"].to_numpy()


def test_tests_compare_the_same_splits(results):
    shuffled = results.sample(frac=1, random_state=0)
    table = paired_tests(shuffled, "SVM", metric="accuracy").set_index(["model", "n_landmarks", "emotion"])
    assert len(table) == 3 * 3
    for count in (468, 32):
        differences = _scores(results, "network", count, "joy") - _scores(results, "SVM", count, "joy")
        expected = corrected_ttest(differences, n_train=30, n_test=10)
        row = table.loc[("network", count, "joy")]
        assert row["difference"] == pytest.approx(differences.mean())
        assert row["pvalue"] == pytest.approx(expected.pvalue)
        assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
        assert row["reference_n_landmarks"] == count
    both = [_scores(results, "majority", 468, e) - _scores(results, "SVM", 468, e) for e in ("fear", "joy")]
    assert table.loc[("majority", 468, "mean"), "difference"] == pytest.approx(np.mean(both))


def test_reference_may_be_one_landmark_count(results):
    table = paired_tests(results, ("network", 468), metric="accuracy")
    assert len(table) == 4 * 3
    assert set(table["reference_n_landmarks"]) == {468}
    fewer = table.query("model == 'network' and n_landmarks == 32 and emotion == 'mean'")
    assert -0.1 < fewer["difference"].item() < 0


def test_reference_without_this_count_gives_its_largest(results):
    table = paired_tests(results, "majority", metric="accuracy")
    assert 32 in set(table["n_landmarks"])
    assert set(table["reference_n_landmarks"]) == {468}


def test_reference_alone_gives_a_table_without_rows():
    only = _results({"SVM": {"fear": [0.5, 0.7]}})
    assert paired_tests(only, "SVM", metric="accuracy").query("emotion == 'mean'").empty
    assert (summarize(only, "accuracy", reference="SVM")["p (Holm)"] == "").all()


def test_summary_with_a_reference_adds_the_means_test(results):
    table = summarize(results, "accuracy", reference="SVM")
    tests = paired_tests(results, "SVM", metric="accuracy")
    row = tests.query("model == 'network' and n_landmarks == 32 and emotion == 'mean'").iloc[0]
    shown = table.loc[("network", 32)]
    assert shown["difference"] == f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    assert shown["p (Holm)"] == f"{row['pvalue_holm']:.3f}"
    assert table.loc[("SVM", 468), "p (Holm)"] == ""


def test_tables_name_their_metric_and_share_the_default(results):
    both = results.assign(roc_auc=results["accuracy"] / 2)
    assert "accuracy" in str(summarize(both, "accuracy"))
    assert summarize(both).equals(summarize(both, "roc_auc"))
    assert str(summarize(both)).startswith("roc_auc")
    assert set(paired_tests(both, "SVM")["metric"]) == {"roc_auc"}
    assert set(paired_tests(both, "SVM", metric="accuracy")["metric"]) == {"accuracy"}


def test_holms_correction_is_that_of_the_books():
    # Four tests: 4 × .01, 3 × .02, 2 × .03, 1 × .04, none below one before it.
    np.testing.assert_allclose(holm([0.03, 0.01, 0.04, 0.02]), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.9, 0.3]), [0.9, 0.6])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    assert holm([]).shape == (0,)


def test_means_and_single_emotions_are_corrected_for_their_own_number(results):
    table = paired_tests(results, "SVM", metric="accuracy")
    for family in (table["emotion"] == "mean", table["emotion"] != "mean"):
        np.testing.assert_allclose(table.loc[family, "pvalue_holm"], holm(table.loc[family, "pvalue"]))
    assert (table["pvalue_holm"] >= table["pvalue"]).all()
    assert (table["pvalue_holm"] > table["pvalue"]).any()


def test_holm_keeps_the_level_of_many_tests_where_plain_p_values_do_not():
    # Nine models that are all as good as the reference that they share, so that their tests depend on one another.
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2000, 9)) - rng.normal(size=(2000, 1))
    pvalues = 2 * stats.norm.sf(np.abs(scores) / np.sqrt(2))
    assert np.mean((pvalues < 0.05).any(axis=1)) > 0.2
    assert np.mean([(holm(each) < 0.05).any() for each in pvalues]) < 0.06


@pytest.mark.parametrize("how", ["row", "score"])
def test_a_score_that_only_one_of_two_models_has_is_named(results, how):
    last = results.query("model == 'majority'").index[-1]
    lacking = results.drop(last) if how == "row" else results.assign(
        accuracy=results["accuracy"].where(results.index != last)
    )  # fmt: skip
    message = "of 'majority' and 'SVM' for the same .*; one has none for 'joy' in split 1 of run 1"
    with pytest.raises(ValueError, match=message):
        paired_tests(lacking, "SVM", metric="accuracy")


def test_bad_input_is_named(results):
    with pytest.raises(ValueError, match="metric must be a column of results.*got 'mcc'"):
        summarize(results, "mcc")
    with pytest.raises(ValueError, match=r"reference must be a model of results.*\('SVM', 32\).*got 'T-EMO'"):
        paired_tests(results, "T-EMO", metric="accuracy")
    with pytest.raises(ValueError, match=r"reference must be .*got \('SVM', 16\)"):
        paired_tests(results, ("SVM", 16), metric="accuracy")
    for reference in [("SVM",), ("SVM", 32, 0), ["SVM", 32]]:
        with pytest.raises(ValueError, match=r"reference must be a model of results.*got [\(\[]'SVM'"):
            paired_tests(results, reference, metric="accuracy")
    with pytest.raises(ValueError, match="results must hold one row or more; got none"):
        summarize(results[:0], "accuracy")
    with pytest.raises(
        ValueError, match=r"each of model, .* once, of one data set; SVM, 468, fear, 0, 0 are"
    ):
        paired_tests(pd.concat([results, results]), "SVM", metric="accuracy")
    with pytest.raises(ValueError, match="two runs or splits to test on; got 1"):
        paired_tests(results.query("run == 0 and split == 0"), "SVM", metric="accuracy")
