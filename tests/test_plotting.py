import matplotlib.pyplot as plt
import numpy as np
import pytest

from sklearn_emoxai import facemesh
from sklearn_emoxai.plotting import LandmarkImportanceDisplay


def _importances():
    return np.random.default_rng(0).uniform(size=468)


def test_all_landmarks_are_drawn_on_the_template():
    display = LandmarkImportanceDisplay(importances=_importances()).plot()
    drawn = np.asarray(display.points_.get_offsets())
    assert sorted(map(tuple, drawn.round(6))) == sorted(map(tuple, facemesh.TEMPLATE.T.round(6)))
    assert display.figure_ is display.ax_.figure
    bottom, top = display.ax_.get_ylim()
    assert bottom > top  # y runs down, so the forehead is above


def test_chosen_landmarks_alone_are_drawn_the_most_important_last():
    importances, support = _importances(), np.zeros(468, bool)
    support[[5, 100, 300]] = True
    display = LandmarkImportanceDisplay(importances=importances, support=support).plot()
    assert len(display.points_.get_offsets()) == 3
    colours = display.points_.get_array()
    np.testing.assert_allclose(colours, np.sort(importances[support]) / importances.max())


def test_a_frame_is_drawn_in_the_landmarks_pixels():
    landmarks = 40 * facemesh.TEMPLATE + 100
    _, ax = plt.subplots()
    display = LandmarkImportanceDisplay(
        importances=_importances(), landmarks=landmarks, image=np.zeros((200, 240), np.uint8)
    ).plot(ax=ax, title="fear")
    assert display.ax_ is ax
    assert ax.get_title() == "fear"
    assert list(ax.images[0].get_extent()) == [0, 240, 200, 0]


def test_plotting_changes_no_number():
    importances = _importances()
    before = importances.copy()
    LandmarkImportanceDisplay(importances=importances).plot()
    np.testing.assert_array_equal(importances, before)


def test_landmarks_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"landmarks must have shape \(2, 10\).*\(2, 468\)"):
        LandmarkImportanceDisplay(importances=np.ones(10)).plot()
