"""
Mirror augmentation without a leak
==================================

A mirrored copy of every video doubles the data. If the copies are made *before* the data are split, a test clip's own
mirror image may have been trained on, and the score rises without anything having been learnt. How much? We shuffle
the labels, so that nothing can be learnt, and look.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import LandmarkAligner, MirrorAugmented, SequenceFlattener
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.preprocessing import mirror

# %%
# Aligned faces, the true labels, and labels drawn without a look at the faces.

faces = make_expressions(n_subjects=20, n_repeats=1, n_frames=4, random_state=0)
X = LandmarkAligner().fit_transform(faces.data)
truth = faces.target == "happiness"
rng = np.random.default_rng(0)
noise = [rng.permutation(truth) for _ in range(10)]

# %%
# Three ways to cross-validate the same SVM. In the first, copies are made and then everything is split at random. In
# the others :class:`~sklearn_emoxai.MirrorAugmented` makes the copies inside ``fit``, of the training part only.

svm = make_pipeline(SequenceFlattener(), SVC(C=100, class_weight="balanced"))
both, at_random = np.concatenate([X, mirror(X)]), StratifiedKFold(5, shuffle=True, random_state=0)


def leaking(y):
    """Copies first, then the split."""
    y = np.concatenate([y, y])
    return roc_auc_score(y, cross_val_predict(svm, both, y, cv=at_random, method="decision_function"))


def sound(y, cv, groups=None):
    """The split first, then copies of the training part."""
    model = MirrorAugmented(svm)
    return roc_auc_score(y, cross_val_predict(model, X, y, groups=groups, cv=cv, method="decision_function"))


ways = {
    "copies before a random split": leaking,
    "copies inside fit, random split": lambda y: sound(y, at_random),
    "copies inside fit, split by subject": lambda y: sound(y, StratifiedGroupKFold(5), faces.groups),
}

# %%
# On labels that mean nothing, an honest score is 0.5.

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for row, (name, score) in enumerate(ways.items()):
    drawn = [score(y) for y in noise]
    (dots,) = ax.plot(drawn, np.full(len(drawn), row), "o", color="0.5", alpha=0.6)
    (bar,) = ax.plot(score(truth), row, "D", color="C0", ms=9)
    print(f"{name:38s} shuffled labels {np.mean(drawn):.2f}, true labels {score(truth):.2f}")
ax.axvline(0.5, color="C3", ls=":")
ax.set(yticks=range(3), yticklabels=ways, ylim=(2.5, -0.5), xlabel="ROC AUC")
ax.legend(
    [dots, bar],
    ["shuffled labels, ten draws", "true labels"],
    frameon=False,
    ncols=2,
    loc="lower center",
    bbox_to_anchor=(0.5, 1),
)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The copies alone make a score of 0.6 out of nothing. The random split has a twist of its own: the other clips of a
# tested face were trained on, most of them as "rest", and pull its score down.
#
# The paper's own protocol adds the copies first. :func:`~sklearn_emoxai.compare` offers it under its name, for
# comparison.
