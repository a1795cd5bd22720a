"""A fitted detector as one ONNX graph, for other runtimes and languages."""

import json
from pathlib import Path

import numpy as np

from .. import __version__
from ..evaluation import as_detector
from ..facemesh import landmark_names
from ..storage import write_atomically
from ._recipe import Align, Difference, Motion, recipe_of

_OPSET, _IR_VERSION = 18, 9  # of ONNX 1.14; onnxruntime reads them from 1.15 on
_MISSING = 'export_onnx needs the package onnx: pip install "sklearn-emoxai[onnx]".'


def export_onnx(estimator, path, *, positive=None):
    """Write a fitted detector as one ONNX graph, from landmarks to probabilities.

    Alignment, neutral difference, selection and the network of every emotion are in the graph, so that what predicts
    needs an ONNX runtime and nothing else.

    Parameters
    ----------
    estimator : classifier of sequences
        Fitted: an :class:`EmotionClassifier`, a :class:`ConvLSTMClassifier`, a Pipeline that ends in one, or a search
        around it. Its steps may be :class:`LandmarkAligner`, :class:`NeutralDifference`, :class:`LandmarkMotion` and
        landmark selectors; its calibration ``"sigmoid"``.
    path : path-like
        The file; one that exists is replaced.
    positive : str, default=None
        Of a classifier of two labels the one that is the emotion, as in :class:`LiveDetector`.

    Returns
    -------
    Path
        The written file.

    Raises
    ------
    ImportError
        If onnx is not installed.
    NotFittedError, TypeError
        If the estimator is not fitted, or no classifier.
    ValueError
        If a step can't be exported; the message names it.
    OSError
        If the file can't be written.

    Notes
    -----
    The input ``landmarks`` is float32 of shape (n, n_frames, 2, n_landmarks), with any n, in pixels or another unit
    that x and y share; the output ``probabilities`` float32 of shape (n, n_labels). The file's metadata has, as JSON,
    ``labels`` in the order of the output, ``landmarks``, the names of those of the input, ``steps``, what the graph
    does for each label, ``n_frames`` and ``versions``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emoxai import ConvLSTMClassifier, LandmarkAligner, export_onnx
    >>> X = np.random.default_rng(0).normal(size=(8, 5, 2, 468))
    >>> network = ConvLSTMClassifier(max_epochs=1, random_state=0)
    >>> pipeline = make_pipeline(LandmarkAligner(), network).fit(X, np.arange(8) % 2)
    >>> export_onnx(pipeline, "model.onnx")  # doctest: +SKIP
    PosixPath('model.onnx')
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(_MISSING) from error
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} can't be written: it is a folder.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} can't be written: {path.parent} is no folder.")
    model = onnx_model(as_detector(estimator, positive=positive))
    onnx.checker.check_model(model, full_check=True)
    write_atomically(path, model.SerializeToString())
    return path


def answers(detector):
    """The function from one sequence, float32 of shape (1, n_frames, 2, n_landmarks), to each label's probability.

    It runs the detector's ONNX graph, since calls from Python take many times as long as the arithmetic of networks
    this small. Where there is no such graph, or no onnxruntime, the function calls ``predict_proba``.
    """
    try:
        import onnxruntime

        model = onnx_model(detector).SerializeToString()
    except (ImportError, ValueError):
        return lambda X: detector.values(X)[0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the face detector's threads want the same cores
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda X: session.run(["probabilities"], {"landmarks": X})[0][0]


def onnx_model(detector):
    """The ONNX model of a detector; errors are those of :func:`export_onnx`."""
    import onnx
    from onnx import helper

    branches = recipe_of(detector)
    graph = _Graph(helper, detector.n_frames, detector.n_landmarks)
    outputs = [graph.branch(branch) for branch in branches]
    graph.finish(outputs, several=detector.by_emotion is not None)
    shape = ("n", detector.n_frames, 2, detector.n_landmarks)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sklearn_emoxai",
            [helper.make_tensor_value_info("landmarks", onnx.TensorProto.FLOAT, shape)],
            [
                helper.make_tensor_value_info(
                    "probabilities", onnx.TensorProto.FLOAT, ("n", len(detector.labels))
                )
            ],
            [onnx.numpy_helper.from_array(values, name) for name, values in graph.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="sklearn-emoxai",
        producer_version=__version__,
    )
    helper.set_model_props(model, _metadata(detector, branches))
    return model


def _metadata(detector, branches):
    """Strings by name, most of them JSON."""
    from importlib.metadata import version

    steps = {
        "all" if branch.label is None else branch.label: [*map(str, branch.steps), "ConvLSTM network"]
        for branch in branches
    }
    contents = {
        "labels": detector.labels,
        "landmarks": list(landmark_names(detector.n_landmarks)),
        "steps": steps,
        "n_frames": detector.n_frames,
        "versions": {
            "sklearn-emoxai": __version__,
            **{name: version(name) for name in ("torch", "scikit-learn", "onnx")},
        },
    }
    return {name: json.dumps(content, ensure_ascii=False) for name, content in contents.items()}


class _Graph:
    """Nodes and constants, as they are added; equal steps of several branches once.

    Every method takes and returns names of tensors.
    """

    def __init__(self, helper, n_frames, n_landmarks):
        self._helper, self._shape = helper, (n_frames, n_landmarks)
        self.nodes, self.constants, self._made = [], {}, {}

    def add(self, operation, *inputs, name=None, **attributes):
        """Add a node; its output, or that of an equal one."""
        key = (operation, inputs, repr(sorted(attributes.items())))
        if name is None and key in self._made:
            return self._made[key]
        name = name or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(operation, list(inputs), [name], **attributes))
        self._made[key] = name
        return name

    def constant(self, values, dtype=np.float32):
        """Add a constant, or find an equal one."""
        values = np.ascontiguousarray(values, dtype=dtype)
        key = (values.shape, values.dtype.str, values.tobytes())
        if key not in self._made:
            self._made[key] = f"constant_{len(self.constants)}"
            self.constants[self._made[key]] = values
        return self._made[key]

    def integers(self, *values):
        """Constants of int64."""
        return self.constant(values, np.int64)

    def cut(self, tensor, start, stop, axis):
        """Part of a tensor along an axis."""
        return self.add(
            "Slice", tensor, self.integers(start), self.integers(stop), self.integers(axis), self.integers(1)
        )

    def branch(self, branch):
        """Probabilities of a branch, or the logits' difference where it is calibrated."""
        tensor, n_frames = "landmarks", self._shape[0]
        for step in branch.steps:
            if isinstance(step, Align):
                tensor = self._aligned(tensor, step)
            elif isinstance(step, Difference):
                moved = tensor if step.keep_first else self.cut(tensor, 1, n_frames, 1)
                tensor = self.add("Sub", moved, self.cut(tensor, 0, 1, 1))
                n_frames -= not step.keep_first
            elif isinstance(step, Motion):
                tensor = self._motion(tensor, step, n_frames)
            else:
                tensor = self.add("Gather", tensor, self.integers(*step.landmarks), axis=3)
        logits = self._network(tensor, branch.module, n_frames)
        if branch.sigmoid is None:
            return self.add("Softmax", logits, axis=1)
        a, b = (self.constant([value]) for value in branch.sigmoid)
        decision = self.add("Sub", self.cut(logits, 1, 2, 1), self.cut(logits, 0, 1, 1))
        yes = self.add("Sigmoid", self.add("Neg", self.add("Add", self.add("Mul", a, decision), b)))
        return self.add("Concat", self.add("Sub", self.constant([1]), yes), yes, axis=1)

    def _aligned(self, tensor, step):
        """(z − (a + b)/2) / (b − a), with z = x + iy and the eyes' centres a and b."""
        eyes = tensor if step.reference == "frame" else self.cut(tensor, 0, 1, 1)
        a, b = (
            self.add(
                "ReduceMean",
                self.add("Gather", eyes, self.integers(*side), axis=3),
                self.integers(3),
                keepdims=1,
            )
            for side in (step.right, step.left)
        )
        z = self.add("Sub", tensor, self.add("Mul", self.add("Add", a, b), self.constant([0.5])))
        d = self.add("Sub", b, a)
        (x, y), (u, v) = ((self.cut(each, 0, 1, 2), self.cut(each, 1, 2, 2)) for each in (z, d))
        # Smith's division, as NumPy's: another order differs in the last digits, which networks magnify.
        level = self.add("GreaterOrEqual", self.add("Abs", u), self.add("Abs", v))
        (large, small), (p, q) = (
            (self.add("Where", level, *pair), self.add("Where", level, *pair[::-1]))
            for pair in ((u, v), (x, y))
        )
        ratio = self.add("Div", small, large)
        scale = self.add("Reciprocal", self.add("Add", large, self.add("Mul", small, ratio)))
        real = self.add("Mul", self.add("Add", p, self.add("Mul", q, ratio)), scale)
        imaginary = self.add("Mul", self.add("Sub", q, self.add("Mul", p, ratio)), scale)
        signed = self.add("Where", level, imaginary, self.add("Neg", imaginary))
        return self.add("Concat", real, signed, axis=2)

    def _motion(self, tensor, step, n_frames):
        """Products with the frames, side by side; the landmarks stay as they are."""
        by_frame = self.add("Transpose", tensor, perm=[0, 2, 1, 3])
        parts = [by_frame] * step.transformer.append
        parts += [
            self.add("MatMul", self.constant(matrix), by_frame)
            for matrix in step.matrices(n_frames)[len(parts) :]
        ]
        return self.add("Transpose", self.add("Concat", *parts, axis=3), perm=[0, 2, 1, 3])

    def _network(self, tensor, module, n_frames):
        """Logits of a ConvLSTM, in the order of its layers."""
        state = {name: values.numpy(force=True) for name, values in module.state_dict().items()}
        n_coords, n_landmarks = state["mean"].shape
        tensor = self.add("Sub", tensor, self.constant(state["mean"]))
        tensor = self.add("Div", tensor, self.constant(state["scale"].reshape(1)))
        frames = self.add("Reshape", tensor, self.integers(-1, 1, n_coords, n_landmarks))
        left, right, top, bottom = module.pad.padding
        maps = self.add(
            "Conv",
            frames,
            self.constant(state["conv.weight"]),
            self.constant(state["conv.bias"]),
            pads=[top, left, bottom, right],
        )
        norm = [
            self.constant(state[f"norm.{name}"]) for name in ("weight", "bias", "running_mean", "running_var")
        ]
        maps = self.add("BatchNormalization", self.add("Relu", maps), *norm, epsilon=module.norm.eps)
        sequence = self.add("Reshape", maps, self.integers(-1, n_frames, module.lstm.input_size))
        hidden = self._lstm(self.add("Transpose", sequence, perm=[1, 0, 2]), state, module.lstm.hidden_size)
        for layer in ("fc1", "fc2"):
            weight, bias = (self.constant(state[f"{layer}.{name}"]) for name in ("weight", "bias"))
            hidden = self.add("Gemm", hidden, weight, bias, transB=1)
            if layer == "fc1":
                hidden = self.add("Relu", hidden)
        return hidden

    def _lstm(self, sequence, state, n_units):
        """Last hidden state."""

        def ordered(name):
            i, f, g, o = np.split(state[f"lstm.{name}_l0"], 4)  # ONNX has i, o, f, g
            return np.concatenate([i, o, f, g])

        weights = [self.constant(ordered(f"weight_{part}")[None]) for part in ("ih", "hh")]
        bias = self.constant(np.concatenate([ordered("bias_ih"), ordered("bias_hh")])[None])
        name = f"lstm_{len(self.nodes)}"
        node = self._helper.make_node("LSTM", [sequence, *weights, bias], ["", name], hidden_size=n_units)
        self.nodes.append(node)
        return self.add("Squeeze", name, self.integers(0))

    def finish(self, outputs, *, several):
        """Join the branches: each emotion's probability, divided by their sum."""
        if not several:
            self.add("Identity", outputs[0], name="probabilities")
            return
        each = self.add("Concat", *(self.cut(output, 1, 2, 1) for output in outputs), axis=1)
        total = self.add("ReduceSum", each, self.integers(1), keepdims=1)
        zero = self.add("Equal", total, self.constant([0]))
        divided = self.add("Div", each, self.add("Where", zero, self.constant([1]), total))
        self.add("Where", zero, self.constant([1 / len(outputs)]), divided, name="probabilities")
