"""Facial grammar of sign languages: LSE_GFE_UVIGO and BUHMAP, as OpenFace's tables."""

import re
from dataclasses import replace
from numbers import Integral, Real

import joblib
import numpy as np
from sklearn.utils import Bunch

from ..._validation import check_number
from .._labels import Skipped
from .._openface import sequence_of
from .._tracker_tables import read_face
from ._layout import counted, find_folder, one_each, visible_files
from ._pickled_lists import read_lists

_FOLDERS = {"lse_gfe": "LSE_GFE_Features", "buhmap": "BUHMAP_Features"}
_INFO = {"lse_gfe": "LSEGFE_info.pkl", "buhmap": "BUHMAP_info.pkl"}
_MEANINGS = {
    "lse_gfe": {
        "i.parcial": "open question",
        "i.polarizada": "closed question",
        "i.xeral": "general question",
        "n.no": "negation",
        "n.resto": "other negation",
    },
    "buhmap": {
        "neutral": "neutral face",
        "head-lr": "head from left to right",
        "head-up": "head up",
        "head-fwd": "head forward",
        "sadness": "sadness",
        "head-ud": "head up and down",
        "happiness": "happiness",
        "happy-ud": "happiness, head up and down",
    },
}
_ADVICE = "git clone https://github.com/mporta-gtm/GrammaticalFacialExpressions fetches it."

_DESCR = """\
{title}
{line}

{n} sequences of {n_subjects} persons in {folder}, OpenFace's 68 landmarks: {counts}; {n_skipped} left out.

{about}
Where to get it: https://github.com/mporta-gtm/GrammaticalFacialExpressions, folder data/{name}.
Licence: MIT, by the repository's owners; videos are not in it.
Cite: Porta-Lorenzo, Vázquez-Enríquez, Pérez-Pérez, Alba-Castro and Docío-Fernández, "Facial Motion Analysis beyond
Emotional Expressions", Sensors 22(10), 3839, 2022, doi:10.3390/s22103839.{cite}
Use: movements of face and head, not feelings.
"""
_ABOUT = {
    "lse_gfe": (
        "LSE_GFE_UVIGO: facial grammar of Spanish sign language",
        "Intervals of signed sentences that linguists marked as questions (i.) and negations (n.).",
        "",
    ),
    "buhmap": (
        "BUHMAP: Boğaziçi University head motion analysis project",
        "Eight classes of head movements and expressions of Turkish sign language, each repeated five times.",
        '\nAran, Ari, Guvensan, Haberdar, Kurt, Turkmen, Uyar and Akarun, "A Database of Non-Manual Signs in Turkish\n'
        'Sign Language", IEEE 15th Signal Processing and Communications Applications, 2007.',
    ),
}


