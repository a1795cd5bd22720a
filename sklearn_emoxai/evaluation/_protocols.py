"""Who is trained on and who is tested on."""

import copy
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold, StratifiedShuffleSplit
from sklearn.utils.metadata_routing import get_routing_for_object

from ..preprocessing import mirror

# The paper tests on 87 of its 574 sequences, mirrored copies included.
PAPER_TEST_SIZE = 0.15


@dataclass(frozen=True)
class Protocol:
    """A way of splitting.

    Attributes
    ----------
    name : str
    description : str
        One line for readers of the results.
    grouped : bool
        Whether it needs the subjects.
    mirrored : {"before", "training", None}
        When mirrored copies are added: before the split, to the training part, or never.
    splitter : object or None
        A scikit-learn splitter, where the protocol is one.
    """

    name: str
    description: str
    grouped: bool = False
    mirrored: str | None = None
    splitter: object = None


PROTOCOLS = {
    protocol.name: protocol
    for protocol in [
        Protocol(
            "subject",
            "{n_splits} parts of the subjects, each tested on once in a run; no subject is both trained and tested on",
            grouped=True,
        ),
        Protocol(
            "leave-one-subject-out",
            "each subject is tested on once in a run, by models trained on all the others",
            grouped=True,
        ),
        Protocol(
            "paper",
            "the paper's: mirrored copies of all sequences are added first, then 85 % are drawn for training and 15 % "
            "for testing. It leaks: a tested sequence's mirror image and other sequences of its subject are trained on",
            mirrored="before",
        ),
        Protocol(
            "paper-no-leak",
            "85 % of the sequences are drawn for training, 15 % for testing; mirrored copies are added to the training "
            "part only. Subjects are on both sides",
            mirrored="training",
        ),
    ]
}


def find_protocol(protocol, n_splits):
    """The :class:`Protocol` of a name or of a scikit-learn splitter."""
    if isinstance(protocol, str) and protocol in PROTOCOLS:
        found = PROTOCOLS[protocol]
    elif hasattr(protocol, "split") and not isinstance(protocol, str):
        name = type(protocol).__name__
        # An object without a text of its own shows its address, which is another one in each process.
        text = name if " at 0x" in repr(protocol) else repr(protocol)
        found = Protocol(name, f"the splits of {text}", grouped=_needs_groups(protocol), splitter=protocol)
    else:
        names = ", ".join(map(repr, PROTOCOLS))
        raise ValueError(f"protocol must be one of {names}, or a scikit-learn splitter; got {protocol!r}.")
    if found.name != "subject" and n_splits is not None:
        raise ValueError(f'n_splits is for protocol="subject"; got n_splits={n_splits} with {found.name!r}.')
    return found


def _needs_groups(splitter):
    return bool(get_routing_for_object(splitter).consumes("split", {"groups"}))


def partitions(protocol, y, emotion, groups, *, n_splits, seed):
    """Training and test indices of one run.

    Parameters
    ----------
    protocol : Protocol
    y : ndarray of shape (n_samples,)
        Emotion labels.
    emotion : label
        The one to tell from the rest.
    groups : ndarray of shape (n_samples,) or None
        Subjects.
    n_splits : int
        For "subject".
    seed : int
        Of this run.

    Returns
    -------
    list of tuple of two ndarrays of int
        Index i + n_samples is the mirrored copy of sequence i; see :func:`take`.
    """
    target, n_samples = y == emotion, len(y)
    samples = np.arange(n_samples)
    if protocol.splitter is not None:
        splitter = copy.copy(protocol.splitter)
        if getattr(splitter, "random_state", 0) is None:
            splitter.random_state = seed
        if not protocol.grouped and hasattr(splitter, "get_metadata_routing"):
            groups = None  # scikit-learn's warn of groups that they don't take
        return list(splitter.split(samples, target, groups))
    if protocol.name == "subject":
        splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
        return list(splitter.split(samples, target, groups))
    if protocol.name == "leave-one-subject-out":
        return list(LeaveOneGroupOut().split(samples, target, groups))
    splitter = StratifiedShuffleSplit(1, test_size=PAPER_TEST_SIZE, random_state=seed)
    if protocol.mirrored == "before":
        return list(splitter.split(np.arange(2 * n_samples), np.tile(y, 2)))
    return [(np.concatenate([train, train + n_samples]), test) for train, test in splitter.split(samples, y)]


def training_groups(protocol, indices, groups, n_samples):
    """What must not be divided within a training part, one value for each index.

    Subjects where the protocol splits by them; otherwise a sequence and its mirrored copy, but
    for the paper's own protocol, which divides even these.
    """
    if protocol.mirrored == "before":
        return indices
    return indices % n_samples if groups is None or protocol.mirrored else groups[indices % n_samples]


def take(X, indices):
    """The sequences of these indices; index i + n_samples is the mirror image of sequence i."""
    indices = np.asarray(indices)
    taken = X[indices % len(X)]
    copies = indices >= len(X)
    if copies.any():
        taken[copies] = mirror(taken[copies])
    return taken
