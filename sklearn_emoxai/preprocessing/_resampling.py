"""Landmarks of some moments, turned into sequences of a fixed number of frames."""

from numbers import Integral, Real

import numpy as np

from .._validation import check_number

_SHAPES = {1: "(n_frames, 2, n_landmarks)", 2: "(n_frames, n_landmarks, 2)"}
_SHAPES["auto"] = f"{_SHAPES[1]} or {_SHAPES[2]}"


def resample(landmarks, times, n_frames):
    """Landmarks at evenly spaced moments, linearly between the nearest measured ones.

    Parameters
    ----------
    landmarks : ndarray of shape (n_measured, 2, n_landmarks)
    times : ndarray of shape (n_measured,)
        Strictly increasing.
    n_frames : int
        Moments, from the first to the last measured one.

    Returns
    -------
    ndarray of shape (n_frames, 2, n_landmarks), float32

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai.preprocessing import resample
    >>> resample(np.array([0.0, 4.0]).reshape(2, 1, 1), np.array([0, 4]), 3).ravel().tolist()
    [0.0, 2.0, 4.0]
    """
    moments = np.linspace(times[0], times[-1], n_frames)
    after = np.clip(np.searchsorted(times, moments), 1, max(len(times) - 1, 1))
    if len(times) == 1:
        return np.repeat(landmarks, n_frames, axis=0).astype(np.float32)
    before = after - 1
    share = (moments - times[before]) / (times[after] - times[before])
    share = share[:, None, None]
    return ((1 - share) * landmarks[before] + share * landmarks[after]).astype(np.float32)


