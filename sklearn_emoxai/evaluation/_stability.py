"""How much selections agree: landmark by landmark, or where similar landmarks stand in for one another."""

from numbers import Integral

import numpy as np
from scipy import stats
from sklearn.utils import Bunch, check_random_state

from .. import facemesh
from .._validation import check_number, check_sequences
from ._statistics import check_confidence

INTERVALS = ("asymptotic", "bootstrap")
SIMILARITIES = ("movement", "distance", "region")


def selection_stability(
    supports, *, confidence=0.95, similarity=None, interval=None, n_bootstrap=2000, random_state=None
):
    r"""How much the selections of several runs agree, beyond chance.

    Parameters
    ----------
    supports : array-like of shape (n_runs, n_landmarks), bool
        The selection of each run, two runs or more. They may differ in size.
    confidence : float, default=0.95
        Level of the interval.
    similarity : array-like of shape (n_landmarks, n_landmarks), default=None
        How far one landmark stands for another, from 0 to 1, as :func:`landmark_similarity` gives it: symmetric, with
        ones on the diagonal and no negative eigenvalue. None: a landmark is only like itself.
    interval : {"asymptotic", "bootstrap"}, default=None
        "asymptotic" is for many runs, without a similarity. "bootstrap" draws runs, and widens what it finds by
        Student's t for few. None takes the former where it can be had.
    n_bootstrap : int, default=2000
        Draws of runs.
    random_state : int, RandomState instance or None, default=None
        Draws the runs.

    Returns
    -------
    Bunch
        stability : float
            1 where all runs select the same, or what is fully similar; 0 is the expectation of selections drawn
            at random; below 0 the runs differ more than those.
        low, high : float
            The interval for the stability of the procedure that made the selections, at most 1.
        variance : float
            Of the estimate.

    Raises
    ------
    ValueError, TypeError
        If supports are not of that shape, or select nothing or everything, so that nothing can differ, or another
        argument is not as described above.

    See Also
    --------
    landmark_similarity : Similarities of movement, of place, and by region.

    Notes
    -----
    With :math:`M` runs, :math:`d` landmarks, :math:`S` the unbiased covariance of the selections' indicators,
    :math:`\Sigma` that of selections of the same sizes drawn at random, and the similarity :math:`C`,

    .. math:: \hat\Phi_C = 1 - \frac{\operatorname{tr}(C S)}{\operatorname{tr}(C \Sigma)},

    after Sechidis and others. Without a similarity C is the identity, and it is Nogueira's index,

    .. math::

       \hat\Phi = 1 - \frac{\frac1d \sum_f \frac{M}{M-1} \hat p_f (1 - \hat p_f)}
                           {\frac{\bar k}{d} \bigl(1 - \frac{\bar k}{d}\bigr)},

    :math:`\hat p_f` the share of runs that select landmark f, and :math:`\bar k` the mean size of a selection.

    With a similarity the index has no lower bound: selections that each crowd in one patch of the face, and in another
    patch in every run, are further from one another than random ones are, which are spread.

    The asymptotic interval is that of Nogueira's theorem 7. The bootstrap compares different runs only, since a run
    always agrees with its copy; its standard error is taken times the root of M/(M − 1) and the quantile of Student's t
    with M − 1 degrees of freedom. Where all pairs of runs agree alike there is no spread to see; then the upper end is
    1 and the lower one Φ times :math:`\alpha^{2/M}`: of runs of which a larger share differs, M in a row would be
    alike in fewer than α of all cases. Runs must be independent, and folds that share training samples are not
    quite so.

    References
    ----------
    Nogueira, Sechidis, Brown, "On the Stability of Feature Selection Algorithms", Journal of Machine Learning
    Research 18(174), 2018.

    Sechidis, Papangelou, Nogueira, Weatherall, Brown, "On the Stability of Feature Selection in the Presence of Feature
    Correlations", ECML-PKDD 2019, doi:10.1007/978-3-030-46150-8_20.

    Examples
    --------
    >>> from sklearn_emoxai.evaluation import selection_stability
    >>> found = selection_stability([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]])
    >>> round(found.stability, 3)
    0.333
    >>> alike = [[1, 0, 0, 0], [0, 1, 0.9, 0], [0, 0.9, 1, 0], [0, 0, 0, 1]]  # the second and the third
    >>> found = selection_stability([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]], similarity=alike)
    >>> round(found.stability, 3)
    0.922
    """
    try:
        supports = np.asarray(supports)
    except ValueError as error:  # lists of different lengths, as of the landmarks' numbers
        raise ValueError(
            "supports must be masks of shape (n_runs, n_landmarks); those of some runs differ in length."
        ) from error
    if supports.ndim != 2 or len(supports) < 2 or not np.isin(supports, (0, 1)).all():
        raise ValueError(
            f"supports must be masks of shape (n_runs, n_landmarks) of two runs or more; got shape {supports.shape}."
        )
    check_confidence(confidence)
    Z = supports.astype(float)
    if Z.mean() in (0, 1):
        raise ValueError("supports must select some landmarks and leave some out; they select all or none.")
    C = _checked_similarity(similarity, Z.shape[1])
    interval = interval or ("asymptotic" if similarity is None else "bootstrap")
    if interval not in INTERVALS or (interval == "asymptotic" and similarity is not None):
        wanted = " or ".join(map(repr, INTERVALS)) if similarity is None else "'bootstrap' with a similarity"
        raise ValueError(f"interval must be {wanted}; got {interval!r}.")
    if interval == "asymptotic":
        return _asymptotic(Z, confidence)
    n_bootstrap = check_number("n_bootstrap", n_bootstrap, Integral, 2)
    return _bootstrapped(Z, C, confidence, n_bootstrap, check_random_state(random_state))


