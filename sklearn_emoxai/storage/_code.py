"""The code that a result depends on, so that none is answered from what other code once gave."""

import dis
import functools
import hashlib
import importlib.util
import itertools
import sys
import types
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np

from ._versions import installed_versions

# Of which our own results depend.
_OURS = ("sklearn-emoxai", "captum", "numpy", "scikit-learn", "skorch", "torch")
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), np.generic)
_INSTALLED = {"site-packages", "dist-packages"}
# What every class has, and what differs from run to run.
_NO_CODE = {
    *("__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__abstractmethods__", "_abc_impl"),
    *(
        "__firstlineno__",
        "__static_attributes__",
        "__slotnames__",
        "__annotations__",
        "__annotate__",
        "__parameters__",
    ),
}

# Methods by which lists, dicts and sets are changed.
_CHANGING = {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}


class Code:
    """Code outside of installed packages that some values lead to, and the versions of that inside.

    Followed are classes and their bases, functions with what they call and the values they use, closures, defaults,
    partials, and whatever lies in the attributes of objects, such as a pipeline's steps or a network's layers. Of
    functions the compiled code counts, which is what runs: files may have been edited since they were imported.

    Parameters
    ----------
    *values : object
        Estimators, functions, classes, or containers of these.

    Attributes
    ----------
    parts : dict of str to str
        Full name of a class or function → hash of its code and of the values it uses.
    packages : dict of str to str
        Version of each package that classes and functions come from; of Python, where there are `parts`.
    unknown : list of str
        Full names of what no code can be had of.
    """

    def __init__(self, *values):
        self._found, self._seen, self._modules = {}, {}, set()
        self.packages, self.unknown = {}, []
        for value in values:
            self._token(value)
        self.parts = {name: _hash(*sorted(each)) for name, each in sorted(self._found.items())}
        if self.parts:
            self.packages["Python"] = ".".join(map(str, sys.version_info[:2]))

    @property
    def key(self):
        """One hash of all of it."""
        return _hash(repr(sorted(self.parts.items())), repr(sorted(self.packages.items())))

    def _token(self, value, names=()):
        """Text that tells a value from others. The code that it leads to is noted on the way."""
        if isinstance(value, _PLAIN):
            return repr(value)
        if id(value) in self._seen:
            return type(value).__qualname__
        self._seen[id(value)] = value  # kept alive, so that no other object gets its id
        if not isinstance(value, type):
            self._token(type(value))
        for kinds, read in _READERS:
            if isinstance(value, kinds):
                return read(self, value, names)
        return self._instance(value)

    def _function(self, function, names):
        # Not __module__, which functools.wraps takes from what is wrapped.
        module = function.__globals__.get("__name__")
        name = f"{module}.{function.__qualname__}"
        if not self._is_own(module):
            # A library's decorator around a function of the user's own.
            self._parts_of(getattr(function, "__wrapped__", None), *map(_content, function.__closure__ or ()))
            return name
        used = _names_in(function.__code__)
        stored = _stored_in(function)
        known = {
            each: function.__globals__[each]
            for each in used
            if each in function.__globals__ and each not in stored
        }
        tokens = [self._code(function.__code__)]
        tokens += [f"{each}={self._token(value, used)}" for each, value in known.items()]
        tokens += [self._token(_content(cell)) for cell in function.__closure__ or ()]
        tokens += [self._token(function.__defaults__), self._token(function.__kwdefaults__)]
        tokens += [self._token(value) for _, value in sorted(vars(function).items())]
        for module in _imports_in(function):
            tokens.append(self._token(module, used) if isinstance(module, types.ModuleType) else module)
        return self._note(name, *tokens)

    def _code(self, code, names=()):
        """Text of compiled code, without its place in the file."""
        consts = [
            self._code(each) if isinstance(each, types.CodeType) else self._token(each)
            for each in code.co_consts
        ]
        return _hash(code.co_code.hex(), repr(consts), repr(code.co_names), repr(code.co_varnames))

    def _class(self, cls, names):
        name = f"{cls.__module__}.{cls.__qualname__}"
        for base in cls.__mro__[1:]:
            self._token(base)
        if not self._is_own(cls.__module__):
            return name
        self._token(type(cls))
        members = {key: value for key, value in vars(cls).items() if key not in _NO_CODE}
        stored = {name for each in members.values() for name in _stored_in(each)}
        # What the class itself changes, such as a counter, is state; its code is there in any case.
        members = {key: value for key, value in members.items() if key not in stored}
        tokens = [base.__qualname__ for base in cls.__mro__]
        tokens += [f"{key}={self._token(value)}" for key, value in members.items()]
        return self._note(name, *tokens)

    def _builtin(self, function, names):
        module = function.__module__ or getattr(type(function.__self__), "__module__", "builtins")
        name = f"{module}.{function.__qualname__}"
        if self._is_own(module):
            return self._compiled(sys.modules.get(module), name)
        return name

    def _compiled(self, module, name):
        """Of an extension in C the file is the code."""
        file = getattr(module, "__file__", None)
        if file is None or not Path(file).is_file():
            self.unknown.append(name)
            return name
        return self._note(name, hashlib.sha256(Path(file).read_bytes()).hexdigest())

    def _module(self, module, names):
        """Of a module, only what a function uses of it."""
        name = module.__name__
        del self._seen[id(module)]  # another function may use more of it
        if (name, *names) in self._modules or not self._is_own(name):
            return name
        self._modules.add((name, *names))
        file = getattr(module, "__file__", None) or ""
        if not file.endswith(".py") and Path(file).is_file():
            return self._compiled(module, name)
        found = [f"{each}={self._token(vars(module)[each], names)}" for each in names if each in vars(module)]
        return f"{name}({found})"

    def _instance(self, value):
        cls = type(value)
        name = f"{cls.__module__}.{cls.__qualname__}"
        if cls.__module__.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
            # Such as functools.cache, partialmethod and cached_property.
            return self._parts_of(
                *(getattr(value, each, None) for each in ("__wrapped__", "func", "dispatcher"))
            )
        try:
            state = _state_of(value)
        except Exception:  # of whatever kind an object's own attributes raise
            self.unknown.append(name)
            return name
        tokens = [f"{key}={self._token(each)}" for key, each in state.items()]
        # Parameters of estimators are described elsewhere; what libraries keep in theirs changes from run to run.
        if "inlined_graph" in state or (self._is_own(cls.__module__) and not hasattr(value, "get_params")):
            return self._note(name, *tokens)
        return name

    def _partial(self, partial, names):
        return self._note("functools.partial", self._parts_of(partial.func, partial.args, partial.keywords))

    def _array(self, array, names):
        return _hash(str(array.dtype), str(array.shape), np.ascontiguousarray(array).tobytes().hex())

    def _mapping(self, mapping, names):
        return repr([(self._token(key), self._token(value)) for key, value in mapping.items()])

    def _sequence(self, values, names):
        return repr([self._token(value) for value in values])

    def _set(self, values, names):
        return repr(sorted(map(self._token, values)))

    def _parts_of(self, *attributes):
        return repr([self._token(each) for each in attributes])

    def _note(self, name, *tokens):
        self._found.setdefault(name, []).append(_hash(*tokens))
        return name

    def _is_own(self, module):
        """Whether code is outside of installed packages; the versions of these are noted."""
        root = str(module).partition(".")[0]
        if root in sys.stdlib_module_names and root != "__main__":
            return False
        if root == __name__.partition(".")[0]:
            self.packages.update(installed_versions(_OURS))
            return False
        found = sys.modules.get(str(module)) or sys.modules.get(root)
        file = getattr(found, "__file__", None)
        version = _version_of(root) if file and _INSTALLED & set(Path(file).parts) else None
        if version is not None:
            self.packages[root] = version
        return version is None


