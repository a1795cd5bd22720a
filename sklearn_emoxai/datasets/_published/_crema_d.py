"""CREMA-D: sentences that 91 actors spoke with six emotions, and what raters saw in them."""

import re
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from .._class_folders import without_content
from .._folders import read_csv
from .._labels import Skipped
from ._layout import counted, find_folder, one_each, visible_files

_EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
_INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}
_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{1,2})$")
_VOTES = {code[0]: name for code, name in _EMOTIONS.items()}
_SOURCE = "git lfs clone https://github.com/CheyneyComputerScience/CREMA-D"
_DEMOGRAPHICS = ("age", "sex", "race", "ethnicity")

_DESCR = """\
CREMA-D: crowd-sourced emotional multimodal actors dataset
----------------------------------------------------------

{n} clips of {n_subjects} actors in {folder}: {counts}; {n_skipped} left out.

Where to get it: {source}
Licence: Open Database License 1.0 (ODbL); contents under the Database Contents License 1.0.
Cite: Cao, Cooper, Keutmann, Gur, Nenkova and Verma, "CREMA-D: Crowd-Sourced Emotional Multimodal Actors Dataset",
IEEE Transactions on Affective Computing 5(4), 377-390, 2014, doi:10.1109/TAFFC.2014.2336244.
Use: acted expressions while speaking. `target` is what the actor was asked for, `votes` what most raters saw in the
face, without sound: the two often differ.
"""


def load_crema_d(root, *, on_error="raise"):
    """Find the clips of CREMA-D, the crowd-sourced emotional multimodal actors dataset, in its clone.

    Parameters
    ----------
    root : path-like
        Clone of https://github.com/CheyneyComputerScience/CREMA-D, with Git LFS, or its folder ``VideoFlash``.
    on_error : {"raise", "skip"}, default="raise"
        "skip" leaves out clips that are wrong, warns with their number and lists them in ``skipped``.

    Returns
    -------
    Bunch
        paths : list of str
            Videos, for :class:`~sklearn_emoxai.LandmarkExtractor`.
        target : ndarray of shape (n_clips,), str
            Emotions that the actors were asked for; surprise is not among them.
        votes : ndarray of shape (n_clips,), str, or None
            Emotions that most raters saw in the face without sound; "" where there is a tie. None without the
            clone's ``processedResults/summaryTable.csv``.
        groups : ndarray of shape (n_clips,), str
            Actors, "1001" to "1091".
        frame : pandas.DataFrame
            Columns file, emotion, subject, sentence, intensity; where the clone's tables are there, age in years, sex,
            race and ethnicity, and the raters' VoiceVote, VoiceLevel, FaceVote, FaceLevel, MultiModalVote and
            MultiModalLevel, as they are written there.
        skipped : pandas.DataFrame
            Columns file and reason. Clips of the set that are missing are among them, and counted in a warning.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    FileNotFoundError
        If the clips are missing; the message says where to get them.
    ValueError
        If all clips are stubs of Git LFS, a name has an unknown code, or a clip is there twice.

    References
    ----------
    Cao et al., IEEE Transactions on Affective Computing 5(4), 2014, doi:10.1109/TAFFC.2014.2336244.

    Examples
    --------
    >>> from sklearn_emoxai.datasets import load_crema_d
    >>> crema = load_crema_d("CREMA-D")  # doctest: +SKIP
    >>> len(crema.paths), (crema.target == crema.votes).mean().round(2)  # doctest: +SKIP
    (7442, 0.66)
    """
    skipped = Skipped(on_error)
    folder = find_folder(
        root,
        ("VideoFlash", ""),
        lambda folder: any(_NAME.match(file.stem) for file in visible_files(folder, ".flv", ".mp4")),
        what="the clips, such as VideoFlash/1001_DFA_ANG_XX.flv",
        advice=f"{_SOURCE} fetches them.",
    )
    clips = _clips(folder, skipped)
    if clips:
        left_out = without_content([str(file) for file in clips.values()], skipped)
        clips = {codes: file for (codes, file), drop in zip(clips.items(), left_out) if not drop}
    if not clips:
        raise ValueError(
            f"root must hold clips; {folder} has none that can be used ({len(skipped.rows)} left out)."
        )
    home = folder.parent if folder.name == "VideoFlash" else folder
    people = _table(home / "VideoDemographics.csv", "ActorID")
    votes = _table(home / "processedResults" / "summaryTable.csv", "FileName", "FaceVote")
    if votes is not None:
        there = {"_".join(codes) for codes in clips} | {Path(file).stem for file, _ in skipped.rows}
        for name in (name for name in votes.index if name not in there):
            skipped.miss(folder / f"{name}.flv", f"raters saw it, but it is not there. {_SOURCE} fetches it.")
    skipped.warn(len(clips))
    return _bunch(clips, people, votes, folder, skipped)


def _clips(folder, skipped):
    """(actor, sentence, emotion, intensity), as in the name -> file."""
    named = {}
    for file in visible_files(folder, ".flv", ".mp4"):
        name = _NAME.match(file.stem)
        if name is None:
            skipped.pass_over(file, "expected a name such as 1001_DFA_ANG_XX.")
        elif name[3] not in _EMOTIONS or name[4] not in _INTENSITIES:
            skipped.wrong(
                file,
                f"expected an emotion out of {', '.join(_EMOTIONS)} and an intensity out of {', '.join(_INTENSITIES)}; "
                f"got {name[3]} and {name[4]}.",
            )
        else:
            named[file] = name.groups()
    return one_each(list(named), named.get, skipped)


def _table(path, key, *others):
    """A table of the clone, indexed by one of its columns; None where it is not there."""
    if not path.is_file():
        return None
    frame = read_csv(path)
    for name in (key, *others):
        if name not in frame:
            raise ValueError(f"{path}, line 1: needs the column {name!r}; it has {list(frame.columns)}.")
    frame = frame.drop_duplicates()
    if (again := frame[key].duplicated()).any():
        line = again.idxmax()
        raise ValueError(
            f"{path}, line {line}: another row of {frame.at[line, key]}, which differs; leave one of them."
        )
    return frame.set_index(key)


def _bunch(clips, people, votes, folder, skipped):
    import pandas as pd

    subject, sentence, emotion, intensity = (np.array(codes) for codes in zip(*clips))
    target = np.array([_EMOTIONS[code] for code in emotion])
    paths = [str(file) for file in clips.values()]
    frame = pd.DataFrame({"file": paths, "emotion": target, "subject": subject, "sentence": sentence})
    frame["intensity"] = [_INTENSITIES[code] for code in intensity]
    if people is not None:
        people = people.rename(columns=str.lower).reindex(subject).reset_index(drop=True)
        frame = frame.join(people[[column for column in _DEMOGRAPHICS if column in people]])
        if "age" in frame:
            frame["age"] = pd.to_numeric(frame["age"], errors="coerce")
    seen = None
    if votes is not None:
        rated = votes.reindex(["_".join(codes) for codes in clips]).reset_index(drop=True)
        frame = frame.join(rated[[column for column in rated if column.endswith(("Vote", "Level"))]])
        seen = np.array([_VOTES.get(vote, "") for vote in rated["FaceVote"]])
    return Bunch(
        paths=paths,
        target=target,
        votes=seen,
        groups=subject,
        frame=frame,
        skipped=skipped.frame(),
        DESCR=_DESCR.format(
            n=len(paths),
            n_subjects=len(np.unique(subject)),
            folder=folder,
            counts=counted(target),
            n_skipped=len(skipped.rows),
            source=_SOURCE,
        ),
    )
