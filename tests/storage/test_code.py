"""The code that results depend on: an edit anywhere changes its key, and nothing else does."""

import functools
import subprocess
import sys
import textwrap
import types

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch import NeuralNetClassifier

from sklearn_emoxai import ConvLSTMClassifier
from sklearn_emoxai.storage import Code


def module_of(source, name="mine"):
    """A module of the user's own, as an import gives it."""
    module = types.ModuleType(name)
    exec(compile(textwrap.dedent(source), f"/home/user/{name}.py", "exec"), vars(module))
    return module


def key_of(source, expression, **names):
    """Key of what an expression makes of a module."""
    module = module_of(source)
    return Code(eval(expression, {**vars(module), **names})).key


# (source with a place to edit, before, after, what is kept by it)
EDITS = {
    "a function": ("def f(x): return x + {}", "1", "2", "f"),
    "a lambda": ("f = lambda x: x + {}", "1", "2", "f"),
    "a default": ("def f(x, y={}): return x + y", "1", "2", "f"),
    "a keyword's default": ("def f(x, *, y={}): return x + y", "1", "2", "f"),
    "a helper": ("def g(x): return {}\ndef f(x): return g(x)", "x", "-x", "f"),
    "a helper's helper": (
        "def h(x): return {}\ndef g(x): return h(x)\ndef f(x): return [g(a) for a in x]", "x", "-x", "f"
    ),
    "a constant": ("SCALE = {}\ndef f(x): return x * SCALE", "1", "2", "f"),
    "an array": ("import numpy as np\nW = np.array([{}])\ndef f(x): return x * W", "1", "2", "f"),
    "a set of words": ("WORDS = {{'a', {}}}\ndef f(x): return x in WORDS", "'b'", "'c'", "f"),
    "a literal in a loop": ("def f(x):\n    return [a for a in x if a in {{1, {}}}]", "2", "3", "f"),
    "a decorated function": (
        "import functools\n@functools.lru_cache\ndef g(x): return x + {}\ndef f(x): return g(x)", "1", "2", "f"
    ),
    "a function under torch.no_grad": (
        "import torch\n@torch.no_grad()\ndef f(x): return x + {}", "1", "2", "f"
    ),
    "one of several by type": (
        "import functools\n@functools.singledispatch\ndef f(x): return x\n@f.register\ndef _(x: int): return x + {}",
        "1", "2", "f",
    ),
    "a method": ("class A:\n    def forward(self, x): return x + {}", "1", "2", "A"),
    "a bound method": ("class A:\n    def forward(self, x): return x + {}", "1", "2", "A().forward"),
    "a property": ("class A:\n    @property\n    def p(self): return {}", "1", "2", "A()"),
    "a static method": ("class A:\n    @staticmethod\n    def p(): return {}", "1", "2", "A"),
    "a class method": ("class A:\n    @classmethod\n    def p(cls): return {}", "1", "2", "A"),
    "a cached property": (
        "import functools\nclass A:\n    @functools.cached_property\n    def p(self): return {}", "1", "2", "A"
    ),
    "an attribute of a class": ("class A:\n    hidden = {}", "8", "16", "A"),
    "a base class": ("class B:\n    def f(self): return {}\nclass A(B): pass", "1", "2", "A()"),
    "another base": ("class B: pass\nclass C: pass\nclass A({}): pass", "B", "C", "A"),
    "a metaclass": (
        "class M(type):\n    def f(cls): return {}\nclass A(metaclass=M): pass", "1", "2", "A"
    ),
    "a class in a class": ("class A:\n    class B:\n        def f(self): return {}", "1", "2", "A"),
    "a class in a function": (
        "def make():\n    class B:\n        def f(self): return {}\n    return B()", "1", "2", "make()"
    ),
    "a default of a dataclass": (
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    n: int = {}", "1", "2", "A()"
    ),
    "what an object holds": ("class A:\n    def __init__(self): self.n = {}", "1", "2", "A()"),
    "what an object with slots holds": (
        "class A:\n    __slots__ = ('n',)\n    def __init__(self): self.n = {}", "1", "2", "A()"
    ),
    "an object a function uses": (
        "class A:\n    def __init__(self, n): self.n = n\nS = A({})\ndef f(x): return x * S.n", "1", "2", "f"
    ),
    "a dict of another kind": ("class D(dict):\n    def f(self): return {}", "1", "2", "D(a=1)"),
    "a partial": (
        "import functools\ndef g(x, y): return x - y\nf = functools.partial(g, {})", "1", "2", "f"
    ),
    "a partial's function": (
        "import functools\ndef g(x, y): return x * {}\nf = functools.partial(g, 1)", "1", "2", "f"
    ),
    "a transformer's function": (
        "def f(X): return X * {}", "1", "2", "make_pipeline(FunctionTransformer(f), ConvLSTMClassifier())"
    ),
    "the module of a skorch net": (
        "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x): return x * {}",
        "1", "2", "NeuralNetClassifier(Net)",
    ),
    "a layer inside of a sequence": (
        "import torch\nclass Layer(torch.nn.Module):\n    def forward(self, x): return x * {}",
        "1", "2", "torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Sequential(Layer()))",
    ),
    "a callback": (
        "from skorch.callbacks import Callback\nclass C(Callback):\n    def on_epoch_end(self, net, **_): return {}",
        "1", "2", "ConvLSTMClassifier(callbacks=[('mine', C())])",
    ),
    "a score": (
        "from sklearn.metrics import make_scorer\ndef score(a, b): return {}", "1", "2", "[make_scorer(score)]"
    ),
    "a loss": (
        "import torch\nclass Loss(torch.nn.Module):\n    def forward(self, a, b): return {}",
        "1", "2", "NeuralNetClassifier(torch.nn.Linear, criterion=Loss)",
    ),
}  # fmt: skip
NAMES = {
    "make_pipeline": make_pipeline,
    "FunctionTransformer": FunctionTransformer,
    "ConvLSTMClassifier": ConvLSTMClassifier,
    "NeuralNetClassifier": NeuralNetClassifier,
    "torch": torch,
}


