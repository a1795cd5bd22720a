"""The command ``emoxai export``."""

import sys

import numpy as np
import pytest

from sklearn_emoxai import ConvLSTMClassifier, FixedLandmarkSelector, cli, save


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    X = np.random.default_rng(0).normal(size=(8, 4, 2, 20)).astype(np.float32)
    network = ConvLSTMClassifier(n_filters=2, lstm_units=4, fc_units=4, max_epochs=1, random_state=0)
    save(network.fit(X, ["fear", "rest"] * 4), folder / "model.skops")
    save(FixedLandmarkSelector([1, 2]).fit(X), folder / "selector.skops")
    return folder / "model.skops"


def run(monkeypatch, capsys, *arguments):
    """Exit code, output and complaints of the command in this process."""
    monkeypatch.setattr(sys, "argv", ["emoxai", "export", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return ended.value.code or 0, printed.out, printed.err


def test_a_saved_detector_becomes_a_graph(model, monkeypatch, capsys, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    output = tmp_path / "model.onnx"
    assert run(monkeypatch, capsys, model, output, "--positive", "fear") == (0, f"wrote {output}\n", "")
    session = runtime.InferenceSession(output, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["n", 4, 2, 20]
    code, _, err = run(monkeypatch, capsys, model, output)
    assert code == 1
    assert "exists already; --force replaces it" in err
    assert run(monkeypatch, capsys, model, output, "--force", "--quiet") == (0, "", "")


def test_mistakes_are_a_sentence(model, monkeypatch, capsys, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    for arguments, words in [
        ((model, tmp_path / "model.txt"), "OUTPUT must end in .onnx; got"),
        ((tmp_path / "none.skops", tmp_path / "model.onnx"), "none.skops"),
        ((model.with_name("selector.skops"), tmp_path / "model.onnx"), "got a FixedLandmarkSelector"),
    ]:
        code, out, err = run(monkeypatch, capsys, *arguments)
        assert (code, out) == (1, "")
        assert words in err
        assert len(err.splitlines()) == 1


def test_a_missing_package_is_said_with_the_command_to_install_it(model, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, _, err = run(monkeypatch, capsys, model, tmp_path / "model.onnx")
    assert code == 1
    assert 'pip install "sklearn-emoxai[onnx]"' in err
