"""
Networks against SVMs, with honest splits
=========================================

:func:`~sklearn_emoxai.compare` fits every model on the same splits and scores it on subjects that it has not seen.
The paper's two networks stand beside two SVMs and beside the answer that is always "rest".
"""

import matplotlib.pyplot as plt
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import ConvLSTMClassifier, LandmarkAligner, NeutralDifference, SequenceFlattener, compare
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.evaluation import summarize

# %%
# Simulated faces whose subjects differ in strength, onset and asymmetry of their expressions.

faces = make_expressions(n_subjects=12, n_repeats=2, n_frames=5, random_state=0)

# %%
# Every model sees the same aligned movements. A network's ``random_state`` is fixed; its learning rate is larger than
# the paper's, to be done sooner.

NETWORK = {
    "n_filters": 4,
    "lr": 1e-3,
    "max_epochs": 20,
    "class_weight": "balanced",
}


def behind(*steps):
    """A model behind alignment and the difference from the neutral frame."""
    return make_pipeline(LandmarkAligner(), NeutralDifference(), *steps)


models = {
    "majority class": DummyClassifier(),
    "linear SVM": behind(SequenceFlattener(), SVC(kernel="linear", class_weight="balanced")),
    "RBF SVM": behind(SequenceFlattener(), SVC(C=10, class_weight="balanced")),
    "T-EMO": behind(ConvLSTMClassifier(random_state=0, **NETWORK)),
    "R-EMO": behind(ConvLSTMClassifier(random_state=0, randomized_conv=True, **NETWORK)),
}
emotions = ["happiness", "sadness"]
table = compare(
    models,
    faces.data,
    faces.target,
    groups=faces.groups,
    emotions=emotions,
    n_splits=4,
    n_runs=1,
    random_state=0,
)

# %%
# Accuracy first, because the paper reports it: "rest" is right for five sequences in six.

print(summarize(table, "accuracy"), summarize(table, "roc_auc"), sep="\n\n")

# %%
# Each dot is a split, each bar the mean of a model. Where dots of two models mingle, four splits can't tell them
# apart.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
for ax, emotion in zip(axes, emotions):
    for row, model in enumerate(models):
        auc = table.loc[(table["emotion"] == emotion) & (table["model"] == model), "roc_auc"]
        ax.plot(auc, [row] * len(auc), "o", color=f"C{row}", alpha=0.5)
        ax.plot(auc.mean(), row, "|", color=f"C{row}", ms=22, mew=3)
    ax.axvline(0.5, color="0.6", ls=":")
    ax.set(title=emotion, xlabel="ROC AUC on unseen subjects", yticks=range(len(models)), yticklabels=models)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].invert_yaxis()
plt.show()
