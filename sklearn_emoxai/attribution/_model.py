"""What the engines ask of a model: the module behind it, a quiet state, its logits, one class's output."""

from collections.abc import Mapping
from contextlib import contextmanager, suppress

import numpy as np
import torch

OUTPUTS = ("probability", "logit")
RETURNS = "model must return logits of shape (n_samples, n_classes), alone, first in a tuple or list, or named logits"
# Operations of torch that leave the values as they are, of which a network's last may be.
_RESHAPING = (
    "View",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Select",
    "Slice",
    "Clone",
    "ToCopy",
    "Alias",
    "Index",
)


def resolve_module(model):
    """The torch module of `model`, itself a module or an estimator with a fitted `module_`.

    Of a module that :func:`torch.compile` wraps, the module itself: its gradients are the same.

    Raises
    ------
    TypeError
        If there is no module in `model`.
    """
    module = getattr(model, "module_", model)
    module = getattr(module, "_orig_mod", module)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            "model must be a torch.nn.Module or a fitted estimator with the attribute module_; "
            f"got {type(model).__name__}."
        )
    return module


@contextmanager
def frozen(module):
    """Module in eval mode, parameters without gradients, cuDNN and inference mode off; all is restored on leaving.

    cuDNN's LSTM has no backward pass in eval mode, and train mode would add dropout.
    """
    training = [(part, part.training) for part in module.modules() if hasattr(part, "training")]
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        with suppress(NotImplementedError):  # a graph that torch.export made has no modes
            module.eval()
        for parameter in trainable:
            parameter.requires_grad_(False)
        with torch.backends.cudnn.flags(enabled=False), torch.inference_mode(False):
            yield module
    finally:
        for part, mode in training:
            part.training = mode
        for parameter in trainable:
            parameter.requires_grad_(True)


def parameter_dtype(module):
    """Dtype that the module computes in: that of its first parameter or buffer of real numbers."""
    values = [*module.parameters(), *module.buffers()]
    return next((value.dtype for value in values if value.is_floating_point()), torch.float32)


def attribution_dtype(module):
    """Dtype of inputs and attributions: the module's, but float32 where that has fewer digits."""
    return torch.promote_types(parameter_dtype(module), torch.float32)


def class_output(logits, output, target):
    """F, the probability or the logit of class `target`, from outputs of shape (n, n_classes).

    A single column is the logit of class 1, against that of class 0.
    """
    if logits.shape[1] == 1:
        logits = logits[:, 0] if target == 1 else -logits[:, 0]
        return torch.sigmoid(logits) if output == "probability" else logits
    if output == "probability":
        logits = torch.softmax(logits, dim=1)
    return logits[:, target]


def to_module(array, module):
    """Array as a tensor of the attributions' dtype and on the module's device."""
    device = next(module.parameters(), torch.empty(0)).device
    # torch cannot wrap memory that is read-only, as a memory map's, or runs backwards: a batch of it is copied.
    tensor = torch.as_tensor(np.require(array, requirements="CW"))
    return tensor.to(device=device, dtype=attribution_dtype(module))


def module_logits(module, X):
    """Logits of a batch, of whatever the module returns, in the attributions' dtype.

    Parameters
    ----------
    module : torch.nn.Module
    X : torch.Tensor of shape (n_samples, ...)
        Of :func:`to_module`; the module gets it in its own dtype.

    Returns
    -------
    torch.Tensor of shape (n_samples, n_classes) or (n_samples, 1)

    Raises
    ------
    ValueError
        If the module does not take X, or returns no logits.
    """
    try:
        returned = module(X.to(parameter_dtype(module)))
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # of whatever kind a module raises
        raise ValueError(
            f"model must take inputs of shape {tuple(X.shape)}, as X and baselines have: {error}"
        ) from error
    logits = _find_logits(returned)
    if not logits.is_floating_point():
        raise ValueError(f"{RETURNS}; got a tensor of {logits.dtype}, which has no gradient.")
    if logits.ndim == 1 and len(logits) == len(X):
        logits = logits[:, None]
    if logits.ndim != 2 or len(logits) != len(X) or not logits.shape[1]:
        raise ValueError(f"{RETURNS}; got a tensor of shape {tuple(logits.shape)} for {len(X)} samples.")
    return logits.to(X.dtype)


def _find_logits(returned):
    """The tensor of logits in what a module returns."""
    if isinstance(returned, torch.Tensor):
        return returned
    if isinstance(returned, Mapping):
        keys = ", ".join(map(str, returned)) or "nothing"
        if "logits" in returned:
            return _find_logits(returned["logits"])
        if len(returned) == 1:
            return _find_logits(next(iter(returned.values())))
        raise ValueError(f"{RETURNS}; got a {type(returned).__name__} of {keys}.")
    if hasattr(returned, "logits"):
        return _find_logits(returned.logits)
    if isinstance(returned, (tuple, list)) and returned:
        return _find_logits(returned[0])
    raise ValueError(f"{RETURNS}; got {type(returned).__name__}.")


