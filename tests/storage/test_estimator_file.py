import json
import os
import pickle
import re
import zipfile

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sklearn_emoxai as emoxai
from sklearn_emoxai import load, save
from sklearn_emoxai.evaluation import paper_models
from sklearn_emoxai.storage import _estimator_file

# A network of two epochs takes everything for everything.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")

ALIGN = emoxai.LandmarkAligner(eyes=([0], [1]))


def _network(**parameters):
    return emoxai.ConvLSTMClassifier(
        **{"n_filters": 3, "lstm_units": 4, "max_epochs": 2, "random_state": 0, **parameters}
    )


def _flat(classifier):
    return make_pipeline(ALIGN, emoxai.NeutralDifference(), emoxai.SequenceFlattener(), classifier)


def _selector(**parameters):
    return emoxai.IGLandmarkSelector(
        _network(), n_landmarks_to_select=3, n_steps=2, n_baselines=2, random_state=0, **parameters
    )


ESTIMATORS = {
    "T-EMO": _network(),
    "R-EMO": _network(randomized_conv=True, kernel_size=[1, 5], padding="same", validation_fraction=None),
    "weights by class": _network(class_weight={False: 1, True: 3}),
    "random state": _network(random_state=np.random.RandomState(3)),
    "selected": make_pipeline(ALIGN, _selector(), _network()),
    "mirrored": emoxai.MirrorAugmented(_network(), permutation=np.arange(20)[::-1]),
    "linear SVM": _flat(make_pipeline(StandardScaler(), SVC(kernel="linear"))),
    "RBF SVM": _flat(SVC(class_weight={False: 1, True: 3})),
    "search": _flat(GridSearchCV(SVC(), {"C": [1, 10]}, cv=2)),
    "search by score": _flat(GridSearchCV(SVC(), {"C": [1, 10]}, cv=StratifiedKFold(2), scoring="roc_auc")),
    "threshold": _flat(TunedThresholdClassifierCV(SVC(), cv=2)),
    "vote": VotingClassifier([("svm", _flat(SVC())), ("network", _network())]),
    "stack": _flat(StackingClassifier([("svm", SVC())], cv=2)),
    "calibrated": _flat(CalibratedClassifierCV(SVC(), cv=2)),
    "isotonic": _flat(CalibratedClassifierCV(SVC(), method="isotonic", cv=2)),
    "majority": DummyClassifier(),
    "random selector": emoxai.RandomLandmarkSelector(n_landmarks_to_select=3, random_state=0),
    "variance selector": emoxai.VarianceLandmarkSelector(n_landmarks_to_select=3),
    "univariate selector": emoxai.UnivariateLandmarkSelector(n_landmarks_to_select=3),
    "fixed selector": emoxai.FixedLandmarkSelector((np.int64(5), "landmark3")),
    "forward selector": emoxai.ForwardLandmarkSelector(n_landmarks_to_select=2),
    "permutation selector": emoxai.PermutationLandmarkSelector(_network(), n_landmarks_to_select=3),
}


def _outputs(fitted, X):
    methods = ("transform", "predict", "predict_proba", "decision_function")
    return {method: getattr(fitted, method)(X) for method in methods if hasattr(fitted, method)}


def _assert_equal_outputs(first, second, X):
    first, second = _outputs(first, X), _outputs(second, X)
    assert first.keys() == second.keys() != set()
    for method in first:
        assert first[method].dtype == second[method].dtype
        np.testing.assert_array_equal(first[method], second[method])


@pytest.fixture(scope="module")
def network_file(tmp_path_factory):
    """A fitted network in a file."""
    X = np.random.default_rng(0).normal(size=(20, 4, 2, 10)).astype(np.float32)
    file = tmp_path_factory.mktemp("network") / "network.skops"
    save(_network().fit(X, np.arange(20) % 2), file)
    return file


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_round_trip_keeps_every_output_to_the_bit(name, planted, tmp_path):
    X, emotion, _ = planted
    fitted = ESTIMATORS[name].fit(X, emotion == "fear")
    save(fitted, tmp_path / "it.skops")
    loaded = load(tmp_path / "it.skops")
    assert type(loaded) is type(fitted)
    assert re.sub("0x[0-9A-F]+", "", repr(loaded)) == re.sub("0x[0-9A-F]+", "", repr(fitted))
    _assert_equal_outputs(loaded, fitted, X)
    save(loaded, tmp_path / "again.skops")
    _assert_equal_outputs(load(tmp_path / "again.skops"), fitted, X)


