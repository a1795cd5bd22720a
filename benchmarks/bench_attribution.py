"""Speed, agreement and memory of the pathwise engine, against captum, Keras and other methods in the same run.

    python benchmarks/bench_attribution.py [--pairs 64] [--kernel 3x3 | 2x3] [--network fitted | centred]
                                           [--threads 2] [--no-numba]
    python benchmarks/bench_attribution.py --methods

Reference size: 468 landmarks, 10 frames, 40 filters, 58 LSTM units, 63 neurons. The data are aligned
``make_expressions`` sequences. By default the network is that of a ConvLSTMClassifier: 84 clips of 12 subjects, 15
epochs at lr 1e-3. ``--network centred`` is a harder one: trained in a plain loop on 240 sequences less their mean
sequence, half of whose units switch on a path. Every engine explains the same pairs of the same trained network with
the right Riemann sum. captum also explains the network as people write it, with torch's own LSTM layer, in which it is
slower. Ours sums with numba where it is installed, unless ``--no-numba``. Keras is left out where it is not installed:
``pip install tensorflow-cpu keras``. Memory is read from /proc, on Linux.

``--methods`` times every attribution there is instead, with its default steps, beside the pathwise integrated
gradients: of the same pairs, the slow ones of the first few of them. Its last line is captum on torch's own layers.
"""

import argparse
import os
import pickle
import platform
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import torch
from captum.attr import IntegratedGradients

from sklearn_emoxai import (
    ConvLSTM,
    ConvLSTMClassifier,
    LandmarkAligner,
    integrated_gradients,
    landmark_attributions,
    pair_attributions,
    typical_samples,
)
from sklearn_emoxai.attribution import ATTRIBUTIONS, _captum, _pathwise, _torch_kernels
from sklearn_emoxai.attribution._quadrature import path_steps
from sklearn_emoxai.datasets import make_expressions

KERNELS = {"3x3": {"kernel_size": 3}, "2x3": {"kernel_size": (2, 3), "padding": ("valid", "same")}}
EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
EMOTION = "happiness"
SLOW = 5  # times the pathwise integrated gradients; a method above it is marked
SECONDS_A_METHOD = 3  # about as long each method is timed, three times


def fitted_case(kernel):
    """Sequences, their labels, and the network of a classifier that was fitted to them."""
    data = make_expressions(n_subjects=12, n_repeats=1, emotions=[*EMOTIONS, "neutral"], random_state=0)
    X = LandmarkAligner().fit_transform(data.data)
    network = ConvLSTMClassifier.from_paper(
        validation_fraction=None,
        **{"padding": "same", **KERNELS[kernel]},
        lr=1e-3,
        max_epochs=15,
        random_state=0,
    )
    return X, data.target, network.fit(X, data.target == EMOTION).module_


def loop_case(kernel):
    """The same, less the mean sequence, with a network that is trained in a plain loop."""
    data = make_expressions(random_state=0)
    X = LandmarkAligner().fit_transform(data.data)
    X = X - X.mean(axis=0)
    return X, data.target, trained_network(X, (data.target == EMOTION).astype(int), kernel, 10)


def trained_network(X, y, kernel, n_epochs):
    torch.manual_seed(0)
    module = ConvLSTM(468, n_filters=40, lstm_units=58, fc_units=63, **KERNELS[kernel])
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4)
    X, y = torch.as_tensor(X), torch.as_tensor(y)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(X)).split(16):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(X[batch]), y[batch]).backward()
            optimizer.step()
    return module.eval()


def best_seconds(function, n_repeats=6):
    times = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def time_captum(module, X, baseline, n_steps):
    """Seconds a pair with the best of captum's batch sizes, that size, and the attributions."""
    results = {}
    for rows in (5, 10, 25, 50):
        _captum.ROWS_AT_ONCE = rows
        for n_pairs in (1, 2):
            seconds = best_seconds(
                lambda n=n_pairs: integrated_gradients(
                    module, X[:2], baseline, n_steps=n_steps, engine="captum", batch_size=n
                ),
                n_repeats=3,
            )
            results[seconds / 2] = (rows, n_pairs)
    best = min(results)
    return (
        best,
        results[best],
        integrated_gradients(module, X[:2], baseline, n_steps=n_steps, engine="captum"),
    )


