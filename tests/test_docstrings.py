"""Every public docstring is valid numpydoc, and every public name has its place in the reference."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

import sklearn_emoxai
from sklearn_emoxai import datasets

validate = pytest.importorskip("numpydoc.validate").validate
REFERENCE = Path(__file__).parents[1] / "docs" / "api" / "index.rst"

# Checks of numpydoc that are not ours, and why.
NOT_OURS = {
    "ES01": "many functions are told in their summary",
    "SA01": "See Also is for what a reader may look for, not for everything",
    "SS05": "it takes plurals such as Means for verbs",
    "PR04": "parameters that are those of another function are listed together, without their types",
    "PR07": "X of shape (n_samples, n_frames, 2, n_landmarks) says all there is to say",
    "RT03": "an ndarray of shape (n_samples, n_classes) often does, too",
    "RT04": "the contents of a Bunch begin with their names",
}


# What has its example in that of another.
EXAMPLE_ELSEWHERE = {
    "LandmarkSequence": "extract_landmarks",
    "LiveResult": "LiveDetector",
    "load": "save",
    "load_landmarks": "save_landmarks",
}


def public_objects():
    """Qualified name -> object: public functions and classes, and the methods that are the package's own."""
    found = {}
    for module in (sklearn_emoxai, datasets):  # the faces of other rooms have what other rooms need, too
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.ismodule(value):
                continue
            found[f"{value.__module__}.{value.__qualname__}"] = value
            if inspect.isclass(value):
                methods = [getattr(value, method) for method in dir(value) if not method.startswith("_")]
                found |= {
                    f"{method.__module__}.{method.__qualname__}": method
                    for method in methods
                    if inspect.isroutine(method) and method.__module__.startswith("sklearn_emoxai")
                }
    return found


OBJECTS = public_objects()


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_is_valid_numpydoc(name):
    passed_over = set(NOT_OURS)
    if "." in OBJECTS[name].__qualname__ or OBJECTS[name].__name__ in EXAMPLE_ELSEWHERE:
        passed_over.add("EX01")
    if dataclasses.is_dataclass(OBJECTS[name]):
        passed_over.add("PR01")  # its fields are told under Attributes
    errors = [f"{code} {message}" for code, message in validate(name)["errors"] if code not in passed_over]
    assert errors == []
    assert (
        re.search(r"^ *\{\w+\}$", OBJECTS[name].__doc__, flags=re.M) is None
    )  # a part that was not filled in


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the documentation is not beside the tests")
def test_every_public_name_is_in_the_reference():
    listed = set(re.findall(r"^   (\w+)$", REFERENCE.read_text(encoding="utf-8"), flags=re.M))
    public = {name.rpartition(".")[2] for name, value in OBJECTS.items() if "." not in value.__qualname__}
    assert public - listed == set()
