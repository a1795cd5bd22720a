"""Seconds per epoch: this package, Keras on TensorFlow and a plain skorch net, in one run.

    python benchmarks/bench_training.py [--landmarks 468 128] [--precision highest medium] [--rounds 3] [--threads 2]

The work is the paper's: 487 samples of 10 frames, 40 filters of 3 × 3, 58 LSTM units, 63 neurons, batches of
16. The contestants take turns, and the best epoch of each counts: other load on the machine hits all alike.
Keras is the paper's own stack; the plain net is what one writes with torch's layers and skorch's defaults.
"""

import argparse
import gc
import os
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import skorch
import tensorflow as tf
import torch
from skorch.callbacks import Callback
from torch import nn

from sklearn_emoxai import ConvLSTMClassifier

N_SAMPLES, N_FRAMES, N_FILTERS, LSTM_UNITS, FC_UNITS, BATCH, DROPOUT = 487, 10, 40, 58, 63, 16, 0.3


class EpochTimes(Callback):
    """Seconds of each epoch."""

    def initialize(self):
        """Forget former trainings."""
        self.seconds = []
        return self

    def on_epoch_begin(self, net, **kwargs):
        """Start the clock."""
        self.started = time.perf_counter()

    def on_epoch_end(self, net, **kwargs):
        """Stop it."""
        self.seconds.append(time.perf_counter() - self.started)


class PlainConvLSTM(nn.Module):
    """The network in torch's own layers."""

    def __init__(self, n_landmarks, randomized_conv):
        super().__init__()
        self.conv = nn.Conv2d(1, N_FILTERS, 3, padding="same").requires_grad_(not randomized_conv)
        self.norm = nn.BatchNorm2d(N_FILTERS)
        self.lstm = nn.LSTM(N_FILTERS * 2 * n_landmarks, LSTM_UNITS, batch_first=True)
        self.head = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(LSTM_UNITS, FC_UNITS), nn.ReLU(), nn.Linear(FC_UNITS, 2)
        )

    def forward(self, X):
        """Logits of each sequence."""
        features = self.norm(torch.relu(self.conv(X.flatten(0, 1).unsqueeze(1))))
        return self.head(self.lstm(features.reshape(*X.shape[:2], -1))[1][0][-1])


def keras_network(n_landmarks, randomized_conv):
    conv = keras.layers.Conv2D(N_FILTERS, 3, padding="same", activation="relu", trainable=not randomized_conv)
    network = keras.Sequential(
        [
            keras.Input((N_FRAMES, 2, n_landmarks, 1)),
            keras.layers.TimeDistributed(conv, trainable=not randomized_conv),
            keras.layers.BatchNormalization(),
            keras.layers.TimeDistributed(keras.layers.Flatten()),
            keras.layers.LSTM(LSTM_UNITS),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(FC_UNITS, activation="relu"),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    network.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
    return network


def keras_epochs(X, y, randomized_conv):
    """Return a function that trains for one epoch and returns its seconds."""
    network = keras_network(X.shape[3], randomized_conv)
    images = X[..., None]
    network.fit(images[:BATCH], y[:BATCH], batch_size=BATCH, verbose=0)  # traces the graph

    def epoch():
        started = time.perf_counter()
        network.fit(images, y, batch_size=BATCH, verbose=0)
        return [time.perf_counter() - started]

    return epoch


def plain_epochs(X, y, randomized_conv):
    times = EpochTimes()
    net = skorch.NeuralNetClassifier(
        PlainConvLSTM,
        module__n_landmarks=X.shape[3],
        module__randomized_conv=randomized_conv,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-4,
        batch_size=BATCH,
        max_epochs=1,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[times],
        verbose=0,
    ).initialize()
    return lambda: net.partial_fit(X, y).callbacks[0].seconds[-1:]


def our_epochs(X, y, randomized_conv, precision):
    def epochs():
        times = EpochTimes()
        ConvLSTMClassifier.from_paper(
            validation_fraction=None,
            kernel_size=3,
            padding="same",
            dropout=DROPOUT,
            randomized_conv=randomized_conv,
            precision=precision,
            max_epochs=3,
            random_state=0,
            callbacks=[times],
        ).fit(X, y)
        return times.seconds

    return epochs


def measure(n_landmarks, precisions, rounds):
    """Print the table for one number of landmarks."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SAMPLES, N_FRAMES, 2, n_landmarks)).astype(np.float32)
    y = np.arange(N_SAMPLES) % 2
    best = {}
    for randomized_conv in (False, True):
        method = "R-EMO" if randomized_conv else "T-EMO"
        contestants = {"Keras": keras_epochs(X, y, randomized_conv)}
        contestants["plain skorch"] = plain_epochs(X, y, randomized_conv)
        for precision in precisions:
            contestants[f"ours, {precision}"] = our_epochs(X, y, randomized_conv, precision)
        seconds = {name: [] for name in contestants}
        for _ in range(rounds):
            for name, epochs in contestants.items():
                seconds[name] += epochs()
        del contestants
        gc.collect()
        best |= {(method, name): min(values) for name, values in seconds.items()}
        for name, values in seconds.items():
            ratios = (best[method, peer] / min(values) for peer in ("Keras", "plain skorch"))
            row = f"{n_landmarks:4d} {method} {name:14s} {min(values):8.2f} {np.median(values):8.2f}"
            print(row, *(f"{ratio:8.1f} ×" for ratio in ratios), flush=True)
    for precision in precisions:
        ratio = best["T-EMO", f"ours, {precision}"] / best["R-EMO", f"ours, {precision}"]
        print(f"{n_landmarks:4d} R-EMO against T-EMO, ours, {precision}: {ratio:.1f} ×", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--landmarks", type=int, nargs="+", default=[468, 128])
    parser.add_argument("--precision", nargs="+", default=["highest", "medium"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    capability = torch.backends.cpu.get_cpu_capability()
    print(
        f"{platform.machine()} ({capability}), {os.cpu_count()} cores, {arguments.threads} threads;", end=" "
    )
    print(f"torch {torch.__version__}, keras {keras.__version__}, TensorFlow {tf.__version__}")
    print(
        "landmarks, method, contestant, best and median s/epoch, times as fast as Keras and as plain skorch"
    )
    for n_landmarks in arguments.landmarks:
        measure(n_landmarks, arguments.precision, arguments.rounds)


if __name__ == "__main__":
    main()