def load_grammatical_expressions(
    root,
    *,
    subset="lse_gfe",
    n_frames=10,
    min_confidence=0.5,
    max_missing=0.5,
    on_error="raise",
    n_jobs=None,
    verbose=0,
):
    """Load facial grammar of sign languages, tracked by OpenFace, from a clone of its public repository.

    Parameters
    ----------
    root : path-like
        Clone of https://github.com/mporta-gtm/GrammaticalFacialExpressions, its folder ``data``, or the
        folder of the subset.
    subset : {"lse_gfe", "buhmap"}, default="lse_gfe"
        "lse_gfe": questions and negations in Spanish sign language, intervals of longer recordings. "buhmap":
        expressions and head movements of Turkish sign language, a recording each.
    n_frames : int, default=10
        Frames of each sequence, evenly spaced.
    min_confidence, max_missing
        As for :func:`load_openface_csv`. Sequences that miss more are left out with a warning.
    on_error : {"raise", "skip"}, default="raise"
        "skip" leaves out tables that are missing or wrong, warns with their number and lists them in ``skipped``.
    n_jobs : int or None, default=None
        Tables read at once, through joblib.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    Bunch
        data : ndarray of shape (n_sequences, n_frames, 2, 68), float32
            In pixels.
        target : ndarray of shape (n_sequences,), str
            The set's own labels.
        groups : ndarray of shape (n_sequences,), str
            Persons: "p0003", or "S01" to "S11" in the order of BUHMAP's names.
        meanings : dict
            What each label means.
        frame : pandas.DataFrame
            Columns file, label, subject, first and last (numbers of the interval's frames), fps, n_rows, n_missing.
        skipped : pandas.DataFrame
            Columns file and reason.
        DESCR : str
            Source, licence and use.

    Raises
    ------
    FileNotFoundError
        If the folder, its list of recordings or a table is missing.
    ValueError
        If a table or the list can't be read; the list is a pickle, from which nothing but lists, text and numbers
        is taken.

    See Also
    --------
    load_openface_csv : Tables of OpenFace in general.

    Notes
    -----
    LSE_GFE gives intervals in milliseconds. They begin with frame ``round(start * fps)``, counted from 0, and end with
    frame ``round(end * fps)``, included.

    References
    ----------
    Porta-Lorenzo et al., Sensors 22(10), 3839, 2022, doi:10.3390/s22103839.

    Examples
    --------
    >>> from sklearn_emoxai.datasets import load_grammatical_expressions
    >>> signed = load_grammatical_expressions("GrammaticalFacialExpressions")  # doctest: +SKIP
    >>> signed.data.shape[2:], signed.meanings["n.no"]  # doctest: +SKIP
    ((2, 68), 'negation')
    """
    if subset not in _FOLDERS:
        raise ValueError(f'subset must be "lse_gfe" or "buhmap"; got {subset!r}.')
    check_number("n_frames", n_frames, Integral, 1)
    check_number("min_confidence", min_confidence, Real, 0, 1)
    check_number("max_missing", max_missing, Real, 0, 1)
    skipped, name = Skipped(on_error), _FOLDERS[subset]
    folder = find_folder(
        root,
        (f"data/{name}", name, ""),
        lambda folder: (folder / _INFO[subset]).is_file(),
        what=f"{_INFO[subset]} and the tables beside it",
        advice=_ADVICE,
    )
    recordings = _lse_recordings(folder) if subset == "lse_gfe" else _buhmap_recordings(folder)
    recordings = _present(folder, recordings, skipped)
    rows, sequences = _read(recordings, (n_frames, min_confidence, max_missing), skipped, n_jobs, verbose)
    if not rows:
        raise ValueError(
            f"root must hold tracked sequences; {folder} has none that can be used ({len(skipped.rows)} left out)."
        )
    skipped.warn(len(rows))
    return _bunch(rows, sequences, subset, folder, skipped)


def _lse_recordings(folder):
    """(name, subject, fps, [(label, first, last)]) of each recording."""
    path = folder / _INFO["lse_gfe"]
    for name, labels, starts, ends, fps in read_lists(path, ("name", "label", "start", "end", "framerate")):
        subject = re.search(r"_(p\d+)_", str(name))
        are_lists = all(isinstance(each, list) for each in (labels, starts, ends))
        if subject is None or not are_lists or not len(labels) == len(starts) == len(ends):
            raise ValueError(
                f"{path}: expected a person and equally long lists for each recording; {name!r} has not."
            )
        known = list(_MEANINGS["lse_gfe"])
        if wrong := [label for label in labels if label not in known]:
            raise ValueError(f"{path}: expected the labels {known}; {name!r} has {wrong}.")
        if not all(isinstance(value, Real) and np.isfinite(value) for value in (fps, *starts, *ends)):
            raise ValueError(
                f"{path}: expected numbers for framerate, start and end; {name!r} has {fps}, {starts}, {ends}."
            )
        yield (
            name,
            subject[1],
            fps,
            # Milliseconds to numbers of frames, which OpenFace counts from 1.
            [
                (label, 1 + round(start * fps / 1000), 1 + round(end * fps / 1000))
                for label, start, end in zip(labels, starts, ends)
            ],
        )


