"""RAVDESS: emotional speech and song of 24 actors, as OpenFace's tables or as videos."""

import re
from itertools import product
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch

from ..._validation import check_number
from .._class_folders import without_content
from .._labels import Skipped
from .._openface import read_sequences
from ._layout import counted, find_folder, one_each, visible_files

EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
_CHANNELS = ("speech", "song")
_INTENSITIES = ("normal", "strong")
_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)$")
# Most that each part of a name after the modality may be: channel, emotion, intensity, statement, repetition, actor.
_LAST = (2, 8, 2, 2, 2, 24)

_TRACKED = "https://doi.org/10.5281/zenodo.3255102 (FacialTracking_Actors_01-24.zip)"
_VIDEOS = "https://doi.org/10.5281/zenodo.1188976 (Video_Speech_Actor_01.zip and so on)"

_DESCR = """\
RAVDESS: Ryerson audio-visual database of emotional speech and song
-------------------------------------------------------------------

{n} trials of {n_subjects} actors in {folder}, {what}: {counts}; {n_skipped} left out.

Where to get it: {source}.
Licence: CC BY-NC-SA 4.0. Not for commercial use.
Cite: Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)", PLoS ONE
13(5), e0196391, 2018, doi:10.1371/journal.pone.0196391; of the tables also: Swanson, Livingstone and Russo, "RAVDESS
Facial Landmark Tracking", 2019, doi:10.5281/zenodo.3255102.
Use: acted expressions of professionals who speak or sing; the mouth moves with the words.
"""


def load_ravdess(
    root,
    *,
    landmarks="openface",
    channel="all",
    n_frames=10,
    min_confidence=0.5,
    max_missing=0.5,
    on_error="raise",
    n_jobs=None,
    verbose=0,
):
    """Load RAVDESS, the Ryerson audio-visual database of emotional speech and song.

    Parameters
    ----------
    root : path-like
        Folder with the unpacked tables (``01-01-01-01-01-01-01.csv``), all in one folder, or with the folders of videos
        (``Actor_01``).
    landmarks : {"openface", "mesh"}, default="openface"
        "openface" gives the 68 points of the tables that come with the set, "mesh" the videos for
        :class:`~sklearn_emoxai.LandmarkExtractor`.
    channel : {"all", "speech", "song"}, default="all"
        Which trials to load.
    n_frames, min_confidence, max_missing
        As for :func:`load_openface_csv`, with ``landmarks="openface"``.
    on_error : {"raise", "skip"}, default="raise"
        "skip" leaves out files that are wrong, warns with their number and lists them in ``skipped``.
    n_jobs : int or None, default=None
        Tables read at once, through joblib.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    Bunch
        data : ndarray of shape (n_trials, n_frames, 2, 68), float32
            In pixels; with ``landmarks="openface"``.
        paths : list of str
            Videos; with ``landmarks="mesh"``.
        target : ndarray of shape (n_trials,), str
            Neutral, calm, happiness, sadness, anger, fear, disgust or surprise.
        groups : ndarray of shape (n_trials,), str
            Actors, "01" to "24".
        frame : pandas.DataFrame
            Columns file, emotion, subject, sex, channel, intensity ("normal" or "strong"), statement and repetition
            (1 or 2), and n_rows and n_missing of tables.
        skipped : pandas.DataFrame
            Columns file and reason. Trials of a loaded actor and channel that are missing are among them, and
            counted in a warning. So are videos without sound where the same take is there with it.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    FileNotFoundError
        If there are no such files; the message says where to get them.
    ValueError
        If a name has an unknown code, a trial is there twice, or a table can't be read.

    See Also
    --------
    load_openface_csv : Tables of OpenFace in general.

    References
    ----------
    Livingstone and Russo, PLoS ONE 13(5), e0196391, 2018, doi:10.1371/journal.pone.0196391.

    Examples
    --------
    >>> from sklearn_emoxai.datasets import load_ravdess
    >>> ravdess = load_ravdess("FacialTracking_Actors_01-24", channel="speech")  # doctest: +SKIP
    >>> ravdess.data.shape  # doctest: +SKIP
    (1440, 10, 2, 68)
    """
    if landmarks not in ("openface", "mesh"):
        raise ValueError(f'landmarks must be "openface" or "mesh"; got {landmarks!r}.')
    if channel not in ("all", *_CHANNELS):
        raise ValueError(f'channel must be "all", "speech" or "song"; got {channel!r}.')
    check_number("n_frames", n_frames, Integral, 1)
    check_number("min_confidence", min_confidence, Real, 0, 1)
    check_number("max_missing", max_missing, Real, 0, 1)
    skipped = Skipped(on_error)
    tracked = landmarks == "openface"
    suffix = ".csv" if tracked else ".mp4"
    folder = find_folder(
        root,
        ("", "FacialTracking_Actors_01-24") if tracked else ("", "RAVDESS"),
        lambda folder: any(_NAME.match(file.stem) for file in _files(folder, suffix)),
        what="OpenFace's tables, such as 01-01-01-01-01-01-01.csv"
        if tracked
        else "Actor_01/01-01-01-01-01-01-01.mp4",
        advice=f"They come from {_TRACKED if tracked else _VIDEOS}."
        + (' For videos take landmarks="mesh".' if tracked else ' For tables take landmarks="openface".'),
    )
    trials = _trials(_files(folder, suffix), skipped)
    wanted = _CHANNELS if channel == "all" else (channel,)
    trials = {codes: file for codes, file in trials.items() if _CHANNELS[codes[0] - 1] in wanted}
    files = list(trials.values())
    if tracked:
        read = read_sequences(files, (n_frames, min_confidence, max_missing), skipped, n_jobs, verbose)
    else:
        left_out = without_content([str(file) for file in files], skipped)
        read = {i: None for i in range(len(files)) if not left_out[i]}
    if not read:
        raise ValueError(
            f"root must hold trials; {folder} has none that can be used ({len(skipped.rows)} left out)."
        )
    for codes in _missing(trials):
        name = "-".join(f"{code:02d}" for code in (1, *codes)) + suffix
        skipped.miss(
            folder / name,
            f"its actor's other trials are there. It comes from {_TRACKED if tracked else _VIDEOS}.",
        )
    skipped.warn(len(read))
    return _bunch(list(trials), files, read, tracked, folder, skipped)


