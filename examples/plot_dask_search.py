"""
A search on Dask
================

A grid search is many fits that know nothing of each other. joblib sends them to other processes, or, with one line
more, to the machines of a Dask cluster. Here the cluster is this machine; :ref:`scaling` tells how to get a real one.
"""

import matplotlib.pyplot as plt
import pandas as pd
from dask.distributed import Client
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline

from sklearn_emoxai import ConvLSTMClassifier, LandmarkAligner, NeutralDifference, on_cluster
from sklearn_emoxai.datasets import make_expressions

# %%
# The search, as it would be without Dask.

faces = make_expressions(n_subjects=10, n_repeats=1, n_frames=5, random_state=0)
y = faces.target == "surprise"
network = ConvLSTMClassifier(max_epochs=15, class_weight="balanced", random_state=0)
pipeline = Pipeline(
    [("align", LandmarkAligner()), ("difference", NeutralDifference()), ("classify", network)]
)
search = GridSearchCV(
    pipeline,
    {"classify__n_filters": [4, 8], "classify__lr": [3e-4, 1e-3, 3e-3]},
    cv=StratifiedGroupKFold(3),
    scoring="roc_auc",
)

# %%
# Two workers, which here are threads of this process and train in turn. For a real cluster the client gets the
# scheduler's address instead, ``Client("tcp://scheduler:8786")``. :func:`~sklearn_emoxai.on_cluster` first compares
# the versions of the packages there with those here, and then is joblib's ``parallel_config("dask")``.

with Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as client:
    with on_cluster(client):
        search.fit(faces.data, y, groups=faces.groups)
    print(client.scheduler_info()["type"], "with", len(client.nthreads()), "workers")

# %%
# The result is the one that any other backend gives.

results = pd.DataFrame(search.cv_results_)
table = results.pivot(
    index="param_classify__n_filters", columns="param_classify__lr", values="mean_test_score"
)
figure, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
image = ax.imshow(table, cmap="viridis", vmin=0.5, vmax=1, aspect="auto")
for (row, column), value in pd.Series(
    table.to_numpy().ravel(), pd.MultiIndex.from_product(map(range, table.shape))
).items():
    ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.8 else "black")
ax.set(
    xticks=range(table.shape[1]),
    xticklabels=table.columns,
    yticks=range(table.shape[0]),
    yticklabels=table.index,
)
ax.set(xlabel="learning rate", ylabel="filters", title="surprise: ROC AUC on unseen subjects")
figure.colorbar(image, ax=ax)
plt.show()
