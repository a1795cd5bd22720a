"""captum's attributions of any torch module: what they share, and integrated gradients."""

from ._model import (
    attribution_dtype,
    class_output,
    model_outputs,
    module_logits,
    to_module,
)

# Forward rows (pairs × steps) that captum holds at once; more no longer fit the caches of a CPU.
ROWS_AT_ONCE = 25


class CaptumExplainer:
    """What all attributions by captum share; a subclass adds ``attributions(X, method, n_steps)``.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode; any input shape after the batch axis.
    output : {"probability", "logit"}
    target : int
    """

    def __init__(self, module, output, target):
        self.module = module
        self._output, self._target = output, target

    def _F(self, X):
        """F of every sample, as captum asks for it."""
        return class_output(module_logits(self.module, X), self._output, self._target)

    @property
    def dtype(self):
        """NumPy's name of the attributions' dtype."""
        return str(attribution_dtype(self.module)).removeprefix("torch.")

    def outputs(self, X):
        """F of every sample."""
        return model_outputs(self.module, X, self._output, self._target)

    def default_batch_size(self, input_shape, n_steps):
        """One sample: captum makes its own batches of the steps."""
        return 1

    def start(self, baseline):
        """Keep the baseline, of shape input_shape, of the pairs to come."""
        self._baseline = to_module(baseline[None], self.module)


class CaptumEngine(CaptumExplainer):
    """Integrated gradients by captum, with the parameters of :class:`CaptumExplainer`."""

    def __init__(self, module, output, target):
        # captum loads matplotlib, which those who need no captum need not wait for.
        from captum.attr import IntegratedGradients

        super().__init__(module, output, target)
        self._captum = IntegratedGradients(self._F)

    def attributions(self, X, method, n_steps):
        """Integrated gradients of samples against the baseline.

        Returns
        -------
        torch.Tensor of shape (n_samples, *input_shape)

        Notes
        -----
        captum's trapezoid weighs m points with 1/m (half of it at the ends), which sums to
        (m − 1)/m; the factor below makes it a rule of the interval [0, 1].
        """
        if n_steps < 2 and method != "gausslegendre":
            raise ValueError(
                f'n_steps must be at least 2 with engine="captum" and method={method!r}; got {n_steps}.'
            )
        X = to_module(X, self.module)
        result = self._captum.attribute(
            X,
            self._baseline.expand_as(X),
            n_steps=n_steps,
            method="riemann_trapezoid" if method == "trapezoid" else method,
            internal_batch_size=max(len(X), ROWS_AT_ONCE),
        )
        return result * (n_steps / (n_steps - 1)) if method == "trapezoid" else result