def test_a_round_trip_keeps_a_classifier_of_emotions(planted, tmp_path):
    X, emotion, groups = planted
    fitted = emoxai.EmotionClassifier(make_pipeline(ALIGN, _selector(), _network()))
    fitted.fit(X, emotion, groups=groups)
    save(fitted, tmp_path / "it.skops")
    loaded = load(tmp_path / "it.skops")
    _assert_equal_outputs(loaded, fitted, X)
    assert list(loaded.estimators_) == ["anger", "fear", "happiness"]
    first, second = fitted.estimators_["fear"][1], loaded.estimators_["fear"][1]
    assert vars(second).keys() == vars(first).keys()
    for name in ("importances_", "ranking_", "support_"):
        np.testing.assert_array_equal(getattr(second, name), getattr(first, name))
    assert second.typical_samples_ == first.typical_samples_
    refitted = loaded.fit(X, emotion, groups=groups)
    _assert_equal_outputs(refitted, fitted, X)


@pytest.mark.parametrize("name", ["RBF SVM", "R-EMO"])
def test_a_round_trip_keeps_the_models_that_are_compared(name, planted, tmp_path):
    X, emotion, groups = planted
    network = {"network_grid": {"n_filters": [2, 3]}, "lstm_units": 4, "max_epochs": 2}
    model = paper_models(n_landmarks_to_select=5, random_state=0, validation_fraction=None, **network)[name]
    fitted = emoxai.EmotionClassifier(model.set_params(align__eyes=([0], [1]))).fit(X, emotion, groups=groups)
    save(fitted, tmp_path / "it.skops")
    _assert_equal_outputs(load(tmp_path / "it.skops"), fitted, X)


@pytest.mark.parametrize("labels", [[False, True], [3, 7], ["müde", "wach"]], ids=str)
def test_labels_of_every_kind_come_back(labels, planted, tmp_path):
    X, emotion, _ = planted
    y = np.array(labels)[(emotion == "fear").astype(int)]
    fitted = emoxai.EmotionClassifier(_flat(SVC())).fit(X, y)
    save(fitted, tmp_path / "it.skops")
    loaded = load(tmp_path / "it.skops")
    assert list(loaded.estimators_) == labels
    _assert_equal_outputs(loaded, fitted, X)


def test_every_public_estimator_is_trusted():
    public = [getattr(emoxai, name) for name in emoxai.__all__]
    modules = {each: each.__module__.partition("._")[0] for each in public if hasattr(each, "get_params")}
    names = {f"{module}.{each.__qualname__}" for each, module in modules.items()}
    assert names <= set(_estimator_file._TRUSTED)


def test_neither_saving_nor_loading_draws_random_numbers(network_file, tmp_path):
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1]
    save(load(network_file), tmp_path / "again.skops")
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_a_device_that_is_not_there_gives_way_to_the_cpu(planted):
    X, emotion, _ = planted
    fitted = _network().fit(X, emotion)
    expected = fitted.predict_proba(X)
    fitted.set_params(device="cuda:99")
    with pytest.warns(UserWarning, match="no device 'cuda:99'"):
        moved = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(moved.predict_proba(X), expected)


def test_the_file_is_one_that_skops_reads(network_file):
    loaded = skops.io.load(network_file, trusted=["sklearn_emoxai.network.ConvLSTMClassifier"])
    assert isinstance(loaded, emoxai.ConvLSTMClassifier)


def test_the_file_tells_its_versions_and_others_are_warned_of(network_file, tmp_path):
    with zipfile.ZipFile(network_file) as archive:
        note = json.loads(archive.read("sklearn_emoxai.json"))
    assert note["versions"]["sklearn-emoxai"] == emoxai.__version__
    assert note["versions"].keys() == {"sklearn-emoxai", "scikit-learn", "torch", "numpy", "skops"}
    note["versions"] |= {"torch": "1.0.0", "numpy": np.__version__ + "+elsewhere"}
    other = _rewritten(network_file, tmp_path, **{"sklearn_emoxai.json": json.dumps(note)})
    with pytest.warns(
        UserWarning, match=rf"was written by torch 1\.0\.0 \(here {torch.__version__[0]}\S*\);"
    ):
        load(other)
    note["format"] = 2
    other = _rewritten(network_file, tmp_path, **{"sklearn_emoxai.json": json.dumps(note)})
    with pytest.raises(ValueError, match="its format is 2, of sklearn-emoxai .* reads format 1"):
        load(other)


