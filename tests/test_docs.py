"""The checks of the documentation find what they are for."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not beside the tests")


def _module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="other.html#here">', None),
        ('<a href="#top">, <a href="https://example.org/">, <img src="data:image/png;base64,">', None),
        ('<a href="missing.html">', "index.html: no file missing.html"),
        ('<a href="other.html#nowhere">', "index.html: no anchor other.html#nowhere"),
        ('<img src="picture.png">', "index.html: no file picture.png"),
        ('<script src="https://example.org/x.js">', "index.html: loads https://example.org/x.js"),
    ],
)
def test_link_check_finds_dead_links_and_what_is_loaded_from_elsewhere(tmp_path, body, fault):
    (tmp_path / "index.html").write_text(body, encoding="utf-8")
    (tmp_path / "other.html").write_text('<p id="here">', encoding="utf-8")
    assert list(_module(DOCS / "check_links.py").faults(tmp_path)) == [fault] * (fault is not None)


def test_link_check_refuses_an_empty_folder(tmp_path):
    assert list(_module(DOCS / "check_links.py").faults(tmp_path)) == [f"{tmp_path} has no pages."]


def test_changelog_becomes_restructuredtext():
    pytest.importorskip("sphinx")
    found = _module(DOCS / "_ext" / "emoxai_docs.py").markdown_to_rst("# A\n\n- `b`, [c](d.html)\n")
    assert found == "A\n=\n\n- ``b``, `c <d.html>`__\n"


def test_gallery_lists_every_example():
    pytest.importorskip("sphinx")
    lessons = _module(DOCS / "_ext" / "emoxai_docs.py").LESSONS
    assert sorted(lessons) == sorted(path.name for path in (DOCS.parent / "examples").glob("plot_*.py"))
