"""The estimators together, as users put them together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    cross_val_score,
    cross_validate,
    permutation_test_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from skorch import NeuralNetClassifier

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkExtractor,
    NeutralDifference,
    SequenceFlattener,
    SequenceUnflattener,
    VarianceLandmarkSelector,
    facemesh,
)
from sklearn_emoxai.datasets import make_expression_videos, make_expressions

NETWORK = ConvLSTMClassifier(
    n_filters=3, lstm_units=8, fc_units=8, lr=5e-3, max_epochs=8, class_weight="balanced", random_state=0
)
ALIGN = ("align", LandmarkAligner())
pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")


@pytest.fixture(scope="module")
def faces():
    return make_expressions(n_subjects=12, n_repeats=1, n_frames=4, difficulty=0, random_state=0)


def _select(memory=None):
    return "select", IGLandmarkSelector(
        NETWORK, n_landmarks_to_select=16, n_steps=10, memory=memory, random_state=0
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_over_hyper_parameters_and_landmark_counts(faces, n_jobs, tmp_path):
    pipeline = Pipeline([ALIGN, _select(str(tmp_path)), ("classify", NETWORK)])
    grid = {"select__n_landmarks_to_select": [8, 32], "classify__n_filters": [2, 4]}
    search = GridSearchCV(pipeline, grid, cv=StratifiedGroupKFold(2), scoring="roc_auc", n_jobs=n_jobs)
    y = faces.target == "happiness"
    with config_context(enable_metadata_routing=True):
        search.fit(faces.data, y, groups=faces.groups, emotion=faces.target)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert set(best["select"].typical_samples_) == set(faces.target)
    assert best["classify"].n_features_in_ == search.best_params_["select__n_landmarks_to_select"]
    assert search.predict(faces.data).shape == y.shape


class _Counting(ConvLSTMClassifier):
    shapes = []

    def fit(self, X, y, *, groups=None):
        _Counting.shapes.append(X.shape[3])
        return super().fit(X, y, groups=groups)


def test_a_search_trains_each_full_network_once(faces, tmp_path):
    network = _Counting(**NETWORK.get_params() | {"max_epochs": 2})
    y = faces.target == "happiness"
    found = {}
    for memory in (str(tmp_path), None):
        select = IGLandmarkSelector(
            network, n_landmarks_to_select=16, n_steps=5, memory=memory, random_state=0
        )
        pipeline = Pipeline([ALIGN, ("select", select), ("classify", network)])
        grid = {"select__n_landmarks_to_select": [4, 8, 16], "select__strategy": ["top", "qr"]}
        search = GridSearchCV(pipeline, grid, cv=StratifiedGroupKFold(2), scoring="roc_auc")
        _Counting.shapes = []
        with config_context(enable_metadata_routing=True):
            search.fit(faces.data, y, groups=faces.groups, emotion=faces.target)
        full = _Counting.shapes.count(468)
        assert full == (2 + 1 if memory else 2 * 6 + 1)  # folds, and the refit
        assert len(_Counting.shapes) - full == 2 * 6 + 1
        found[memory] = search
    with_memory, without = found.values()
    np.testing.assert_array_equal(
        with_memory.cv_results_["mean_test_score"], without.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(with_memory.predict_proba(faces.data), without.predict_proba(faces.data))


def test_cross_validate_routes_emotions_and_subjects(faces):
    network = ConvLSTMClassifier(**NETWORK.get_params() | {"max_epochs": 2, "validation_fraction": 0.2})
    pipeline = Pipeline([ALIGN, ("select", IGLandmarkSelector(network, n_steps=2)), ("classify", network)])
    with config_context(enable_metadata_routing=True):
        found = cross_validate(
            pipeline,
            faces.data,
            faces.target == "happiness",
            cv=StratifiedGroupKFold(2),
            params={"groups": faces.groups, "emotion": faces.target},
            return_estimator=True,
        )
    for fitted in found["estimator"]:
        assert set(fitted["select"].typical_samples_) == set(faces.target)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_svms_on_the_same_splits_with_and_without_selection(faces, kernel):
    y = faces.target == "happiness"
    splits = list(StratifiedGroupKFold(3).split(faces.data, y, faces.groups))
    flat = make_pipeline(SequenceFlattener(), SVC(kernel=kernel, C=10))
    for steps in ([ALIGN], [ALIGN, _select()]):
        scores = cross_val_score(
            Pipeline([*steps, ("svm", flat)]), faces.data, y, cv=splits, scoring="roc_auc"
        )
        assert scores.mean() > 0.85


def test_a_pipeline_from_video_files_to_decisions(tmp_path):
    clips = make_expression_videos(
        tmp_path / "clips",
        n_subjects=3,
        emotions=["surprise", "happiness"],
        n_frames=6,
        size=192,
        random_state=0,
    )
    pipeline = Pipeline(
        [
            ("extract", LandmarkExtractor(n_frames=4)),
            ALIGN,
            ("flatten", SequenceFlattener()),
            ("svm", SVC(kernel="linear")),
        ],
        memory=str(tmp_path / "memory"),
    )
    y = clips.target == "surprise"
    pipeline.fit(clips.paths, y)
    np.testing.assert_array_equal(pipeline.predict(clips.paths), y)
    again = Pipeline(pipeline.steps, memory=pipeline.memory).fit(clips.paths, y)
    np.testing.assert_array_equal(
        again.decision_function(clips.paths), pipeline.decision_function(clips.paths)
    )


@pytest.mark.parametrize("where", ["pipeline", "global"])
def test_names_and_data_frames_pass_through_a_pipeline(where):
    X = np.random.default_rng(0).normal(size=(6, 3, 2, 468)).astype(np.float32)
    steps = [LandmarkAligner(), NeutralDifference(), VarianceLandmarkSelector(n_landmarks_to_select=2)]
    pipeline = make_pipeline(*steps, SequenceFlattener())
    if where == "pipeline":
        pipeline.set_output(transform="pandas")
    with config_context(transform_output="pandas" if where == "global" else "default"):
        table = pipeline.fit_transform(X)
        sequences = pipeline[:-1].transform(X)
    chosen = pipeline[2].get_support(indices=True)
    assert [name.split("_")[-1] for name in pipeline[:-1].get_feature_names_out()] == [str(i) for i in chosen]
    names = facemesh.landmark_names()
    assert pipeline.get_feature_names_out().tolist() == [
        f"frame{p}_{c}_{names[i]}" for p in (2, 3) for c in "xy" for i in chosen
    ]
    assert table.columns.tolist() == pipeline.get_feature_names_out().tolist()
    assert isinstance(sequences, np.ndarray)
    np.testing.assert_array_equal(table, sequences.reshape(6, -1))
    np.testing.assert_array_equal(LandmarkExtractor().get_feature_names_out(), names)


@pytest.fixture(scope="module")
def own_network():
    """The network that the example shows to users, out of its source."""
    path = Path(__file__).parents[1] / "examples" / "plot_own_network.py"
    if not path.exists():
        pytest.skip("the examples are not beside the tests")
    start = "class GRUNet"
    source = path.read_text("utf-8")
    names = {"torch": torch, "np": np, "NeuralNetClassifier": NeuralNetClassifier}
    exec(source[source.index(start) : source.index("\n# %%", source.index(start))], names)
    return names["network"].set_params(max_epochs=2)


def test_a_users_own_network_follows_the_number_of_landmarks(faces, own_network):
    select = IGLandmarkSelector(own_network, n_steps=2, random_state=0)
    pipeline = Pipeline([ALIGN, ("select", select), ("classify", own_network)])
    grid = {"select__n_landmarks_to_select": [8, 16]}
    y = (faces.target == "happiness").astype(int)  # as a net's own loss takes it
    found = []
    for _ in range(2):
        search = GridSearchCV(
            pipeline, grid, cv=StratifiedGroupKFold(2), scoring="roc_auc", error_score="raise"
        )
        with config_context(enable_metadata_routing=True):
            found.append(search.fit(faces.data, y, groups=faces.groups, emotion=faces.target))
    first, again = (search.predict_proba(faces.data) for search in found)
    np.testing.assert_array_equal(first, again)
    k = found[0].best_params_["select__n_landmarks_to_select"]
    assert found[0].best_estimator_["classify"].module_.gru.input_size == 2 * k
    with config_context(enable_metadata_routing=True):
        several = IGLandmarkSelector(own_network, n_repeats=2, n_steps=2, random_state=0)
        several.fit(faces.data[:20], y[:20], emotion=faces.target[:20])
    assert several.profile_.shape == (4, 468)


def test_emotions_without_probabilities_say_how_to_get_them():
    classifier = EmotionClassifier(SVC())
    assert not hasattr(classifier, "predict_proba")
    with pytest.raises(AttributeError) as caught:
        classifier.predict_proba  # noqa: B018
    assert str(caught.value.__cause__) == (
        'estimator must have predict_proba, which SVC has not: set calibration="sigmoid".'
    )
    assert hasattr(EmotionClassifier(SVC(), calibration="sigmoid"), "predict_proba")


SVM = make_pipeline(SequenceFlattener(), SVC(kernel="linear"))
LIGHT = make_pipeline(IGLandmarkSelector(NETWORK, n_landmarks_to_select=4, n_steps=2, random_state=0), SVM)


def test_labels_are_permuted_without_their_emotions(planted):
    X, emotion, groups = planted
    with config_context(enable_metadata_routing=True):
        arguments = {"cv": StratifiedGroupKFold(2), "n_permutations": 2, "random_state": 0}
        both = {"emotion": emotion, "groups": groups}
        with pytest.raises(ValueError, match=r"Where y is permuted, .* leave emotion out\."):
            permutation_test_score(LIGHT, X, emotion == "fear", params=both, **arguments)
        score, permuted, _ = permutation_test_score(
            LIGHT, X, emotion == "fear", params={"groups": groups}, **arguments
        )
        several = EmotionClassifier(SVM)
        of_all, all_permuted, _ = permutation_test_score(
            several, X, emotion, params={"groups": groups}, **arguments
        )
    assert score > permuted.max()
    assert of_all > all_permuted.max()


def test_scores_are_the_same_with_metadata_routing_and_without(planted):
    X, emotion, groups = planted
    y, cv = emotion == "fear", StratifiedGroupKFold(2)
    with config_context(enable_metadata_routing=True):
        routed = cross_val_score(LIGHT, X, y, cv=cv, params={"emotion": emotion, "groups": groups})
    named = {"iglandmarkselector__emotion": emotion, "iglandmarkselector__groups": groups}
    np.testing.assert_array_equal(routed, cross_val_score(LIGHT, X, y, cv=cv, groups=groups, params=named))


def test_a_bag_of_pipelines_draws_emotions_with_their_samples(planted):
    X, emotion, groups = planted
    inside = make_pipeline(SequenceUnflattener(n_frames=5), *[step for _, step in LIGHT.steps])
    bag = BaggingClassifier(inside, n_estimators=2, random_state=0)
    with config_context(enable_metadata_routing=True):
        fitted = make_pipeline(SequenceFlattener(), bag).fit(
            X, emotion == "fear", emotion=emotion, groups=groups
        )
    for each in fitted[-1].estimators_:  # one that had others' emotions would have been refused
        assert set(each["iglandmarkselector"].typical_samples_) == set(emotion)
    assert np.mean(fitted.predict(X) == (emotion == "fear")) > 0.9


def test_sequences_pass_through_rows_unchanged(planted):
    X, emotion, _ = planted
    whole = BaggingClassifier(
        make_pipeline(SequenceUnflattener(n_frames=5), SVM), n_estimators=1, bootstrap=False
    )
    rows = make_pipeline(SequenceFlattener(), whole).fit(X, emotion)
    np.testing.assert_array_equal(rows.predict(X), SVM.fit(X, emotion).predict(X))


def test_one_against_the_rest_decides_as_the_emotion_classifier(planted):
    X, emotion, _ = planted
    ours, theirs = EmotionClassifier(SVM).fit(X, emotion), OneVsRestClassifier(SVM).fit(X, emotion)
    np.testing.assert_array_equal(ours.decision_function(X), theirs.decision_function(X))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize(
    "refusing",
    [
        lambda X, y: BaggingClassifier(SVM).fit(X, y),
        lambda X, y: SelfTrainingClassifier(SVM).fit(X, y),
        lambda X, y: permutation_importance(SVM.fit(X, y), X, y),
        lambda X, y: ColumnTransformer([("difference", NeutralDifference(), [0])]).fit(X),
        lambda X, y: FeatureUnion([("difference", NeutralDifference())]).fit_transform(X),
    ],
    ids=["bagging", "self-training", "permutation importance", "columns", "union"],
)
def test_what_insists_on_rows_says_so_of_sequences(planted, refusing):
    X, emotion, _ = planted
    with pytest.raises(ValueError, match=r"dim <= 2 is required|2D NumPy array|expected 2 dimensions"):
        refusing(X, (emotion == "fear").astype(int))
