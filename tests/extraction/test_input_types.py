"""The videos that LandmarkExtractor is given: lists, columns and frames of pandas, arrays, and what is none of it."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import LandmarkExtractor, SequenceFlattener


@pytest.fixture
def paths(tmp_path):
    """Two folders with one image each, in which there is no face."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (64, 64)).save(tmp_path / name / "1.png")
    return [str(tmp_path / name) for name in ("a", "b")]


FORMS = {
    "list": list,
    "tuple": tuple,
    "Series": pd.Series,
    "Series of another index": lambda paths: pd.Series(paths, index=[7, 3]),
    "string Series": lambda paths: pd.Series(paths, dtype="string"),
    "categories": lambda paths: pd.Series(paths, dtype="category"),
    "Index": pd.Index,
    "array": np.array,
    "object array": lambda paths: np.array(paths, dtype=object),
    "column array": lambda paths: np.array(paths)[:, None],
    "object column array": lambda paths: np.array(paths, dtype=object)[:, None],
    "data frame": lambda paths: pd.DataFrame({"file": paths}),
    "data frame of strings": lambda paths: pd.DataFrame({"file": paths}, dtype="string"),
    "data frame with a numbered column": lambda paths: pd.DataFrame(paths),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_a_row_a_video(form, paths):
    with pytest.warns(UserWarning, match="2 of 2 videos gave no landmarks") as caught:
        landmarks = LandmarkExtractor(n_frames=1, on_error="nan").transform(FORMS[form](paths))
    assert landmarks.shape == (2, 1, 2, 468)
    assert all(path in str(caught[0].message) for path in paths)


def test_a_column_transformer_hands_over_the_videos(paths):
    landmarks = make_pipeline(LandmarkExtractor(n_frames=1, on_error="nan"), "passthrough")
    landmarks = ColumnTransformer([("landmarks", make_pipeline(landmarks, SequenceFlattener()), ["file"])])
    with pytest.raises(ValueError, match="X contains NaN"), pytest.warns(UserWarning, match="2 of 2 videos"):
        landmarks.fit_transform(pd.DataFrame({"file": paths, "age": [30, 40]}))


@pytest.mark.parametrize("form", [pd.DataFrame, lambda columns: np.column_stack([*columns.values()])])
def test_several_columns_are_refused_in_words(form, paths):
    columns = form({"file": paths, "emotion": ["joy", "fear"]})
    with pytest.raises(ValueError, match=r"X must hold one column, with a video in each row; got 2 columns"):
        LandmarkExtractor().transform(columns)


@pytest.mark.parametrize("X", [{"a.mp4": "joy"}, {"a.mp4"}, "a.mp4", b"a.mp4", 7, None])
def test_what_is_no_list_is_refused(X):
    with pytest.raises(TypeError, match="X must be a list of videos"):
        LandmarkExtractor().transform(X)


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, pd.NaT])
@pytest.mark.parametrize("form", [list, pd.Series, lambda values: pd.DataFrame({"file": values})])
def test_missing_videos_are_named_or_become_nan(form, gap, paths):
    X = form([*paths, gap])
    with pytest.raises(ValueError, match=r"X must hold a video for each sample; sample 2 has "):
        LandmarkExtractor().transform(X)
    with pytest.warns(UserWarning, match="3 of 3 videos gave no landmarks"):
        assert LandmarkExtractor(n_frames=1, on_error="nan").transform(X).shape == (3, 1, 2, 468)