class PlainNetwork(torch.nn.Module):
    """The network as people write it, with torch's own layers throughout and the weights of a ConvLSTM."""

    def __init__(self, module):
        super().__init__()
        self.mean, self.scale = module.mean, module.scale
        left, _, top, _ = module.pad.padding
        self.conv = torch.nn.Conv2d(1, module.conv.out_channels, module.conv.kernel_size, padding=(top, left))
        self.conv.load_state_dict(module.conv.state_dict())
        self.norm, self.lstm, self.dropout = module.norm, module.lstm, module.dropout
        self.fc1, self.fc2 = module.fc1, module.fc2

    def forward(self, X):
        """Logits of sequences of shape (n_samples, n_frames, 2, n_landmarks)."""
        frames = ((X - self.mean) / self.scale).flatten(0, 1).unsqueeze(1)
        units = self.norm(torch.relu(self.conv(frames)))
        _, (hidden, _) = self.lstm(units.reshape(*X.shape[:2], -1))
        return self.fc2(torch.relu(self.fc1(self.dropout(hidden[-1]))))


def time_captum_as_it_comes(module, X, baseline, n_steps, *, n_pairs, n_repeats=3):
    """Seconds a pair with captum's own defaults, all steps of all samples at once, and two pairs' attributions."""
    explainer = IntegratedGradients(lambda x: torch.softmax(module(x), dim=1))
    start, found = torch.as_tensor(baseline), []

    def run():
        found[:] = explainer.attribute(
            torch.as_tensor(X[:n_pairs]), start, target=1, n_steps=n_steps, method="riemann_right"
        )

    seconds = best_seconds(run, n_repeats) / n_pairs
    return seconds, torch.stack(found[:2]).detach().numpy()[:, None]


def keras_copy(module, n_frames):
    """The same network in Keras, with the same weights."""
    import keras
    from keras import layers

    left, right, top, bottom = module.pad.padding
    kernel = module.conv.kernel_size
    frames = keras.Input((n_frames, 2, 468, 1))
    padded = layers.TimeDistributed(layers.ZeroPadding2D(((top, bottom), (left, right))))(frames)
    conv = layers.TimeDistributed(layers.Conv2D(module.conv.out_channels, kernel, activation="relu"))
    norm = layers.BatchNormalization(epsilon=module.norm.eps)
    units = layers.Permute((1, 4, 2, 3))(norm(conv(padded)))
    lstm = layers.LSTM(module.lstm.hidden_size)
    hidden = lstm(layers.Reshape((n_frames, -1))(units))
    fc1, fc2 = layers.Dense(module.fc1.out_features, activation="relu"), layers.Dense(2, activation="softmax")
    model = keras.Model(frames, fc2(fc1(hidden)))
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    conv.set_weights([weights["conv.weight"].transpose(2, 3, 1, 0), weights["conv.bias"]])
    norm.set_weights([weights[f"norm.{n}"] for n in ("weight", "bias", "running_mean", "running_var")])
    lstm.set_weights(
        [
            weights["lstm.weight_ih_l0"].T,
            weights["lstm.weight_hh_l0"].T,
            weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"],
        ]
    )
    for layer, name in ((fc1, "fc1"), (fc2, "fc2")):
        layer.set_weights([weights[f"{name}.weight"].T, weights[f"{name}.bias"]])
    return model


