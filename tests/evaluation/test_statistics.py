import numpy as np
import pytest
from scipy import stats

from sklearn_emoxai.evaluation import corrected_ttest, selection_stability

# The matrix Z3 of the authors' own demonstration (github.com/nogueirs/JMLR2018), with what they print for it.
PUBLISHED = """
1111000000 0001011100 0100011100 1100101000 0110110000
0111001000 1001000011 0001011100 0011110000 0000100111
"""


def _masks(text):
    return np.array([[int(digit) for digit in row] for row in text.split()])


def test_stability_is_the_published_one():
    assert selection_stability(_masks("110 110 110")).stability == pytest.approx(1)
    assert selection_stability(_masks("110 011 101")).stability == pytest.approx(-0.5)
    found = selection_stability(_masks(PUBLISHED))
    assert found.stability == pytest.approx(-0.037037037037, abs=1e-12)
    assert found.variance == pytest.approx(0.00516666666667, abs=1e-14)
    assert found.high - found.stability == pytest.approx(1.959964 * np.sqrt(0.00516666666667), rel=1e-6)


def test_stability_of_equal_sizes_is_kunchevas_mean_over_pairs():
    rng = np.random.default_rng(0)
    d, k = 30, 8
    Z = np.array([rng.permutation(d) < k for _ in range(6)])
    pairs = [(np.sum(a & b) - k**2 / d) / (k - k**2 / d) for i, a in enumerate(Z) for b in Z[:i]]
    assert selection_stability(Z).stability == pytest.approx(np.mean(pairs))


def test_interval_of_stability_covers_the_truth_as_often_as_it_says():
    # Landmarks drawn independently with the probabilities p: the stability of the procedure is known. Sizes differ.
    rng = np.random.default_rng(0)
    p = rng.uniform(size=40) ** 2
    truth = 1 - np.mean(p * (1 - p)) / (p.mean() * (1 - p.mean()))
    runs = [selection_stability(rng.uniform(size=(60, 40)) < p) for _ in range(1500)]
    covered = np.mean([run.low <= truth <= run.high for run in runs])
    assert 0.92 < covered < 0.97
    spread = np.std([run.stability for run in runs])
    assert np.sqrt(np.mean([run.variance for run in runs])) == pytest.approx(spread, rel=0.1)


def test_corrected_test_by_hand():
    # mean .03, variance .00025, and (1/5 + 1/4) of it under the root.
    found = corrected_ttest([0.02, 0.05, 0.01, 0.04, 0.03], n_train=80, n_test=20)
    assert found.statistic == pytest.approx(0.03 / np.sqrt(0.45 * 0.00025))
    assert found.pvalue == pytest.approx(2 * stats.t.sf(found.statistic, 4))
    assert found.low < 0.03 < found.high
    assert (found.low > 0) == (found.pvalue < 0.05)


def test_corrected_test_without_overlap_is_the_plain_one():
    differences = np.random.default_rng(0).normal(0.3, 1, size=12)
    found, plain = corrected_ttest(differences, n_train=10**12, n_test=1), stats.ttest_1samp(differences, 0)
    assert found.statistic == pytest.approx(plain.statistic)
    assert found.pvalue == pytest.approx(plain.pvalue)


def test_corrected_test_keeps_its_level_where_the_plain_one_does_not():
    # Repeated halves of the same sample: the scores share their samples, and there is no difference.
    rng = np.random.default_rng(0)
    rejected = np.zeros(2)
    for _ in range(400):
        sample = rng.normal(size=40)
        scores = [sample[rng.permutation(40)[:20]].mean() for _ in range(15)]
        rejected += [
            corrected_ttest(scores, n_train=20, n_test=20).pvalue < 0.05,
            stats.ttest_1samp(scores, 0).pvalue < 0.05,
        ]
    assert rejected[0] <= 0.08 * 400
    assert rejected[1] > 0.3 * 400


def test_corrected_test_of_splits_of_unequal_size_takes_the_mean_ratio():
    scores = [0.02, 0.05, 0.01, 0.04]
    found = corrected_ttest(scores, n_train=[90, 80, 90, 60], n_test=[10, 20, 10, 40])
    ratio = (10 / 90 + 20 / 80 + 10 / 90 + 40 / 60) / 4
    assert found.statistic == pytest.approx(0.03 / np.sqrt((0.25 + ratio) * np.var(scores, ddof=1)))


def test_corrected_test_of_differences_that_do_not_vary():
    assert corrected_ttest([0, 0, 0], n_train=20, n_test=10).pvalue == 1
    assert corrected_ttest([0.25, 0.25, 0.25], n_train=20, n_test=10).pvalue == 0


@pytest.mark.parametrize(
    ("supports", "message"),
    [
        ([[1, 0, 1]], "two runs or more"),
        ([1, 0, 1], "two runs or more"),
        ([[1, 2], [0, 1]], "masks of shape"),
        ([[0, 0], [0, 0]], "all or none"),
        ([[1, 1], [1, 1]], "all or none"),
    ],
)
def test_stability_names_bad_supports(supports, message):
    with pytest.raises(ValueError, match=message):
        selection_stability(supports)


def test_corrected_test_names_bad_input():
    with pytest.raises(ValueError, match=r"differences must be two finite numbers.*got shape \(1,\)"):
        corrected_ttest([1.0], n_train=50, n_test=10)
    with pytest.raises(ValueError, match="1 of them finite"):
        corrected_ttest([1.0, np.nan], n_train=50, n_test=10)
    for wrong in (0, -5, 2.5, np.nan, np.inf, [10, 0]):  # 0.25 is a share, and no number of samples
        with pytest.raises(ValueError, match=r"n_test must hold whole numbers of samples, 1 or more; got "):
            corrected_ttest([1.0, 2.0], n_train=50, n_test=wrong)
    for wrong in ("many", [10, 10, 10], None, True):
        with pytest.raises(
            ValueError, match="n_train must be a number of samples, or one for each of the 2 splits"
        ):
            corrected_ttest([1.0, 2.0], n_train=wrong, n_test=10)
    with pytest.raises(ValueError, match=r"confidence must be between 0 and 1; got 95\."):
        corrected_ttest([1.0, 2.0], n_train=50, n_test=10, confidence=95)
