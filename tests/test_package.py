"""The package as a whole: what an import costs, which way imports run, and through which doors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_emoxai

PACKAGE = Path(sklearn_emoxai.__file__).parent

# A room may import the rooms of the layers before its own.
LAYERS = [
    {"facemesh", "storage"},
    {"_validation"},
    {"extraction", "preprocessing", "network"},
    {"attribution"},
    {"selection"},
    {"emotion"},
    {"evaluation", "datasets"},
    {"plotting", "live"},
    {"cli"},
    {"__main__"},
]
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def _imports(path):
    """Modules of the package that a file imports, wherever in it, as parts of their names."""
    here = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = tuple((node.module or "").split(".")) if node.module else ()
        if node.level:
            module = here[: len(here) - node.level + 1] + module
        elif module[:1] == ("sklearn_emoxai",):
            module = module[1:]
        else:
            continue
        # What is imported from a folder may be a file in it.
        yield from ((*module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way_and_through_the_rooms_faces(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    layer = next((i for i, layer in enumerate(LAYERS) if room in layer), None)
    assert layer is not None, f"{room} is in no layer"
    others = [names for names in _imports(path) if names[0] not in (room, "__version__")]
    assert {names[0] for names in others} <= set().union(*LAYERS[:layer])
    private = [".".join(names) for names in others if any(name.startswith("_") for name in names[1:])]
    assert private == []


def test_the_house_has_few_rooms_and_layers():
    rooms = {path.name for path in PACKAGE.iterdir()} - {"__pycache__", "py.typed"}
    assert len(rooms) <= 16
    assert len(LAYERS) <= 10


@pytest.mark.parametrize(
    "statement", ["import sklearn_emoxai", "import sklearn_emoxai.datasets", "import sklearn_emoxai.cli"]
)
def test_import_loads_no_heavy_library(statement):
    heavy = {"torch", "mediapipe", "av", "cv2", "matplotlib", "starlette", "uvicorn", "websockets", "onnx"}
    code = f"{statement}, sys; print(*{heavy} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == []


@pytest.mark.parametrize("name", sklearn_emoxai.__all__)
def test_public_names_exist_and_are_documented(name):
    assert getattr(sklearn_emoxai, name).__doc__
