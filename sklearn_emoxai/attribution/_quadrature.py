"""Quadrature rules on [0, 1] for the path integral."""

import numpy as np
from scipy.special import roots_legendre

METHODS = ("riemann_right", "riemann_left", "riemann_middle", "trapezoid", "gausslegendre")


def path_steps(method, n_steps):
    """Positions and weights of a quadrature rule.

    Parameters
    ----------
    method : {"riemann_right", "riemann_left", "riemann_middle", "trapezoid", "gausslegendre"}
    n_steps : int
        Number of positions, m.

    Returns
    -------
    alphas, weights : ndarray of shape (n_steps,), float64
        Increasing positions in [0, 1]; weights that sum to one.

    Raises
    ------
    ValueError
        If the method is unknown or has no rule of that many steps.

    Examples
    --------
    >>> path_steps("riemann_right", 4)
    (array([0.25, 0.5 , 0.75, 1.  ]), array([0.25, 0.25, 0.25, 0.25]))
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}.")
    if n_steps < 1 or (method == "trapezoid" and n_steps < 2):
        least = 2 if method == "trapezoid" else 1
        raise ValueError(f"n_steps must be at least {least} with method={method!r}; got {n_steps}.")
    if method == "gausslegendre":
        roots, weights = roots_legendre(n_steps)
        return (1 + roots) / 2, weights / 2
    if method == "trapezoid":
        weights = np.full(n_steps, 1 / (n_steps - 1))
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, n_steps), weights
    shift = {"riemann_right": 1, "riemann_left": 0, "riemann_middle": 0.5}[method]
    return (np.arange(n_steps) + shift) / n_steps, np.full(n_steps, 1 / n_steps)