def _files(folder, suffix):
    """Files of a suffix in a folder and in its folders of actors."""
    actors = sorted(path for path in folder.glob("*Actor*") if path.is_dir())
    return [file for place in (folder, *actors) for file in visible_files(place, suffix)]


def _trials(files, skipped):
    """Codes after the modality -> file, of the takes with sound where they are there both ways."""
    named = []
    for file in files:
        name = _NAME.match(file.stem)
        codes = [int(code) for code in name.groups()] if name else []
        if not codes:
            skipped.pass_over(file, "expected a name such as 01-01-01-01-01-01-01.")
        elif codes[0] not in (1, 2) or not all(1 <= code <= last for code, last in zip(codes[1:], _LAST)):
            skipped.wrong(
                file,
                "expected the codes modality 01 or 02, channel 01 or 02, emotion 01 to 08, intensity, statement and "
                f"repetition 01 or 02, actor 01 to 24; got {file.stem}.",
            )
        else:
            named.append((file, tuple(codes)))
    codes_of = dict(named)
    takes = one_each(list(codes_of), codes_of.get, skipped)
    trials = {}
    for codes, file in sorted(takes.items()):  # with sound, modality 1, comes first
        first = trials.setdefault(codes[1:], file)
        if first is not file:
            skipped.left_out(file, f"the take of {first.name} without its sound.")
    return dict(sorted(trials.items()))


def _missing(trials):
    """Codes of the trials that an actor has, of whom others of the channel are there."""
    expected = []
    for channel, actor in sorted({(codes[0], codes[-1]) for codes in trials}):
        emotions = range(1, 9) if channel == 1 else range(1, 7)
        for emotion, intensity, statement, repetition in product(emotions, (1, 2), (1, 2), (1, 2)):
            if not (emotion == 1 and intensity == 2):  # neutral is never strong
                expected.append((channel, emotion, intensity, statement, repetition, actor))
    return [codes for codes in expected if codes not in trials]


def _bunch(codes, files, read, tracked, folder, skipped):
    import pandas as pd

    kept = list(read)
    channel, emotion, intensity, statement, repetition, actor = np.array([codes[i] for i in kept]).T
    target = np.array(EMOTIONS)[emotion - 1]
    groups = np.array([f"{number:02d}" for number in actor])
    columns = {
        "file": [str(files[i]) for i in kept],
        "emotion": target,
        "subject": groups,
        "sex": np.where(actor % 2, "male", "female"),
        "channel": np.array(_CHANNELS)[channel - 1],
        "intensity": np.array(_INTENSITIES)[intensity - 1],
        "statement": statement,
        "repetition": repetition,
    }
    if tracked:
        columns |= dict(zip(("n_rows", "n_missing"), zip(*(note for _, note in read.values()))))
    content = (
        {"data": np.stack([landmarks for landmarks, _ in read.values()])}
        if tracked
        else {"paths": columns["file"]}
    )
    return Bunch(
        **content,
        target=target,
        groups=groups,
        frame=pd.DataFrame(columns),
        skipped=skipped.frame(),
        DESCR=_DESCR.format(
            n=len(kept),
            n_subjects=len(np.unique(groups)),
            folder=folder,
            what="OpenFace's 68 landmarks" if tracked else "videos",
            counts=counted(target),
            n_skipped=len(skipped.rows),
            source=_TRACKED if tracked else _VIDEOS,
        ),
    )
