"""Attributions beside integrated gradients, of the same pairs: by captum, and faster where a ConvLSTM allows it."""

import warnings
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

from ..network import RANDOM_NUMBERS
from ._captum import ROWS_AT_ONCE, CaptumExplainer
from ._changed_landmarks import FastFeatureAblation, FastShapleySampling, spread
from ._deep_lift import DeepLiftEngine
from ._integrated_gradients import make_engine
from ._model import class_output, module_logits, to_module
from ._pathwise import PathwiseEngine, why_not_pathwise


class Draws:
    """Seeds of what is drawn for one pair after another: the same, however many pairs are batched.

    Parameters
    ----------
    random_state : int, RandomState instance or None
    """

    def __init__(self, random_state):
        self._random_state = check_random_state(random_state)

    @contextmanager
    def seeded(self):
        """The generators that captum draws from, seeded for a pair; they are left as they were."""
        seed = self._random_state.randint(np.iinfo(np.int32).max)
        with RANDOM_NUMBERS, torch.random.fork_rng():
            state = np.random.get_state()  # noqa: NPY002
            try:
                np.random.seed(seed)  # noqa: NPY002
                torch.manual_seed(seed)
                yield
            finally:
                np.random.set_state(state)  # noqa: NPY002

    def orders(self, n_orders, n_landmarks):
        """Random orders of the landmarks, of shape (n_orders, n_landmarks), as captum draws them."""
        with self.seeded():
            return torch.stack([torch.randperm(n_landmarks) for _ in range(n_orders)])

    def positions(self, n_steps):
        """Increasing random positions on a path, of shape (n_steps,), as captum draws them."""
        with self.seeded():
            return np.sort(np.random.uniform(0, 1, n_steps))  # noqa: NPY002


class _Drawing(CaptumExplainer):
    """Explains one sample after another, each with draws of its own."""

    def __init__(self, module, output, target, draws):
        super().__init__(module, output, target)
        self._draws = draws

    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, in the shape of X."""
        parts = []
        for x in to_module(X, self.module).split(1):
            with self._draws.seeded():
                parts.append(self._attribute(x, n_steps))
        return torch.cat(parts)


class FeatureAblation(CaptumExplainer):
    """F(x) less F with one landmark from the baseline, by captum."""

    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, in the shape of X."""
        from captum.attr import FeatureAblation

        X = to_module(X, self.module)
        effects = FeatureAblation(self._F).attribute(
            X, self._baseline, feature_mask=_landmark_mask(X), perturbations_per_eval=ROWS_AT_ONCE
        )
        return spread(_first_of_each(effects), X.shape)


class ShapleySampling(_Drawing):
    """Mean change of F as a landmark joins those before it in random orders, by captum."""

    def _attribute(self, x, n_steps):
        from captum.attr import ShapleyValueSampling

        effects = ShapleyValueSampling(self._F).attribute(
            x,
            self._baseline,
            feature_mask=_landmark_mask(x),
            n_samples=n_steps,
            perturbations_per_eval=ROWS_AT_ONCE,
        )
        return spread(_first_of_each(effects), x.shape)


class GradientShap(_Drawing):
    """Mean gradient at random positions on the path, times the difference, by captum."""

    def _attribute(self, x, n_steps):
        from captum.attr import GradientShap

        return GradientShap(self._F).attribute(x, self._baseline, n_samples=n_steps)


class ExpectedGradients(GradientShap):
    """The same on paths from baselines that are drawn from many, for which `start` is given all of them."""

    def start(self, baseline):
        """Keep the baselines, of shape (n_baselines, *input_shape), to draw from."""
        self._baseline = to_module(baseline, self.module)

    def outputs(self, X):
        """F of every sample; of a list of backgrounds its mean over each."""
        if isinstance(X, list):
            return np.array([self.outputs(background).mean() for background in X])
        return super().outputs(X)


class GradientXInput(CaptumExplainer):
    """Gradient at the sample, times the difference: captum's input × gradient, with the baseline for an origin."""

    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, in the shape of X."""
        from captum.attr import InputXGradient

        X = to_module(X, self.module)
        explainer = InputXGradient(lambda difference: self._F(self._baseline + difference))
        return explainer.attribute((X - self._baseline).requires_grad_()).detach()


class DeepLift(CaptumExplainer):
    """DeepLIFT with the rescale rule, by captum: of activations that are modules, each called once a pass."""

    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, in the shape of X."""
        from captum.attr import DeepLift

        X = to_module(X, self.module)
        head = _Head(self.module, self._output, self._target).eval()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)
            return DeepLift(head).attribute(X.requires_grad_(), self._baseline.expand_as(X)).detach()


