"""
Your own network in the selector
================================

:class:`~sklearn_emoxai.IGLandmarkSelector` takes any estimator that has a torch module of logits in ``module_`` after
``fit``, as a skorch net has. Here a small GRU chooses the landmarks, and an SVM works on them.
"""

import matplotlib.pyplot as plt
import numpy as np
import sklearn
import torch
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from skorch import NeuralNetClassifier

from sklearn_emoxai import (
    IGLandmarkSelector,
    LandmarkAligner,
    NeutralDifference,
    RandomLandmarkSelector,
    SequenceFlattener,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.plotting import LandmarkImportanceDisplay

sklearn.set_config(enable_metadata_routing=True)

# %%
# The module takes sequences and returns logits, without a softmax at its end. The class around it takes as many
# landmarks as it gets, so a grid over their number works, and has a ``random_state`` that starts everything random in
# the training. True and False reach it as the integers that torch's cross-entropy wants.


class GRUNet(torch.nn.Module):
    """A GRU over the frames, and a linear layer on its last state."""

    def __init__(self, n_landmarks=468, n_units=24):
        super().__init__()
        self.gru = torch.nn.GRU(2 * n_landmarks, n_units, batch_first=True)
        self.out = torch.nn.Linear(n_units, 2)

    def forward(self, X):
        """Logits (n, 2) of sequences (n, n_frames, 2, n_landmarks)."""
        return self.out(self.gru(X.flatten(2))[0][:, -1])


class Detector(NeuralNetClassifier):
    """A skorch net for sequences of any number of landmarks, and a seed."""

    def __init__(self, module, *, random_state=0, **parameters):
        super().__init__(module, **parameters)
        self.random_state = random_state

    def fit(self, X, y, **parameters):
        self.set_params(module__n_landmarks=X.shape[-1])  # as many as were selected
        with torch.random.fork_rng():
            torch.manual_seed(self.random_state)
            return super().fit(X, y, **parameters)


network = Detector(
    GRUNet,
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    max_epochs=30,
    train_split=None,
    iterator_train__shuffle=True,
    verbose=0,
)

# %%
# The GRU's choice of 16 landmarks against 16 at random, spread over the face, by the score of the same SVM on
# subjects that neither has seen. ``strategy="qr"`` takes importance times novelty; try the paper's ``"top"``, too,
# which takes importance alone: neighbours that repeat one another then cost most of the lead.

faces = make_expressions(n_subjects=12, n_repeats=2, n_frames=6, random_state=0)
y = faces.target == "sadness"
selectors = {
    "chosen by the GRU": IGLandmarkSelector(network, n_landmarks_to_select=16, strategy="qr", random_state=0),
    "random, spread": RandomLandmarkSelector(n_landmarks_to_select=16, spread=True, random_state=0),
}
scores, fitted = {}, {}
for name, selector in selectors.items():
    pipeline = Pipeline(
        [
            ("align", LandmarkAligner()),
            ("difference", NeutralDifference()),
            ("select", selector),
            ("flatten", SequenceFlattener()),
            ("svm", SVC(C=10, class_weight="balanced")),
        ]
    )
    routed = {"emotion": faces.target, "groups": faces.groups} if "GRU" in name else {}
    folds = list(StratifiedGroupKFold(4).split(faces.data, y, faces.groups))
    scores[name] = cross_val_score(pipeline, faces.data, y, cv=folds, scoring="roc_auc", params=routed)
    fitted[name] = pipeline.fit(faces.data, y, **routed)["select"]

# %%
# Four folds do not settle which is better: look at the spread.

figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 4.3), layout="constrained")
LandmarkImportanceDisplay.from_estimator(
    fitted["chosen by the GRU"], ax=left, title="the GRU's 16 landmarks for sadness"
)
for row, auc in enumerate(scores.values()):
    right.plot(auc, np.full(len(auc), row), "o", color=f"C{row}", alpha=0.5)
    right.plot(auc.mean(), row, "|", color=f"C{row}", ms=30, mew=3)
right.set(
    yticks=range(2),
    yticklabels=scores,
    ylim=(-0.6, 1.6),
    xlim=(0.4, 1),
    xlabel="ROC AUC of the SVM, four folds by subject",
)
right.axvline(0.5, color="0.6", ls=":")
right.spines[["top", "right"]].set_visible(False)
plt.show()
print({name: f"{auc.mean():.3f} ± {auc.std():.3f}" for name, auc in scores.items()})
