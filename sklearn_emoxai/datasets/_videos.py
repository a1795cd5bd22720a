"""Expression videos made from one public-domain portrait."""

from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch, check_random_state

from .._validation import check_number
from ._face_model import Variation, draw_clips, moving_faces, prototypes_of
from ._labels import EMOTIONS, check_emotions

_DESCR = """\
Rendered expressions from one portrait
--------------------------------------

{n_clips} clips of {n_subjects} simulated subjects, {n_frames} frames of {size} × {size} pixels each, neutral
to apex: {emotions}.

Source: the portrait of Rear Admiral Grace Hopper that matplotlib ships (United States Navy, public domain).
Its pixels are warped along FACS action units in the EMFACS prototypes; neutral geometry, head motion, light
and noise differ between subjects and clips.
Licence: the clips may be used as the project itself, BSD-3-Clause; the portrait is in the public domain.
Use: end-to-end checks, examples and teaching. All clips show one woman, so that no result on them is evidence
of performance on people.
"""


def make_expression_videos(
    folder,
    *,
    n_subjects=12,
    emotions=EMOTIONS,
    n_repeats=1,
    n_frames=12,
    size=256,
    fps=15,
    strength=0.9,
    asymmetry=0.15,
    geometry=0.05,
    head_turn=4.0,
    light=0.1,
    noise=3.0,
    random_state=None,
    verbose=0,
):
    """Render short videos of expressions, neutral to apex, with their labels in ``clips.csv``.

    The portrait of Grace Hopper that matplotlib ships is warped along the same action units that
    :func:`make_expressions` moves. Creates `folder` where it does not exist, and overwrites clips of the same
    names and ``clips.csv`` in it.

    Parameters
    ----------
    folder : path-like
        Where the mp4 files and ``clips.csv`` go.
    n_subjects : int, default=12
        Subjects, who differ in the neutral face, in how strongly and how symmetrically they move each action
        unit, and in light.
    emotions : sequence of str, default=the six basic emotions
        Out of anger, disgust, fear, happiness, sadness, surprise and neutral (no action unit moves).
    n_repeats : int, default=1
        Clips of each emotion by each subject.
    n_frames : int, default=12
        Frames of each clip.
    size : int, default=256
        Width and height of the frames, in pixels. A quarter of it is the inter-ocular distance.
    fps : float, default=15
        Frames per second.
    strength : float, default=0.9
        Mean contraction at the apex; 1 is strong, and no unit contracts beyond 1.3.
    asymmetry : float, default=0.15
        Standard deviation of the left minus the right side's contraction, relative.
    geometry : float, default=0.05
        Standard deviation of the neutral face's landmarks over subjects, in inter-ocular distances.
    head_turn : float, default=4.0
        Standard deviation of the head's roll, yaw and pitch, in degrees.
    light : float, default=0.1
        Standard deviation of a subject's brightness, contrast and lateral light, relative.
    noise : float, default=3.0
        Standard deviation of the pixels' noise, in grey levels of 255.
    random_state : int, RandomState or None, default=None
        Equal integers give equal clips.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    Bunch
        paths : list of str
            The mp4 files.
        target : ndarray of shape (n_clips,), str
            Emotions.
        groups : ndarray of shape (n_clips,), str
            Subjects.
        frame : pandas.DataFrame
            The contents of ``clips.csv``: file, emotion, subject, n_frames, fps.
        landmarks : ndarray of shape (n_clips, n_frames, 2, 468), float32
            Where the landmarks were put, in pixels from the frame's upper left corner.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    ValueError
        If an argument is out of its range, or an emotion unknown.
    OSError
        If a clip cannot be written.

    See Also
    --------
    make_expressions : The same expressions as landmarks, thousands a second.
    load_video_folder : Reads the folder again.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_emoxai.datasets import make_expression_videos
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clips = make_expression_videos(folder, n_subjects=1, emotions=["surprise"], n_frames=3)
    >>> clips.landmarks.shape
    (1, 3, 2, 468)
    """
    import pandas as pd
    from tqdm import tqdm

    emotions = check_emotions(emotions)
    check_number("n_subjects", n_subjects, Integral, 1)
    check_number("n_repeats", n_repeats, Integral, 1)
    check_number("n_frames", n_frames, Integral, 2)
    check_number("size", size, Integral, 64)
    check_number("fps", fps, Real, 0)
    check_number("light", light, Real, 0)
    check_number("noise", noise, Real, 0)
    if fps == 0:
        raise ValueError(f"fps must be more than 0; got {fps}.")
    variation = Variation(strength, asymmetry=asymmetry, geometry=geometry, head_turn=head_turn)
    variation.check()
    folder = Path(folder)
    if folder.is_file():
        raise NotADirectoryError(f"folder must be a folder; {folder} is a file.")
    folder.mkdir(parents=True, exist_ok=True)
    rng = _generator(random_state)
    subject, target, repeat = (
        values.ravel()
        for values in np.meshgrid(np.arange(n_subjects), emotions, np.arange(n_repeats), indexing="ij")
    )
    clips = draw_clips(rng, prototypes_of(target), subject, n_frames, variation)
    looks = light * rng.standard_normal((n_subjects, 3))

    files, landmarks = [], np.empty((len(target), n_frames, 2, 468), np.float32)
    for clip in tqdm(range(len(target)), desc="Rendering clips", disable=not verbose):
        suffix = f"_{repeat[clip] + 1}" if n_repeats > 1 else ""
        files.append(f"S{subject[clip] + 1:03d}_{target[clip]}{suffix}.mp4")
        frames, landmarks[clip] = _render_clip(clips, clip, size, looks[subject[clip]], noise, rng)
        _write(folder / files[-1], frames, fps)
    groups = np.array([f"S{s + 1:03d}" for s in subject])
    frame = pd.DataFrame(
        {"file": files, "emotion": target, "subject": groups, "n_frames": n_frames, "fps": fps}
    )
    frame.to_csv(folder / "clips.csv", index=False)
    return Bunch(
        paths=[str(folder / file) for file in files],
        target=target,
        groups=groups,
        frame=frame,
        landmarks=landmarks,
        DESCR=_DESCR.format(
            n_clips=len(files),
            n_subjects=n_subjects,
            n_frames=n_frames,
            size=size,
            emotions=", ".join(emotions),
        ),
    )


