"""Videos with the face mesh, what the detector relies on, and its probabilities over time."""

import os
from numbers import Real

import numpy as np

from .. import facemesh
from ..evaluation import Detector, as_detector
from ..extraction import extract_landmarks, open_source, sample_indices, silenced_stderr
from ._output import check_output
from ._overlay import Panel, draw_face, resized

_BATCH = 64  # windows whose probabilities and attributions are computed at once
_DARK = 0.1  # of the emotion's largest attribution in the video: below it colours fade
_N_STEPS = 20  # of the midpoint rule, whose error falls with their square
# By preference. H.264 plays everywhere but is in few builds of OpenCV; all builds have the last.
_CODECS = ("avc1", "vp09", "mp4v")


def annotate_video(
    path,
    estimator,
    output,
    *,
    window=2.0,
    width=720,
    codec=None,
    positive=None,
    max_missing=0.9,
    detector=None,
    model_path=None,
    force=False,
    verbose=0,
):
    """Write a video that shows what a detector sees in another one.

    Every frame carries the face mesh and the landmarks of the most probable emotion, coloured by their
    attribution; a panel below shows the probabilities, or scores, up to that frame.

    Parameters
    ----------
    path : path-like or ndarray
        A video, as in :func:`extract_landmarks`.
    estimator : EmotionClassifier, Pipeline, search or other classifier of sequences
        Fitted on the 468 landmarks of the mesh. Without ``predict_proba``, as an SVM, its decision values are shown,
        under the name of scores. A Pipeline may begin with a :class:`LandmarkExtractor`.
    output : path-like
        File to write, with the suffix ``.mp4``.
    window : float, default=2.0
        Seconds that the detector looks back; see Notes.
    width : int, default=720
        Width of the written video in pixels.
    codec : {"avc1", "vp09", "mp4v"}, default=None
        H.264, which few builds of OpenCV have; VP9, which browsers play, 0.15 s a frame to write; or MPEG-4, which
        they do not, 0.004 s a frame. None takes the first of them that OpenCV has.
    positive : str, default=None
        Where the labels are no words, as those of ``y == "fear"``, what to call the second.
    max_missing : float, default=0.9
        Largest share of frames without a face. They are shown as they are; a window that is mostly made of such
        frames has no probabilities.
    detector, model_path
        As in :func:`extract_landmarks`; None takes what the Pipeline's :class:`LandmarkExtractor` has, or the default.
    force : bool, default=False
        Whether to replace an existing file.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    Path
        The written file.

    Raises
    ------
    FileExistsError, FileNotFoundError, OSError
        If `output` exists or cannot be written, or `path` does not exist.
    ValueError
        If `path` is no video or shows no face, or the estimator was fitted on other landmarks.
    TypeError
        If the estimator has neither ``predict_proba`` nor ``decision_function``, or no step in it tells
        ``n_frames_in_``.

    Notes
    -----
    The probabilities at a frame are those of as many frames as the estimator was trained on, evenly spread over the
    last `window` seconds, or over the video so far where that is shorter. So at the end of a clip that is not longer
    than `window` they are those of the whole clip, as ``predict_proba`` gives them of a :class:`LandmarkExtractor`'s
    landmarks. Choose `window` near the length of the clips trained on.

    Attributions are the magnitudes of integrated gradients of the most probable emotion's network, summed over
    frames and coordinates, against the face held still as in the first frame. The brightest colour is the largest
    of the frame; all fade where that is below a tenth of the emotion's largest in the video. Of classifiers that are
    no networks the landmarks' global importances are shown, where a selector found some.

    The video is read up to four times and never held in memory; only its landmarks are, 4 kB a frame.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emoxai import EmotionClassifier, LandmarkAligner, LandmarkExtractor, SequenceFlattener
    >>> from sklearn_emoxai import annotate_video
    >>> from sklearn_emoxai.datasets import make_expression_videos
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clips = make_expression_videos(folder, n_subjects=2, emotions=["fear", "anger"], n_frames=3)
    ...     X = LandmarkExtractor(n_frames=3).fit_transform(clips.paths)
    ...     detector = make_pipeline(LandmarkAligner(), SequenceFlattener(), LogisticRegression())
    ...     classifier = EmotionClassifier(detector).fit(X, clips.target)
    ...     annotate_video(clips.paths[0], classifier, Path(folder) / "annotated.mp4").name
    'annotated.mp4'
    """
    output = check_output(output, ".mp4", force=force)
    seen_by = _checked(estimator, positive)
    if not (isinstance(window, Real) and window > 0):
        raise ValueError(f"window must be a positive number of seconds; got {window!r}.")
    if codec not in (None, *_CODECS):
        raise ValueError(f"codec must be one of {_CODECS} or None; got {codec!r}.")
    given = {"max_missing": max_missing, "detector": detector, "model_path": model_path}
    options = vars(seen_by.extractor_for(**given)._options())
    # The window moves over the whole video, whichever part of clips the detector was trained on.
    options = {name: value for name, value in options.items() if name not in ("n_frames", "start", "stop")}
    sequence, windows = _seen(path, seen_by.n_frames, window, **options)
    values = _values(seen_by, sequence, windows)
    explained = _explain(seen_by, sequence.landmarks, windows, values)
    panel = Panel(sequence.timestamps, values, seen_by.labels, width=width, unit=seen_by.unit)
    frames = _drawn(path, sequence, explained, panel, width)
    codecs = _CODECS if codec is None else (codec,)
    _write(_progress(frames, len(windows), verbose), sequence.fps, output, codecs)
    return output


