"""The package as a whole: what an import costs, and which way imports run."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_emoxai

PACKAGE = Path(sklearn_emoxai.__file__).parent

# A module may import the modules of the layers before its own, and of its own package.
LAYERS = [
    {"_mapped", "facemesh", "convlstm"},
    {"_validation", "_transformers", "_fused", "landmark_folder", "cluster"},
    {"_training"},
    {"video", "landmark_store", "face_crop", "preprocessing"},
    {"detection", "persistence"},
    {"face_finder"},
    {"single_video"},
    {"extraction"},
    {"classifier", "attribution"},
    {"selection"},
    {"emotion"},
    {"runs"},
    {"evaluation", "datasets"},
    {"plotting"},
    {"folder_extraction", "demo"},
    {"cli"},
    {"__main__"},
]


def _module_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path):
    """Top-level names within the package that a file imports, wherever in the file."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn_emoxai"):
            names = [node.module.partition(".")[2]]
        else:
            continue
        yield from (name.split(".")[0] for name in names)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    module = _module_of(path)
    if module == "__init__":
        return
    layer = next((i for i, layer in enumerate(LAYERS) if module in layer), None)
    assert layer is not None, f"{module} is in no layer"
    allowed = set().union(*LAYERS[:layer]) | {module, "__version__"}
    assert set(_imports(path)) <= allowed


@pytest.mark.parametrize(
    "statement", ["import sklearn_emoxai", "import sklearn_emoxai.datasets", "import sklearn_emoxai.cli"]
)
def test_import_loads_no_heavy_library(statement):
    code = f"{statement}, sys; print(*{{'torch', 'mediapipe', 'cv2', 'matplotlib'}} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == []


@pytest.mark.parametrize("name", sklearn_emoxai.__all__)
def test_public_names_exist_and_are_documented(name):
    assert getattr(sklearn_emoxai, name).__doc__