def resample_sequences(sequences, n_frames, *, timestamps=None, max_missing=0.5, coordinate_axis="auto"):
    """Sequences of unequal length as one array, with frames evenly spaced in time.

    Parameters
    ----------
    sequences : list of array-like of shape (n_measured, 2, n_landmarks) or (n_measured, n_landmarks, 2)
        Of any lengths, with as many landmarks in each; x to the right and y down, in any unit that they share. NaN
        where a landmark or a whole frame is missing; a point of one coordinate is missing, too.
    n_frames : int
        Frames of each sequence in X, from its first valid frame to its last, linear in between. One frame is the first.
    timestamps : list of array-like of shape (n_measured,), default=None
        When each frame of each sequence was taken, in seconds, increasing. None takes them for evenly spaced.
    max_missing : float, default=0.5
        Largest share of a sequence's frames in which a landmark may be missing. Gaps are bridged linearly in time.
    coordinate_axis : {"auto", 1, 2}, default="auto"
        The axis of a sequence along which x and y lie. "auto" takes the one of length 2; with two landmarks
        both are, and it must be said.

    Returns
    -------
    ndarray of shape (n_sequences, n_frames, 2, n_landmarks), float32
        In the unit of the sequences.

    Raises
    ------
    TypeError
        If ``sequences`` is no list, or ``n_frames`` or ``max_missing`` no number.
    ValueError
        If a sequence has another shape, z, a value that is infinite or another number of landmarks than the
        first, misses too much, or its time stamps do not increase; the message names the sequence.

    See Also
    --------
    sklearn_emoxai.datasets.load_openface_csv : Reads and resamples the tables of OpenFace and py-feat.

    Notes
    -----
    A frame is valid if each landmark is tracked in it, or both before and after it: nothing is extrapolated.
    A sequence with one valid frame stands still. Frames that were left out, rather than NaN, do not
    count as missing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai import resample_sequences
    >>> slow, quick = np.zeros((9, 68, 2)), np.zeros((3, 68, 2))
    >>> quick[:, 0, 1] = 0, np.nan, 4
    >>> X = resample_sequences([slow, quick], 5, timestamps=[np.arange(9) / 30, [0.0, 0.1, 0.2]])
    >>> X.shape
    (2, 5, 2, 68)
    >>> X[1, :, 1, 0].tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    check_number("n_frames", n_frames, Integral, 1)
    check_number("max_missing", max_missing, Real, 0, 1)
    if coordinate_axis not in ("auto", 1, 2):
        raise ValueError(f'coordinate_axis must be "auto", 1 or 2; got {coordinate_axis!r}.')
    if isinstance(sequences, np.ndarray) and sequences.ndim == 3:
        raise ValueError(
            f"sequences must be a list of arrays; got one of shape {sequences.shape}. A single one goes into a list."
        )
    sequences = _as_list("sequences", sequences)
    if not sequences:
        raise ValueError("sequences must hold at least one array; got none.")
    if timestamps is not None:
        timestamps = _as_list("timestamps", timestamps)
        if len(timestamps) != len(sequences):
            raise ValueError(
                f"timestamps must hold one array for each of the {len(sequences)} sequences; got {len(timestamps)}."
            )
    X = None
    for i, sequence in enumerate(sequences):
        name = f"sequences[{i}]"
        landmarks = _check_sequence(sequence, coordinate_axis, name)
        if X is None:
            X = np.empty((len(sequences), n_frames, *landmarks.shape[1:]), dtype=np.float32)
        elif landmarks.shape[2] != X.shape[3]:
            raise ValueError(
                f"sequences must have as many landmarks each; {name} has {landmarks.shape[2]}, "
                f"sequences[0] has {X.shape[3]}."
            )
        times = np.arange(len(landmarks), dtype=float)
        if timestamps is not None:
            times = _check_times(timestamps[i], len(landmarks), f"timestamps[{i}]")
        X[i] = resample(*_bridge(landmarks, times, max_missing, name), n_frames)
    return X


def _as_list(name, values):
    try:
        return list(values)
    except TypeError as error:
        raise TypeError(f"{name} must be a list of arrays; got {type(values).__name__}.") from error


def _as_floats(name, values):
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be an array of numbers; got {type(values).__name__}: {error}"
        ) from error


def _check_sequence(sequence, coordinate_axis, name):
    """The landmarks (n_measured, 2, n_landmarks) of a sequence, float64."""
    landmarks = _as_floats(name, sequence)
    shape, expected = landmarks.shape, f"{name} must have shape {_SHAPES[coordinate_axis]}"
    if landmarks.ndim != 3 or 0 in shape:
        raise ValueError(f"{expected}; got {shape}.")
    possible = (1, 2) if coordinate_axis == "auto" else (coordinate_axis,)
    axes = [axis for axis in possible if shape[axis] == 2]
    if len(axes) == 2:
        raise ValueError(
            f"coordinate_axis must be 1 or 2 where there are two landmarks, since shapes don't tell which axis holds "
            f"x and y; {name} has shape {shape}."
        )
    if not axes:
        with_z = [axis for axis in possible if shape[axis] == 3]
        advice = ""
        if len(with_z) == 1:
            part = {1: "[:, :2]", 2: "[..., :2]"}[with_z[0]]
            advice = f" z has no place there: pass [sequence{part} for sequence in sequences]."
        raise ValueError(f"{expected}; got {shape}.{advice}")
    if np.isinf(landmarks).any():
        frame = np.argwhere(np.isinf(landmarks))[0][0]
        raise ValueError(
            f"{name} must be finite, or NaN where a landmark is missing; frame {frame} is infinite."
        )
    return landmarks if axes == [1] else landmarks.swapaxes(1, 2)


def _check_times(times, n_measured, name):
    """The time stamps of a sequence, float64."""
    times = _as_floats(name, times)
    if times.shape != (n_measured,):
        raise ValueError(f"{name} must have shape ({n_measured},), one for each frame; got {times.shape}.")
    if not np.isfinite(times).all():
        raise ValueError(f"{name} must be finite; got {times[~np.isfinite(times)][0]}.")
    again = np.flatnonzero(np.diff(times) <= 0)
    if len(again):
        before, after = times[again[0]], times[again[0] + 1]
        raise ValueError(f"{name} must increase; got {after} after {before} (frame {again[0] + 1}).")
    return times


def _bridge(landmarks, times, max_missing, name):
    """The valid frames and their times, without gaps."""
    missing = np.isnan(landmarks).any(axis=1)
    n_measured, n_missing = len(missing), missing.sum(axis=0)
    worst = n_missing.argmax()
    if n_missing[worst] / n_measured > max_missing or n_missing[worst] == n_measured:
        whole = missing.all(axis=1).sum() == n_missing[worst]
        raise ValueError(
            f"{name} misses {'all landmarks' if whole else f'landmark {worst}'} in {n_missing[worst]} of its "
            f"{n_measured} frames; at most a share of max_missing={max_missing:g} may be missing, and not all."
        )
    # Frames without any landmark need no bridge of their own: resampling is linear as well.
    some = ~missing.all(axis=1)
    landmarks, times, missing = landmarks[some], times[some], missing[some]
    if not missing.any():
        return landmarks, times
    first = np.argmin(missing, axis=0).max()
    last = len(missing) - 1 - np.argmin(missing[::-1], axis=0).max()
    if first > last:
        raise ValueError(
            f"{name} has no valid frame: in none is each landmark tracked, or tracked both before and after it."
        )
    for landmark in np.flatnonzero(missing.any(axis=0)):
        gaps = missing[:, landmark]
        for track in landmarks[:, :, landmark].T:
            track[gaps] = np.interp(times[gaps], times[~gaps], track[~gaps])
    return landmarks[first : last + 1], times[first : last + 1]
