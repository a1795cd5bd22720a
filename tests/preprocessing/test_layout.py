import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_emoxai import (
    ConvLSTMClassifier,
    SequenceChannels,
    SequenceFlattener,
    SequenceUnflattener,
    facemesh,
    load,
    save,
)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    return (rng.normal(size=(24, 4, 2, 12)) + y[:, None, None, None]).astype(np.float32), y


def _network():
    network = ConvLSTMClassifier(
        n_filters=3, lstm_units=4, fc_units=4, max_epochs=20, lr=1e-2, random_state=0
    )
    return make_pipeline(SequenceUnflattener(4), network)


def test_rows_become_the_sequences_they_were_to_the_last_bit(data):
    X, _ = data
    X[0, 0, 0, :3] = -0.0, np.finfo(np.float32).tiny, np.nextafter(np.float32(1), 2)
    flattener, unflattener = SequenceFlattener(), SequenceUnflattener(4)
    rows = flattener.fit_transform(X)
    back = unflattener.fit_transform(rows)
    assert back.dtype == np.float32
    assert back.shape == X.shape
    assert back.tobytes() == X.tobytes()
    assert flattener.inverse_transform(rows).tobytes() == X.tobytes()
    assert np.shares_memory(back, rows)
    for same in (rows.astype(float), rows.tolist(), np.asfortranarray(rows), pd.DataFrame(rows)):
        assert SequenceUnflattener(4).fit_transform(same).tobytes() == X.tobytes()
    assert pickle.loads(pickle.dumps(unflattener)).transform(rows).tobytes() == X.tobytes()


def test_flattened_coefficients_become_frames_and_landmarks(data):
    X, y = data
    model = make_pipeline(SequenceFlattener(), LogisticRegression()).fit(X, y)
    weights = model[0].inverse_transform(model[1].coef_)
    assert weights.shape == (1, 4, 2, 12)
    assert weights[0, 2, 1, 5] == np.float32(model[1].coef_[0, 2 * 24 + 12 + 5])
    with pytest.raises(ValueError, match="X must have 96 columns, for 4 frames and 12 landmarks; got 95"):
        model[0].inverse_transform(model[1].coef_[:, 1:])
    with pytest.raises(NotFittedError):
        SequenceFlattener().inverse_transform(model[1].coef_)


