import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import SequenceFlattener, compare
from sklearn_emoxai.evaluation import paper_models
from sklearn_emoxai.evaluation._protocols import PROTOCOLS, find_protocol, partitions, take, training_groups
from sklearn_emoxai.preprocessing import mirror

LABELS = np.array(["anger", "fear", "happiness"])
NOT_LEAKING = ["subject", "leave-one-subject-out", "paper-no-leak"]


@pytest.fixture
def samples():
    """Labels and subjects of 90 sequences of 10 subjects, not all equally often there."""
    rng = np.random.default_rng(0)
    return LABELS[rng.integers(3, size=90)], np.sort(rng.integers(10, size=90))


def _parts(name, y, groups, seed):
    return partitions(PROTOCOLS[name], y, "fear", groups, n_splits=4, seed=seed)


@pytest.mark.parametrize("name", ["subject", "leave-one-subject-out"])
def test_no_subject_is_on_both_sides_and_each_is_tested_on_once(samples, name):
    y, groups = samples
    for seed in range(20):
        parts = _parts(name, y, groups, seed)
        assert len(parts) == (4 if name == "subject" else 10)
        assert all(not set(groups[train]) & set(groups[test]) for train, test in parts)
        assert np.array_equal(np.sort(np.concatenate([test for _, test in parts])), np.arange(90))


def test_no_mirrored_copy_is_on_both_sides_where_it_must_not_be(samples):
    y, groups = samples
    for seed in range(20):
        ((train, test),) = _parts("paper-no-leak", y, groups, seed)
        assert test.max() < 90
        assert not set(train % 90) & set(test)
        # All others are trained on, as they are and mirrored.
        assert np.array_equal(
            np.sort(train), np.sort(np.r_[np.unique(train % 90), np.unique(train % 90) + 90])
        )
        assert len(test) == np.ceil(0.15 * 90)
        within = training_groups(PROTOCOLS["paper-no-leak"], train, groups, 90)
        assert all(len(np.unique(within[train % 90 == i])) == 1 for i in np.unique(train % 90))


def test_papers_protocol_trains_on_mirror_images_of_what_it_tests_on(samples):
    y, groups = samples
    ((train, test),) = _parts("paper", y, groups, 0)
    assert not set(train) & set(test)
    assert len(test) == np.ceil(0.15 * 180)
    twin_is_trained_on = np.isin((test + 90) % 180, train)
    assert twin_is_trained_on.mean() > 0.7
    assert "leaks" in PROTOCOLS["paper"].description


def test_runs_differ_in_their_splits(samples):
    y, groups = samples
    for name in ("subject", "paper", "paper-no-leak"):
        assert not np.array_equal(_parts(name, y, groups, 0)[0][1], _parts(name, y, groups, 1)[0][1])


def test_copies_are_mirror_images():
    X = np.random.default_rng(0).normal(size=(5, 2, 2, 68)).astype(np.float32)
    taken = take(X, [3, 8, 0])
    assert np.array_equal(taken[0], X[3])
    assert np.array_equal(taken[1], mirror(X[[3]])[0])
    assert np.array_equal(taken[2], X[0])


class _Spy(ClassifierMixin, BaseEstimator):
    """Fails where a number in the vertical coordinates is trained and tested on."""

    __metadata_request__fit = {"groups": True}

    def fit(self, X, y, *, groups):
        self.trained_, self.classes_ = set(X[:, 0, 1, 0]), np.unique(y)
        self.n_ = len(X)
        return self

    def predict(self, X):
        assert not self.trained_ & set(X[:, 0, 1, 0])
        return np.zeros(len(X), bool)

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


@pytest.mark.parametrize("protocol", [*NOT_LEAKING, GroupKFold(4)])
def test_models_never_see_what_they_are_tested_on(samples, protocol):
    y, groups = samples
    X = np.ones((90, 2, 2, 68), np.float32)
    X[:, :, 1] = (np.arange(90) if protocol == "paper-no-leak" else groups)[:, None, None]
    results = compare(
        {"spy": _Spy()},
        X,
        y,
        groups=groups,
        protocol=protocol,
        n_runs=3,
        random_state=0,
        metrics=["accuracy"],
    )
    assert len(results) == 3 * 3 * {"subject": 5, "leave-one-subject-out": 10, "paper-no-leak": 1}.get(
        protocol, 4
    )


def test_spy_catches_the_papers_protocol(samples):
    y, _ = samples
    X = np.ones((90, 2, 2, 68), np.float32)
    X[:, :, 1] = np.arange(90)[:, None, None]
    with pytest.raises(AssertionError):
        compare({"spy": _Spy()}, X, y, protocol="paper", n_runs=1, metrics=["accuracy"])


