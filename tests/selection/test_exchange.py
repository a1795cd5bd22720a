"""Steps of a Pipeline can be exchanged, left out and searched over, without another call."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

import sklearn_emoxai
from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    FixedLandmarkSelector,
    ForwardLandmarkSelector,
    IGLandmarkSelector,
    LandmarkAligner,
    MirrorAugmented,
    NeutralDifference,
    PermutationLandmarkSelector,
    RandomLandmarkSelector,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    VarianceLandmarkSelector,
)
from sklearn_emoxai.evaluation import SearchedNetwork
from sklearn_emoxai.selection import LandmarkSelector, n_frames_in, n_landmarks_in

N_LANDMARKS = 6
NETWORK = ConvLSTMClassifier(
    n_filters=2, kernel_size=1, lstm_units=4, fc_units=4, dropout=0, lr=0.1, max_epochs=4, random_state=0
)
SVM = make_pipeline(SequenceFlattener(), SVC())
CLASSIFIERS = {"SVM": SVM, "T-EMO": NETWORK, "R-EMO": ConvLSTMClassifier(**NETWORK.get_params())}
CLASSIFIERS["R-EMO"].set_params(randomized_conv=True)
SELECTORS = {
    "integrated gradients": IGLandmarkSelector(NETWORK, n_steps=2, n_baselines=2, random_state=0),
    "forward": ForwardLandmarkSelector(),
    "random": RandomLandmarkSelector(random_state=0),
    "univariate": UnivariateLandmarkSelector(),
    "variance": VarianceLandmarkSelector(),
    "permutation": PermutationLandmarkSelector(SVM, random_state=0),
}
for selector in SELECTORS.values():
    selector.set_params(n_landmarks_to_select=3)
SELECTORS |= {"fixed": FixedLandmarkSelector([0, 1, 4]), "passthrough": "passthrough"}


@pytest.fixture(scope="module")
def planted():
    """Sequences whose last frame tells three emotions of four subjects, by two landmarks each."""
    emotion = np.tile(["fear", "happiness", "surprise"], 8)
    X = np.random.default_rng(0).normal(scale=0.1, size=(24, 3, 2, N_LANDMARKS)).astype(np.float32)
    for i, label in enumerate(np.unique(emotion)):
        X[emotion == label, -1, :, 2 * i : 2 * i + 2] += 2
    return X, emotion, np.repeat(["anna", "bert", "cleo", "dora"], 6)


def _search(pipeline, grid, planted, passed, routing):
    """A search that was fitted; what fails or warns in it raises, by pytest's settings."""
    X, emotion, subjects = planted
    metadata = {name: {"emotion": emotion, "groups": subjects}[name] for name in passed}
    cv = StratifiedGroupKFold(2) if "groups" in passed else StratifiedKFold(2)
    with config_context(enable_metadata_routing=routing):
        return GridSearchCV(pipeline, grid, cv=cv).fit(X, emotion == "fear", **metadata)


def _search_over_selectors(selector, classifier, planted, passed, routing):
    pipeline = Pipeline([("select", selector), ("classify", classifier)])
    search = _search(pipeline, {"select": [*SELECTORS.values()]}, planted, passed, routing)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == len(SELECTORS)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("classifier", CLASSIFIERS.values(), ids=CLASSIFIERS)
@pytest.mark.parametrize("selector", SELECTORS.values(), ids=SELECTORS)
def test_every_selector_of_a_grid_takes_the_place_of_every_other(selector, classifier, planted):
    _search_over_selectors(selector, classifier, planted, ("emotion", "groups"), routing=True)