def _generator(random_state):
    """A numpy Generator from scikit-learn's `random_state`."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31))


def _render_clip(clips, clip, size, look, noise, rng):
    """Frames (n_frames, size, size, 3) uint8 of one clip, and its landmarks (n_frames, 2, 468) in pixels."""
    from ._portrait import place_points, render

    faces = moving_faces(clips, [clip])[0]
    frames, landmarks = [], []
    for face, turn, shift in zip(faces, clips.turn[clip], clips.shift[clip]):
        placed = place_points(face, turn, shift, size)
        frame = _lit(render(placed, size), look) + noise * rng.standard_normal((size, size, 3), np.float32)
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
        landmarks.append(placed[:468].T)
    return np.array(frames), np.array(landmarks)


def _lit(frame, look):
    """Frame in another light: brightness, contrast and a gradient from side to side, each relative."""
    brightness, contrast, lateral = np.clip(look, -0.25, 0.25)
    gradient = 1 + brightness + lateral * np.linspace(-1, 1, frame.shape[1], dtype=np.float32)
    return (128 + (1 + contrast) * (frame - 128)) * gradient[None, :, None].astype(np.float32)


def _write(path, frames, fps):
    """Write frames (n_frames, height, width, 3), BGR, as an mp4 file."""
    import cv2

    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (width, height))
    if not writer.isOpened():
        raise OSError(f"folder must be writable for mp4 files; cannot write {path}.")
    for frame in frames:
        writer.write(frame)
    writer.release()