@pytest.mark.parametrize(
    ("source", "before", "after", "expression"),
    [edit for edit in EDITS.values() if edit[3]],
    ids=[name for name, edit in EDITS.items() if edit[3]],
)
def test_an_edit_changes_the_key(source, before, after, expression):
    first = key_of(source.format(before), expression, **NAMES)
    assert key_of(source.format(before), expression, **NAMES) == first
    assert key_of(source.format(after), expression, **NAMES) != first


def test_what_a_closure_holds_changes_the_key():
    source = "def outer(n):\n    def f(x): return x + n\n    return f"
    assert key_of(source, "outer(1)") == key_of(source, "outer(1)") != key_of(source, "outer(2)")


def test_comments_places_and_what_is_not_used_change_nothing():
    plain = "def f(x): return x"
    moved = "# of another author\n\n\ndef unused(x): return 1\n\ndef f(x): return x  # as it is"
    assert key_of(plain, "f") == key_of(moved, "f")


def test_the_code_that_runs_counts_not_the_file_as_it_is_now(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "edited_meanwhile.py"
    file.write_text("def f(x): return x\n")
    import edited_meanwhile

    before = Code(edited_meanwhile.f).key
    file.write_text("def f(x): return -x\n")
    assert Code(edited_meanwhile.f).key == before


def test_modules_of_ones_own_count_as_far_as_they_are_used():
    def key(helper, other):
        user = module_of(
            "def f(x): return helpers.scale(x)\ndef g(x):\n    import helpers\n    return helpers.scale(x)"
        )
        helpers = module_of(f"def scale(x): return {helper}\ndef other(x): return {other}", "helpers")
        user.helpers = sys.modules["helpers"] = helpers
        try:
            return Code(user.f).key, Code(user.g).key
        finally:
            del sys.modules["helpers"]

    before = key("x", "x")
    assert key("x", "-x") == before
    assert all(one != other for one, other in zip(key("-x", "x"), before))


def test_a_module_that_is_imported_only_when_it_runs_counts_with_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    user = module_of("def f(x):\n    from not_yet_imported import scale\n    return scale(x)")
    (tmp_path / "not_yet_imported.py").write_text("def scale(x): return x\n")
    before = Code(user.f).key
    (tmp_path / "not_yet_imported.py").write_text("def scale(x): return -x\n")
    assert Code(user.f).key != before
    assert "not_yet_imported" not in sys.modules


def test_functions_that_call_one_another_end():
    source = "def f(x): return g(x)\ndef g(x): return f(x) if x else {}"
    assert key_of(source.format(1), "f") == key_of(source.format(1), "f") != key_of(source.format(2), "f")


def test_installed_packages_count_with_their_versions():
    code = Code(make_pipeline(FunctionTransformer(np.abs), ConvLSTMClassifier()))
    assert code.parts == {}
    assert code.unknown == []
    assert {"sklearn", "sklearn-emoxai", "torch"} <= set(code.packages)
    assert "Python" not in code.packages
    assert "Python" in Code(lambda x: x).packages


def test_parts_are_called_by_their_names():
    module = module_of("class A:\n    def forward(self, x): return helper(x)\ndef helper(x): return x")
    assert set(Code(module.A()).parts) == {"mine.A", "mine.A.forward", "mine.helper"}


def test_weights_and_the_objects_of_libraries_are_no_code():
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.rand(3))

    assert Code(torch.nn.Sequential(Layer())).key == Code(torch.nn.Sequential(Layer())).key


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of TorchScript
def test_scripted_networks_count_with_their_graphs():
    def traced(factor):
        return torch.jit.trace(lambda x: x * factor, torch.ones(2))

    assert Code(traced(2)).key == Code(traced(2)).key != Code(traced(3)).key