def check_output(module, sample, others, output, target):
    """Raise unless `target` is a class of the module and it gives a logit that can be explained.

    Parameters
    ----------
    module : torch.nn.Module
    sample : array-like of shape (n_samples, ...)
        A few inputs to try.
    others : array-like of shape (n_others, ...)
        Inputs that differ from them, to try beside them.
    output : {"probability", "logit"}
    target : int

    Raises
    ------
    ValueError
        If the output is unknown, is no logits (:func:`module_logits`), lacks the target, is not finite, carries no
        gradient, differs from call to call, or depends on the other samples of a batch; or if a probability is asked
        of a module that already returns probabilities.
    """
    with frozen(module), torch.enable_grad():
        X = to_module(sample, module).requires_grad_()
        values = module_logits(module, X)
        _check_arguments(values, output, target)
        if not values.isfinite().all():
            raise ValueError(
                f"model must return finite logits; got {values[~values.isfinite()][0].item()} for a baseline"
                f"{of_dtype(module)}."
            )
        if not _has_gradient(values, X):
            raise ValueError(
                "model must return logits with a gradient; its forward cuts it off, as torch.no_grad, "
                "torch.inference_mode and detach do."
            )
        if output == "probability" and _are_probabilities(values):
            raise ValueError(
                "model must return logits, but its outputs are already probabilities (a softmax or sigmoid at its "
                'end?); output="logit" explains them as they are.'
            )
        _check_rows(module, values.detach(), X.detach(), to_module(others, module))


def _check_arguments(logits, output, target):
    """Raise unless `output` is known and `target` a class of the logits, of shape (n, n_classes)."""
    if output not in OUTPUTS:
        raise ValueError(f"output must be one of {', '.join(OUTPUTS)}; got {output!r}.")
    n_classes = max(logits.shape[1], 2)
    if isinstance(target, bool) or not isinstance(target, (int, np.integer)):
        raise TypeError(f"target must be an int, the index of a class; got {target!r}.")
    if not 0 <= target < n_classes:
        raise ValueError(f"target must be one of the model's classes 0 to {n_classes - 1}; got {target}.")


def _has_gradient(values, X):
    if not values.requires_grad:
        return False
    return torch.autograd.grad(values.sum(), X, retain_graph=True, allow_unused=True)[0] is not None


def _are_probabilities(values):
    """Whether logits of shape (n, n_classes) are probabilities, which the softmax or sigmoid before them tells."""
    if values.shape[1] > 1:
        sums_to_one = torch.allclose(values.sum(dim=1), torch.ones(()).to(values), atol=1e-4)
        return bool((values >= 0).all() and sums_to_one)
    step = values.grad_fn
    while step is not None and step.name().startswith(_RESHAPING):
        step = step.next_functions[0][0] if step.next_functions else None
    return step is not None and step.name().startswith("Sigmoid")


@torch.no_grad()
def _check_rows(module, values, X, others):
    """Raise where the outputs of samples change from call to call, or with the other samples of the batch."""
    tolerance = torch.finfo(parameter_dtype(module)).eps ** 0.5
    if not _close(module_logits(module, X), values, tolerance):
        raise ValueError(
            "model must return the same logits for the same input in eval mode; it draws random numbers, as a "
            "functional dropout without training=self.training does."
        )
    pair = torch.cat([X[:1], others[:1]])
    if not _close(module_logits(module, pair.flip(0)).flip(0), module_logits(module, pair), tolerance):
        raise ValueError(
            "model must return the logits of each sample whatever others are in the batch; it mixes them, as an LSTM "
            "without batch_first=True does."
        )


def _close(values, others, tolerance):
    return bool((values - others).abs().max() <= tolerance * others.abs().max())


def of_dtype(module):
    """The module's dtype for a message, where it may be to blame."""
    dtype = parameter_dtype(module)
    return f" (its parameters are {dtype})" if dtype != attribution_dtype(module) else ""


def model_outputs(module, X, output, target, batch_size=64):
    """F of every sample, in batches.

    Returns
    -------
    ndarray of shape (n_samples,), float64

    Raises
    ------
    ValueError, TypeError
        If the output is unknown, or the module lacks the target.
    """
    values = np.empty(len(X))
    with frozen(module), torch.no_grad():
        for start in range(0, len(X), batch_size):
            logits = module_logits(module, to_module(X[start : start + batch_size], module))
            _check_arguments(logits, output, target)
            values[start : start + batch_size] = class_output(logits, output, target).cpu()
    return values