def test_saving_replaces_the_file_whole_or_leaves_it(network_file, tmp_path):
    file = tmp_path / "it.skops"
    file.write_bytes(b"before")
    circle = []
    circle.append(circle)
    for unfit, reason in [(SVC(C=memoryview(b"")), "memoryview"), (SVC(C=circle), "refers to itself")]:
        with pytest.raises(TypeError, match=f"estimator must hold nothing that can't be written: .*{reason}"):
            save(unfit, file)
    assert file.read_bytes() == b"before"
    save(load(network_file), file)
    assert load(file).n_features_in_ == 10
    assert os.listdir(tmp_path) == ["it.skops"]


def test_mistakes_are_named(tmp_path):
    with pytest.raises(TypeError, match="estimator must be a scikit-learn estimator; got dict"):
        save({}, tmp_path / "it.skops")
    file = tmp_path / "nowhere" / "it.skops"
    with pytest.raises(FileNotFoundError) as caught:
        save(_network(), file)
    assert str(caught.value) == f"{file} can't be written: {file.parent} does not exist."
    (tmp_path / "plain").touch()
    with pytest.raises(FileNotFoundError, match="plain is no folder"):
        save(_network(), tmp_path / "plain" / "it.skops")
    with pytest.raises(FileNotFoundError, match="it.skops does not exist"):
        load(tmp_path / "it.skops")
    with pytest.raises(FileNotFoundError, match="is no file"):
        load(tmp_path)


def _refusal(file):
    try:
        load(file)
    except ValueError as error:
        return str(error)
    return ""


def test_a_damaged_file_is_refused_wherever_the_damage_lies(network_file, tmp_path):
    whole = network_file.read_bytes()
    broken = tmp_path / "broken.skops"
    rng = np.random.default_rng(0)
    for length in [0, 1, 100, *rng.integers(0, len(whole), 20)]:
        broken.write_bytes(whole[:length])
        with pytest.raises(
            ValueError, match="broken.skops must be a file written by sklearn_emoxai.save; it"
        ):
            load(broken)
    refusals = []
    for place in rng.integers(0, len(whole), 60):
        broken.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        refusals.append(_refusal(broken))
    assert sum("broken.skops" in refusal for refusal in refusals) > 50  # some hit dates of the archive


