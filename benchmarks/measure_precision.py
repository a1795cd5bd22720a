"""What reduced-precision products change: scores on new subjects, and how far training drifts.

    python benchmarks/measure_precision.py [--seeds 2] [--landmarks 128] [--precisions high medium]

On make_expressions, aligned, a third of the subjects held out. Every precision starts from the same weights, sees the
same batches and trains for the same epochs.
"""

import argparse
import os
import platform

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from sklearn_emoxai import ConvLSTMClassifier, LandmarkAligner
from sklearn_emoxai.datasets import make_expressions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--landmarks", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--precisions", nargs="+", default=["high", "medium"])
    arguments = parser.parse_args()
    data = make_expressions(random_state=0)
    kept = np.linspace(0, 467, arguments.landmarks).astype(int)
    X = LandmarkAligner().fit_transform(data.data)[..., kept]
    test = np.isin(data.groups, np.unique(data.groups)[::3])

    def probabilities(y, **parameters):
        model = ConvLSTMClassifier.from_paper(
            validation_fraction=None, lr=3e-4, max_epochs=arguments.epochs, **parameters
        )
        return model.fit(X[~test], y[~test]).predict_proba(X[test])[:, 1]

    print(f"{platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {os.cpu_count()} cores")
    print('mean ROC AUC at "highest"; difference from it ± standard error over emotions and seeds; mean |Δp|')
    for randomized_conv in (False, True):
        aucs, drifts = {}, {}
        for emotion in np.unique(data.target):
            y = data.target == emotion
            for seed in range(arguments.seeds):
                fit = {"randomized_conv": randomized_conv, "random_state": seed}
                reference = probabilities(y, **fit)
                aucs.setdefault("highest", []).append(roc_auc_score(y[test], reference))
                for precision in arguments.precisions:
                    found = probabilities(y, precision=precision, **fit)
                    aucs.setdefault(precision, []).append(roc_auc_score(y[test], found))
                    drifts.setdefault(precision, []).append(np.abs(found - reference).mean())
        for precision in arguments.precisions:
            change = np.subtract(aucs[precision], aucs["highest"])
            row = f"{'R-EMO' if randomized_conv else 'T-EMO'} {precision:7s} {np.mean(aucs['highest']):.3f}"
            error = change.std(ddof=1) / np.sqrt(len(change))
            print(row, f"{change.mean():+.4f} ± {error:.4f} {np.mean(drifts[precision]):.4f}", flush=True)


if __name__ == "__main__":
    main()
