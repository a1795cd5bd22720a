"""What every estimator must do, from one table.

scikit-learn has no tag for 4-D input, and its checks pass 2-D arrays: only those that need no data apply.
The others are done here, on sequences.
"""

import pickle
import warnings

import joblib
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks
from sklearn.utils.metadata_routing import get_routing_for_object

import sklearn_emoxai as emoxai
from sklearn_emoxai._validation import check_sequences
from sklearn_emoxai.attribution import BaselineWarning

# A network of two epochs takes everything for everything.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")

NETWORK = {"n_filters": 3, "lstm_units": 4, "fc_units": 4, "max_epochs": 2, "random_state": 0}

# Estimators that take sequences, with arguments that make them cheap.
SEQUENCE_ESTIMATORS = {
    "LandmarkAligner": emoxai.LandmarkAligner(eyes=([0], [1])),
    "NeutralDifference": emoxai.NeutralDifference(),
    "LandmarkMotion": emoxai.LandmarkMotion(),
    "SequenceFlattener": emoxai.SequenceFlattener(),
    "SequenceChannels": emoxai.SequenceChannels(),
    "MirrorAugmented": emoxai.MirrorAugmented(
        emoxai.ConvLSTMClassifier(**NETWORK), permutation=np.arange(12)[::-1]
    ),
    "ConvLSTMClassifier": emoxai.ConvLSTMClassifier(**NETWORK),
    "IGLandmarkSelector": emoxai.IGLandmarkSelector(
        emoxai.ConvLSTMClassifier(**NETWORK),
        n_landmarks_to_select=3,
        n_steps=2,
        n_baselines=2,
        random_state=0,
    ),
    "FixedLandmarkSelector": emoxai.FixedLandmarkSelector([3, "landmark1", 7]),
    "ForwardLandmarkSelector": emoxai.ForwardLandmarkSelector(n_landmarks_to_select=3),
    "RandomLandmarkSelector": emoxai.RandomLandmarkSelector(n_landmarks_to_select=3, random_state=0),
    "VarianceLandmarkSelector": emoxai.VarianceLandmarkSelector(n_landmarks_to_select=3),
    "UnivariateLandmarkSelector": emoxai.UnivariateLandmarkSelector(n_landmarks_to_select=3),
    "PermutationLandmarkSelector": emoxai.PermutationLandmarkSelector(
        emoxai.ConvLSTMClassifier(**NETWORK), n_landmarks_to_select=3, random_state=0
    ),
    "EmotionClassifier": emoxai.EmotionClassifier(emoxai.ConvLSTMClassifier(**NETWORK)),
}
# Selectors that look at X alone.
UNSUPERVISED = (
    emoxai.FixedLandmarkSelector,
    emoxai.RandomLandmarkSelector,
    emoxai.VarianceLandmarkSelector,
)
ESTIMATORS = {
    **SEQUENCE_ESTIMATORS,
    "LandmarkExtractor": emoxai.LandmarkExtractor(),
    "SequenceUnflattener": emoxai.SequenceUnflattener(4),
}

DATA_FREE_CHECKS = [
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]
# Checks that fail, by estimator, and why that is right.
EXPECTED_FAILURES: dict[str, dict[str, str]] = {}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(24, 4, 2, 12)).astype(np.float32), np.arange(24) % 2


@pytest.fixture(params=SEQUENCE_ESTIMATORS.items(), ids=lambda item: item[0])
def estimator(request):
    return clone(request.param[1])


def _outputs(fitted, X):
    """Everything that a fitted estimator makes of X."""
    methods = ("transform", "predict", "predict_proba", "decision_function")
    return {method: getattr(fitted, method)(X) for method in methods if hasattr(fitted, method)}


def _assert_equal(first, second):
    assert first.keys() == second.keys() != set()
    for method in first:
        np.testing.assert_array_equal(first[method], second[method])


