import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    IGLandmarkSelector,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    deletion_curve,
    randomization_check,
    retraining_curves,
    seed_agreement,
)
from sklearn_emoxai.evaluation import _explanations

NETWORK = ConvLSTMClassifier(
    n_filters=4, lstm_units=6, fc_units=5, lr=1e-2, max_epochs=25, validation_fraction=None, random_state=0
)
# The planted landmarks first.
RANKING = np.r_[3, 7, np.setdiff1d(np.arange(20), [3, 7])]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")


@pytest.fixture
def fitted(planted):
    """An SVM, and sequences that it was not trained on."""
    X, emotion, groups = planted
    y = emotion == "fear"
    train = groups < 3
    svm = make_pipeline(SequenceFlattener(), SVC(kernel="linear")).fit(X[train], y[train])
    return svm, X[~train], y[~train]


def test_deleting_what_matters_lowers_the_curve_at_once(fitted):
    svm, X, y = fitted
    good, bad = (deletion_curve(svm, X, y, order, neutral=0) for order in (RANKING, RANKING[::-1]))
    assert good.n_landmarks[0] == 0
    assert good.n_landmarks[-1] == 20
    assert good.roc_auc[0] == bad.roc_auc[0] > 0.95
    assert good.roc_auc[good.n_landmarks == 2] < 0.8 < bad.roc_auc[bad.n_landmarks == 2]
    # Without any landmark left all sequences are the same.
    assert good.roc_auc[-1] == bad.roc_auc[-1] == 0.5
    assert good.area < bad.area - 0.2


def test_inserting_what_matters_raises_the_curve_at_once(fitted):
    svm, X, y = fitted
    good, bad = (
        deletion_curve(svm, X, y, order, mode="insertion", neutral=0) for order in (RANKING, RANKING[::-1])
    )
    assert good.roc_auc[0] == 0.5
    assert good.roc_auc[good.n_landmarks == 2] > 0.95
    assert good.area > bad.area + 0.2


def test_insertion_is_deletion_from_the_other_end(fitted):
    svm, X, y = fitted
    points = np.arange(21)
    inserted = deletion_curve(svm, X, y, RANKING, n_replaced=points, mode="insertion", neutral=0)
    deleted = deletion_curve(svm, X, y, RANKING[::-1], n_replaced=points, neutral=0)
    assert np.array_equal(inserted.roc_auc, deleted.roc_auc[::-1])


def test_area_is_the_curves_mean_over_the_landmarks(fitted):
    svm, X, y = fitted
    curve = deletion_curve(svm, X, y, RANKING, n_replaced=[0, 2, 10], neutral=0)
    a, b, c = curve.roc_auc
    assert curve.area == pytest.approx((2 * (a + b) / 2 + 8 * (b + c) / 2) / 10)


def test_neutral_shape_is_the_first_frame_or_what_is_given(fitted):
    _, X, y = fitted
    seen = []

    class Spy:
        def decision_function(self, X):
            seen.append(X.copy())
            return np.zeros(len(X))

    deletion_curve(Spy(), X, y, RANKING, n_replaced=[2])
    still = X.copy()
    still[..., [3, 7]] = X[:, :1, :, [3, 7]]
    assert np.array_equal(seen[0], still)
    shapes = np.random.default_rng(0).normal(size=X.shape).astype(np.float32)
    deletion_curve(Spy(), X, y, RANKING, n_replaced=[20], neutral=shapes)
    assert np.array_equal(seen[1], shapes)


def test_curve_does_not_depend_on_the_blocks(fitted, monkeypatch):
    svm, X, y = fitted
    shapes = X[::-1].copy()
    whole = deletion_curve(svm, X, y, RANKING, neutral=shapes)
    monkeypatch.setattr(_explanations, "_BLOCK", 7)
    assert np.array_equal(deletion_curve(svm, X, y, RANKING, neutral=shapes).roc_auc, whole.roc_auc)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ranking": [0, 0, 1]}, "ranking must hold each of the 20 landmarks of X once"),
        ({"mode": "remove"}, "mode must be .*got 'remove'"),
        ({"n_replaced": [21]}, r"n_replaced must be within 0 and 20; got \[21\]"),
        ({"neutral": "mean"}, "neutral must be .*got 'mean'"),
        ({"neutral": np.zeros(3)}, r"neutral must broadcast to .*\(30, 5, 2, 20\); got \(3,\)"),
        ({"y": np.zeros(30)}, "y must hold two classes"),
    ],
)
def test_bad_input_of_a_deletion_curve_is_named(fitted, change, message):
    svm, X, y = fitted
    arguments = {"y": y, "ranking": RANKING} | change
    with pytest.raises(ValueError, match=message):
        deletion_curve(svm, X, arguments.pop("y"), arguments.pop("ranking"), **arguments)