@pytest.mark.parametrize("passed", [("emotion",), ("groups",), ()], ids=["emotion", "groups", "neither"])
@pytest.mark.parametrize("classifier", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_a_grid_of_selectors_needs_neither_emotions_nor_subjects(classifier, passed, planted):
    _search_over_selectors("passthrough", classifier, planted, passed, routing=True)


# What the search is made with matters to routing alone, so one selector stands for all.
@pytest.mark.parametrize("passed", [("groups",), ()], ids=["groups", "neither"])
@pytest.mark.parametrize("classifier", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_a_grid_of_selectors_needs_no_metadata_routing(classifier, passed, planted):
    _search_over_selectors("passthrough", classifier, planted, passed, routing=False)


def test_every_selector_of_the_package_is_in_the_grid():
    public = (getattr(sklearn_emoxai, name) for name in sklearn_emoxai.__all__)
    selectors = {each for each in public if isinstance(each, type) and issubclass(each, LandmarkSelector)}
    assert len(selectors) >= 7
    assert selectors == {type(each) for each in SELECTORS.values() if each != "passthrough"}


@pytest.mark.parametrize("routing", [True, False], ids=["routed", "without routing"])
def test_other_steps_are_exchanged_or_left_out_as_well(routing, planted):
    mirrored = {"permutation": np.arange(N_LANDMARKS)[::-1]}
    grid = {
        "align": [LandmarkAligner(eyes=([0], [1])), "passthrough"],
        "difference": [NeutralDifference(), "passthrough"],
        "classify": [
            NETWORK,
            SVM,
            MirrorAugmented(NETWORK, **mirrored),
            MirrorAugmented(SVM, **mirrored),
            SearchedNetwork(NETWORK, {"n_filters": [2]}),
            EmotionClassifier(SVM),
        ],
    }
    pipeline = Pipeline([("align", "passthrough"), ("difference", "passthrough"), ("classify", SVM)])
    search = _search(pipeline, grid, planted, ("emotion", "groups") if routing else (), routing)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 24
    assert np.isfinite(scores).all()


class _Plain(ClassifierMixin, BaseEstimator):
    """A classifier of sequences that asks for nothing."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.repeat(self.classes_[0], len(X))


def test_a_selector_that_keeps_all_stands_in_for_passthrough_where_no_other_step_asks(planted):
    pipeline = Pipeline(
        [("select", ForwardLandmarkSelector(n_landmarks_to_select=3)), ("classify", _Plain())]
    )
    both = ("emotion", "groups")
    with pytest.raises(TypeError, match="which are not routed to any object"):
        _search(pipeline.set_params(select="passthrough"), {}, planted, both, routing=True)
    keep_all = RandomLandmarkSelector(n_landmarks_to_select=None)
    grid = {"select": [keep_all, SELECTORS["forward"]]}
    search = _search(pipeline.set_params(select=keep_all), grid, planted, both, routing=True)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    np.testing.assert_array_equal(keep_all.fit_transform(planted[0]), planted[0])


class _TakesNeither(LandmarkSelector):
    def __init__(self, *, n_landmarks_to_select=3):
        self.n_landmarks_to_select = n_landmarks_to_select

    def fit(self, X, y=None):
        return self._select(np.arange(self._check_fit(X).shape[3]))


class _TakesEmotion(_TakesNeither):
    def fit(self, X, y=None, *, emotion=None):
        self.emotion_ = emotion
        return super().fit(X, y)


class _TakesGroups(ForwardLandmarkSelector):
    def fit(self, X, y=None, *, groups=None):
        self.groups_ = groups
        return super().fit(X, y)


def test_a_users_selector_is_given_what_its_fit_takes(planted):
    X, emotion, subjects = planted
    pipeline = Pipeline([("select", _TakesNeither()), ("classify", SVM)])
    grid = {
        "select": [_TakesNeither(), _TakesEmotion(), _TakesGroups(n_landmarks_to_select=3), "passthrough"]
    }
    search = _search(pipeline, grid, planted, ("emotion", "groups"), routing=True)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    for selector in grid["select"][:3]:
        with config_context(enable_metadata_routing=True):
            pipeline.set_params(select=selector).fit(X, emotion == "fear", emotion=emotion, groups=subjects)
    assert grid["select"][1].emotion_ is emotion
    assert grid["select"][2].groups_ is subjects


def test_a_request_of_ones_own_overrules_ours(planted):
    X, emotion, subjects = planted
    with config_context(enable_metadata_routing=True):
        selector = _TakesEmotion().set_fit_request(emotion="label")
        pipeline = Pipeline([("select", clone(selector)), ("classify", SVM)])
        pipeline.fit(X, emotion == "fear", label=emotion, groups=subjects)
        assert pipeline["select"].emotion_ is emotion
        pipeline = Pipeline([("select", selector.set_fit_request(emotion=False)), ("classify", SVM)])
        pipeline.fit(X, emotion == "fear", emotion=emotion)
    assert pipeline["select"].emotion_ is None


def test_a_detector_whose_first_step_is_left_out_tells_its_frames(planted):
    X, emotion, _ = planted
    pipeline = Pipeline([("align", "passthrough"), ("select", "passthrough"), ("classify", NETWORK)])
    assert n_frames_in(pipeline.fit(X, emotion == "fear")) == X.shape[1]


def test_a_search_around_a_pipeline_tells_its_frames_and_landmarks(planted):
    pipeline = Pipeline([("align", "passthrough"), ("difference", NeutralDifference()), ("classify", SVM)])
    search = _search(pipeline, {"classify__svc__C": [1, 2]}, planted, (), routing=False)
    shape = planted[0].shape
    assert (n_frames_in(search), n_landmarks_in(search)) == (shape[1], shape[3])