def test_a_foreign_file_is_refused(tmp_path):
    file = tmp_path / "it.skops"
    for content in (b"hello", np.arange(5).tobytes()):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="it is no zip archive"):
            load(file)
    skops.io.dump(SVC(), file)
    with pytest.raises(ValueError, match="skops wrote it without sklearn_emoxai.save"):
        load(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", b"hello")
    with pytest.raises(ValueError, match="it is another zip archive"):
        load(file)


def test_other_files_and_folders_of_the_project_are_called_by_name(tmp_path):
    file = tmp_path / "it.npz"
    for arrays, message in (
        ({"a": 1}, "it holds NumPy arrays"),
        ({"template": 1, "fear/support": 1}, "explanations of a run; its detector is the file model.skops"),
    ):
        np.savez_compressed(file, **arrays)
        with pytest.raises(ValueError, match=message):
            load(file)
    emoxai.save_landmarks(file, np.zeros((2, 3, 2, 5)))
    with pytest.raises(ValueError, match=r"it\.npz must be a file written by .*save; it holds landmarks"):
        load(file)
    (tmp_path / "model.skops").touch()
    with pytest.raises(FileNotFoundError, match=r"the folder of a run; its detector is .*model\.skops"):
        load(tmp_path)
    (tmp_path / "landmarks.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="is no file, but a folder of landmarks"):
        load(tmp_path)


def test_a_compressed_file_is_refused_unopened(network_file, tmp_path):
    bomb = tmp_path / "bomb.skops"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"0" * 10_000_000)
        archive.writestr("sklearn_emoxai.json", b"{}")
    assert bomb.stat().st_size < 20_000
    with pytest.raises(ValueError, match="it is compressed"):
        load(bomb)


# What an attacker may send: each must be refused by name, and none may leave a trace.


class _Command:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def _rewritten(file, folder, **entries):
    """The file with some of its entries replaced."""
    other = folder / "rewritten.skops"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            target.writestr(name, entries.get(name) or source.read(name))
        for name in entries.keys() - set(source.namelist()):
            target.writestr(name, entries[name])
    return other


def _node(loader, name, **content):
    module, _, kind = name.rpartition(".")
    return {"__class__": kind, "__module__": module, "__loader__": loader, **content}


def _json(value):
    return {**_node("JsonNode", "builtins.str"), "content": json.dumps(value), "is_json": True}


def _attacks(trace):
    command = f"touch {trace}"
    arguments = _node("TupleNode", "builtins.tuple", content=[_json(command)])
    keys = _node("ListNode", "builtins.list", content=[_node("TypeNode", "posix.system")])
    return {
        "posix.system": [
            _node("ConstructorFromReduceNode", "posix.system", content=arguments),
            _node("FunctionNode", "posix.system", content={"module_path": "posix", "function": "system"}),
            _node("DictNode", "builtins.dict", content={command: _json(1)}, key_types=keys),
            _node("ObjectNode", "posix.system", content=_json({})),
        ],
        "subprocess.Popen": [
            _node("ConstructorFromReduceNode", "subprocess.Popen", content=arguments),
            _node("NdArrayNode", "subprocess.Popen", type="numpy", file="0.npy"),
        ],
        "builtins.eval": [_node("ConstructorFromReduceNode", "builtins.eval", content=arguments)],
    }


def test_a_crafted_archive_is_refused_and_its_types_are_named(network_file, tmp_path):
    trace = tmp_path / "trace"
    with zipfile.ZipFile(network_file) as archive:
        schema = json.loads(archive.read("schema.json"))
        array = next(archive.read(name) for name in archive.namelist() if name.endswith(".npy"))
    for name, nodes in _attacks(trace).items():
        for node in nodes:
            hidden = json.loads(json.dumps(schema))
            hidden["content"]["content"]["classes_"] = node  # deep in an estimator that is fine
            for attack in (hidden, {**node, "protocol": schema["protocol"]}):
                entries = {"schema.json": json.dumps(attack), "0.npy": array}
                file = _rewritten(network_file, tmp_path, **entries)
                with pytest.raises(ValueError) as caught:
                    load(file)
                assert f"types that are not trusted, and nothing was loaded: {name}." in str(caught.value)
    assert not trace.exists()


def test_a_pickle_is_refused_unopened(network_file, tmp_path):
    trace = tmp_path / "trace"
    evil = pickle.dumps(_Command(f"touch {trace}"))
    file = tmp_path / "evil.skops"
    file.write_bytes(evil)
    with pytest.raises(ValueError, match="it is no zip archive"):
        load(file)
    with zipfile.ZipFile(network_file) as archive:
        arrays = [name for name in archive.namelist() if name.endswith(".npy")]
    with pytest.raises(ValueError, match="it is damaged .*pickled"):
        load(_rewritten(network_file, tmp_path, **dict.fromkeys(arrays, evil)))
    assert not trace.exists()
    pickle.loads(evil)  # it would have worked
    assert trace.exists()


def test_types_of_others_load_when_they_are_trusted(planted, tmp_path):
    X, emotion, _ = planted
    fitted = _flat(RandomForestClassifier(3, random_state=0)).fit(X, emotion)
    file = tmp_path / "forest.skops"
    with pytest.warns(
        UserWarning, match=r"forest.skops holds sklearn.tree._tree.Tree: load needs them named"
    ):
        save(fitted, file)
    with pytest.raises(
        ValueError, match=re.escape("nothing was loaded: sklearn.tree._tree.Tree. If you know")
    ):
        load(file)
    _assert_equal_outputs(load(file, trusted=["sklearn.tree._tree.Tree"]), fitted, X)


def test_a_pipeline_from_videos_is_saved(tmp_path):
    save(emoxai.LandmarkExtractor(8, cache_dir="here"), tmp_path / "it.skops")
    assert load(tmp_path / "it.skops").get_params()["n_frames"] == 8


class _Plain(BaseEstimator):
    """An estimator with a torch module that knows nothing of files."""

    def fit(self, X, y):
        self.module_ = torch.nn.Linear(2, 2)
        return self


def test_what_cannot_be_saved_is_named_by_its_place(tmp_path):
    selector = _selector()
    selector.estimator_ = _Plain().fit(None, None)
    unfit = make_pipeline(ALIGN, selector)
    with pytest.raises(TypeError, match=r"can't be written: iglandmarkselector\.estimator_\.module_: Cannot"):
        save(unfit, tmp_path / "it.skops")


def test_no_type_of_skorch_is_trusted():
    """A skorch net's weights are a pickle in the file."""
    assert not any(
        name.startswith(("skorch", "torch", "builtins", "functools")) for name in _estimator_file._TRUSTED
    )


def test_a_tuned_threshold_is_saved_with_its_detector(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 4, 2, 6))
    svm = make_pipeline(emoxai.SequenceFlattener(), SVC())
    tuned = TunedThresholdClassifierCV(svm, scoring="balanced_accuracy", cv=2).fit(X, np.arange(40) % 2 == 0)
    save(tuned, tmp_path / "tuned.skops")
    found = load(tmp_path / "tuned.skops")
    assert found.best_threshold_ == tuned.best_threshold_
    np.testing.assert_array_equal(found.predict(X), tuned.predict(X))
