import numpy as np
import pytest

from sklearn_emoxai import resample_sequences


@pytest.fixture
def lines():
    """Two sequences of 9 and 5 frames in which each coordinate is linear in time, and the coordinates' speeds."""
    speed = np.random.default_rng(0).normal(size=(2, 2, 7))
    return [np.arange(n)[:, None, None] * speed[i] for i, n in enumerate((9, 5))], speed


def _expected(speed, stops, n_frames=4, starts=(0, 0)):
    moments = np.linspace(starts, stops, n_frames, axis=1)
    return moments[:, :, None, None] * speed[:, None]


def test_sequences_of_unequal_length_become_one_array(lines):
    sequences, speed = lines
    X = resample_sequences(sequences, 4)
    assert X.shape == (2, 4, 2, 7)
    assert X.dtype == np.float32
    np.testing.assert_allclose(X, _expected(speed, (8, 4)), rtol=1e-6, atol=1e-6)


def test_as_many_frames_as_measured_are_the_measured_ones():
    sequence = np.random.default_rng(0).normal(size=(6, 2, 5)).astype(np.float32)
    np.testing.assert_allclose(resample_sequences([sequence], 6)[0], sequence, rtol=1e-6)
    np.testing.assert_array_equal(resample_sequences([sequence], 3)[0, [0, -1]], sequence[[0, -1]])


@pytest.mark.parametrize("coordinate_axis", ["auto", 2])
def test_the_order_of_axes_does_not_matter(lines, coordinate_axis):
    sequences, _ = lines
    turned = [sequence.swapaxes(1, 2).tolist() for sequence in sequences]
    np.testing.assert_array_equal(
        resample_sequences(turned, 4, coordinate_axis=coordinate_axis), resample_sequences(sequences, 4)
    )


def test_time_stamps_count_rather_than_frames(lines):
    sequences, speed = lines
    kept = [[0, 1, 2, 5, 8], [0, 3, 4]]
    sequences = [sequence[rows] for sequence, rows in zip(sequences, kept)]
    seconds = [1e9 + np.array(rows) / 25 for rows in kept]  # as clocks give them
    X = resample_sequences(sequences, 4, timestamps=seconds)
    np.testing.assert_allclose(X, _expected(speed, (8, 4)), atol=1e-5)
    assert not np.allclose(X, resample_sequences(sequences, 4), atol=0.1)


def test_gaps_are_bridged_linearly_in_time(lines):
    sequences, _ = lines
    expected = resample_sequences(sequences, 4)
    sequences[0][3:5] = np.nan  # frames
    sequences[0][6, :, 2] = np.nan  # a landmark
    sequences[1][1:3, 0, 4] = np.nan  # its x alone
    before = [sequence.copy() for sequence in sequences]
    np.testing.assert_allclose(resample_sequences(sequences, 4), expected, atol=1e-6)
    np.testing.assert_array_equal(np.concatenate(sequences), np.concatenate(before))
    kept = [np.delete(np.arange(9), 2), np.arange(5)]
    seconds = [rows / 10 for rows in kept]
    sequences = [sequence[rows] for sequence, rows in zip(sequences, kept)]
    np.testing.assert_allclose(resample_sequences(sequences, 4, timestamps=seconds), expected, atol=1e-6)


def test_missing_ends_are_cut_off(lines):
    sequences, speed = lines
    sequences[0][:2] = np.nan
    sequences[0][-1] = np.nan
    sequences[1][0, 1, 3] = np.nan  # one landmark comes into sight later, another is lost
    sequences[1][-1, :, 5] = np.nan
    np.testing.assert_allclose(
        resample_sequences(sequences, 4), _expected(speed, (7, 3), starts=(2, 1)), atol=1e-6
    )


def test_one_frame_stands_still_and_one_is_enough(lines):
    sequences, _ = lines
    X = resample_sequences([sequences[0][:1] + 1, sequences[1]], 3)
    np.testing.assert_array_equal(X[0], 1)
    np.testing.assert_array_equal(resample_sequences([sequences[1] + 1], 1), np.ones((1, 1, 2, 7)))


def test_two_landmarks_need_to_be_told_from_two_coordinates():
    sequence = np.arange(12.0).reshape(3, 2, 2)
    with pytest.raises(
        ValueError, match=r"coordinate_axis must be 1 or 2 .*sequences\[0\] has shape \(3, 2, 2\)"
    ):
        resample_sequences([sequence], 3)
    np.testing.assert_array_equal(resample_sequences([sequence], 3, coordinate_axis=1)[0], sequence)
    np.testing.assert_array_equal(
        resample_sequences([sequence], 3, coordinate_axis=2)[0], sequence.swapaxes(1, 2)
    )


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 3, 7)])
def test_the_advice_on_z_is_right(shape):
    sequences = [np.zeros((4, 2, 7)), np.zeros(shape)]
    with pytest.raises(ValueError, match=r"sequences\[1\] must have shape .*z has no place there") as caught:
        resample_sequences(sequences, 3)
    advice = str(caught.value).partition("pass ")[2].removesuffix(".")
    without_z = eval(advice, {"sequences": sequences[1:]})
    assert resample_sequences(without_z, 3).shape == (1, 3, 2, 7)