def _checked_similarity(similarity, d):
    if similarity is None:
        return np.eye(d)
    if isinstance(similarity, str):
        raise TypeError(
            f"similarity must be a matrix, as landmark_similarity({similarity!r}) may give it; got {similarity!r}."
        )
    C = np.asarray(similarity, dtype=float)
    if (
        C.shape != (d, d)
        or not np.isfinite(C).all()
        or not np.allclose(C, C.T)
        or not np.allclose(np.diag(C), 1)
    ):
        raise ValueError(
            f"similarity must be symmetric and of shape ({d}, {d}), with ones on its diagonal; got shape {C.shape}."
        )
    if C.min() < -1e-9 or C.max() > 1 + 1e-9 or np.linalg.eigvalsh(C)[0] < -1e-6 * d:
        raise ValueError(
            "similarity must lie between 0 and 1 and have no negative eigenvalue; got values from "
            f"{C.min():.3g} to {C.max():.3g}, least eigenvalue {np.linalg.eigvalsh(C)[0]:.3g}."
        )
    if C.min() > 1 - 1e-9:
        raise ValueError("similarity must tell some landmarks apart; all are fully similar.")
    return C


def _asymptotic(Z, confidence):
    """Nogueira's index and the interval of theorem 7."""
    M, d = Z.shape
    p, k = Z.mean(axis=0), Z.sum(axis=1)
    share = p.mean()
    chance = share * (1 - share)
    stability = 1 - M / (M - 1) * np.mean(p * (1 - p)) / chance
    # phi_i of theorem 7: what run i adds.
    phi = (Z @ p / d - k * share / d + stability / 2 * (2 * k * share / d - k / d - share + 1)) / chance
    variance = 4 / M**2 * np.sum((phi - phi.mean()) ** 2)
    return _found(stability, stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance), variance)


def _found(stability, margin, variance):
    return Bunch(
        stability=float(stability),
        low=float(stability - margin),
        high=float(min(stability + margin, 1)),
        variance=float(variance),
    )


def _bootstrapped(Z, C, confidence, n_bootstrap, random_state):
    M = len(Z)
    # Half the squared distance of two runs; its mean over the pairs is tr(C S).
    inner = Z @ C @ Z.T
    distances = (np.diag(inner)[:, None] + np.diag(inner)) / 2 - inner
    stability = _from_distances(distances, Z, C, np.ones((1, M)))[0]
    counts = random_state.multinomial(M, np.full(M, 1 / M), size=n_bootstrap)
    drawn = _from_distances(distances, Z, C, counts[(counts > 0).sum(axis=1) > 1])
    drawn = drawn[np.isfinite(drawn)]
    variance = drawn.var() * M / (M - 1) if len(drawn) else 0.0
    if variance < 1e-12:
        likely = (1 - confidence) ** (2 / M)
        return Bunch(
            stability=float(stability),
            low=float(stability - abs(stability) * (1 - likely)),
            high=1.0,
            variance=float(variance),
        )
    return _found(stability, stats.t.ppf((1 + confidence) / 2, M - 1) * np.sqrt(variance), variance)