def test_what_has_no_code_is_named():
    class Opaque:
        def __getattribute__(self, name):
            if name == "__dict__":
                raise RuntimeError("closed")
            return super().__getattribute__(name)

    assert Code(functools.partial(print, Opaque())).unknown == [f"{__name__}.{Opaque.__qualname__}"]


SCRIPT = """
import functools, sys
from skorch import NeuralNetClassifier
import torch
from sklearn_emoxai.storage import Code
class Net(torch.nn.Module):
    words = {"fear", "anger", "joy", "surprise"}
    def forward(self, x):
        return x if x in {"fear", "anger", "joy"} else self.words
code = Code(NeuralNetClassifier(Net, callbacks=[("f", functools.partial(lambda x: x, 1))]))
print(code.key, *code.parts)
"""


def test_keys_are_the_same_in_every_process_and_in_main(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    printed = {
        subprocess.run(
            [sys.executable, *where], input=SCRIPT, capture_output=True, text=True, check=True
        ).stdout
        for where in ([script], [script], ["-"])
    }
    assert len(printed) == 1
    assert "__main__.Net" in printed.pop()


def test_pickling_changes_no_key():
    class Held:
        pass

    before = Code(Held).key
    Held().__reduce_ex__(2)  # which notes the names of the slots in the class
    assert "__slotnames__" in vars(Held)
    assert Code(Held).key == before


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    n = 0\n    def fit(self):\n        type(self).n += 1\nrun = A().fit",
        "N = 0\ndef run():\n    global N\n    N += 1",
        "class A:\n    seen = []\n    def fit(self):\n        A.seen.append(1)\nrun = A().fit",
        "SEEN = {}\ndef run():\n    SEEN.update(a=1)",
    ],
)
def test_counters_that_code_keeps_are_no_code(source):
    module = module_of(source)
    before = Code(module.run).key
    module.run()
    assert Code(module.run).key == before