def time_keras(module, X, baseline, n_steps, n_threads):
    """Seconds a pair with a compiled GradientTape over all steps of a pair, and the attributions."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(n_threads)
    tf.config.threading.set_inter_op_parallelism_threads(n_threads)
    model = keras_copy(module, X.shape[1])
    X, baseline = (module.standardize(torch.as_tensor(A)).numpy() for A in (X, baseline))
    alphas, weights = (tf.constant(a, tf.float32) for a in path_steps("riemann_right", n_steps))

    @tf.function
    def explain(x, baseline):
        points = baseline + tf.reshape(alphas, (-1, 1, 1, 1, 1)) * (x - baseline)
        with tf.GradientTape() as tape:
            tape.watch(points)
            F = model(points, training=False)[:, 1]
        return (x - baseline) * tf.tensordot(weights, tape.gradient(F, points), 1)

    def run():
        return [explain(x[..., None], baseline[0, ..., None]).numpy()[..., 0] for x in X[:2]]

    run()
    return best_seconds(run) / 2, np.stack(run())[:, None]


def time_methods(module, X, baseline, most_pairs):
    """Milliseconds a pair of every attribution, by method, and how many pairs they were taken of."""

    def seconds(name, n_pairs, n_repeats=1):
        return best_seconds(
            lambda: pair_attributions(module, X[:n_pairs], baseline, attribution=name, random_state=0),
            n_repeats,
        )

    times = {}
    for name in ATTRIBUTIONS:
        seconds(name, 1)  # what is loaded and compiled once
        further = (seconds(name, 3) - seconds(name, 1)) / 2  # without what is done once a baseline
        n_pairs = int(np.clip(SECONDS_A_METHOD / max(further, 1e-3), 1, most_pairs))
        times[name] = 1e3 * seconds(name, n_pairs, n_repeats=3) / n_pairs, n_pairs
    return times


def print_methods(module, X, baseline, most_pairs, n_steps):
    """The table of all attributions, and captum on torch's own layers."""
    times = time_methods(module, X, baseline, most_pairs)
    plain = PlainNetwork(module).eval()
    with torch.no_grad():
        np.testing.assert_allclose(
            plain(torch.as_tensor(X)), module(torch.as_tensor(X)), rtol=1e-3, atol=1e-4
        )
    seconds, theirs = time_captum_as_it_comes(plain, X, baseline, n_steps, n_pairs=2, n_repeats=2)
    ours = integrated_gradients(module, X[:2], baseline, n_steps=n_steps, engine="pathwise")
    times["captum, torch's own layers"] = 1e3 * seconds, 2
    reference = times["integrated_gradients"][0]
    print(f"{'attribution':27} {'ms a pair':>10} {'ratio':>7} {'pairs':>6}")
    for name, (milliseconds, n_pairs) in times.items():
        mark = "" if milliseconds <= SLOW * reference else f"  more than {SLOW} ×"
        print(f"{name:27} {milliseconds:10.2f} {milliseconds / reference:7.1f} {n_pairs:6}{mark}")
    print(f"captum's relative difference from ours: {relative_difference(ours, theirs):.1e}")


def relative_difference(ours, theirs):
    """Of attributions, over all pairs."""
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


def switching_share(module, X, baselines):
    """Share of the units that switch on the paths from each baseline to each sample."""
    with torch.no_grad():
        units = [
            module.conv(module.pad(module.standardize(torch.as_tensor(A)).flatten(0, 1)[:, None])) > 0
            for A in (X, baselines)
        ]
    samples, references = (u.reshape(len(A), -1) for u, A in zip(units, (X, baselines)))
    return float(np.mean([(samples != reference).float().mean() for reference in references]))


def peak_megabytes():
    """Most memory that this process has held."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def explain_all(path):
    """Child process: the paper's global procedure on a stored case; prints extra MB and seconds."""
    with open(path, "rb") as file:
        module, X, labels, n_threads, no_numba = pickle.load(file)
    torch.set_num_threads(n_threads)
    if no_numba:
        _pathwise.choose_kernels = lambda like: _torch_kernels
    integrated_gradients(module, X[:1], X[1:2], n_steps=2)
    before = peak_megabytes()
    start = time.perf_counter()
    parts = landmark_attributions(module, X, labels=labels, positive=EMOTION, return_parts=True)
    seconds = time.perf_counter() - start
    extra = peak_megabytes() - before
    print(f"{extra:.0f} MB above data and libraries, {seconds:.1f} s for {parts.n_pairs.sum()} pairs")


