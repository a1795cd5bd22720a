import json

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    IGLandmarkSelector,
    MirrorAugmented,
    RandomLandmarkSelector,
    SequenceFlattener,
    UnivariateLandmarkSelector,
    facemesh,
    load,
)
from sklearn_emoxai.evaluation import (
    add_to_meta,
    check_run_folder,
    explanations_of,
    fewest_landmarks,
    keep_detector,
    read_run,
)
from sklearn_emoxai.evaluation._run_folder import mean_face, save_explanations

META = {"format": 1, "data": {"n_samples": 60}, "protocol": "subject", "models": ["T-EMO"]}
TABLE = """\
emotion,model,n_landmarks,run,split,accuracy,fit_seconds,parameters,selected
NA,T-EMO,20,0,0,0.9,1.5,"{""n_filters"": 8}",
1,T-EMO,3,0,0,,0.5,,3 7 12
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(META))
    (tmp_path / "results.csv").write_text(TABLE)
    return tmp_path


@pytest.fixture
def detector(planted):
    X, emotion, _ = planted
    select = UnivariateLandmarkSelector(n_landmarks_to_select=3)
    return EmotionClassifier(make_pipeline(select, SequenceFlattener(), SVC())).fit(X, emotion)


def test_a_run_is_read_as_it_was_written(folder):
    run = read_run(folder)
    assert run.meta == META
    assert run.results["emotion"].tolist() == ["NA", "1"]  # text, whatever it looks like
    assert run.results["selected"].tolist() == ["", "3 7 12"]
    assert json.loads(run.results["parameters"][0]) == {"n_filters": 8}
    assert run.results["accuracy"][0] == 0.9
    assert np.isnan(run.results["accuracy"][1])
    assert run.explanations == {}
    assert run.template is None


def test_explanations_come_back(folder, detector, planted):
    template = mean_face(planted[0])
    saved = save_explanations(folder, detector, template=template)
    run = read_run(folder)
    np.testing.assert_array_equal(run.template, template)
    assert list(run.explanations) == list(saved) == ["anger", "fear", "happiness"]
    for emotion, explanation in run.explanations.items():
        selector = detector.estimators_[emotion][0]
        np.testing.assert_array_equal(explanation.importances, selector.importances_)
        np.testing.assert_array_equal(explanation.ranking, selector.ranking_)
        np.testing.assert_array_equal(explanation.support, selector.support_)
        assert explanation.profile is None
    assert set(run.explanations["fear"].ranking[:2]) == {3, 7}


def test_selectors_are_found_inside_wrappers(planted):
    X, emotion, _ = planted
    select = UnivariateLandmarkSelector(n_landmarks_to_select=3)
    wrapped = MirrorAugmented(
        make_pipeline(select, SequenceFlattener(), SVC()), permutation=np.arange(20)[::-1]
    )
    found = explanations_of(EmotionClassifier(wrapped).fit(X, emotion))
    assert found["fear"].support.sum() == 3


def test_detectors_without_a_ranking_are_refused(folder, planted):
    X, emotion, _ = planted
    face = mean_face(X)
    for step in (
        DummyClassifier(),
        make_pipeline(RandomLandmarkSelector(n_landmarks_to_select=3), DummyClassifier()),
    ):
        with pytest.raises(ValueError, match="chooses no landmarks by their importance for 'anger'"):
            save_explanations(folder, EmotionClassifier(step).fit(X, emotion), template=face)
    with pytest.raises(ValueError, match="estimator must be an EmotionClassifier; got DummyClassifier"):
        save_explanations(folder, DummyClassifier().fit(X, emotion), template=face)
    assert not (folder / "explanations.npz").exists()


def test_a_template_of_other_landmarks_is_refused(folder, detector):
    with pytest.raises(ValueError, match=r"template must have shape \(2, 20\); got \(2, 468\)"):
        save_explanations(folder, detector, template=np.zeros((2, 468)))


def test_the_mean_face_is_the_template_however_faces_lie():
    template = facemesh.TEMPLATE
    turned = np.stack([template[1], -template[0]])  # a quarter turn
    X = np.stack([template * 30 + 100, turned * 50 - 7])[:, None].repeat(3, axis=1)
    X[:, 1:] += np.random.default_rng(0).normal(size=X[:, 1:].shape)  # later frames do not count
    face = mean_face(X)
    assert face.dtype == np.float32
    scale = np.ptp(face[0]) / np.ptp(template[0])
    shift = face.mean(axis=1) - scale * template.mean(axis=1)
    np.testing.assert_allclose(face, scale * template + shift[:, None], atol=0.02)


def test_the_mean_face_of_unknown_landmarks_is_centred(planted):
    face = mean_face(planted[0])
    np.testing.assert_allclose(face.mean(axis=1), 0, atol=1e-6)
    assert face.std() == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", None, "holds no run.json: it is no run folder, or its run is not finished"),
        ("results.csv", None, "holds no results.csv: it is no run folder, or its run is not finished"),
        ("run.json", '{"format": 1', r"run.json must be written by compare; it can't be read \(Expecting"),
        ("run.json", b"\xff\xfe", "run.json must be written by compare; it can't be read"),
        ("run.json", "[]", "run.json must be written by compare; it lacks format, data"),
        ("run.json", '{"format": 1}', "it lacks data, protocol, models"),
        ("run.json", json.dumps({**META, "format": 7}), "must be of format 1, which this version reads; it says 7"),
        ("results.csv", "", "results.csv must be a table written by compare; No columns"),
        ("results.csv", "a,b\n1,2\n", "it lacks the columns emotion, model, n_landmarks, run"),
        ("results.csv", TABLE.splitlines()[0], "it has no rows"),
        ("results.csv", TABLE.replace("0.9", "good"), "Unable to parse string .good."),
        ("results.csv", TABLE + "1,2\n,,,,,,,,,,,,\n", "Error tokenizing data"),
        ("explanations.npz", b"PK\x03\x04", "explanations.npz must be written by save_explanations; it can't be read"),
        ("explanations.npz", b"hello", "explanations.npz must be written by save_explanations; it can't be read"),
    ],
)  # fmt: skip
def test_damage_is_named(folder, name, content, message):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FileNotFoundError if content is None else ValueError, match=message):
        read_run(folder)


def test_folders_that_are_none_are_named(folder):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        read_run(folder / "nowhere")
    with pytest.raises(FileNotFoundError, match="run.json is no folder"):
        read_run(folder / "run.json")


def test_explanations_that_do_not_fit_together_are_refused(folder):
    vector = np.zeros(20)
    good = {"a/importances": vector, "a/ranking": vector, "a/support": vector, "template": np.zeros((2, 20))}
    np.savez(folder / "explanations.npz", **good)
    assert list(read_run(folder).explanations) == ["a"]
    for change, message in [
        ({"a/support": np.zeros(19)}, "the arrays of a do not have the 20 landmarks"),
        ({"a/profile": np.zeros((5, 19))}, "the arrays of a do not have the 20 landmarks"),
        ({"a/else": vector}, "it holds a/importances"),
        ({"b/ranking": vector}, "it holds a/importances"),
    ]:
        np.savez(folder / "explanations.npz", **{**good, **change})
        with pytest.raises(ValueError, match=f"must be written by save_explanations; {message}"):
            read_run(folder)
    np.savez(folder / "explanations.npz", a=np.array([None]))
    with pytest.raises(ValueError, match="it can't be read"):
        read_run(folder)


@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_the_detector_is_kept_without_what_it_does_not_need(folder, planted):
    X, emotion, groups = planted
    network = ConvLSTMClassifier(n_filters=3, lstm_units=4, max_epochs=2, random_state=0)
    select = IGLandmarkSelector(network, n_landmarks_to_select=3, n_steps=2, random_state=0)
    detector = keep_detector(folder, make_pipeline(select, network), X, emotion, groups=groups)
    loaded = load(folder / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(X), detector.predict_proba(X))
    whole = EmotionClassifier(make_pipeline(select, network)).fit(X, emotion, groups=groups)
    np.testing.assert_array_equal(loaded.predict_proba(X), whole.predict_proba(X))
    assert not hasattr(loaded.estimators_["fear"][0], "estimator_")
    explanation = read_run(folder).explanations["fear"]
    np.testing.assert_array_equal(explanation.profile, whole.estimators_["fear"][0].profile_)
    np.testing.assert_allclose(explanation.profile.sum(axis=0), explanation.importances)


def test_a_finished_run_is_replaced_only_by_force(folder):
    check_run_folder(folder / "new")
    check_run_folder(folder)  # not finished
    for name in ("model.skops", "mine.txt"):
        (folder / name).touch()
    (folder / "cells").mkdir()
    (folder / "cells" / "a.json").touch()
    with pytest.raises(FileExistsError, match="holds a finished run; --force replaces it"):
        check_run_folder(folder)
    check_run_folder(folder, force=True)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_facts_are_added_to_what_a_run_says(folder):
    add_to_meta(folder, strategy="top", saved={"model": "R-EMO"})
    assert read_run(folder).meta == META | {"strategy": "top", "saved": {"model": "R-EMO"}}
    assert sorted(path.name for path in folder.iterdir()) == ["results.csv", "run.json"]


def test_the_fewest_landmarks_within_one_standard_error_of_the_best_are_taken():
    rows = [
        {
            "model": model,
            "n_landmarks": count,
            "emotion": emotion,
            "run": 0,
            "split": split,
            "roc_auc": value + change,
        }
        for model, count, value in [
            ("T-EMO", 468, 0.9),
            ("T-EMO", 32, 0.89),
            ("T-EMO", 8, 0.87),
            ("SVM", 8, 1),
        ]
        for emotion, offset in [("anger", 0.01), ("fear", -0.01)]
        for split, change in enumerate([offset - 0.03, offset, offset + 0.03])
    ]
    # Over the splits the mean over emotions has standard deviation .03, so the error of the mean is .0173.
    assert fewest_landmarks(pd.DataFrame(rows), "T-EMO") == 32
    assert fewest_landmarks(pd.DataFrame(rows[:6]), "T-EMO") == 468
    single = pd.DataFrame(rows).query("split == 0")  # no standard error: the best alone
    assert fewest_landmarks(single, "T-EMO") == 468
