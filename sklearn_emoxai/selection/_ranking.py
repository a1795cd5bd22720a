"""Rankings of landmarks: ways from importances to the order in which they are chosen."""

import numpy as np


class Top:
    """The paper's choice: what is most important, whatever is chosen already."""

    def __init__(self, X, positive, importances):
        self.scores = importances

    def take(self, landmark):
        """Choose a landmark; no other becomes more or less worth choosing."""


def _mean_frames(X):
    """Rows, and the mean frame of each of these sequences, some thousands at once: X may be larger than memory."""
    for start in range(0, len(X), 4096):
        rows = slice(start, start + 4096)
        yield rows, np.stack([sequence.mean(axis=0, dtype=np.float64) for sequence in X[rows]])


class _Deflation:
    """Choices one after another, each from what the chosen landmarks do not explain yet.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
    positive : ndarray of shape (n_samples,), bool
        Samples of the emotion.
    importances : ndarray of shape (n_landmarks,)

    Attributes
    ----------
    scores : ndarray of shape (n_landmarks,)
        What each landmark would add. Negative where that is nothing: such landmarks follow by importance.

    Notes
    -----
    The matrix has a row for each sample and two columns a landmark: its place in the mean frame, centred and
    weighted by a power of the importance. Beside it stands the emotion, 1 or 0, centred. Their triangular factor
    stands in for both: it has their inner products, and no more rows than columns.
    """

    power = 1.0  # of the importances
    ridge = 0.0  # in units of a landmark's mean energy

    def __init__(self, X, positive, importances):
        n_landmarks = len(importances)
        weights = (importances / (importances.max() or 1)) ** self.power
        mean = sum(frames.sum(axis=0) for _, frames in _mean_frames(X)) / len(X)
        R = np.empty((0, mean.size + 1))
        for rows, frames in _mean_frames(X):
            columns = ((frames - mean) * weights).reshape(len(frames), -1)
            both = np.column_stack([columns, positive[rows] - positive.mean()])
            R = np.linalg.qr(np.concatenate([R, both]), mode="r")
        self._columns, self._emotion = R[:, :-1].reshape(len(R), 2, n_landmarks), R[:, -1]
        energy = (self._columns**2).sum(axis=(0, 1))
        self._ridge = self.ridge * energy.mean()
        self._smallest = 1e-8 * np.sqrt(energy.max())
        # Below anything that adds, and in the order of the importances.
        self._last = importances - importances.max() - 1
        self._rounding = 1e-10 * self._additions().max()

    @property
    def scores(self):
        """What each landmark would add now, or a negative stand-in."""
        additions = self._additions()
        return np.where(additions > self._rounding, additions, self._last)

    def take(self, landmark):
        """Take what the landmark's columns explain out of everything."""
        U, s, _ = np.linalg.svd(self._columns[:, :, landmark], full_matrices=False)
        kept = s > self._smallest
        U, s = U[:, kept], s[kept]
        # Without a ridge, a projection; with one, the square root of (I + C Cᵀ / ridge)⁻¹.
        U_explained = U * (1 - np.sqrt(self._ridge / (s**2 + self._ridge)))
        self._columns -= np.tensordot(U_explained, np.tensordot(U, self._columns, (0, 0)), 1)
        self._emotion -= U_explained @ (U.T @ self._emotion)


class PivotedQR(_Deflation):
    """The most energy left after projecting out the chosen: a QR decomposition pivoted by landmarks."""

    def _additions(self):
        return np.einsum("ncl,ncl->l", self._columns, self._columns)


class Forward(_Deflation):
    """The largest fall of a ridge regression's penalised error, when it tells the emotion from the chosen.

    The weights are the regression's prior: a landmark's coefficients are expected to be as large as the root of
    its importance.
    """

    power = 0.5
    ridge = 0.03

    def _additions(self):
        ridge = self._ridge or 1.0
        gram = np.einsum("ncl,ndl->lcd", self._columns, self._columns) + ridge * np.eye(2)
        cross = np.tensordot(self._emotion, self._columns, (0, 0)).T[..., None]
        return (cross * np.linalg.solve(gram, cross)).sum(axis=(1, 2))


STRATEGIES = {"forward": Forward, "qr": PivotedQR, "top": Top}


def order_landmarks(strategy, *, mirror=None, regions=None):
    """All landmarks in the order in which a strategy chooses them.

    Parameters
    ----------
    strategy : object
        With ``scores`` of shape (n_landmarks,) and ``take(landmark)``.
    mirror : ndarray of shape (n_landmarks,), int, default=None
        The mirror image of each landmark. Both are then chosen together, by the mean of their scores, the better
        one first.
    regions : ndarray of shape (n_landmarks,), default=None
        Region of each landmark. Choices then go round the regions: none gets its next landmark, or pair, before
        all that have any left got as many.

    Returns
    -------
    ndarray of shape (n_landmarks,), int
    """
    n_landmarks = len(strategy.scores)
    mirror = np.arange(n_landmarks) if mirror is None else mirror
    regions = np.zeros(n_landmarks, int) if regions is None else np.unique(regions, return_inverse=True)[1]
    n_chosen, left, ranking = np.zeros(regions.max() + 1, dtype=int), np.ones(n_landmarks, dtype=bool), []
    while left.any():
        scores = strategy.scores
        turn = left & (n_chosen[regions] == n_chosen[regions[left]].min())
        first = int(np.argmax(np.where(turn, (scores + scores[mirror]) / 2, -np.inf)))
        pair = sorted({first, int(mirror[first])}, key=lambda landmark: (-scores[landmark], landmark))
        for landmark in pair:
            strategy.take(landmark)
            n_chosen[regions[landmark]] += 1
        left[pair] = False
        ranking += pair
    return np.array(ranking, dtype=np.intp)


def rank_landmarks(X, positive, importances, *, strategy="forward"):
    """Landmarks in the order in which a strategy chooses them, by importances of your own.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
        Training sequences.
    positive : ndarray of shape (n_samples,), bool
        Those of the emotion.
    importances : ndarray of shape (n_landmarks,)
        Not negative.
    strategy : {"forward", "qr", "top"}, default="forward"
        As in :class:`~sklearn_emoxai.IGLandmarkSelector`.

    Returns
    -------
    ndarray of shape (n_landmarks,), int

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emoxai.selection import rank_landmarks
    >>> X = np.random.default_rng(0).normal(size=(20, 3, 2, 3))
    >>> rank_landmarks(X, np.arange(20) < 10, np.array([0.1, 0.5, 0.4]), strategy="top")
    array([1, 2, 0])
    """
    importances = np.asarray(importances, dtype=float)
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}; got {strategy!r}.")
    if importances.shape != np.shape(X)[3:] or not (importances >= 0).all():
        raise ValueError(
            f"importances must be {np.shape(X)[3]} numbers that are not negative; got shape {importances.shape}."
        )
    return order_landmarks(STRATEGIES[strategy](X, np.asarray(positive), importances))
