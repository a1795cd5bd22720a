"""Which module imports which: the layers of tests/test_package.py, and the imports between them."""

import ast
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
from matplotlib.patches import FancyBboxPatch

import sklearn_emoxai

PACKAGE = Path(sklearn_emoxai.__file__).parent
# plot_directive works in the script's folder.
TESTS = Path.cwd().parents[1] / "tests" / "test_package.py"
LANES = {
    "faces and data": "facemesh preprocessing datasets",
    "videos": "video face_crop landmark_store landmark_folder detection face_finder single_video extraction "
    "folder_extraction",
    "networks": "convlstm _fused _training classifier attribution selection emotion",
}
OTHERS = "comparing and using"
COLOURS = dict(zip([*LANES, OTHERS], ["#a3541c", "#31688e", "#237a4b", "#6b3f8f"]))
LEFT_OUT = {"_validation", "_mapped", "__main__"}  # what nearly all use, and what only calls the command line


def layers():
    """The table LAYERS of the test."""
    for node in ast.parse(TESTS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "LAYERS":
            return [sorted(layer - LEFT_OUT) for layer in ast.literal_eval(node.value)]
    raise LookupError(f"{TESTS} has no LAYERS.")


def imported(file):
    """Modules of the package that a file imports."""
    depth = len(file.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (name.split(".")[0] for name in names)


def lane_of(module):
    """The column that a module is drawn in."""
    return next((lane for lane, modules in LANES.items() if module in modules.split()), OTHERS)


rows = [row for row in layers() if row]
graph = nx.DiGraph()
graph.add_nodes_from(name for row in rows for name in row)
for file in PACKAGE.rglob("*.py"):
    module = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if module in graph:
        graph.add_edges_from((module, name) for name in imported(file) if name in graph and name != module)
graph = nx.transitive_reduction(graph)

place = {}
for depth, row in enumerate(rows):
    for column, lane in enumerate(COLOURS):
        members = [name for name in row if lane_of(name) == lane]
        for i, name in enumerate(members):
            # Two modules of one layer and lane stand side by side, more of them in a zigzag.
            spread = (i - (len(members) - 1) / 2) / max(2, len(members) - 1)
            zigzag = 0.22 * (1 if i % 2 else -1) * (len(members) > 1)
            place[name] = (column + 0.5 + 0.62 * spread, -depth + zigzag)

figure, ax = plt.subplots(figsize=(9, 0.62 * len(rows)), layout="constrained")
for module, needed in graph.edges:
    ax.annotate(
        "",
        (place[needed][0], place[needed][1] - 0.17),
        place[module],
        arrowprops={"arrowstyle": "-|>", "color": COLOURS[lane_of(module)], "lw": 0.8, "alpha": 0.55},
        zorder=1,
    )
for name, (x, y) in place.items():
    colour, width = COLOURS[lane_of(name)], 0.04 + 0.038 * len(name)
    box = FancyBboxPatch(
        (x - width / 2, y - 0.14), width, 0.28, boxstyle="round,pad=0.02", fc="white", ec=colour
    )
    ax.add_patch(box)
    ax.text(
        x, y - 0.01, name, ha="center", va="center", fontsize=8.5, color=colour, family="monospace", zorder=3
    )
for column, (lane, colour) in enumerate(COLOURS.items()):
    ax.text(column + 0.5, 0.75, lane, ha="center", color=colour, fontsize=11)
    ax.axvspan(column + 0.02, column + 0.98, color=colour, alpha=0.05, lw=0)
ax.set(xlim=(0, len(COLOURS)), ylim=(-len(rows) + 0.5, 1))
ax.axis("off")
