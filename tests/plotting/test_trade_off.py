import numpy as np
import pandas as pd
import pytest

from sklearn_emoxai import SelectionTradeOffDisplay, facemesh, landmark_similarity, selection_stability


def results(chosen, n_landmarks=468):
    """As compare returns them, of one model: the landmarks of each run, and the run's score."""
    rows = [
        {
            "emotion": "fear", "model": "SVM", "run": 0, "split": i, "n_landmarks": len(landmarks),
            "roc_auc": 0.7 + 0.1 * i, "selected": " ".join(map(str, landmarks)),
        }
        for i, landmarks in enumerate(chosen)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_neighbours_count_as_stable():
    nearest = np.argsort(np.hypot(*(facemesh.TEMPLATE - facemesh.TEMPLATE[:, [105]])))[:3]
    display = SelectionTradeOffDisplay.from_results(results([[landmark] for landmark in nearest]))
    masks = np.arange(468) == nearest[:, None]
    expected = selection_stability(
        masks, similarity=landmark_similarity("distance"), random_state=0
    ).stability
    (row,) = display.trade_off.to_dict("records")
    assert row["stability"] == pytest.approx(expected)
    assert row["stability"] > 0.3 > selection_stability(masks).stability
    assert row["score"] == pytest.approx(0.8)
    np.testing.assert_allclose(display.lines_["SVM"].get_xydata(), [[expected, 0.8]])
    assert "ROC" in display.ax_.get_ylabel()


def test_lines_go_from_few_landmarks_to_many():
    table = pd.DataFrame(
        {
            "label": "top",
            "n_landmarks": [16, 8],
            "score": [0.8, 0.7],
            "stability": [0.5, 0.3],
            "low": 0.1,
            "high": 0.9,
        }
    )
    display = SelectionTradeOffDisplay(trade_off=table).plot(title="fear")
    np.testing.assert_allclose(display.lines_["top"].get_xydata(), [[0.3, 0.7], [0.5, 0.8]])
    assert [text.get_text() for text in display.ax_.texts] == ["8", "16"]


def test_results_without_selections_are_refused():
    with pytest.raises(ValueError, match="two selections or more"):
        SelectionTradeOffDisplay.from_results(results([[3]]))
