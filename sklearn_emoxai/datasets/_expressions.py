"""Landmark sequences of expressions whose informative landmarks are known."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state

from .._validation import check_number
from ..facemesh import N_LANDMARKS
from ._action_units import emotion_field
from ._face_model import Variation, draw_clips, moving_faces, prototypes_of, smooth_modes, turn_matrices
from ._interactions import EMOTION, INTERACTIONS, interacting_field, relation
from ._labels import EMOTIONS, check_emotions

INFORMATIVE_ABOVE = 0.02  # inter-ocular distances, about 1.3 mm in adults
_OUTLIER = 10  # how much larger the tracker's jitter is in an outlying frame
_BLOCK = 256  # clips computed at once, to bound memory

_DESCR = """\
Simulated expressions on the 468-point face mesh
------------------------------------------------

{n_clips} sequences of {n_subjects} simulated subjects, {n_frames} frames each, neutral to apex: {emotions}.

Source: a neutral template measured on one public-domain portrait, moved along FACS action units in the EMFACS
prototypes; see the user guide. No person's data.
Licence: BSD-3-Clause, as the project.
Use: scoring explanations and selections against landmarks that are known to move, tests, benchmarks of speed.
No result on them is evidence of performance on people.
"""


def make_expressions(
    n_subjects=20,
    n_repeats=2,
    n_frames=10,
    *,
    emotions=EMOTIONS,
    interaction=None,
    difficulty=0.5,
    strength=None,
    strength_spread=0.4,
    asymmetry=0.15,
    latest_onset=0.3,
    duration=(0.4, 0.7),
    distractors=None,
    geometry=0.05,
    head_turn=6.0,
    head_shift=0.1,
    noise=0.01,
    outliers=0.02,
    random_state=None,
):
    """Simulate landmark sequences of expressions, with the landmarks that each emotion moves.

    Parameters
    ----------
    n_subjects : int, default=20
        Subjects. Each has a neutral face and habits of contraction of their own.
    n_repeats : int, default=2
        Sequences of each emotion by each subject.
    n_frames : int, default=10
        Frames of each sequence. The first is before the onset, up to the head's pose and noise.
    emotions : sequence of str, default=the six basic emotions
        Out of anger, disgust, fear, happiness, sadness, surprise and neutral (no action unit moves).
    interaction : {"xor", "timing"}, default=None
        In place of `emotions`, one that no region tells alone, "related", and the "rest", in equal numbers: four
        sequences for each repeat. "xor": either the brows rise or the lip corners, but not both; the rest is both or
        neither. "timing": both brows rise, one 0.3 of the sequence after the other, whichever; the rest rises them
        together, early or late. Each region, and each brow, moves alike in both classes, so that nothing linear in the
        landmarks tells them apart.
    difficulty : float, default=0.5
        From 0, where a linear SVM on aligned sequences is nearly perfect, to 1, where the emotions do not
        differ. Sets ``strength=1 - difficulty`` and ``distractors=0.6 * difficulty``, unless these are given.
    strength : float, default=None
        Mean contraction at the apex; 1 is strong, and no unit contracts beyond 1.3.
    strength_spread : float, default=0.4
        Standard deviation of the contraction's logarithm, over subjects and units, and again over sequences.
    asymmetry : float, default=0.15
        Standard deviation of the left minus the right side's contraction, relative, over subjects and units.
    latest_onset : float, default=0.3
        The onset is uniform up to this share of the sequence.
    duration : tuple of two floats, default=(0.4, 0.7)
        The time from onset to apex is uniform between these shares of the sequence.
    distractors : float, default=None
        Mean contraction of every action unit in every sequence, whatever the emotion (exponentially
        distributed).
    geometry : float, default=0.05
        Standard deviation of the neutral faces' landmarks, in inter-ocular distances.
    head_turn : float, default=6.0
        Standard deviation of the head's roll, yaw and pitch, in degrees; half of it again while it moves.
    head_shift : float, default=0.1
        Standard deviation of the head's place, in inter-ocular distances.
    noise : float, default=0.01
        Standard deviation of the tracker's noise, in inter-ocular distances, once independent between
        landmarks and once smooth over the face; independent between frames.
    outliers : float, default=0.02
        Share of frames whose smooth noise is ten times larger.
    random_state : int, RandomState or None, default=None
        Equal integers give equal sequences.

    Returns
    -------
    Bunch
        data : ndarray of shape (n_sequences, n_frames, 2, 468), float32
            Landmarks, x to the right and y down, in inter-ocular distances of the template, the origin midway
            between the eyes of a face at rest.
        target : ndarray of shape (n_sequences,), str
            Emotions.
        groups : ndarray of shape (n_sequences,), str
            Subjects.
        onset, apex : ndarray of shape (n_sequences,)
            When the action units begin to move, and when they are fully contracted, as shares of the sequence; what is
            late in "timing" is 0.3 later. An apex above 1 is not reached.
        informative : dict of str to ndarray of shape (468,)
            How far each emotion's action units move each landmark at the mean contraction, in inter-ocular
            distances.
        informative_mask : dict of str to ndarray of shape (468,), bool
            Landmarks that the emotion moves by more than 0.02 inter-ocular distances (1.3 mm) at full
            contraction.
        contraction : float
            The mean contraction at the apex.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range.

    See Also
    --------
    make_expression_videos : The same expressions as videos.

    Notes
    -----
    A sequence is R_t (G_s + Σ_u c_u(t) F_u) + shift + noise, projected onto the image plane. G_s is subject
    s's neutral face, a smooth, almost symmetric random deformation of the template; F_u the displacement
    field of action unit u; c_u(t) its contraction, from 0 to the apex along 3p² − 2p³; R_t the head's
    rotation.

    "Informative" says which landmarks an emotion's own units move. A landmark that only other emotions move
    tells that emotion from the rest, too, by holding still.

    References
    ----------
    Friesen and Ekman, "EMFACS-7: Emotional Facial Action Coding System", 1983.

    Examples
    --------
    >>> from sklearn_emoxai.datasets import make_expressions
    >>> expressions = make_expressions(n_subjects=2, n_repeats=1, random_state=0)
    >>> expressions.data.shape
    (12, 10, 2, 468)
    >>> expressions.target[:3].tolist()
    ['anger', 'disgust', 'fear']
    >>> chin = 152
    >>> [emotion for emotion, mask in expressions.informative_mask.items() if mask[chin]]
    ['fear', 'surprise']
    """
    emotions = check_emotions(emotions)
    check_number("n_subjects", n_subjects, Integral, 1)
    check_number("n_repeats", n_repeats, Integral, 1)
    check_number("n_frames", n_frames, Integral, 2)
    check_number("difficulty", difficulty, Real, 0, 1)
    check_number("latest_onset", latest_onset, Real, 0, 1)
    check_number("outliers", outliers, Real, 0, 1)
    if interaction not in (None, *INTERACTIONS):
        raise ValueError(
            f"interaction must be one of {', '.join(INTERACTIONS)} or None; got {interaction!r}."
        )
    check_number("noise", noise, Real, 0)
    strength = 1 - difficulty if strength is None else strength
    distractors = 0.6 * difficulty if distractors is None else distractors
    variation = Variation(
        strength=strength,
        strength_spread=strength_spread,
        asymmetry=asymmetry,
        geometry=geometry,
        latest_onset=latest_onset,
        duration=duration,
        distractors=distractors,
        head_turn=head_turn,
        head_shift=head_shift,
    )
    variation.check()
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    if interaction is None:
        subject, target, _ = _combinations(n_subjects, emotions, n_repeats)
        prototype, later = prototypes_of(target), 0.0
        moved = {emotion: np.hypot(*emotion_field(emotion)) for emotion in emotions}
    else:
        subject, first, second, _ = _combinations(n_subjects, [False, True], [False, True], n_repeats)
        target, prototype, later = relation(interaction, first, second)
        moved = {EMOTION: interacting_field(interaction)}
    clips = draw_clips(rng, prototype, subject, n_frames, variation, later)
    return Bunch(
        data=_sequences(rng, clips, noise, outliers),
        target=target,
        groups=np.array([f"S{s + 1:03d}" for s in range(n_subjects)])[subject],
        onset=clips.onset,
        apex=clips.apex,
        informative={emotion: strength * distance for emotion, distance in moved.items()},
        informative_mask={emotion: distance > INFORMATIVE_ABOVE for emotion, distance in moved.items()},
        contraction=strength,
        DESCR=_DESCR.format(
            n_clips=len(target),
            n_subjects=n_subjects,
            n_frames=n_frames,
            emotions=", ".join(dict.fromkeys(target.tolist())),
        ),
    )


def _combinations(n_subjects, *values_and_repeats):
    """All combinations of the subjects' numbers, of values, and of the repeats' numbers, each (n_sequences,)."""
    *values, n_repeats = values_and_repeats
    grid = np.meshgrid(np.arange(n_subjects), *values, np.arange(n_repeats), indexing="ij")
    return [each.ravel() for each in grid]


def _sequences(rng, clips, noise, outliers):
    """Tracked landmarks (n_clips, n_frames, 2, 468) float32 of the clips."""
    n_clips, n_frames = clips.contraction.shape[:2]
    data = np.empty((n_clips, n_frames, 2, N_LANDMARKS), np.float32)
    plane = turn_matrices(clips.turn)[:, :, :2].astype(np.float32)
    modes = noise * smooth_modes().astype(np.float32)
    for start in range(0, n_clips, _BLOCK):
        rows = slice(start, start + _BLOCK)
        data[rows] = plane[rows] @ moving_faces(clips, rows)
        data[rows] += clips.shift[rows, :, :, None].astype(np.float32)
        n = len(data[rows])
        # Each frame has its own smooth error, and now and then a gross one.
        gross = np.where(rng.random((n, n_frames, 1, 1)) < outliers, _OUTLIER, 1).astype(np.float32)
        data[rows] += gross * rng.standard_normal((n, n_frames, 2, len(modes)), np.float32) @ modes
        data[rows] += np.float32(noise) * rng.standard_normal((n, n_frames, 2, N_LANDMARKS), np.float32)
    return data
