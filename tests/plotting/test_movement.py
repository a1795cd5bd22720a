import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, LandmarkMovementDisplay, facemesh


def test_arrows_stand_on_their_landmarks_and_point_where_they_move():
    movements = np.zeros((2, 468))
    movements[:, 13] = [3, 4]
    movements[:, 152] = [0, -1]
    display = LandmarkMovementDisplay(movements=movements).plot(n_arrows=2, length=0.5, title="fear")
    np.testing.assert_allclose(display.arrows_.get_offsets(), facemesh.TEMPLATE.T[[152, 13]])
    np.testing.assert_allclose(np.c_[display.arrows_.U, display.arrows_.V], [[0, -0.1], [0.3, 0.4]])
    assert display.ax_.get_title() == "fear"


def test_selector_in_a_pipeline_is_found():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3, 2, 468)).astype(np.float32), np.arange(20) % 2
    X[y == 1, :, 1, 152] += 3
    network = ConvLSTMClassifier(
        n_filters=2, lstm_units=4, fc_units=4, lr=1e-2, max_epochs=15, random_state=0
    )
    selector = IGLandmarkSelector(network, n_landmarks_to_select=9, n_steps=4, n_baselines=2, random_state=0)
    pipeline = make_pipeline(selector).fit(X, y)
    display = LandmarkMovementDisplay.from_estimator(pipeline)
    np.testing.assert_array_equal(display.movements, pipeline[0].movements_)
    assert display.movements[1, 152] > 0


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match=r"movements must be finite and of shape .* got \(3, 468\)"):
        LandmarkMovementDisplay(movements=np.ones((3, 468))).plot()
    with pytest.raises(ValueError, match="with movements_, or hold one; got ConvLSTMClassifier"):
        LandmarkMovementDisplay.from_estimator(ConvLSTMClassifier())
