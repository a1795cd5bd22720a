"""What the documentation needs beyond Sphinx's own extensions, without the network at build or at reading time."""

import importlib
import re
import sys
import warnings
from pathlib import Path

import sklearn
from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)

# Where a name of another project is documented. Unlike intersphinx this reads no inventory from the network.
ELSEWHERE = {
    "numpy": "https://numpy.org/doc/stable/reference/generated/{}.html",
    "pandas": "https://pandas.pydata.org/docs/reference/api/{}.html",
    "sklearn": "https://scikit-learn.org/stable/modules/generated/{}.html",
    "torch": "https://docs.pytorch.org/docs/stable/generated/{}.html",
}

# Where public names are looked for that a docstring writes without their module.
PUBLIC = ("sklearn_emoxai", "sklearn_emoxai.datasets", "sklearn_emoxai.evaluation", "sklearn_emoxai.plotting")

# The gallery, in the order in which one learns.
LESSONS = [
    "plot_video_to_probabilities.py",
    "plot_paper_pipeline.py",
    "plot_grid_search.py",
    "plot_networks_and_svms.py",
    "plot_landmarks_and_time.py",
    "plot_attribution_path.py",
    "plot_does_it_hold.py",
    "plot_six_emotions.py",
    "plot_own_network.py",
    "plot_own_videos.py",
    "plot_live_curves.py",
    "plot_mirror_without_leak.py",
    "plot_dask_search.py",
]


class GalleryOrder:
    """Sort key of the examples for sphinx-gallery; those that are not in the list come last."""

    def __init__(self, source_folder):
        pass

    def __call__(self, file):
        return (LESSONS.index(file) if file in LESSONS else len(LESSONS), file)


def start_afresh(gallery_conf, file):
    """Forget what the example before has set, and turn warnings into errors; called around each example."""
    sklearn.set_config(enable_metadata_routing=False)
    warnings.simplefilter("error")


def link_public(app, env, node, contents):
    """Link a public name of the package that is written without its module, or with another one than documented."""
    name, objects = node.get("reftarget", ""), env.get_domain("py").objects
    if node.get("refdomain") != "py":
        return None
    for module in sorted(PUBLIC, key=len, reverse=True):
        name = name.removeprefix(f"{module}.").removeprefix(f"{module.partition('.')[2]}.")
    if name.startswith("facemesh.") and _exists(f"sklearn_emoxai.{name}"):
        name = "facemesh"  # whose page tells of all its constants
    for module in PUBLIC:
        found = objects.get(f"{module}.{name}")
        if found is not None:
            return make_refnode(app.builder, node.get("refdoc"), found.docname, found.node_id, contents, name)
    return None


def link_elsewhere(app, env, node, contents):
    """Link a name of another project, if it can be imported: a misspelt one stays a warning."""
    target = node.get("reftarget", "")
    top = target.split(".")[0]
    if node.get("refdomain") != "py":
        return None
    if target in sys.stdlib_module_names:
        address = f"https://docs.python.org/3/library/{target}.html"
    elif top in ELSEWHERE and _exists(target):
        address = ELSEWHERE[top].format(target)
    else:
        return None
    return nodes.reference("", "", contents, internal=False, refuri=address, reftitle=target)


def _exists(target):
    """Whether an attribute of another project's module exists."""
    module, _, name = target.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), name)
    except (ImportError, ValueError):
        return False


def visit_math(translator, node):
    """Write inline mathematics as MathML."""
    _write_mathml(translator, node, block=False)


def visit_displaymath(translator, node):
    """Write displayed mathematics as MathML, in a box that scrolls on narrow screens."""
    translator.body.append('<div class="math-block">')
    _write_mathml(translator, node, block=True)
    translator.body.append("</div>\n")


def _write_mathml(translator, node, *, block):
    tex = node.astext().replace(r"\dots", r"\ldots")
    try:
        translator.body.append(latex2mathml.tex2mathml(tex, as_block=block))
    except Exception as error:
        logger.warning("cannot write as MathML: %s (%s)", tex, error, location=node)
    raise nodes.SkipNode


def markdown_to_rst(text):
    """The little Markdown of CHANGELOG.md as reStructuredText."""
    text = re.sub(r"`([^`]+)`", r"``\1``", text)
    text = re.sub(r"\[([^\]]+)\]\((\S+?)\)", r"`\1 <\2>`__", text)
    for marks, underline in (("# ", "="), ("## ", "-"), ("### ", "~")):
        text = re.sub(
            rf"^{marks}(.*)$", lambda found, u=underline: f"{found[1]}\n{u * len(found[1])}", text, flags=re.M
        )
    return text


def skip_foreign(app, what, name, member, skip, options):
    """Leave out methods that a class has from another project, such as get_params."""
    module = getattr(member, "__module__", None)
    return True if callable(member) and module and not module.startswith("sklearn_emoxai") else None


def include_changelog(app, document, content):
    """Fill changelog.rst with the project's CHANGELOG.md."""
    if document == "changelog":
        source = Path(app.srcdir).parent / "CHANGELOG.md"
        content[0] += markdown_to_rst(source.read_text(encoding="utf-8"))


def setup(app):
    """Register everything."""
    app.connect("missing-reference", link_public)
    app.connect("missing-reference", link_elsewhere)
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("source-read", include_changelog)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
