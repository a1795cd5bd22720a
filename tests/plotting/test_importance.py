import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import RandomLandmarkSelector, SequenceFlattener, VarianceLandmarkSelector, facemesh
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


def test_chosen_landmarks_are_marked_the_most_important_last():
    importances, support = _importances(), np.zeros(468, bool)
    support[[5, 100, 300]] = True
    display = LandmarkImportanceDisplay(importances=importances, support=support).plot()
    assert len(display.points_.get_offsets()) == 3
    colours = display.points_.get_array()
    np.testing.assert_allclose(colours, np.sort(importances[support]) / importances.max())
    sizes = display.points_.get_sizes()
    assert (np.diff(sizes) > 0).all()
    assert len(display.others_.get_offsets()) == 465
    assert display.others_.get_sizes().max() < sizes.min() + 5


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


def _selector(seed):
    X = np.random.default_rng(seed).normal(size=(5, 3, 2, 468)).astype(np.float32)
    return VarianceLandmarkSelector(n_landmarks_to_select=7).fit(X)


def test_attributions_are_averaged_magnitudes():
    attributions = np.random.default_rng(0).normal(size=(3, 2, 4, 2, 468))
    display = LandmarkImportanceDisplay.from_attributions(attributions)
    expected = np.abs(attributions).sum(axis=(2, 3)).mean(axis=(0, 1))
    np.testing.assert_allclose(display.importances, expected)


def test_emotions_stand_side_by_side_with_one_colour_bar():
    selectors = {emotion: _selector(i) for i, emotion in enumerate(["anger", "fear", "joy", "sadness"])}
    displays = LandmarkImportanceDisplay.from_emotions(selectors)
    assert list(displays) == list(selectors)
    figure = displays["anger"].figure_
    assert {display.figure_ for display in displays.values()} == {figure}
    assert [display.ax_.get_title() for display in displays.values()] == list(selectors)
    assert len(figure.axes) == 2 * 3 + 1
    assert figure.get_figwidth() == 3.5
    for emotion, selector in selectors.items():
        np.testing.assert_array_equal(displays[emotion].support, selector.get_support())


def test_emotions_may_have_frames_of_their_own():
    landmarks = {"fear": 40 * facemesh.TEMPLATE + 100}
    images = {"fear": np.zeros((200, 240), np.uint8)}
    displays = LandmarkImportanceDisplay.from_emotions(
        {"fear": _selector(0), "joy": _selector(1)}, landmarks=landmarks, images=images
    )
    assert len(displays["fear"].ax_.images) == 1
    assert len(displays["joy"].ax_.images) == 0


def test_the_selector_in_a_pipeline_is_found():
    X = np.random.default_rng(0).normal(size=(5, 3, 2, 468)).astype(np.float32)
    pipeline = make_pipeline(VarianceLandmarkSelector(n_landmarks_to_select=7)).fit(X)
    display = LandmarkImportanceDisplay.from_estimator(pipeline)
    np.testing.assert_array_equal(display.importances, pipeline[0].importances_)
    np.testing.assert_array_equal(display.support, pipeline[0].support_)


def test_landmarks_of_a_selector_without_importances_are_drawn_alike():
    X = np.random.default_rng(0).normal(size=(5, 3, 2, 468)).astype(np.float32)
    selector = RandomLandmarkSelector(n_landmarks_to_select=7, random_state=0).fit(X)
    displays = LandmarkImportanceDisplay.from_emotions({"fear": selector})
    drawn = np.asarray(displays["fear"].points_.get_offsets())
    np.testing.assert_allclose(_by_x(drawn), _by_x(facemesh.TEMPLATE.T[selector.get_support()]))
    assert set(displays["fear"].points_.get_array()) == {1}
    assert len(displays["fear"].figure_.axes) == 1  # no bar for colours that tell nothing


def _by_x(points):
    return points[np.argsort(points[:, 0])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"importances": -np.ones(468)}, "importances must be a vector of numbers that are not negative"),
        ({"importances": np.full(468, np.nan)}, "importances must be a vector"),
        ({"importances": np.ones(468), "support": np.ones(468)}, "support must be a mask .* got float64"),
        (
            {"importances": np.ones(468), "support": np.ones(3, bool)},
            r"support must be a mask .* shape \(3,\)",
        ),
    ],
)
def test_numbers_that_cannot_be_drawn_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LandmarkImportanceDisplay(**arguments).plot()


def test_what_holds_no_importances_is_refused():
    with pytest.raises(ValueError, match=r"attributions must have shape .* got \(4, 468\)"):
        LandmarkImportanceDisplay.from_attributions(np.ones((4, 468)))
    with pytest.raises(ValueError, match="must be a landmark selector, or hold one; got SequenceFlattener"):
        LandmarkImportanceDisplay.from_estimator(SequenceFlattener().fit(np.ones((2, 3, 2, 468))))
    with pytest.raises(ValueError, match="estimators must hold at least one emotion"):
        LandmarkImportanceDisplay.from_emotions({})
