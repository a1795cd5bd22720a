"""Kept rankings and comparisons after the user's own code has changed."""

import os
import subprocess
import sys
import textwrap

import pytest

START = """
import sys, warnings
import numpy as np
import torch
warnings.simplefilter("ignore")
X, y = np.random.default_rng(0).normal(size=(24, 5, 2, 20)).astype("float32"), np.arange(24) % 2
X[:, :, :, [3, 7]] += 2 * y[:, None, None, None]
"""

SELECT = """
from mine import {name}
from sklearn_emoxai import IGLandmarkSelector
selector = IGLandmarkSelector(
    {estimator}, n_landmarks_to_select=2, random_state=0, n_steps=5, n_baselines=2, memory=sys.argv[1] or None
)
print(selector.fit(X, y).importances_.round(6).tolist())
"""

COMPARE = """
from mine import {name}
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn_emoxai import SequenceFlattener, compare
from sklearn_emoxai.datasets import make_expressions
faces = make_expressions(6, 1, n_frames=3, emotions=("fear", "happiness", "anger"), random_state=0)
table = compare(
    {models}, faces.data, faces.target, groups=faces.groups, emotions=["fear"], n_runs=1, random_state=0,
    folder=sys.argv[1] or None, {arguments}
)
print(table.roc_auc.tolist(), table.n_test.tolist())
"""

NETWORK = """
import torch
def scaled(x):
    x = x * 1
    x[..., 3] = x[..., 3] * {edit}
    return x
class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.out = torch.nn.Linear(200, 2)
    def forward(self, x):
        return self.out(scaled(x).flatten(1))
"""
NET = (
    "__import__('skorch').NeuralNetClassifier({}, criterion=torch.nn.CrossEntropyLoss, max_epochs=3, lr=0.05, "
    "train_split=None, verbose=0)"
)
STOP = """
from skorch.callbacks import Callback
class Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == {edit}:
            raise KeyboardInterrupt
"""
FOLDS = """
import numpy as np
class Folds:
    def __init__(self):
        self.first = {edit}
    def split(self, X, y=None, groups=None):
        part = np.arange(len(X)) % 18 < 18 - 6 * self.first
        yield np.flatnonzero(part), np.flatnonzero(~part)
    def get_n_splits(self, *arguments):
        return 1
"""
CASES = {
    "a function that the network calls": (
        NETWORK, "1", "0", SELECT, {"name": "Network", "estimator": NET.format("Network")}
    ),
    "a callback": (
        STOP, "1", "3", SELECT,
        {"name": "Stop", "estimator": "__import__('sklearn_emoxai').ConvLSTMClassifier(n_filters=2, lstm_units=3, "
                                      "max_epochs=5, lr=0.01, random_state=0, callbacks=[Stop()])"},
    ),
    "a transformer's function": (
        "def f(X):\n    return X * {edit}", "1", "(X > 0)", COMPARE,
        {"name": "f", "arguments": "n_splits=2",
         "models": "{'SVM': make_pipeline(FunctionTransformer(f), SequenceFlattener(), SVC())}"},
    ),
    "the protocol's splits": (
        FOLDS, "1", "2", COMPARE, {"name": "Folds", "arguments": "protocol=Folds()",
                                   "models": "{'SVM': make_pipeline(SequenceFlattener(), SVC())}"},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("module", "before", "after", "script", "names"), list(CASES.values()), ids=CASES)
def test_what_is_kept_is_not_what_edited_code_would_give(module, before, after, script, names, tmp_path):
    for name, value in names.items():
        script = script.replace(f"{{{name}}}", value)

    def run(edit, kept):
        (tmp_path / "mine.py").write_text(module.replace("{edit}", edit))
        (tmp_path / "script.py").write_text(textwrap.dedent(START + script))
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, tmp_path / "script.py", kept]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    first, again, fresh, last = (
        run(edit, kept) for edit, kept in ((before, "kept"), (before, "kept"), (after, ""), (after, "kept"))
    )
    assert first.returncode == 0, first.stderr
    assert again.stdout == first.stdout, again.stderr  # the same code goes on
    assert fresh.returncode == 0, fresh.stderr
    assert fresh.stdout != first.stdout
    refused = "has changed (mine" in last.stderr
    assert refused if script.count("compare(") else last.stdout == fresh.stdout, last.stderr
