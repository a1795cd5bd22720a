"""
Searching hyper-parameters and landmark counts, and SVMs on the same splits
===========================================================================

Sequences of landmarks with a known truth are classified as "happiness" or "rest". A network behind a landmark
selection is searched over the number of its filters *and* over the number of landmarks, and both SVMs run with and
without the same selection, on the same folds. No subject is both trained and tested on.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    ConvLSTMClassifier,
    IGLandmarkSelector,
    LandmarkAligner,
    NeutralDifference,
    SequenceFlattener,
)
from sklearn_emoxai.datasets import make_expressions
from sklearn_emoxai.plotting import LandmarkImportanceDisplay

# Takes emotion labels and subjects to the steps: each takes both, and ignores what it does not need.
sklearn.set_config(enable_metadata_routing=True)

# %%
# Ten subjects show six emotions once each.

faces = make_expressions(n_subjects=10, n_repeats=1, n_frames=5, random_state=0)
y = faces.target == "happiness"
folds = list(StratifiedGroupKFold(3).split(faces.data, y, faces.groups))

# %%
# The pipeline, and the search. With ``memory`` the network on all landmarks is trained and explained once in each fold,
# however many landmark counts are tried.

network = ConvLSTMClassifier(n_filters=8, lr=1e-3, max_epochs=25, class_weight="balanced", random_state=0)
prepare = [("align", LandmarkAligner()), ("difference", NeutralDifference())]
memory = tempfile.TemporaryDirectory()
selector = IGLandmarkSelector(network, typical="unlikely_medoid", memory=memory.name, random_state=0)
search = GridSearchCV(
    Pipeline([*prepare, ("select", selector), ("classify", network)]),
    {"select__n_landmarks_to_select": [8, 32, 128], "classify__n_filters": [4, 8]},
    cv=folds,
    scoring="roc_auc",
)
search.fit(faces.data, y, emotion=faces.target, groups=faces.groups)

# %%
# The SVMs, on the same folds.

scores = {}
metadata = {"emotion": faces.target, "groups": faces.groups}
for kernel in ("linear", "rbf"):
    svm = [("flatten", SequenceFlattener()), ("svm", SVC(kernel=kernel, C=10, class_weight="balanced"))]
    for name, steps in {"all": prepare, "32": [*prepare, ("select", selector)]}.items():
        pipeline = Pipeline([*steps, *svm])
        if name == "32":
            pipeline.set_params(select__n_landmarks_to_select=32)
        auc = cross_val_score(pipeline, faces.data, y, cv=folds, scoring="roc_auc", params=metadata)
        scores[f"{kernel} SVM, {name} landmarks"] = auc.mean()

results = pd.DataFrame(search.cv_results_)
columns = {"param_select__n_landmarks_to_select": "landmarks", "param_classify__n_filters": "filters"}
table = results.rename(columns=columns).pivot(index="landmarks", columns="filters", values="mean_test_score")
print("ROC AUC of the network on unseen subjects (chance is 0.5):", table.round(3), sep="\n")
print(pd.Series(scores).round(3).to_string())

# %%
# Where the best network looks. The colour is the importance of the landmarks that it was given.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for n_filters in table.columns:
    left.plot(table.index, table[n_filters], marker="o", label=f"network, {n_filters} filters")
for name, style in {"linear": "--", "rbf": ":"}.items():
    left.axhline(
        scores[f"{name} SVM, all landmarks"], linestyle=style, color="0.4", label=f"{name} SVM, all landmarks"
    )
left.set(xscale="log", xlabel="landmarks", ylabel="ROC AUC on unseen subjects", xticks=table.index)
left.set_xticks(table.index, [str(k) for k in table.index])
left.minorticks_off()
left.legend(frameon=False)
best = search.best_estimator_["select"]
LandmarkImportanceDisplay.from_estimator(
    best, ax=right, title=f"{np.sum(best.support_)} landmarks for happiness"
)
plt.show()
memory.cleanup()
