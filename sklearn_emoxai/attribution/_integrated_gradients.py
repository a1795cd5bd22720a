"""integrated_gradients: validation, the choice of the engine, and the loop over pairs."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._validation import check_number, documented
from ._captum import CaptumEngine
from ._model import check_output, frozen, of_dtype, resolve_module
from ._pathwise import PathwiseEngine, why_not_pathwise
from ._quadrature import METHODS, path_steps

ENGINES = ("auto", "pathwise", "captum")
# n_steps="auto" doubles the steps from the first to at most the second.
AUTO_STEPS = (50, 3200)
# Differences F(x) − F(x') below this are not divided by: the completeness error is then absolute.
LEAST_DIFFERENCE = 0.05


@documented()
def integrated_gradients(
    model,
    X,
    baselines,
    *,
    target=1,
    n_steps=50,
    method="riemann_right",
    output="probability",
    engine="auto",
    batch_size=None,
    tolerance=0.01,
    return_convergence_delta=False,
):
    r"""Integrated gradients of every sample against every baseline.

    Parameters
    ----------
    model : torch.nn.Module or fitted estimator
        A module that returns logits of shape (n_samples, n_classes), or an estimator with such a
        module in `module_` (:class:`~sklearn_emoxai.ConvLSTMClassifier`, a skorch net). The logits come alone,
        first in a tuple or list, or as ``logits`` in a dict or an object with attributes; of shape (n_samples,) or
        (n_samples, 1) they are those of class 1 against class 0. Scripted, traced and compiled modules are
        taken, too. Training mode and the parameters' `requires_grad` are left as they were found.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
        Samples x. With the captum engine any shape after the first axis that the module takes.
    baselines : array-like of shape (n_baselines, n_frames, 2, n_landmarks)
        Baselines x'.
    target : int, default=1
        Index of the explained class.
    n_steps : int or "auto", default=50
        Steps m of the quadrature. "auto" doubles them from 50 to at most 3200, for the pairs that still
        miss `tolerance`.
    method : str, default="riemann_right"
        Quadrature rule: "riemann_right", the paper's, "riemann_left", "riemann_middle", "trapezoid" or
        "gausslegendre". "trapezoid" has m points and m − 1 intervals.
    output : {"probability", "logit"}, default="probability"
        F: the softmax probability of the class (of a single logit, its sigmoid), or the module's output as it is.
        The latter is also right for a module that itself ends in a softmax. Of a single logit, that of class 0 is
        the same with the other sign.
    engine : {"auto", "pathwise", "captum"}, default="auto"
        "pathwise" computes the same sum much faster, for :class:`~sklearn_emoxai.ConvLSTM` only; "captum"
        takes any module; "auto" is the first where it can be.
    batch_size : int or None, default=None
        Samples whose paths are followed at once; it bounds the memory. None: as many as keep the
        intermediate arrays small.
    tolerance : float, default=0.01
        With ``n_steps="auto"``, the relative completeness error to reach: :math:`|\delta|` over the larger of
        :math:`|F(x) - F(x')|` and 0.05.
    return_convergence_delta : bool, default=False
        Also return the completeness error :math:`\delta`. It costs an evaluation of the model at every sample.

    Returns
    -------
    attributions : ndarray of shape (n_samples, n_baselines, n_frames, 2, n_landmarks)
        In units of F; float64 for a float64 module, else float32. A bfloat16 or float16 module is run in its own
        precision, and the sums along the paths are taken in float32.
    delta : ndarray of shape (n_samples, n_baselines), float64
        :math:`\sum_i IG_i(x) - (F(x) - F(x'))`. Only if `return_convergence_delta`.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described above.

    Warns
    -----
    ConvergenceWarning
        If 3200 steps do not reach the tolerance of ``n_steps="auto"``.

    See Also
    --------
    landmark_attributions : Their mean magnitude per landmark, without keeping them all.

    Notes
    -----
    Equation 2 of the paper, a right Riemann sum with :math:`\alpha_k = k/m`:

    .. math:: IG_i(x) = \frac{x_i - x'_i}{m} \sum_{k=1}^{m}
              \frac{\partial F}{\partial x_i}\bigl(x' + \alpha_k (x - x')\bigr)

    The user guide derives the pathwise engine.

    References
    ----------
    Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", arXiv:1703.01365.
    {paper}

    Examples
    --------
    >>> import torch
    >>> from sklearn_emoxai import ConvLSTM, integrated_gradients
    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(3, 10, 2, 20)
    >>> integrated_gradients(ConvLSTM(20), X, torch.zeros(2, 10, 2, 20)).shape
    (3, 2, 10, 2, 20)
    """
    module = resolve_module(model)
    X, baselines = check_pairs(X, baselines)
    explainer = make_engine(module, X, baselines, target, n_steps, method, output, engine, batch_size)
    attributions, delta = collect_pairs(
        explainer,
        X,
        baselines,
        n_steps=n_steps,
        method=method,
        batch_size=batch_size,
        tolerance=tolerance,
        with_delta=return_convergence_delta,
    )
    return (attributions, delta) if return_convergence_delta else attributions


def check_pairs(X, baselines):
    """Samples and baselines as arrays, with matching shapes after the first axis."""
    X, baselines = _as_array(X, "X"), _as_array(baselines, "baselines")
    if X.ndim < 2 or 0 in X.shape:
        raise ValueError(f"X must have shape (n_samples, n_frames, 2, n_landmarks); got {X.shape}.")
    if baselines.shape[1:] != X.shape[1:]:
        expected = ", ".join(["n_baselines", *map(str, X.shape[1:])])
        raise ValueError(
            f"baselines must have shape ({expected}), as X has after its first axis; got {baselines.shape}."
        )
    if not len(baselines):
        raise ValueError(f"baselines must hold at least one baseline; got shape {baselines.shape}.")
    return X, baselines


def _as_array(values, name):
    values = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asanyarray(values)
    if values.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {values.dtype}.")
    # A sum shows any NaN or infinity without a temporary of the array's size.
    if not np.isfinite(np.sum(values, dtype=np.float64)):
        raise ValueError(f"{name} must be finite; it holds NaN or infinity.")
    return values


def make_engine(module, X, baselines, target, n_steps, method, output, engine, batch_size):
    """The engine that was asked for, every argument checked."""
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}; got {engine!r}.")
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}.")
    if n_steps != "auto":
        check_number("n_steps", n_steps, Integral, 1, otherwise=' or "auto"')
        path_steps(method, n_steps)
    if batch_size is not None:
        check_number("batch_size", batch_size, Integral, 1, otherwise=" or None")
    obstacle = why_not_pathwise(module, X)
    if engine == "pathwise" and obstacle:
        raise ValueError(f'engine="pathwise" {obstacle} engine="captum" explains any torch module.')
    check_output(module, baselines[:2], X[-1:], output, target)
    chosen = CaptumEngine if engine == "captum" or obstacle else PathwiseEngine
    return chosen(module, output, target)


def attribute_pairs(
    explainer, X, baselines, *, n_steps, method, batch_size, tolerance, with_delta, allowed=None
):
    """Stream the integrated gradients of pairs, one baseline and a batch of samples at a time.

    Parameters
    ----------
    explainer : CaptumEngine or PathwiseEngine
    X, baselines : ndarray
    allowed : ndarray of shape (n_samples, n_baselines), bool, or None
        Pairs to explain; None: all.

    Yields
    ------
    baseline : int
    samples : ndarray of shape (n,), int
    attributions : ndarray of shape (n, *input_shape)
    delta : ndarray of shape (n,), float64
        Not a number unless `with_delta` or ``n_steps="auto"``.
    """
    F_X, F_baselines = np.full(len(X), np.nan), np.full(len(baselines), np.nan)
    if with_delta or n_steps == "auto":
        F_X, F_baselines = explainer.outputs(X), explainer.outputs(baselines)
    n_missed = 0
    batch_size = batch_size or explainer.default_batch_size(X.shape[1:], n_steps)
    with frozen(explainer.module):
        for b, baseline in enumerate(baselines):
            wanted = np.arange(len(X)) if allowed is None else np.flatnonzero(allowed[:, b])
            if len(wanted):
                explainer.start(baseline)
            for start in range(0, len(wanted), batch_size):
                samples = wanted[start : start + batch_size]
                difference = F_X[samples] - F_baselines[b]
                if n_steps == "auto":
                    part, delta, missed = _until_complete(
                        explainer, X[samples], difference, method, tolerance
                    )
                    n_missed += missed
                else:
                    part = explainer.attributions(X[samples], method, n_steps).cpu().numpy()
                    delta = completeness_error(part, difference)
                if not np.isfinite(part).all():
                    raise ValueError(
                        "model must have finite gradients all the way from baselines to X; some attributions are "
                        f"infinite or NaN{of_dtype(explainer.module)}."
                    )
                yield b, samples, part, delta
    if n_missed:
        warnings.warn(
            f'{n_missed} pairs miss tolerance={tolerance} after {AUTO_STEPS[1]} steps of method="{method}"; '
            'method="riemann_middle" or a larger tolerance may help.',
            ConvergenceWarning,
            stacklevel=4,
        )


def collect_pairs(explainer, X, baselines, **options):
    """All that :func:`attribute_pairs` streams: attributions, (n_samples, n_baselines, *input_shape), and errors."""
    attributions = np.empty((len(X), len(baselines), *X.shape[1:]), dtype=explainer.dtype)
    delta = np.empty(attributions.shape[:2])
    for baseline, samples, part, part_delta in attribute_pairs(explainer, X, baselines, **options):
        attributions[samples, baseline] = part
        delta[samples, baseline] = part_delta
    return attributions, delta


def completeness_error(attributions, difference):
    """Σ_i IG_i − (F(x) − F(x')), of shape (n,)."""
    return attributions.reshape(len(attributions), -1).sum(axis=1, dtype=float) - difference


def relative_error(delta, difference):
    """Completeness error over |F(x) − F(x')|, the latter at least `LEAST_DIFFERENCE`."""
    return np.abs(delta) / np.maximum(np.abs(difference), LEAST_DIFFERENCE)


def _until_complete(explainer, X, difference, method, tolerance):
    """Attributions, their completeness errors, and how many still miss the tolerance."""
    n_steps, last = AUTO_STEPS
    attributions = explainer.attributions(X, method, n_steps).cpu().numpy()
    delta = completeness_error(attributions, difference)
    while True:
        missing = np.flatnonzero(relative_error(delta, difference) > tolerance)
        if not len(missing) or n_steps >= last:
            return attributions, delta, len(missing)
        n_steps = min(2 * n_steps, last)
        attributions[missing] = explainer.attributions(X[missing], method, n_steps).cpu().numpy()
        delta[missing] = completeness_error(attributions[missing], difference[missing])
