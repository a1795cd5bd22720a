"""The metrics of a comparison, for binary targets."""

from sklearn import metrics

METRICS = ("accuracy", "balanced_accuracy", "roc_auc", "f1", "mcc")
# The others say nothing about a test part of one class.
DEFINED_FOR_ONE_CLASS = {"accuracy"}


def score(names, target, predicted, values):
    """Metrics by name, of boolean targets, predicted classes and decision values, all of shape (n_samples,)."""
    functions = {
        "accuracy": lambda: metrics.accuracy_score(target, predicted),
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(target, predicted),
        "roc_auc": lambda: metrics.roc_auc_score(target, values),
        "f1": lambda: metrics.f1_score(target, predicted, zero_division=0),
        "mcc": lambda: metrics.matthews_corrcoef(target, predicted),
    }
    return {name: float(functions[name]()) for name in names}