def _checked(estimator, positive):
    """The estimator as a Detector that a video can be shown to."""
    detector = estimator if isinstance(estimator, Detector) else as_detector(estimator, positive=positive)
    kind = type(detector.estimator).__name__
    if detector.unit is None:
        raise TypeError(f"estimator must have predict_proba or decision_function; {kind} has neither.")
    if detector.n_frames is None:
        raise TypeError(f"estimator must tell n_frames_in_, or a step of it; {kind} does not.")
    if detector.n_landmarks != facemesh.N_LANDMARKS:
        raise ValueError(
            f"estimator must be fitted on the {facemesh.N_LANDMARKS} landmarks that a video gives; it was fitted on "
            f"{detector.n_landmarks}."
        )
    return detector


def _seen(path, n_frames, window, **options):
    """The landmarks of every frame, and the frames that the detector sees at each of them."""
    sequence = extract_landmarks(path, **options)
    windows = _windows(sequence.timestamps, n_frames, window)
    if windows[-1, 0] == 0 and sequence.detected[windows[-1]].mean() >= 0.5:
        # Close frames are tracked, sampled ones are looked at one by one, which moves landmarks a little: where the
        # last window is the whole clip, it has the very landmarks that predict gets.
        whole = extract_landmarks(path, n_frames=n_frames, **options | {"max_missing": 1.0})
        sequence.landmarks[whole.frame_indices] = whole.landmarks
        sequence.detected[whole.frame_indices] = whole.detected
    return sequence, windows


def _windows(timestamps, n_frames, window):
    """Frames that the detector sees at each frame, (n_source_frames, n_frames)."""
    return np.stack(
        [
            sample_indices(timestamps, n_frames, start=max(timestamps[0], now - window), stop=now)
            for now in timestamps
        ]
    )


def _batches(rows):
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def _values(detector, sequence, windows):
    """Probabilities or scores (n_source_frames, n_labels); NaN where more than half of a window shows no face."""
    values = [detector.values(sequence.landmarks[batch]) for batch in _batches(windows)]
    values = np.concatenate(values).astype(float)
    values[sequence.detected[windows].mean(axis=1) < 0.5] = np.nan
    return values


