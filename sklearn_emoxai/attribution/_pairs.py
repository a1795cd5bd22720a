"""Attributions of every pair of a sample and a baseline, by any method."""

from .._validation import documented
from ._integrated_gradients import check_pairs, collect_pairs
from ._model import resolve_module
from ._rivals import make_explainer

documented_attribution = documented(
    attribution="""\
attribution : str, default="integrated_gradients"
    What is computed of a pair (x, x'):

    - "integrated_gradients": the paper's, see :func:`integrated_gradients`;
    - "feature_ablation": F(x) − F(x with one landmark, in all frames, from x');
    - "shapley_sampling": what a landmark adds to F as it joins those before it, from x' to x, in `n_steps` random
      orders of all landmarks;
    - "gradient_shap": integrated gradients with `n_steps` random positions on the path;
    - "expected_gradients": the same, but each position is on a path of its own, from a baseline that is drawn
      from many;
    - "deep_lift": by the rescale rule;
    - "gradient_x_input": ∂F/∂x · (x − x').

    The first two after integrated gradients explain landmarks: their values are spread evenly over the
    landmark's coordinates and frames, so that the sum over these is right.""",
    n_steps_of_attribution="""\
n_steps : int or "auto", default=50
    Steps of the quadrature, positions or orders. "auto" is for integrated gradients only.
method : str, default="riemann_right"
    Quadrature rule of integrated gradients.
output : {"probability", "logit"}, default="probability"
    F, as in :func:`integrated_gradients`.""",
    engine_of_attribution="""\
engine : {"auto", "pathwise", "captum"}, default="auto"
    "captum" explains any module; "pathwise" a :class:`~sklearn_emoxai.ConvLSTM` in fewer operations, to the same
    result: it has all but "expected_gradients". "auto" is the first that can be. captum's DeepLIFT sees
    activations that are modules and called once in a pass, and no products: of a ConvLSTM only "pathwise" has
    it, and of other modules look at `delta`.""",
    random_state_of_draws="""\
random_state : int, RandomState instance or None, default=None
    Draws positions, orders and baselines, anew for each pair.""",
)


@documented_attribution
def pair_attributions(
    model,
    X,
    baselines,
    *,
    attribution="integrated_gradients",
    target=1,
    n_steps=50,
    method="riemann_right",
    output="probability",
    engine="auto",
    batch_size=None,
    tolerance=0.01,
    random_state=None,
    return_convergence_delta=False,
):
    r"""Attributions of every sample against every baseline, by integrated gradients or a rival.

    Parameters
    ----------
    model : torch.nn.Module or fitted estimator
        As in :func:`integrated_gradients`.
    X : array-like of shape (n_samples, n_frames, 2, n_landmarks)
    baselines : array-like of shape (n_baselines, n_frames, 2, n_landmarks)
        For "expected_gradients" all of them are one background, to draw from.
    {attribution}
    target : int, default=1
        Index of the explained class.
    {n_steps_of_attribution}
    {engine_of_attribution}
    batch_size, tolerance
        As in :func:`integrated_gradients`.
    {random_state_of_draws}
    return_convergence_delta : bool, default=False
        Also return the completeness error.

    Returns
    -------
    attributions : ndarray of shape (n_samples, n_baselines, n_frames, 2, n_landmarks)
        In units of F; with one baseline, the background, for "expected_gradients".
    delta : ndarray of shape (n_samples, n_baselines), float64
        :math:`\sum_i a_i - (F(x) - F(x'))`. Only if `return_convergence_delta`. "feature_ablation" and
        "gradient_x_input" are not complete; of a background, F(x') is the mean.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described above.

    See Also
    --------
    landmark_attributions : Their mean magnitude per landmark.

    Notes
    -----
    All but "feature_ablation" of a model that is linear between x' and x are :math:`w (x - x')`; feature ablation's
    sum over each landmark is.

    References
    ----------
    Lundberg, Lee, "A Unified Approach to Interpreting Model Predictions", arXiv:1705.07874.

    Erion, Janizek, Sturmfels, Lundberg, Lee, "Improving performance of deep learning models with axiomatic
    attribution priors and expected gradients", arXiv:1906.10670.

    Castro, Gómez, Tejada, "Polynomial calculation of the Shapley value based on sampling", Computers & Operations
    Research 36(5), 2009.

    Shrikumar, Greenside, Kundaje, "Learning Important Features Through Propagating Activation Differences",
    arXiv:1704.02685.

    Examples
    --------
    >>> import torch
    >>> from sklearn_emoxai import ConvLSTM, pair_attributions
    >>> _ = torch.manual_seed(0)
    >>> X, baselines = torch.randn(3, 10, 2, 20), torch.zeros(2, 10, 2, 20)
    >>> pair_attributions(ConvLSTM(20), X, baselines, attribution="deep_lift").shape
    (3, 2, 10, 2, 20)
    """
    module = resolve_module(model)
    X, baselines = check_pairs(X, baselines)
    if attribution == "expected_gradients":
        baselines = [baselines]
    explainer = make_explainer(
        attribution, module, X, baselines, target, n_steps, method, output, engine, batch_size, random_state
    )
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