@pytest.mark.parametrize(
    "model",
    [
        BaggingClassifier(_network(), n_estimators=2, random_state=0),
        VotingClassifier([("network", _network()), ("linear", LogisticRegression())], voting="soft"),
        CalibratedClassifierCV(_network(), cv=2),
        make_pipeline(ColumnTransformer([("all", "passthrough", list(range(96)))]), _network()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_tools_that_want_rows_hold_networks(data, model):
    X, y = data
    model = make_pipeline(SequenceFlattener(), clone(model)).fit(X, y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (24, 2)
    np.testing.assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(X))
    assert model.score(X, y) > 0.8


def test_networks_label_what_has_no_label(data):
    X, y = data
    some = np.where(np.arange(24) < 16, y, -1)
    model = make_pipeline(SequenceFlattener(), SelfTrainingClassifier(_network(), threshold=0.5)).fit(X, some)
    assert (model[1].transduction_ == y).mean() > 0.8


def test_columns_can_be_permuted_and_the_pipeline_be_saved(data, tmp_path):
    X, y = data
    rows = SequenceFlattener().fit_transform(X)
    model = _network().fit(rows, y)
    assert model.n_features_in_ == 96
    assert permutation_importance(model, rows, y, n_repeats=1, random_state=0).importances.shape == (96, 1)
    save(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(
        load(tmp_path / "model.skops").predict_proba(rows), model.predict_proba(rows)
    )


def test_landmarks_keep_their_names_on_the_way(data):
    X, _ = data
    both = make_pipeline(SequenceFlattener(), SequenceUnflattener(4)).fit(X)
    assert both.get_feature_names_out().tolist() == facemesh.landmark_names(12)
    letters = [f"frame1_x_{letter}" for letter in "abcdefghijkl"]  # names may look like anything
    assert both.get_feature_names_out(letters).tolist() == letters
    assert both[1].get_feature_names_out().tolist() == facemesh.landmark_names(12)
    assert both[1].get_feature_names_out([f"c{k}" for k in range(96)])[3] == "landmark3"
    with pytest.raises(ValueError, match="should have length equal to number of features"):
        both[1].get_feature_names_out(["a"])


def test_sequences_stay_arrays_and_data_frames_tell_their_names(data):
    X, _ = data
    both = make_pipeline(SequenceFlattener(), SequenceUnflattener(4)).set_output(transform="pandas")
    assert isinstance(both.fit_transform(X), np.ndarray)
    table = both[0].transform(X)
    assert both[1].feature_names_in_.tolist() == list(table)
    table.columns = both[0].get_feature_names_out(list("abcdefghijkl"))
    unflattener = SequenceUnflattener(4).fit(table)
    assert unflattener.get_feature_names_out().tolist() == list("abcdefghijkl")
    with pytest.raises(ValueError, match="feature names should match"):
        unflattener.transform(table.rename(columns={"frame1_x_a": "other"}))


def test_a_data_frame_in_another_order_is_refused(data):
    table = SequenceFlattener().set_output(transform="pandas").fit_transform(data[0])
    by_landmark = sorted(table, key=lambda name: name.rpartition("_")[2])
    with pytest.raises(ValueError, match="got 'frame1_y_landmark0' in the place of 'frame1_x_landmark0'"):
        SequenceUnflattener(4).fit(table[by_landmark])
    with pytest.raises(ValueError, match="columns of 2 frames in the order of SequenceFlattener"):
        SequenceUnflattener(2).fit(table)
    in_turn = SequenceUnflattener(4).fit(table[sorted(table)])  # the same landmarks in every frame
    assert in_turn.get_feature_names_out()[:3].tolist() == ["landmark0", "landmark1", "landmark10"]


def test_wrong_rows_are_named(data):
    rows = data[0].reshape(24, -1)
    unflattener = SequenceUnflattener(4)
    with pytest.raises(ValueError, match="a multiple of 8 for n_frames=4; got 95"):
        unflattener.fit(rows[:, 1:])
    with pytest.raises(NotFittedError):  # that was no fit
        unflattener.transform(rows)
    with pytest.raises(ValueError, match="dim(ension)? 4"):
        unflattener.fit(data[0])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D"):
        unflattener.fit(rows[0])
    unflattener.fit(rows)
    with pytest.raises(ValueError, match="X has 88 features, but SequenceUnflattener is expecting 96"):
        unflattener.transform(rows[:, 8:])
    rows[3, 5] = np.nan
    for method in (unflattener.fit, unflattener.transform):
        with pytest.raises(ValueError, match="X contains NaN"):
            method(rows)
    with pytest.raises(ValueError, match="'n_frames' parameter of SequenceUnflattener must be an int"):
        SequenceUnflattener(0).fit(rows)


def test_the_number_of_landmarks_follows_from_the_columns(data):
    rows = data[0].reshape(24, -1)
    assert SequenceUnflattener(1).fit(rows).n_landmarks_ == 48
    assert SequenceUnflattener(n_frames=8).fit_transform(rows).shape == (24, 8, 2, 6)


def test_channels_are_x_of_all_landmarks_then_y_over_time(data):
    X, _ = data
    channels = SequenceChannels().fit(X)
    found = channels.transform(X)
    assert found.dtype == np.float32
    assert found.shape == (24, 24, 4)
    assert found.flags.c_contiguous
    names = channels.get_feature_names_out().tolist()
    np.testing.assert_array_equal(found[3, names.index("x_landmark5")], X[3, :, 0, 5])
    np.testing.assert_array_equal(found[3, names.index("y_landmark5")], X[3, :, 1, 5])
    np.testing.assert_array_equal(found, X.transpose(0, 2, 3, 1).reshape(24, -1, 4))
    assert channels.get_feature_names_out(list("abcdefghijkl"))[[0, -1]].tolist() == ["x_a", "y_l"]


def test_channels_become_the_sequences_they_were(data):
    X, _ = data
    channels = SequenceChannels().set_output(transform="pandas")  # which has no frames of three axes
    back = channels.inverse_transform(channels.fit_transform(X).tolist())
    assert back.flags.c_contiguous
    assert back.tobytes() == X.tobytes()
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, 24, 4\); got \(24, 4, 2, 12\)"):
        channels.inverse_transform(X)
    with pytest.raises(ValueError, match="X contains NaN"):
        channels.inverse_transform(np.full((1, 24, 4), np.nan))
    with pytest.raises(NotFittedError):
        SequenceChannels().inverse_transform(X)
