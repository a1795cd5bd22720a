"""What the engines ask of a model: the module behind it, a quiet state, one class's output."""

from contextlib import contextmanager

import numpy as np
import torch

OUTPUTS = ("probability", "logit")


def resolve_module(model):
    """The torch module of `model`, itself a module or an estimator with a fitted `module_`.

    Raises
    ------
    TypeError
        If there is no module in `model`.
    """
    module = getattr(model, "module_", model)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            "model must be a torch.nn.Module or a fitted estimator with the attribute module_; "
            f"got {type(model).__name__}."
        )
    return module


@contextmanager
def frozen(module):
    """Module in eval mode, parameters without gradients, cuDNN off; all is restored on leaving.

    cuDNN's LSTM has no backward pass in eval mode, and train mode would add dropout.
    """
    training = [(part, part.training) for part in module.modules()]
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        module.eval()
        for parameter in trainable:
            parameter.requires_grad_(False)
        with torch.backends.cudnn.flags(enabled=False):
            yield module
    finally:
        for part, mode in training:
            part.training = mode
        for parameter in trainable:
            parameter.requires_grad_(True)


def class_output(logits, output, target):
    """F, the probability or the logit of class `target`, from outputs of shape (n, n_classes)."""
    if output == "probability":
        logits = torch.softmax(logits, dim=1)
    return logits[:, target]


def to_module(array, module):
    """Array as a tensor of the module's dtype and on its device."""
    like = next(module.parameters(), torch.empty(0))
    # torch cannot wrap memory that is read-only, as a memory map's, or runs backwards: a batch of it is copied.
    return torch.as_tensor(np.require(array, requirements="CW")).to(device=like.device, dtype=like.dtype)


def check_output(module, sample, output, target):
    """Raise unless `target` is a class of the module and `output` fits what it returns.

    Parameters
    ----------
    module : torch.nn.Module
    sample : array-like of shape (n_samples, ...)
        A few inputs to try.
    output : {"probability", "logit"}
    target : int

    Raises
    ------
    ValueError
        If the output is unknown, is not of shape (n_samples, n_classes), lacks the target, or if a
        probability is asked of a module that already returns probabilities.
    """
    if output not in OUTPUTS:
        raise ValueError(f"output must be one of {', '.join(OUTPUTS)}; got {output!r}.")
    try:
        with frozen(module), torch.no_grad():
            values = module(to_module(sample, module))
    except (RuntimeError, IndexError, ValueError) as error:
        raise ValueError(
            f"model must take inputs of shape {np.shape(sample)}, as X and baselines have: {error}"
        ) from error
    shape = tuple(values.shape)
    if values.ndim != 2 or len(values) != len(sample):
        raise ValueError(f"model must return an output of shape (n_samples, n_classes); got {shape}.")
    if isinstance(target, bool) or not isinstance(target, (int, np.integer)):
        raise TypeError(f"target must be an int, the index of a class; got {target!r}.")
    if not 0 <= target < shape[1]:
        raise ValueError(f"target must be one of the model's classes 0 to {shape[1] - 1}; got {target}.")
    sums_to_one = torch.allclose(values.sum(dim=1), torch.ones(()).to(values), atol=1e-4)
    if output == "probability" and shape[1] == 1:
        raise ValueError('output="probability" needs a model of at least two classes; use output="logit".')
    if output == "probability" and (values >= 0).all() and sums_to_one:
        raise ValueError(
            "model must return logits, but its outputs are already probabilities (a softmax at its end?); "
            'output="logit" explains them as they are.'
        )


def model_outputs(module, X, output, target, batch_size=64):
    """F of every sample, in batches.

    Returns
    -------
    ndarray of shape (n_samples,), float64
    """
    values = np.empty(len(X))
    with frozen(module), torch.no_grad():
        for start in range(0, len(X), batch_size):
            logits = module(to_module(X[start : start + batch_size], module))
            values[start : start + batch_size] = class_output(logits, output, target).cpu()
    return values
