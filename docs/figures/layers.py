"""Which room imports which: the layers of tests/test_package.py, and the imports between them."""

import ast
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx

import sklearn_emoxai

PACKAGE = Path(sklearn_emoxai.__file__).parent
# plot_directive works in the script's folder.
TESTS = Path.cwd().parents[1] / "tests" / "test_package.py"
# What the data pass on their way, from the left to the right of each row.
COLUMNS = {
    "storage": 0.5,
    "facemesh": 2.5,
    "_validation": 1.5,
    "extraction": 0.5,
    "preprocessing": 1.5,
    "network": 2.5,
    "attribution": 2.8,
    "selection": 2,
    "emotion": 2,
    "datasets": 0.5,
    "evaluation": 2,
    "plotting": 2,
    "live": 1,
    "cli": 1.5,
}
INK, LINE = "#1f4e79", "#7f9fbf"


def layers():
    """The table LAYERS of the test."""
    for node in ast.parse(TESTS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "LAYERS":
            return [layer - {"__main__"} for layer in ast.literal_eval(node.value)]
    raise LookupError(f"{TESTS} has no LAYERS.")


def imported(file):
    """Rooms that a file imports by relative imports."""
    depth = len(file.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (name.split(".")[0] for name in names)


rows = [row for row in layers() if row]
place = {room: (COLUMNS.get(room, 3), -depth) for depth, row in enumerate(rows) for room in row}
graph = nx.DiGraph()
graph.add_nodes_from(place)
for file in PACKAGE.rglob("*.py"):
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    graph.add_edges_from(
        (room, name) for name in imported(file) if {room, name} <= place.keys() and room != name
    )
graph = nx.transitive_reduction(graph)

figure, ax = plt.subplots(figsize=(6.5, 0.62 * len(rows)), layout="constrained")
for room, needed in graph.edges:
    ends = (place[needed][0], place[needed][1] - 0.2), (place[room][0], place[room][1] + 0.2)
    ax.annotate("", *ends, arrowprops={"arrowstyle": "-|>", "color": LINE, "lw": 1.1})
for room, (x, y) in place.items():
    box = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": INK}
    ax.text(x, y, room, ha="center", va="center", fontsize=9, color=INK, family="monospace", bbox=box)
ax.set(xlim=(0, 3), ylim=(-len(rows) + 0.5, 0.5))
ax.axis("off")