class _Head(torch.nn.Module):
    """The module's F with a sigmoid of the logit less the others', which has a rescale rule."""

    def __init__(self, module, output, target):
        super().__init__()
        self.module, self.sigmoid = module, torch.nn.Sigmoid()
        self._output, self._target = output, target

    def forward(self, X):
        logits = module_logits(self.module, X)
        explained = class_output(logits, "logit", self._target)
        if self._output == "logit":
            return explained
        if logits.shape[1] > 1:
            others = [k for k in range(logits.shape[1]) if k != self._target]
            explained = explained - torch.logsumexp(logits[:, others], dim=1)
        return self.sigmoid(explained)


class FastGradientShap(PathwiseEngine):
    """Integrated gradients at random positions, by the pathwise engine.

    Parameters
    ----------
    module, output, target
        As in :class:`PathwiseEngine`.
    draws : Draws
    """

    def __init__(self, module, output, target, draws):
        super().__init__(module, output, target)
        self._draws = draws

    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, of shape (n_samples, n_frames, 2, n_landmarks)."""
        return torch.cat([super(FastGradientShap, self).attributions(x[None], method, n_steps) for x in X])

    def _steps(self, method, n_steps):
        return self._draws.positions(n_steps), np.full(n_steps, 1 / n_steps)


class FastGradientXInput(PathwiseEngine):
    """Gradient at the sample, times the difference: a right Riemann sum of one step."""

    def attributions(self, X, method, n_steps):
        """Attributions of samples against the baseline, of shape (n_samples, n_frames, 2, n_landmarks)."""
        return super().attributions(X, "riemann_right", 1)


def _landmark_mask(X):
    """What captum calls each landmark: its place on the last axis."""
    return torch.arange(X.shape[-1], device=X.device).expand(1, *X.shape[1:]).contiguous()


def _first_of_each(effects):
    """Effects of shape (n_samples, n_landmarks): captum repeats a landmark's on all that there is of it."""
    return effects.flatten(1, -2)[:, 0] if effects.ndim > 2 else effects


# By captum; for a ConvLSTM in fewer operations, or None; and whether anything is drawn.
RIVALS = {
    "feature_ablation": (FeatureAblation, FastFeatureAblation, False),
    "shapley_sampling": (ShapleySampling, FastShapleySampling, True),
    "gradient_shap": (GradientShap, FastGradientShap, True),
    "expected_gradients": (ExpectedGradients, None, True),
    "deep_lift": (DeepLift, DeepLiftEngine, False),
    "gradient_x_input": (GradientXInput, FastGradientXInput, False),
}


ATTRIBUTIONS = ("integrated_gradients", *RIVALS)
DRAWING_ATTRIBUTIONS = {name for name, (_, _, draws) in RIVALS.items() if draws}


def make_explainer(
    attribution, module, X, baselines, target, n_steps, method, output, engine, batch_size, random_state
):
    """What computes the attribution that was asked for, every argument checked.

    For "expected_gradients" `baselines` is a list of backgrounds, each an array of many baselines.
    """
    if attribution not in ATTRIBUTIONS:
        raise ValueError(f"attribution must be one of {', '.join(ATTRIBUTIONS)}; got {attribution!r}.")
    some = baselines[0] if isinstance(baselines, list) else baselines
    integrated = make_engine(module, X, some, target, n_steps, method, output, engine, batch_size)
    if attribution == "integrated_gradients":
        return integrated
    if n_steps == "auto":
        raise ValueError(f'n_steps must be an int with attribution="{attribution}"; got "auto".')
    by_captum, fast, draws = RIVALS[attribution]
    if fast is None and engine == "pathwise":
        raise ValueError(
            f'engine must be "auto" or "captum" with attribution="{attribution}"; got "pathwise".'
        )
    can_be_fast = why_not_pathwise(module, X) is None
    if attribution == "deep_lift" and engine == "captum" and can_be_fast:
        raise ValueError(
            'engine must be "auto" or "pathwise" with attribution="deep_lift" and a ConvLSTM, whose gates '
            'captum does not see; got "captum".'
        )
    chosen = fast if fast is not None and can_be_fast and engine != "captum" else by_captum
    return chosen(module, output, target, *([Draws(random_state)] if draws else []))