@pytest.mark.parametrize(
    ("n_missing", "max_missing", "refused"),
    [(5, 0.5, False), (6, 0.5, True), (1, 0, True), (9, 1, False), (10, 1, True)],
)
@pytest.mark.parametrize("landmark", [slice(None), 3])
def test_what_misses_too_much_is_named(n_missing, max_missing, refused, landmark):
    sequence = np.zeros((10, 2, 4))
    sequence[10 - n_missing :, :, landmark] = np.nan
    sequences = [np.zeros((6, 2, 4)), sequence]
    if not refused:
        assert not resample_sequences(sequences, 3, max_missing=max_missing).any()
        return
    which = "landmark 3" if landmark == 3 else "all landmarks"
    with pytest.raises(
        ValueError,
        match=rf"sequences\[1\] misses {which} in {n_missing} of its 10 frames.*max_missing={max_missing}",
    ):
        resample_sequences(sequences, 3, max_missing=max_missing)


def test_landmarks_that_are_never_tracked_together_cannot_be_bridged():
    sequence = np.zeros((6, 2, 4))
    sequence[:3, :, 0] = sequence[3:, :, 1] = np.nan
    with pytest.raises(ValueError, match=r"sequences\[0\] has no valid frame"):
        resample_sequences([sequence], 3)


GOOD = np.zeros((5, 2, 7))
INFINITE = np.full((5, 2, 7), np.inf)


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "sequences must hold at least one array; got none"),
        (GOOD, r"must be a list of arrays; got one of shape \(5, 2, 7\)\. A single one goes into a list"),
        ([GOOD, GOOD[..., 1:]], r"sequences\[1\] has 6, sequences\[0\] has 7"),
        ([GOOD, GOOD[0]], r"sequences\[1\] must have shape .*; got \(2, 7\)\.$"),
        ([GOOD, GOOD[:0]], r"sequences\[1\] must have shape .*; got \(0, 2, 7\)\.$"),
        ([np.zeros((5, 3, 3))], r"sequences\[0\] must have shape .*; got \(5, 3, 3\)\.$"),
        ([GOOD, "clip.mp4"], r"sequences\[1\] must be an array of numbers; got str"),
        ([[[[1, 2, 3], [4, 5]]]], r"sequences\[0\] must be an array of numbers; got list"),
        ([GOOD, INFINITE], r"sequences\[1\] must be finite.*frame 0 is infinite"),
    ],
)
def test_wrong_sequences_are_named(sequences, message):
    with pytest.raises(ValueError, match=message):
        resample_sequences(sequences, 3)


@pytest.mark.parametrize(
    ("timestamps", "message"),
    [
        ([np.arange(5)], "one array for each of the 2 sequences; got 1"),
        ([np.arange(5), np.arange(4)], r"timestamps\[1\] must have shape \(5,\).*got \(4,\)"),
        ([np.arange(5), [0, 1, 1, 2, 3]], r"timestamps\[1\] must increase; got 1.0 after 1.0 \(frame 2\)"),
        ([np.arange(5), [0, 1, np.nan, 2, 3]], r"timestamps\[1\] must be finite; got nan"),
        ([np.arange(5), list("abcde")], r"timestamps\[1\] must be an array of numbers"),
    ],
)
def test_wrong_time_stamps_are_named(timestamps, message):
    with pytest.raises(ValueError, match=message):
        resample_sequences([GOOD, GOOD], 3, timestamps=timestamps)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="n_frames must be at least 1; got 0"):
        resample_sequences([GOOD], 0)
    with pytest.raises(ValueError, match="max_missing must be from 0 to 1; got 2"):
        resample_sequences([GOOD], 3, max_missing=2)
    with pytest.raises(ValueError, match='coordinate_axis must be "auto", 1 or 2; got 0'):
        resample_sequences([GOOD], 3, coordinate_axis=0)
    with pytest.raises(ValueError, match=r"sequences\[0\] must have shape \(n_frames, n_landmarks, 2\); got"):
        resample_sequences([GOOD], 3, coordinate_axis=2)
    with pytest.raises(TypeError, match="sequences must be a list of arrays; got int"):
        resample_sequences(3, 3)
    with pytest.raises(TypeError, match="timestamps must be a list of arrays; got float"):
        resample_sequences([GOOD], 3, timestamps=0.04)
