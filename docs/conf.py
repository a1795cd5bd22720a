"""Configuration of the documentation: ``sphinx-build -W --keep-going -n docs docs/_build/html``."""

import os
import sys
from pathlib import Path

import sklearn_emoxai

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
# joblib's workers and torch share few cores, and a figure or an example needs no more than one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

project = "sklearn-emoxai"
author = "The sklearn-emoxai developers"
copyright = author
version = release = sklearn_emoxai.__version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "emoxai_docs",
]
exclude_patterns = ["_build", "**/figures", "gallery/*.ipynb", "gallery/*.py", "gallery/*.zip"]
templates_path = ["_templates"]
# Single backquotes name parameters, as in scikit-learn.
default_role = "literal"
nitpicky = True
# numpydoc links an attribute that is a property; its own page would say no more than the table.
nitpick_ignore = [("py:obj", "module_"), ("py:obj", "eyes_")]

autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"  # "On this page" names methods without their class
numpydoc_show_class_members = False  # the class template lists the methods itself
numpydoc_class_members_toctree = False

# Mathematics as MathML, which browsers draw themselves: the pages load nothing from elsewhere.
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "sklearn-emoxai"
html_static_path = ["_static"]
html_css_files = ["emoxai.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_copy_source = False
html_show_sourcelink = False
# Only the user guide, the gallery and the reference have pages below them to navigate to.
WITHOUT_SIDEBAR = [
    "index",
    "install",
    "start",
    "reproducing",
    "comparison",
    "responsible_use",
    "troubleshooting",
]
WITHOUT_SIDEBAR += ["results", "glossary", "citing", "contributing", "changelog"]
html_sidebars = {page: [] for page in WITHOUT_SIDEBAR}
html_theme_options = {
    "logo": {"text": "sklearn-emoxai"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

plot_basedir = str(Path(__file__).parent)
plot_formats = [("png", 140)]
plot_html_show_formats = False
plot_html_show_source_link = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "within_subsection_order": "emoxai_docs.GalleryOrder",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_emoxai",),
    "reference_url": {"sklearn_emoxai": None},  # names in the code are linked to the reference
    "reset_modules": ("matplotlib", "emoxai_docs.start_afresh"),
    "abort_on_example_error": True,
    "write_computation_times": False,
    "show_memory": False,
    "capture_repr": (),  # a cell shows what it prints, not the estimator that its last line returns
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "download_all_examples": False,
}