def measure_all(*case):
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        pickle.dump(case, file)
        file.flush()
        command = [sys.executable, "-W", "ignore", __file__, "--child", file.name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def compile_seconds():
    """Seconds that the first attribution takes longer than the second in a process that finds nothing compiled."""
    code = (
        "import time, torch; from sklearn_emoxai import ConvLSTM, integrated_gradients as ig\n"
        "X = torch.randn(2, 2, 2, 9)\n"
        "def run(): start = time.perf_counter(); ig(ConvLSTM(9), X[:1], X[1:]); return time.perf_counter() - start\n"
        "print(run() - run())"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        return float(subprocess.check_output([sys.executable, "-c", code], env=environment, text=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--kernel", choices=KERNELS, default="3x3")
    parser.add_argument("--network", choices=["fitted", "centred"], default="fitted")
    parser.add_argument("--methods", action="store_true", help="every attribution that there is")
    parser.add_argument("--no-numba", action="store_true", help="sum with torch")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return explain_all(options.child)

    torch.set_num_threads(options.threads)
    if options.no_numba:
        _pathwise.choose_kernels = lambda like: _torch_kernels
    kernels = _pathwise.choose_kernels(torch.empty(0)).__name__.rpartition(".")[2]
    print(
        f"{platform.processor() or platform.machine()}, {options.threads} threads, torch {torch.__version__}, "
        f"sums by {kernels}"
    )
    if kernels == "_numba_kernels":
        print(f"compiling the kernels, once: {compile_seconds():.1f} s")
    if options.network == "fitted":
        X, target, module = fitted_case(options.kernel)
    else:
        X, target, module = loop_case(options.kernel)
    y = (target == EMOTION).astype(int)
    baselines = X[list(typical_samples(X, target).values())]
    with torch.no_grad():
        F = torch.softmax(module(torch.as_tensor(X)), dim=1)[:, 1].numpy()
    print(
        f"{options.kernel} kernel, network {options.network}: "
        f"F of {EMOTION} {F[y == 1].mean():.2f}, of the rest {F[y == 0].mean():.2f}, "
        f"{((F > 0.5) == y).mean():.1%} right ({1 - y.mean():.1%} are rest); "
        f"{module.lstm.input_size} units a frame, {switching_share(module, X, baselines):.1%} of them switch"
    )

    baseline, n_steps = baselines[:1], 50
    if options.methods:
        return print_methods(module, X, baseline, options.pairs, n_steps)
    ours = {}
    for steps in (n_steps, 300):
        ours[steps] = best_seconds(
            lambda m=steps: integrated_gradients(
                module, X[: options.pairs], baseline, n_steps=m, engine="pathwise"
            )
        )
        ours[steps] /= options.pairs
    result = integrated_gradients(module, X[:2], baseline, n_steps=n_steps, engine="pathwise")
    engine = _pathwise.PathwiseEngine(module, "probability", 1)
    start = best_seconds(lambda: engine.start(baseline[0]))
    print(f"pathwise, m = 50:  {ours[50] * 1e3:8.2f} ms a pair, once a baseline {start * 1e3:.0f} ms")
    print(f"pathwise, m = 300: {ours[300] * 1e3:8.2f} ms a pair, {ours[300] / ours[50]:.2f} × m = 50")

    peers = {}
    seconds, (rows, n_pairs), captum = time_captum(module, X, baseline, n_steps)
    peers["captum with its defaults"] = time_captum_as_it_comes(module, X, baseline, n_steps, n_pairs=4)
    peers["captum with its defaults, torch's own layers"] = time_captum_as_it_comes(
        PlainNetwork(module).eval(), X, baseline, n_steps, n_pairs=2
    )
    peers[f"captum at its best (internal_batch_size {rows}, {n_pairs} pairs, frozen weights)"] = (
        seconds,
        captum,
    )
    try:
        peers["Keras GradientTape"] = time_keras(module, X, baseline, n_steps, options.threads)
    except ModuleNotFoundError as error:
        print(f"Keras left out: {error}")
    for name, (seconds, other) in peers.items():
        print(
            f"{name}: {seconds * 1e3:.1f} ms a pair = {seconds / ours[50]:.1f} × ours; "
            f"relative difference {relative_difference(result, other):.1e}"
        )
    child = measure_all(module, X, target, options.threads, options.no_numba)
    print("global relevance of all samples:", child)


if __name__ == "__main__":
    main()
