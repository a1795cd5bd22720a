"""Displays of paths, counts, timelines and stability: the numbers that they draw."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    AttributionPathDisplay,
    AttributionTimelineDisplay,
    ConvLSTM,
    ConvLSTMClassifier,
    CriticalDifferenceDisplay,
    EarlyDecisionDisplay,
    EmotionClassifier,
    GroupScoresDisplay,
    IGLandmarkSelector,
    LandmarkAligner,
    LandmarkCountDisplay,
    LandmarkImportanceDisplay,
    LandmarkMovementDisplay,
    NeutralDifference,
    SelectionStabilityDisplay,
    SequenceFlattener,
    early_decisions,
    facemesh,
    integrated_gradients,
)
from sklearn_emoxai.attribution import BaselineWarning
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.evaluation import selection_stability

# ---------------------------------------------------------------- paths


@pytest.fixture
def path():
    torch.manual_seed(0)
    X = torch.randn(4, 5, 2, 20).numpy()
    return ConvLSTM(20).eval(), X[0], X[1:]


def test_a_path_runs_from_the_baseline_to_the_sample(path):
    module, sample, baselines = path
    display = AttributionPathDisplay.from_estimator(module, sample, baselines, n_steps=10)
    assert display.probabilities.shape == (3, 11)
    with torch.no_grad():
        ends = torch.softmax(module(torch.tensor(baselines)), dim=1)[:, 1]
        top = torch.softmax(module(torch.tensor(sample)[None]), dim=1)[0, 1]
        middle = torch.softmax(module(torch.tensor((sample + baselines) / 2)), dim=1)[:, 1]
    np.testing.assert_allclose(display.probabilities[:, 0], ends, rtol=1e-5)
    np.testing.assert_allclose(display.probabilities[:, -1], float(top), rtol=1e-5)
    np.testing.assert_allclose(display.probabilities[:, 5], middle, rtol=1e-5)


def test_a_path_tells_the_completeness_error(path):
    module, sample, baselines = path
    labels = ["anger", "fear", "joy"]
    display = AttributionPathDisplay.from_estimator(module, sample, baselines, labels=labels, n_steps=7)
    attributions = integrated_gradients(module, sample[None], baselines, n_steps=7)[0]
    risen = display.probabilities[:, -1] - display.probabilities[:, 0]
    expected = attributions.sum(axis=(1, 2, 3)) - risen
    np.testing.assert_allclose(display.convergence_delta, expected, atol=1e-6)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert [text.split()[0] for text in texts] == labels
    assert texts[0].endswith(f"{expected[0]:+.3f}".replace("-", "−"))
    np.testing.assert_array_equal(display.lines_[2].get_ydata(), display.probabilities[2])


def test_a_pipeline_is_followed_in_its_networks_own_coordinates():
    X = np.random.default_rng(0).normal(size=(12, 3, 2, 20)).astype(np.float32)
    network = ConvLSTMClassifier(n_filters=2, lstm_units=3, fc_units=3, max_epochs=1, random_state=0)
    pipeline = make_pipeline(LandmarkAligner(eyes=([0], [1])), network).fit(X, np.arange(12) % 2)
    display = AttributionPathDisplay.from_estimator(pipeline, X[0], X[1:3])
    np.testing.assert_allclose(display.probabilities[0, -1], pipeline.predict_proba(X[:1])[0, 1], rtol=1e-5)
    np.testing.assert_allclose(display.probabilities[:, 0], pipeline.predict_proba(X[1:3])[:, 1], rtol=1e-5)


@pytest.mark.parametrize("positive", ["fear", "joy"])
@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_figures_name_the_class_that_is_explained(positive):
    X = np.random.default_rng(0).normal(size=(24, 3, 2, 468)).astype(np.float32)
    y = np.array(["fear", "joy"])[np.arange(24) % 2]
    network = ConvLSTMClassifier(n_filters=2, lstm_units=3, fc_units=3, max_epochs=9, lr=0.02, random_state=0)
    selector = IGLandmarkSelector(
        network, positive=positive, n_landmarks_to_select=4, n_steps=2, n_baselines=2, random_state=0
    )
    pipeline = make_pipeline(selector, network).fit(X, y)
    for display in (LandmarkImportanceDisplay, LandmarkMovementDisplay, AttributionTimelineDisplay):
        assert display.from_estimator(pipeline).ax_.get_title() == positive
    path = AttributionPathDisplay.from_estimator(
        pipeline, X[0], X[1:2], target=int(positive == "joy"), n_steps=4
    )
    assert path.ax_.get_ylabel() == f"probability of {positive}"


def test_paths_of_other_shapes_and_numbers_are_refused(path):
    module, sample, baselines = path
    with pytest.raises(ValueError, match=r"sample must have shape .* got \(5, 2, 20\) and \(5, 2, 20\)"):
        AttributionPathDisplay.from_estimator(module, sample, baselines[0])
    with pytest.raises(ValueError, match="one entry for each of the 3 baselines; got 1 and 3"):
        AttributionPathDisplay.from_estimator(module, sample, baselines, labels=["fear"])


# ---------------------------------------------------------------- counts


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    rows = []
    for emotion in ("fear", "joy"):
        for model, count in [("majority class", 9), ("T-EMO", 9), ("T-EMO, selected", 3), ("linear SVM", 9)]:
            for run, split in np.ndindex(2, 3):
                chosen = " ".join(map(str, rng.permutation(9)[:3])) if count == 3 else ""
                rows.append((emotion, model, count, run, split, rng.uniform(), chosen))
    columns = ["emotion", "model", "n_landmarks", "run", "split", "accuracy", "selected"]
    return pd.DataFrame(rows, columns=columns)


def test_counts_are_means_over_splits_of_means_over_emotions(results):
    display = LandmarkCountDisplay.from_results(results, metric="accuracy")
    row = display.curves.query("model == 'T-EMO' and n_landmarks == 3").iloc[0]
    chosen = results[results["model"] == "T-EMO, selected"]
    by_split = chosen["accuracy"].to_numpy().reshape(2, 6).mean(axis=0)
    np.testing.assert_allclose(row[["mean", "std"]].astype(float), [by_split.mean(), by_split.std(ddof=1)])
    assert row["n"] == 6
    assert list(display.lines_) == ["majority class", "T-EMO", "linear SVM"]
    np.testing.assert_allclose(display.lines_["T-EMO"].get_ydata()[0], by_split.mean())
    labels = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert labels == ["3", "9"]


def test_models_that_would_collide_keep_their_names(results):
    twice = results[results["n_landmarks"] == 9].assign(model="T-EMO, selected")
    display = LandmarkCountDisplay.from_results(pd.concat([results, twice]), metric="accuracy")
    assert list(display.lines_) == ["majority class", "T-EMO", "T-EMO, selected", "linear SVM"]


def test_counts_of_one_emotion(results):
    display = LandmarkCountDisplay.from_results(results, metric="accuracy", emotion="joy")
    joy = results.query("emotion == 'joy' and model == 'linear SVM'")["accuracy"]
    row = display.curves.query("model == 'linear SVM'").iloc[0]
    np.testing.assert_allclose(row[["mean", "std"]].astype(float), [joy.mean(), joy.std()])


@pytest.mark.parametrize(
    ("change", "arguments", "error", "message"),
    [
        (lambda table: table.to_dict(), {}, TypeError, "results must be a DataFrame.* got dict"),
        (lambda table: table, {}, ValueError, r"must have the columns \['roc_auc'\]"),
        (lambda table: table[:0], {"metric": "accuracy"}, ValueError, "at least one row"),
        (
            lambda table: table,
            {"metric": "accuracy", "emotion": "awe"},
            ValueError,
            r"emotion must be one of \['fear', 'joy'\]; got 'awe'",
        ),
    ],
)
def test_tables_that_cannot_be_drawn_are_refused(results, change, arguments, error, message):
    with pytest.raises(error, match=message):
        LandmarkCountDisplay.from_results(change(results), **arguments)


# ---------------------------------------------------------------- timelines


def test_a_timeline_gathers_the_landmarks_of_each_region():
    profile = np.random.default_rng(0).uniform(size=(6, 468))
    display = AttributionTimelineDisplay(profile=profile).plot(aggregate="sum")
    assert display.values_.shape == (17, 6)
    np.testing.assert_allclose(display.values_.sum(axis=0), profile.sum(axis=1))
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    chin = display.plot(aggregate="mean").values_[names.index("chin")]
    np.testing.assert_allclose(chin, profile[:, facemesh.REGIONS["chin"]].mean(axis=1))
    assert sorted(names) == sorted(name.replace("_", " ") for name in facemesh.REGIONS)


@pytest.mark.parametrize(
    ("keep_first", "labels", "of"), [(False, ["2", "3", "4"], 4), (True, list("1234"), 4)]
)
def test_a_timeline_of_a_pipeline_counts_the_frames_of_the_clip(keep_first, labels, of):
    faces = make_expressions(
        n_subjects=4, n_repeats=1, n_frames=4, emotions=["fear", "anger"], random_state=0
    )
    network = ConvLSTMClassifier(n_filters=2, lstm_units=2, fc_units=2, max_epochs=1, random_state=0)
    selector = IGLandmarkSelector(network, n_landmarks_to_select=8, n_steps=2, n_baselines=1)
    difference = NeutralDifference(keep_first=keep_first)
    model = make_pipeline(LandmarkAligner(), difference, selector, SequenceFlattener(), LogisticRegression())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BaselineWarning)
        fitted = EmotionClassifier(model).fit(faces.data, faces.target).estimators_["fear"]
    display = AttributionTimelineDisplay.from_estimator(fitted)
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == labels
    assert display.ax_.get_xlabel() == f"frame, of {of}"
    alone = AttributionTimelineDisplay.from_estimator(fitted[2], first_frame=3)
    assert alone.ax_.get_xticklabels()[0].get_text() == "3"


def test_a_timeline_of_attributions_sums_to_all_of_them():
    attributions = np.random.default_rng(0).normal(size=(3, 4, 2, 468))
    display = AttributionTimelineDisplay.from_attributions(attributions, aggregate="sum")
    np.testing.assert_allclose(display.values_.sum(), np.abs(attributions).sum() / 3)


def test_unknown_landmarks_need_regions():
    profile = np.ones((4, 68))
    with pytest.raises(ValueError, match="regions must name the landmarks.* 68 landmarks"):
        AttributionTimelineDisplay(profile=profile).plot()
    display = AttributionTimelineDisplay(profile=profile, regions={"all": range(68)}).plot(aggregate="sum")
    np.testing.assert_array_equal(display.values_, np.full((1, 4), 68))
    with pytest.raises(ValueError, match='aggregate must be "mean" or "sum"'):
        display.plot(aggregate="max")
    with pytest.raises(ValueError, match=r"profile must have shape .* got \(468,\)"):
        AttributionTimelineDisplay(profile=np.ones(468)).plot()


# ---------------------------------------------------------------- stability


def test_stability_is_that_of_the_selections_in_the_table(results):
    display = SelectionStabilityDisplay.from_results(results, n_landmarks=9)
    chosen = results.query("emotion == 'joy' and n_landmarks == 3")["selected"]
    masks = np.array([np.isin(np.arange(9), np.array(text.split(), int)) for text in chosen])
    expected = selection_stability(masks)
    row = display.stability.query("label == 'joy'").iloc[0]
    assert (row["stability"], row["low"], row["high"]) == (expected.stability, expected.low, expected.high)
    assert list(display.lines_) == ["fear", "joy"]


def test_lines_run_from_few_landmarks_to_many(results):
    more = results.query("n_landmarks == 3").assign(n_landmarks=5)
    display = SelectionStabilityDisplay.from_results(pd.concat([more, results]), n_landmarks=9)
    assert display.stability.query("label == 'joy'")["n_landmarks"].tolist() == [3, 5]
    assert (np.diff(display.lines_["joy"].get_xdata()) > 0).all()


def test_one_emotion_of_several_models_has_a_line_for_each(results):
    other = results.query("n_landmarks == 3").assign(model="other")
    other["selected"] = other["selected"].str[::-1]
    joy = pd.concat([results, other]).query("emotion == 'joy'")
    display = SelectionStabilityDisplay.from_results(joy, n_landmarks=9)
    assert list(display.lines_) == ["T-EMO", "other"]


def test_selections_that_a_model_takes_from_another_are_counted_once(results):
    twice = results.assign(model=results["model"].replace("T-EMO, selected", "R-EMO"))
    display = SelectionStabilityDisplay.from_results(pd.concat([results, twice]), n_landmarks=9)
    assert list(display.lines_) == ["fear", "joy"]


def test_stability_needs_two_selections_of_known_landmarks(results):
    with pytest.raises(ValueError, match="two selections or more"):
        SelectionStabilityDisplay.from_results(results.query("n_landmarks == 9"), n_landmarks=9)
    with pytest.raises(ValueError, match="must select landmarks 0 to 4"):
        SelectionStabilityDisplay.from_results(results, n_landmarks=5)


# ---------------------------------------------------------------- critical differences


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(0, 0.05, (14, 5)) + np.linspace(0.5, 0.8, 5), columns=list("abcde"))


def test_bars_join_the_models_that_cannot_be_told_apart(scores):
    display = CriticalDifferenceDisplay.from_scores(scores)
    found = display.comparison
    assert len(display.bars_) == len(found.groups) > 1
    for bar, group in zip(display.bars_, found.groups):
        assert bar.get_xdata().tolist() == found.ranks[[group[0], group[-1]]].tolist()
    texts = " ".join(text.get_text() for text in display.ax_.texts)
    assert all(
        f"{model}  {rank:.2f}" in texts or f"{rank:.2f}  {model}" in texts
        for model, rank in found.ranks.items()
    )
    assert f"critical difference {found.critical_difference:.2f}" in texts
    other = CriticalDifferenceDisplay.from_scores(scores, method="wilcoxon-holm", title="pairs")
    assert not any("critical" in text.get_text() for text in other.ax_.texts)
    assert other.ax_.get_title() == "pairs"


def test_critical_differences_of_compares_table(scores):
    long = scores.rename_axis(index="emotion", columns="model").stack().rename("roc_auc").reset_index()
    display = CriticalDifferenceDisplay.from_results(long.assign(n_landmarks=468))
    expected = CriticalDifferenceDisplay.from_scores(scores).comparison
    pd.testing.assert_series_equal(display.comparison.ranks, expected.ranks, check_names=False)
    assert display.comparison.groups == expected.groups


# ---------------------------------------------------------------- groups of people


@pytest.fixture
def by_gender():
    rows = [
        (model, gender, score, score - 0.1, score + 0.05, n)
        for model, gender, score, n in [
            ("SVM", "female", 0.9, 20), ("SVM", "male", 0.7, 6), ("T-EMO", "female", 0.8, 20), ("T-EMO", "male", 0.6, 6)
        ]
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "gender", "score", "low", "high", "n_subjects"])
    table.insert(0, "metric", "roc_auc")
    table.insert(2, "n_landmarks", 468)
    table.insert(3, "emotion", "mean")
    return table


def test_groups_stand_with_their_sizes_the_smallest_at_the_bottom(by_gender):
    display = GroupScoresDisplay(scores=by_gender).plot(title="mean of emotions")
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["male\n6 subjects", "female\n20 subjects"]
    assert list(display.lines_) == ["SVM", "T-EMO"]
    np.testing.assert_array_equal(display.lines_["T-EMO"].get_xdata(), [0.6, 0.8])
    heights = [line.get_ydata() for line in display.lines_.values()]
    assert (np.round(heights).astype(int) == [[0, 1], [0, 1]]).all()
    assert (heights[0] > heights[1]).all()  # no point covers another
    assert display.ax_.get_xlabel() == "area under the ROC curve"
    spans = [segment[:, 0].tolist() for segment in display.ax_.collections[0].get_segments()]
    np.testing.assert_allclose(spans, [[0.6, 0.75], [0.8, 0.95]])


def test_groups_of_one_subject_have_points_without_bars(by_gender):
    alone = by_gender.assign(n_subjects=1, low=np.nan, high=np.nan)
    display = GroupScoresDisplay(scores=alone).plot()
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["female", "male"]
    assert all(np.ptp(segment[:, 0]) == 0 for segment in display.ax_.collections[0].get_segments())


def test_models_of_several_counts_are_told_apart(by_gender):
    more = pd.concat([by_gender, by_gender.assign(n_landmarks=32)])
    display = GroupScoresDisplay(scores=more).plot()
    assert list(display.lines_) == ["SVM, 468", "T-EMO, 468", "SVM, 32", "T-EMO, 32"]


# ---------------------------------------------------------------- early decisions


def test_early_decisions_are_drawn_as_they_are_computed():
    rng = np.random.default_rng(0)
    X, y, groups = rng.normal(size=(40, 5, 2, 4)), np.arange(40) % 2, np.arange(40) // 4
    X[y == 1, 3:] += 1
    models = {c: make_pipeline(SequenceFlattener(), LogisticRegression(C=c)).fit(X, y) for c in (0.01, 1)}
    display = EarlyDecisionDisplay.from_estimator(models, X, y, groups=groups, title="apex")
    assert list(display.lines_) == [0.01, 1]
    expected = early_decisions(models[1], X, y, groups=groups)
    np.testing.assert_allclose(display.lines_[1].get_ydata(), expected["roc_auc"])
    band = display.ax_.collections[1].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(expected["low"].min())
    assert display.ax_.get_title() == "apex"
    one = EarlyDecisionDisplay.from_estimator(models[1], X, y, fill="stretch", n_frames=[2, 5])
    assert list(one.lines_) == ["Pipeline"]
    assert one.lines_["Pipeline"].get_xdata().tolist() == [2, 5]
