"""Ways from importances to a ranking."""

import numpy as np


def pivoted_qr(X, importances):
    """Landmarks in the order in which a QR decomposition with block pivoting takes them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_frames, 2, n_landmarks)
    importances : ndarray of shape (n_landmarks,)
        Weights of the landmarks' columns.

    Returns
    -------
    ndarray of shape (n_landmarks,), int
        Once the chosen landmarks explain all of the movement, the others follow by importance.

    Notes
    -----
    The pivoted QR decomposition of the matrix A of mean frames, two columns a landmark, is computed as the
    pivoted Cholesky decomposition of AᵀA, of which a sum over the samples is enough: each step takes the
    landmark with the largest residual energy, and eliminates its two columns.
    """
    n_landmarks = X.shape[3]
    frames = np.stack([sequence.mean(axis=0, dtype=np.float64) for sequence in X])
    weighted = ((frames - frames.mean(axis=0)) * importances / importances.max()).reshape(len(X), -1)
    residual = (weighted.T @ weighted).reshape(2, n_landmarks, 2, n_landmarks)
    energy = np.einsum("clcl->l", residual).copy()
    exhausted = 1e-10 * energy.max()
    ranking = []
    while len(ranking) < n_landmarks and energy.max() > exhausted:
        chosen = int(energy.argmax())
        ranking.append(chosen)
        columns = residual[:, :, :, chosen]
        inverse = np.linalg.pinv(columns[:, chosen], hermitian=True)
        residual = residual - np.einsum("alb,bc,dmc->aldm", columns, inverse, columns, optimize=True)
        energy = np.einsum("clcl->l", residual).copy()
        energy[ranking] = -np.inf
    left = np.setdiff1d(np.arange(n_landmarks), ranking)
    return np.concatenate([ranking, left[np.argsort(-importances[left], kind="stable")]]).astype(np.intp)