def test_retraining_on_the_first_landmarks_beats_random_ones_and_these_the_last(planted):
    X, emotion, groups = planted
    svm = make_pipeline(SequenceFlattener(), SVC())
    # The landmarks of the training part decide, none of the tested subjects.
    table = retraining_curves(
        UnivariateLandmarkSelector(), svm, X, emotion, "fear", groups=groups, n_landmarks=[2, 6], n_random=4,
        cv=StratifiedGroupKFold(3), random_state=0,
    )  # fmt: skip
    assert len(table) == 3 * 2 * (1 + 1 + 4)
    mean = table.groupby(["n_landmarks", "landmarks"])["roc_auc"].mean()
    for k in (2, 6):
        assert mean[k, "top"] > 0.95
        assert mean[k, "top"] > mean[k, "random"] > mean[k, "bottom"]
    assert mean[6, "bottom"] < 0.65
    again = retraining_curves(
        UnivariateLandmarkSelector(), svm, X, emotion, "fear", groups=groups, n_landmarks=[2, 6], n_random=4,
        cv=StratifiedGroupKFold(3), random_state=0,
    )  # fmt: skip
    assert table.equals(again)


def test_seeds_agree_on_planted_landmarks(planted):
    X, emotion, groups = planted
    selector = IGLandmarkSelector(NETWORK, strategy="top", random_state=0)
    found = seed_agreement(
        selector, X, emotion, "fear", groups=groups, n_seeds=3, n_landmarks=[2, 10], random_state=1
    )
    assert found.importances.shape == (3, 20)
    assert not np.array_equal(found.importances[0], found.importances[1])
    assert found.stability[2].stability == pytest.approx(1)
    assert found.stability[10].stability < 0.9
    assert -1 < found.correlation < 1


def test_untrained_networks_explain_otherwise(planted):
    X, emotion, _ = planted
    network = NETWORK.fit(X, emotion == "fear")
    before = {name: value.clone() for name, value in network.module_.state_dict().items()}
    found = randomization_check(network, X, labels=emotion, positive="fear", n_repeats=4, random_state=0)
    assert set(np.argsort(-found.importances)[:2]) == {3, 7}
    share = found.importances[[3, 7]].sum() / found.importances.sum()
    untrained = found.untrained[:, [3, 7]].sum(axis=1) / found.untrained.sum(axis=1)
    # Their two landmarks move more, and are seen a little more for it, but no more than that.
    assert (untrained < share / 2).all()
    assert found.correlation < 0.7
    after = network.module_.state_dict()
    assert all((after[name] == value).all() for name, value in before.items())
    again = randomization_check(network, X, labels=emotion, positive="fear", n_repeats=4, random_state=0)
    assert np.array_equal(found.untrained, again.untrained)


def test_bad_input_of_the_others_is_named(planted):
    X, emotion, _ = planted
    svm = make_pipeline(SequenceFlattener(), SVC())
    with pytest.raises(ValueError, match=r"n_landmarks must be within 1 and 20; got 21"):
        retraining_curves(UnivariateLandmarkSelector(), svm, X, emotion, "fear", n_landmarks=[21])
    with pytest.raises(ValueError, match=r"y must hold two classes"):
        retraining_curves(UnivariateLandmarkSelector(), svm, X, emotion, "joy", n_landmarks=[2])
    with pytest.raises(ValueError, match=r"n_seeds must be at least 2; got 1"):
        seed_agreement(IGLandmarkSelector(NETWORK), X, emotion, "fear", n_seeds=1)


class _SeedsItself(ConvLSTMClassifier):
    def fit(self, X, y, *, groups=None):
        self.random_state = 0
        return super().fit(X, y, groups=groups)


def test_seeds_must_make_a_difference(planted):
    X, emotion, _ = planted
    with pytest.raises(
        ValueError, match="selector must have a random_state.*UnivariateLandmarkSelector has none"
    ):
        seed_agreement(UnivariateLandmarkSelector(), X, emotion, "fear", n_seeds=2)
    network = _SeedsItself(**NETWORK.get_params() | {"max_epochs": 2})
    with pytest.raises(
        ValueError, match="other importances with another random_state; some seeds gave the same"
    ):
        seed_agreement(IGLandmarkSelector(network), X, emotion, "fear", n_seeds=2)


def test_few_seeds_give_a_wide_interval(planted):
    X, emotion, _ = planted
    network = NETWORK.get_params() | {"max_epochs": 3}
    selector = IGLandmarkSelector(ConvLSTMClassifier(**network), n_steps=5)
    found = seed_agreement(
        selector, X, emotion, "fear", n_seeds=3, n_landmarks=[5], random_state=0
    ).stability[5]
    asymptotic_half_width = 1.96 * np.sqrt(found.variance)
    assert found.low <= found.stability - 1.5 * asymptotic_half_width
    assert found.low < found.stability <= found.high