_READERS = (
    (type, Code._class),
    (types.FunctionType, Code._function),
    (types.MethodType, lambda self, m, _: self._parts_of(m.__func__, m.__self__)),
    (types.BuiltinFunctionType, Code._builtin),
    (types.ModuleType, Code._module),
    (types.CodeType, Code._code),
    (functools.partial, Code._partial),
    ((staticmethod, classmethod), lambda self, m, _: self._parts_of(m.__func__)),
    (property, lambda self, p, _: self._parts_of(p.fget, p.fset, p.fdel)),
    (np.ndarray, Code._array),
    (Mapping, Code._mapping),
    ((list, tuple), Code._sequence),
    ((set, frozenset), Code._set),
)


def _hash(*texts):
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _names_in(code):
    """Names that code and the functions in it look up, in order, each once."""
    names = list(code.co_names)
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            names += _names_in(each)
    return list(dict.fromkeys(names))


def _stored_in(function):
    """Names that a function, or what a decorator has around one, assigns to, or changes the lists and dicts of."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType):
        return set()
    stored = set()
    for code in _codes_in(function.__code__):
        steps = list(dis.get_instructions(code))
        stored |= {step.argval for step in steps if step.opname in ("STORE_ATTR", "STORE_GLOBAL")}
        stored |= {
            step.argval
            for step, call in itertools.pairwise(steps)
            if step.opname in ("LOAD_ATTR", "LOAD_GLOBAL")
            and call.opname in ("LOAD_ATTR", "LOAD_METHOD")
            and call.argval in _CHANGING
        }
    return stored


def _imports_in(function):
    """Modules that a function imports when it runs; of one that is not loaded yet, a hash of its file."""
    package = function.__globals__.get("__package__") or ""
    for code in _codes_in(function.__code__):
        previous = [None, None]
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME":
                level = previous[0] if isinstance(previous[0], int) else 0
                yield from _imported("." * level + step.argval, package)
            previous = [previous[1], step.argval]


def _codes_in(code):
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _codes_in(each)


def _imported(name, package):
    try:
        name = importlib.util.resolve_name(name, package)
        if name in sys.modules:
            yield sys.modules[name]
            return
        # To look for a part of a package would import the package.
        spec = importlib.util.find_spec(
            name if name.rpartition(".")[0] in sys.modules else name.partition(".")[0]
        )
    except (ImportError, ValueError, AttributeError):
        return
    path = Path(getattr(spec, "origin", None) or "")
    own = not _INSTALLED & set(path.parts) and name.partition(".")[0] not in sys.stdlib_module_names
    if own and path.is_file():
        yield hashlib.sha256(path.read_bytes()).hexdigest()


def _content(cell):
    """What a closure holds; None of one that is not filled yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _state_of(value):
    """Attributes of an object, and the code of what is compiled from Python."""
    state = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = vars(base).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, slot):
                state[slot] = getattr(value, slot)
    if type(value).__module__.startswith("torch.jit") and hasattr(value, "inlined_graph"):
        state["inlined_graph"] = str(value.inlined_graph)
    if hasattr(value, "py_func"):  # numba's
        state["py_func"] = value.py_func
    return state


@functools.cache
def _version_of(root):
    """Version of an installed package by the name it is imported by; None of a file that no package owns."""
    owners = _distributions().get(root, ())
    return ", ".join(metadata.version(owner) for owner in dict.fromkeys(owners)) or None


@functools.cache
def _distributions():
    return metadata.packages_distributions()