@pytest.mark.parametrize("check", DATA_FREE_CHECKS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_scikit_learns_data_free_checks(name, check):
    reason = EXPECTED_FAILURES.get(name, {}).get(check)
    if reason:
        pytest.xfail(reason)
    getattr(estimator_checks, check)(name, clone(ESTIMATORS[name]))


def test_every_public_estimator_is_in_the_table():
    public = {name for name in emoxai.__all__ if hasattr(getattr(emoxai, name), "get_params")}
    assert public == set(ESTIMATORS)


def test_fit_returns_itself_and_changes_no_parameter(estimator, data):
    before = joblib.hash(estimator.get_params())
    assert estimator.fit(*data) is estimator
    assert joblib.hash(estimator.get_params()) == before
    assert estimator.n_features_in_ == 12
    assert estimator.n_frames_in_ == 4


def test_use_changes_neither_state_nor_input(estimator, data):
    X, y = data
    X.setflags(write=False)
    estimator.fit(X, y)
    before = pickle.dumps(estimator)
    first = _outputs(estimator, X)
    _assert_equal(first, _outputs(estimator, X))
    assert pickle.dumps(estimator) == before


def test_a_second_fit_forgets_the_first(estimator, data):
    X, y = data
    other = clone(estimator).fit(X, y)
    estimator.fit(X[:, :3, :, ::-1] * 2, y[::-1]).fit(X, y)
    _assert_equal(_outputs(estimator, X), _outputs(other, X))


def test_pickle_and_joblib_keep_every_output(estimator, data, tmp_path):
    X, y = data
    expected = _outputs(estimator.fit(X, y), X)
    _assert_equal(_outputs(pickle.loads(pickle.dumps(estimator)), X), expected)
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    _assert_equal(_outputs(joblib.load(tmp_path / "estimator.joblib"), X), expected)


@pytest.mark.parametrize(
    "variant",
    [
        lambda X: X.astype(np.float64),
        lambda X: X.tolist(),
        lambda X: np.asfortranarray(X),
        lambda X: np.repeat(X, 2, axis=0)[::2],
    ],
    ids=["float64", "list", "fortran", "strided"],
)
def test_other_containers_give_the_same(estimator, data, variant):
    X, y = data
    expected = _outputs(clone(estimator).fit(X, y), X)
    _assert_equal(_outputs(estimator.fit(variant(X), y.tolist()), variant(X)), expected)


def test_a_memory_map_gives_the_same(estimator, data, tmp_path):
    X, y = data
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    _assert_equal(_outputs(clone(estimator).fit(mapped, y), mapped), _outputs(estimator.fit(X, y), X))


def test_string_labels_give_the_same_decisions(estimator, data):
    X, y = data
    expected = _outputs(clone(estimator).fit(X, y), X)
    found = _outputs(estimator.fit(X, np.array(["anger", "fear"])[y]), X)
    if is_classifier(estimator):
        found["predict"] = (found["predict"] == "fear").astype(int)
    _assert_equal(found, expected)


def test_wrong_sequences_are_named(estimator, data):
    X, y = data
    for wrong, shape in [
        (X[0], r"\(4, 2, 12\)"),
        (X[:, 0, 0], r"\(24, 12\)"),
        (X[:, :, :1], r"\(24, 4, 1, 12\)"),
    ]:
        with pytest.raises(
            ValueError, match=rf"X must have shape \(n_samples, n_frames, 2, n_landmarks\); got {shape}"
        ):
            estimator.fit(wrong, y)
    for value in (np.nan, np.inf):
        bad = X.copy()
        bad[3, 1, 0, 2] = value
        with pytest.raises(ValueError, match="X contains"):
            estimator.fit(bad, y)
    with pytest.raises(ValueError, match=r"X must have shape .*; got \(0,\)"):
        estimator.fit([], [])
    with pytest.raises(ValueError, match="X must have shape .*; its sequences differ in length"):
        estimator.fit([X[0], X[1, 1:]], [0, 1])
    with pytest.raises(ValueError, match="0 sample"):
        estimator.fit(X[:0], y[:0])
    with pytest.raises((ValueError, TypeError)):
        estimator.fit([["a", "b"]], y)
    estimator.fit(X, y)
    for method in ("transform", "predict", "predict_proba", "decision_function"):
        if hasattr(estimator, method):
            with pytest.raises(ValueError, match="4 frames and 11 landmarks"):
                getattr(estimator, method)(X[..., 1:])


@pytest.mark.parametrize(
    ("shape", "advice", "one_liner"),
    [
        ((24, 4, 12, 2), " Its axes are in another order: pass ", "X.swapaxes(2, 3)"),
        ((24, 4, 12, 3), " Its axes are in another order, with z: pass ", "X[..., :2].swapaxes(2, 3)"),
        ((24, 4, 3, 12), " z has no place there: pass ", "X[:, :, :2]"),
        ((24, 4, 3, 3), "", None),
        ((24, 4, 3, 2), "", None),
        ((24, 4, 12, 12), "", None),
        ((4, 2, 12), " One sequence is a batch of one: pass ", "X[None]"),
        ((4, 12, 2), " One sequence is a batch of one, its landmarks last: pass ", "X.swapaxes(1, 2)[None]"),
        (
            (4, 12, 3),
            " One sequence is a batch of one, its landmarks last: pass ",
            "X[..., :2].swapaxes(1, 2)[None]",
        ),
        ((4, 3, 12), "", None),
        ((24, 96), " Rows become sequences by SequenceUnflattener(n_frames).", None),
    ],
)
def test_frames_of_other_trackers_are_recognised(estimator, data, shape, advice, one_liner):
    X = np.random.default_rng(0).normal(size=shape)
    with pytest.raises(ValueError) as caught:
        estimator.fit(X, data[1])
    end = f"{one_liner}." if one_liner else ""
    assert str(caught.value) == (
        f"X must have shape (n_samples, n_frames, 2, n_landmarks); got {shape}.{advice}{end}"
    )
    if one_liner:
        assert check_sequences(eval(one_liner, {"X": X})).shape[-3:] == (4, 2, 12)


def test_use_before_fit_is_refused(estimator, data):
    X, _ = data
    for method in ("transform", "predict", "predict_proba", "decision_function"):
        if hasattr(estimator, method):
            with pytest.raises(NotFittedError):
                getattr(estimator, method)(X)


def test_supervised_estimators_need_as_many_labels(estimator, data):
    X, y = data
    selects = hasattr(estimator, "get_support") and not isinstance(estimator, UNSUPERVISED)
    if not is_classifier(estimator) and not selects:
        assert estimator.fit(X) is estimator
        return
    with pytest.raises(ValueError, match=r"y|inconsistent"):
        estimator.fit(X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        estimator.fit(X, y[1:])
    with pytest.raises(ValueError, match="(at least )?two classes"):
        estimator.fit(X, np.zeros(24))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_fit_alone_asks_for_emotions_and_subjects(name):
    routing = get_routing_for_object(clone(ESTIMATORS[name]))
    both = {"emotion", "groups"}
    assert routing.consumes("fit", both) == both
    for method in ("transform", "predict", "predict_proba", "decision_function", "score"):
        assert routing.consumes(method, both) == set()


@pytest.mark.parametrize("routing", [True, False])
def test_emotions_and_subjects_that_are_not_needed_change_nothing(estimator, data, routing):
    X, y = data
    metadata = {"emotion": np.tile(["anger", "fear", "sadness"], 8), "groups": np.repeat(np.arange(4), 6)}
    if isinstance(estimator, emoxai.IGLandmarkSelector):
        metadata["emotion"] = None
    expected = _outputs(clone(estimator).fit(X, y), X)
    with config_context(enable_metadata_routing=routing):
        _assert_equal(_outputs(clone(estimator).fit(X, y, **metadata), X), expected)
        if hasattr(estimator, "transform"):
            found = estimator.fit_transform(X, y, **metadata)
            np.testing.assert_array_equal(found, expected["transform"])


def test_a_fit_warns_of_nothing(estimator, data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", BaselineWarning)
        warnings.filterwarnings("ignore", "The network has hardly moved")  # in two epochs
        estimator.fit(*data)
