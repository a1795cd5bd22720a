"""What ``emoxai report --judge`` adds: how far explanations by a run's networks can be trusted."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupShuffleSplit
from tqdm.auto import tqdm

from ..attribution import typical_samples
from ..emotion import fit_to_emotion
from ..evaluation import MODEL, judge_explanations, read_run
from ..preprocessing import NeutralDifference
from ._app import say
from ._comparing import labelled_landmarks
from ._explaining import checked
from ._predicting import load_detector

_TEST_SIZE = 1 / 3  # of the subjects
_N_NETWORKS = 3  # of each emotion, which differ in their seed


def judge_run(folder, path, *, seed=0, verbose=1):
    """Judge explanations by the networks of a run, on a file or folder of labelled landmarks.

    Parameters
    ----------
    folder : Path
        Of the run.
    path : Path
        Landmarks, which may be those of the run.
    seed, verbose : int
        As in :func:`judge_detector`.

    Returns
    -------
    judged : dict of str to DataFrame
    judged_on : str
        As :func:`judge_detector` returns them.
    """
    emotions = read_run(folder).results["emotion"].unique().tolist()
    detector, data = load_detector(folder / MODEL, video=False), labelled_landmarks(path, verbose=verbose)
    X = checked(detector, data.data, path)
    return judge_detector(
        detector, emotions, X, data.target, data.groups, name=path, seed=seed, verbose=verbose
    )


def judge_detector(detector, emotions, X, labels, groups, *, name="data", seed=0, verbose=1):
    """Judge explanations by networks like a detector's, of sequences that they have not seen.

    The detector's own have seen all sequences of their run. So others are trained, on the landmarks that it chose and
    two thirds of the subjects, to explain the last third.

    Parameters
    ----------
    detector : Detector
    emotions : list of str
        Labels to judge explanations of; what too few subjects show is left out.
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
    labels : ndarray of shape (n_samples,), str
    groups : ndarray of shape (n_samples,) or None
        Subjects; None takes each sequence for one.
    name : path-like, default="data"
        What errors call the sequences.
    seed : int, default=0
        Of the split, the networks and the perturbations.
    verbose : int, default=1
        1 shows a progress bar, and says what is left out.

    Returns
    -------
    judged : dict of str to DataFrame
        Emotion → what :func:`judge_explanations` says.
    judged_on : str
        A sentence on the networks and the sequences.

    Raises
    ------
    ValueError
        If there is nothing to judge on, or the detector holds no networks.
    """
    subjects = np.arange(len(X)) if groups is None else groups
    judged, sentence = {}, ""
    if len(np.unique(subjects)) > 1:
        split = GroupShuffleSplit(1, test_size=_TEST_SIZE, random_state=seed)
        train, test = next(split.split(X, groups=subjects))
        known = [each for each in emotions if _told_apart(each, labels[train], labels[test])]
        left_out = [each for each in emotions if each not in known]
        if left_out and known and verbose:
            say(f"note: explanations of {', '.join(left_out)} are not judged; too few in {name} show it")
        for emotion in tqdm(known, desc="judging", unit="emotion", disable=not verbose):
            judged[emotion] = _judged(detector, emotion, X, labels, groups, train, test, seed)
        sentence = _sentence(train, test, groups)
    if not judged:
        raise ValueError(
            f"{name} must hold sequences of {' or '.join(emotions)} and of other labels, each by two subjects or more, "
            "to judge explanations on some that were not trained on."
        )
    return judged, sentence


def _told_apart(emotion, *parts):
    """Whether each part holds the emotion and others."""
    return all(emotion in part and len(np.unique(part)) > 1 for part in parts)


def _judged(detector, emotion, X, labels, groups, train, test, seed):
    parts, _ = detector.parts(emotion)
    if not hasattr(parts.classifier, "module_"):
        raise ValueError(
            f"The run must have kept networks, to judge explanations of their decisions; it kept a "
            f"{type(parts.classifier).__name__}."
        )
    X = parts.prepare(X)
    networks = [
        fit_to_emotion(
            clone(parts.classifier).set_params(random_state=seed + i), X[train], labels[train], emotion,
            groups=None if groups is None else groups[train],
        )
        for i in range(_N_NETWORKS)
    ]  # fmt: skip
    others = train[labels[train] != emotion]
    return judge_explanations(
        networks[0],
        X[test],
        labels[test] == emotion,
        baselines=X[others][list(typical_samples(X[others], labels[others]).values())],
        other_models=networks[1:],
        neutral=0 if any(isinstance(step, NeutralDifference) for step in parts.steps) else "first",
        random_state=seed,
    )


def _sentence(train, test, groups):
    by = ["", ""]
    if groups is not None:
        n_train, n_test = (len(np.unique(groups[part])) for part in (train, test))
        by = [f" by {n_train} subject{'s' * (n_train > 1)}", f" by {n_test} other{'s' * (n_test > 1)}"]
    return (
        f"For this, networks like the run's were trained again on {len(train)} sequences{by[0]}, and explain "
        f"{len(test)}{by[1]} that they have not seen; only the choice of landmarks has seen all of the run's."
    )