def _from_distances(distances, Z, C, counts):
    """The index of runs that are there so many times, of shape (n_draws, n_runs): of pairs of different runs."""
    M, d = Z.shape
    counts = counts.astype(float)
    weights = np.einsum("bi,bj->bij", counts, counts) * ~np.eye(M, dtype=bool)
    observed = (weights * distances).sum(axis=(1, 2)) / weights.sum(axis=(1, 2))
    k = Z.sum(axis=1)
    mean, square = counts @ k / counts.sum(axis=1), counts @ k**2 / counts.sum(axis=1)
    own = mean / d * (1 - mean / d)
    other = (square - mean) / (d * (d - 1)) - (mean / d) ** 2
    expected = own * np.trace(C) + other * (C.sum() - np.trace(C))
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - observed / expected


def landmark_similarity(kind, *, X=None, landmarks=None, scale=0.1):
    r"""How far each landmark stands for each other one, for :func:`selection_stability`.

    Parameters
    ----------
    kind : {"movement", "distance", "region"}
        "movement": how alike two landmarks move in training sequences; "distance": how near they are on a face;
        "region": whether they are of one region of the mesh.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks), default=None
        Training sequences, for "movement".
    landmarks : array-like of shape (2, n_landmarks), default=None
        The face, for "distance", such as the mean of aligned sequences. None takes the template of the 468-point mesh.
    scale : float, default=0.1
        Distance at which the similarity is :math:`e^{-1/2}`, 0.61, in the landmarks' unit. The template's
        is the inter-ocular distance, 0.1 of which are some 6 mm on an adult.

    Returns
    -------
    ndarray of shape (n_landmarks, n_landmarks)
        From 0 to 1, positive semidefinite, with ones on the diagonal.

    Raises
    ------
    ValueError
        If an argument is not as described above, or a landmark never moves.

    Notes
    -----
    "movement" is the RV coefficient of the mean frames of the sequences, the squared correlation for two coordinates:
    with :math:`A_l` the centred matrix of two columns of landmark l,
    :math:`\|A_l^T A_m\|_F^2 / (\|A_l^T A_l\|_F \|A_m^T A_m\|_F)`. "distance" is
    :math:`\exp(-\|p_l - p_m\|^2 / 2 s^2)`.

    References
    ----------
    Robert, Escoufier, "A Unifying Tool for Linear Multivariate Statistical Methods: The RV-Coefficient", Applied
    Statistics 25(3), 1976.

    Examples
    --------
    >>> from sklearn_emoxai import landmark_similarity
    >>> similarity = landmark_similarity("distance")
    >>> similarity.shape, similarity[0, [11, 10]].round(2).tolist()  # lips; forehead
    ((468, 468), [0.9, 0.0])
    """
    if kind not in SIMILARITIES:
        raise ValueError(f"kind must be one of {', '.join(SIMILARITIES)}; got {kind!r}.")
    if kind == "region":
        region = facemesh.region_of_landmarks()
        return (region[:, None] == region).astype(float)
    if kind == "distance":
        points = np.asarray(facemesh.TEMPLATE if landmarks is None else landmarks, dtype=float)
        if points.ndim != 2 or len(points) != 2 or not np.isfinite(points).all():
            raise ValueError(f"landmarks must be finite and of shape (2, n_landmarks); got {points.shape}.")
        if not 0 < scale < np.inf:
            raise ValueError(f"scale must be above 0 and finite; got {scale}.")
        squares = ((points[:, :, None] - points[:, None]) ** 2).sum(axis=0)
        return np.exp(-squares / (2 * scale**2))
    if X is None:
        raise ValueError('X must be given with kind="movement"; got None.')
    frames = np.stack([sequence.mean(axis=0, dtype=np.float64) for sequence in check_sequences(X)])
    frames -= frames.mean(axis=0)
    products = (np.einsum("ncl,ndm->lmcd", frames, frames, optimize=True) ** 2).sum(axis=(2, 3))
    own = np.sqrt(np.diag(products))
    if not own.all():
        raise ValueError(
            f"X must hold landmarks that differ between samples; landmark {np.argmin(own)} does not."
        )
    return products / np.outer(own, own)
