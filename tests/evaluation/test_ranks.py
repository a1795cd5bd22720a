import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_emoxai.evaluation import critical_difference, scores_by_block
from sklearn_emoxai.evaluation._statistics import holm


def _scores(n_blocks, n_models, seed=0, spread=0.05):
    noise = np.random.default_rng(seed).normal(scale=spread, size=(n_blocks, n_models))
    return pd.DataFrame(noise + np.linspace(0.5, 0.8, n_models), columns=list("abcdefghij")[:n_models])


@pytest.mark.parametrize(
    ("k", "q"), list(enumerate((2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164), start=3))
)
def test_critical_differences_are_the_published_ones(k, q):
    # Table 5 (a) of Demšar 2006, for alpha = .05.
    found = critical_difference(_scores(14, k))
    assert found.critical_difference / np.sqrt(k * (k + 1) / (6 * 14)) == pytest.approx(q, abs=1e-3)


def test_ranks_and_friedmans_statistic_are_those_of_scipy():
    scores = _scores(12, 5)
    found = critical_difference(scores)
    expected = stats.rankdata(-scores, axis=1).mean(axis=0)
    np.testing.assert_allclose(found.ranks[scores.columns], expected)
    assert found.ranks.is_monotonic_increasing
    chi2 = stats.friedmanchisquare(*scores.to_numpy().T).statistic
    assert found.statistic == pytest.approx(11 * chi2 / (12 * 4 - chi2))
    assert found.pvalue == pytest.approx(stats.f.sf(found.statistic, 4, 44))


def test_numbers_that_were_read_as_text_are_ranked_as_numbers():
    scores = pd.DataFrame({"a": ["10", "11"], "b": ["9", "9.5"], "c": ["8", "8.5"]})
    assert critical_difference(scores).ranks.to_dict() == {"a": 1, "b": 2, "c": 3}


def test_nemenyis_pairs_differ_where_their_ranks_are_further_apart_than_the_critical_difference():
    found = critical_difference(_scores(12, 6, spread=0.15))
    apart = np.abs(np.subtract.outer(found.ranks.to_numpy(), found.ranks.to_numpy()))
    differ = found.pvalues.to_numpy() < 0.05
    np.testing.assert_array_equal(differ, apart > found.critical_difference)
    assert differ.any()
    for group in found.groups:
        assert not differ[np.ix_(*[found.ranks.index.get_indexer(group)] * 2)].any()
    assert all(not set(a) <= set(b) for a in found.groups for b in found.groups if a != b)


def test_wilcoxons_pairs_are_corrected_by_holm():
    scores = _scores(12, 4)
    found = critical_difference(scores, method="wilcoxon-holm")
    names = found.ranks.index
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    expected = holm([stats.wilcoxon(scores[a], scores[b]).pvalue for a, b in pairs])
    np.testing.assert_allclose([found.pvalues.loc[pair] for pair in pairs], expected)
    np.testing.assert_array_equal(found.pvalues, found.pvalues.T)
    assert found.critical_difference is None


@pytest.mark.parametrize("method", ["nemenyi", "wilcoxon-holm"])
def test_models_that_are_alike_are_one_group_and_a_better_one_is_none_of_it(method):
    scores = _scores(20, 4)
    scores[["b", "c", "d"]] = np.repeat(scores[["b"]].to_numpy(), 3, axis=1)
    scores["a"] = scores["b"] + 0.1
    found = critical_difference(scores, method=method)
    assert found.ranks.to_dict() == {"a": 1, "b": 3, "c": 3, "d": 3}
    assert found.groups == [["b", "c", "d"]]
    assert found.pvalue < 1e-6


def test_the_level_is_kept_over_all_pairs():
    rng = np.random.default_rng(0)
    draws = [pd.DataFrame(rng.normal(size=(15, 5)), columns=list("abcde")) for _ in range(200)]
    for method in ("nemenyi", "wilcoxon-holm"):
        wrong = [len(critical_difference(each, method=method).groups[0]) < 5 for each in draws]
        assert np.mean(wrong) < 0.08


def test_results_become_blocks_and_models():
    rows = [
        {"data": data, "emotion": emotion, "model": model, "n_landmarks": count, "split": split,
         "roc_auc": 0.5 + 0.1 * split}
        for data in ("A", "B")
        for emotion in ("fear", "joy")
        for model, count in [("SVM", 468), ("T-EMO", 468), ("T-EMO", 32)]
        for split in (0, 1)
    ]  # fmt: skip
    results = pd.DataFrame(rows)
    assert list(scores_by_block(results)) == ["SVM", "T-EMO, 468", "T-EMO, 32"]
    assert scores_by_block(results).index.tolist() == ["fear", "joy"]
    table = scores_by_block(results, blocks=["data", "emotion"])
    assert table.shape == (4, 3)
    np.testing.assert_allclose(table, 0.55)
    with pytest.raises(ValueError, match=r"results must have the columns \['subject'\]"):
        scores_by_block(results, blocks="subject")
    lacking = results[(results["data"] == "A") | (results["model"] == "SVM")]
    with pytest.raises(
        ValueError, match="scores must be there for every model and block; got none of 'T-EMO, 468'"
    ):
        critical_difference(scores_by_block(lacking, blocks=["data", "emotion"]))


@pytest.mark.parametrize(
    ("scores", "arguments", "error", "message"),
    [
        (np.ones((4, 3)), {}, TypeError, "scores must be a DataFrame, a column for each model; got ndarray"),
        (_scores(5, 2), {}, ValueError, "two blocks or more of three models or more; got 5 of 2"),
        (_scores(1, 3), {}, ValueError, "two blocks or more of three models or more; got 1 of 3"),
        (_scores(5, 3).replace(_scores(5, 3).iloc[1, 2], np.inf), {}, ValueError, "got inf of 'c' in 1"),
        (_scores(5, 3).assign(b="high"), {}, TypeError, "scores must be numbers; could not convert .*'high'"),
        (_scores(5, 3).set_axis(list("aba"), axis=1), {}, ValueError, "each model; 'a' is there several times"),
        (_scores(5, 3), {"method": "t"}, ValueError, "method must be one of 'nemenyi', 'wilcoxon-holm'; got 't'"),
        (_scores(5, 3), {"alpha": 5}, ValueError, "alpha must be between 0 and 1; got 5"),
        (_scores(6, 4), {"method": "wilcoxon-holm"}, ValueError, "no difference of 6 pairs .* at 0.05 in 6 blocks"),
    ],
)  # fmt: skip
def test_bad_scores_are_named(scores, arguments, error, message):
    with pytest.raises(error, match=message):
        critical_difference(scores, **arguments)