def _explain(detector, landmarks, windows, values):
    """Landmarks of each frame's most probable emotion, and their attributions as shares of the frame's largest.

    Returns
    -------
    list of (ndarray of int, ndarray of float), one a frame; empty arrays where there are no probabilities
    """
    explained = [(np.empty(0, dtype=int), np.empty(0))] * len(windows)
    known = np.flatnonzero(~np.isnan(values[:, 0]))
    winners = values[known].argmax(axis=1)
    still = np.repeat(landmarks[windows[known[:1]][:, :1]], windows.shape[1], axis=1)
    for winner in np.unique(winners):
        parts, target = detector.parts(detector.labels[winner])
        rows = known[winners == winner]
        found = np.concatenate(
            [_attributions(parts, landmarks[windows[batch]], still, target) for batch in _batches(rows)]
        )
        # Frames in which hardly anything moved stay dark, rather than show noise at full brightness.
        least = _DARK * found.max() or 1
        for row, shares in zip(rows, found / found.max(axis=1, keepdims=True).clip(least)):
            explained[row] = (parts.landmarks, shares)
    return explained


def _attributions(parts, X, still, target):
    """Attributions (n_samples, n_selected), or importances where the classifier is no network."""
    if not hasattr(parts.classifier, "module_"):
        values = np.zeros(len(parts.landmarks))
        if parts.importances is not None:
            values = parts.importances[parts.landmarks]
        return np.tile(values, (len(X), 1))
    from ..attribution import integrated_gradients

    attributions = integrated_gradients(
        parts.classifier,
        parts.prepare(X),
        parts.prepare(still),
        target=target,
        n_steps=_N_STEPS,
        method="riemann_middle",
    )
    return parts.by_landmark(np.abs(attributions[:, 0]).sum(axis=(1, 2)))


def _drawn(path, sequence, explained, panel, width):
    """Yield the frames to write, (height, width, 3), uint8, RGB."""
    positions = set(sequence.frame_indices.tolist())
    rows = iter(range(len(sequence.landmarks)))
    for i, (_, decode) in enumerate(open_source(path).frames()):
        if i not in positions:
            continue
        row = next(rows)
        frame, scale = resized(decode(), width)
        if sequence.detected[row]:
            draw_face(frame, scale * sequence.landmarks[row], *explained[row])
        yield np.concatenate([frame, panel.at(row)])


def _progress(frames, total, verbose):
    from tqdm.auto import tqdm

    return tqdm(frames, total=total, desc="annotating", unit="frame", disable=not verbose)


def _write(frames, fps, output, codecs=_CODECS):
    """Write frames next to the output, and put the file in its place once it is complete."""
    import cv2

    partial = output.with_name(f".{os.getpid()}-{output.name}")
    writer, n_written = None, 0
    try:
        for frame in frames:
            if writer is None:
                writer = _open_writer(partial, fps, frame.shape[1::-1], codecs)
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            n_written += 1
        writer.release()
        with silenced_stderr():
            capture = cv2.VideoCapture(os.path.abspath(partial), cv2.CAP_FFMPEG)
            n_readable = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            capture.release()
        if n_readable != n_written:  # OpenCV reports no full disk
            raise OSError(f"{output} could not be written: {n_readable} of {n_written} frames are readable.")
        os.replace(partial, output)
    finally:
        if writer is not None:
            writer.release()
        partial.unlink(missing_ok=True)


def _open_writer(path, fps, size, codecs):
    import cv2

    for codec in codecs:
        with silenced_stderr():
            fourcc = cv2.VideoWriter_fourcc(*codec)
            writer = cv2.VideoWriter(os.path.abspath(path), cv2.CAP_FFMPEG, fourcc, fps, size)
        if writer.isOpened():
            return writer
        writer.release()
    raise OSError(
        f"No video can be written to {path.parent}: this OpenCV has none of the codecs {', '.join(codecs)}."
    )