def _buhmap_recordings(folder):
    """(name, subject, fps, [(label, None, None)]) of each recording."""
    path = folder / _INFO["buhmap"]
    recordings = read_lists(path, ("name", "label", "framerate"))
    if unnamed := [name for name, _, _ in recordings if not isinstance(name, str)]:
        raise ValueError(f"{path}: expected names of recordings; got {unnamed[0]!r}.")
    persons = sorted({name.split("_")[0] for name, _, _ in recordings})
    known = list(_MEANINGS["buhmap"])
    for name, label, fps in sorted(recordings, key=lambda recording: recording[0]):
        if label not in known:
            raise ValueError(f"{path}: expected the labels {known}; {name!r} has {label!r}.")
        yield name, f"S{persons.index(name.split('_')[0]) + 1:02d}", fps, [(label, None, None)]


def _present(folder, recordings, skipped):
    """The recordings whose tables are there, as (path, subject, fps, intervals)."""
    recordings = list(recordings)
    tables = one_each(visible_files(folder, ".csv"), lambda file: file.stem, skipped)
    missing = [name for name, *_ in recordings if name not in tables]
    reason = f"one of {len(missing)} tables of {len(recordings)} that are missing. {_ADVICE}"
    for name in missing:
        skipped.wrong(folder / f"{name}.csv", reason, FileNotFoundError)
    known = {name for name, *_ in recordings}
    for name, file in tables.items():
        if name not in known:
            skipped.pass_over(file, "is not among the set's recordings.")
    return [(tables[name], *rest) for name, *rest in recordings if name in tables]


def _read(recordings, arguments, skipped, n_jobs, verbose):
    """Rows of the Bunch's frame, and their sequences."""
    from tqdm.auto import tqdm

    task = joblib.delayed(_sequences_of)
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
    results = parallel(task(path, intervals, *arguments) for path, _, _, intervals in recordings)
    rows, sequences = [], []
    bar = tqdm(results, "Tables", len(recordings), unit="file", disable=not verbose)
    for (path, subject, fps, intervals), found in zip(recordings, bar):
        if isinstance(found, ValueError):
            skipped.wrong(path, str(found), named=True)
            continue
        for (label, *_), result in zip(intervals, found):
            if isinstance(result, ValueError):
                skipped.pass_over(path, str(result))
                continue
            sequence, (first, last, n_rows, n_missing) = result
            sequences.append(sequence)
            rows.append((str(path), label, subject, first, last, fps, n_rows, n_missing))
    return rows, sequences


def _sequences_of(path, intervals, n_frames, min_confidence, max_missing):
    """Of each interval the sequence and (first, last, n_rows, n_missing), or a ValueError; or one of the table."""
    try:
        face = read_face(path, min_confidence=min_confidence)
    except ValueError as error:
        return error
    results = []
    for _, first, last in intervals:
        part = face if first is None else _part(face, first, last)
        try:
            if not len(part.times):
                raise ValueError(
                    f"{path}: frames {first} to {last} lie beyond the table, which has {len(face.times)}."
                )
            sequence = sequence_of(path, part, n_frames, max_missing)
            results.append(
                (sequence, (int(part.times[0]), int(part.times[-1]), len(part.times), part.n_missing))
            )
        except ValueError as error:
            results.append(error)
    return results


def _part(face, first, last):
    """The face in an interval of frames, both ends included."""
    rows = (face.times >= first) & (face.times <= last)
    times = face.times[rows]
    expected = int(times[-1] - times[0]) + 1 if len(times) else 0
    return replace(face, points=face.points[rows], times=times, good=face.good[rows], n_expected=expected)


def _bunch(rows, sequences, subset, folder, skipped):
    import pandas as pd

    columns = ["file", "label", "subject", "first", "last", "fps", "n_rows", "n_missing"]
    frame = pd.DataFrame(rows, columns=columns)
    title, about, cite = _ABOUT[subset]
    target = frame["label"].to_numpy(dtype=str)
    return Bunch(
        data=np.stack(sequences),
        target=target,
        groups=frame["subject"].to_numpy(dtype=str),
        meanings=dict(_MEANINGS[subset]),
        frame=frame,
        skipped=skipped.frame(),
        DESCR=_DESCR.format(
            title=title,
            line="-" * len(title),
            n=len(frame),
            n_subjects=frame["subject"].nunique(),
            folder=folder,
            counts=counted(target),
            n_skipped=len(skipped.rows),
            about=about,
            name=_FOLDERS[subset],
            cite=cite,
        ),
    )