def test_splitters_without_a_seed_of_their_own_are_drawn_anew_in_each_run(samples):
    y, _ = samples
    free, fixed = (find_protocol(ShuffleSplit(1, random_state=seed), None) for seed in (None, 3))
    tests = [
        [partitions(protocol, y, "fear", None, n_splits=None, seed=seed)[0][1].tolist() for seed in (0, 1, 0)]
        for protocol in (free, fixed)
    ]
    assert tests[0][0] == tests[0][2] != tests[0][1]
    assert tests[1][0] == tests[1][1]


def test_grouped_splitter_without_groups_is_named(samples):
    y, _ = samples
    with pytest.raises(ValueError, match="groups must hold .* for protocol='GroupKFold'; got None"):
        compare({"spy": _Spy()}, np.ones((90, 2, 2, 68)), y, protocol=GroupKFold(3))


def _faces(seed, protocol, n_each=6):
    """Almost symmetric faces, each subject's alike, a third of whose labels are drawn by lot."""
    n_subjects = 3 if protocol == "leave-one-subject-out" else 8
    rng = np.random.default_rng(seed)
    n = n_subjects * n_each
    subject = rng.normal(size=(n_subjects, 1, 2, 68)).repeat(n_each, axis=0)
    X = (subject + rng.normal(size=(n, 3, 2, 68))).astype(np.float32)
    X = X + mirror(X) + 0.1 * rng.normal(size=X.shape).astype(np.float32)
    # The corners of the eyes, where they belong.
    X[..., [36, 39, 42, 45]] = [[[[-1.2, -0.6, 0.6, 1.2], [0, 0, 0, 0]]]]
    if PROTOCOLS[protocol].grouped:
        # Of every subject, since otherwise one who has more than a third leaves fewer for the others.
        y = np.concatenate([rng.permutation(n_each) < n_each / 3 for _ in range(n_subjects)])
    else:
        y = rng.permutation(n) < n / 3
    return X, np.where(y, "fear", "rest"), np.repeat(np.arange(n_subjects), n_each)


def _aucs(protocol, models, n_draws=20, **arguments):
    """Mean AUC of each model and landmark count, one for each draw of labels."""
    draws = []
    for seed in range(n_draws):
        X, y, groups = _faces(seed, protocol)
        n_splits = 2 if protocol == "subject" else None
        results = compare(
            models, X, y, groups=groups, protocol=protocol, emotions=["fear"], n_splits=n_splits, n_runs=1,
            metrics=["roc_auc"], random_state=seed, **arguments,
        )  # fmt: skip
        draws.append(results.groupby(["model", "n_landmarks"])["roc_auc"].mean())
    return {key: [draw[key] for draw in draws] for key in draws[0].index}


def _interval(values, level):
    mean = np.mean(values)
    margin = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return mean - margin, mean + margin


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
@pytest.mark.parametrize("protocol", NOT_LEAKING)
def test_nothing_is_learnt_from_labels_drawn_by_lot(protocol):
    network = {"n_filters": 2, "lstm_units": 4, "fc_units": 3, "max_epochs": 3, "lr": 1e-2}
    models = paper_models(network_grid=None, validation_fraction=None, **network)
    for name in list(models)[1:]:
        models[name].set_params(select__n_steps=5)
    models["RBF SVM"][-1][-1].set_params(param_grid={"svc__C": [10]})
    models["linear SVM"][-1][-1].set_params(param_grid={"svc__C": [10]})
    found = _aucs(protocol, models, n_landmarks=8)
    assert len(found) == 5
    for key, values in found.items():
        if key[0] == "majority class":
            assert set(values) == {0.5}
            continue
        # 12 intervals in all: together they hold with 95 %.
        low, high = _interval(values, 1 - 0.05 / 12)
        assert low <= 0.5 <= high, key


def test_papers_protocol_learns_from_labels_drawn_by_lot():
    nearest = {"nearest": make_pipeline(SequenceFlattener(), KNeighborsClassifier(1))}
    for protocol, leaks in (("paper", True), ("paper-no-leak", False)):
        ((_, values),) = _aucs(protocol, nearest).items()
        low, high = _interval(values, 0.99)
        assert low > 0.8 if leaks else low <= 0.5 <= high


def test_splitters_that_take_no_groups_get_none_and_those_of_others_do(planted):
    X, emotion, groups = planted

    class Own:
        def split(self, X, y, groups):
            yield np.flatnonzero(groups < 3), np.flatnonzero(groups >= 3)

    for splitter, n_splits in ((KFold(3), 3), (PredefinedSplit(groups % 2), 2), (Own(), 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = compare(
                {"a": DummyClassifier()},
                X,
                emotion,
                groups=groups,
                protocol=splitter,
                emotions=["fear"],
                n_runs=1,
            )
        assert len(found) == n_splits
