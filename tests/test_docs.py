"""The checks of the documentation find what they are for."""

import importlib.util
import re
import subprocess
import textwrap
from pathlib import Path

import joblib
import pytest
import sklearn

import sklearn_emoxai

DOCS = Path(__file__).parents[1] / "docs"
RUN = DOCS.parent / ".ci" / "run"
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


PAGES = sorted([*DOCS.glob("*.rst"), *DOCS.glob("user_guide/*.rst")])
# The comment that excuses the block below it from running, for a reason that is not ours to change.
EXCUSE = re.compile(r"\.\. not run: needs \w.*")


def _code(text):
    """Line, language, source and excuse of each block of code; ``::`` announces Python, as in Sphinx."""
    lines, number = text.splitlines(), 0
    while number < len(lines):
        line = lines[number]
        indent = len(line) - len(line.lstrip())
        directive = re.fullmatch(r"\s*\.\. code-block:: (\w+)", line)
        literal = line.endswith("::") and not line.lstrip().startswith("..")
        number += 1
        if not (directive or literal):
            continue
        start = end = number
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * (indent + 1))):
            end += 1
        first = start - 1  # of the paragraph or directive that announces the block
        while first > 0 and lines[first - 1].strip():
            first -= 1
        above = next((above for above in reversed(lines[:first]) if above.strip()), "")
        source = textwrap.dedent("\n".join(lines[start:end]))
        yield start, directive[1] if directive else "python", source, bool(EXCUSE.fullmatch(above.strip()))
        number = end


def _blocks(text):
    return [
        (line, source)
        for line, language, source, excused in _code(text)
        if language == "python" and not excused
    ]


def test_blocks_are_found_with_their_lines_and_excuses():
    text = """A::

    a = 1

B.

.. not run: needs a cluster

.. code-block:: python

    b

.. code-block:: bash

    c
"""
    assert [(line, language, source.strip(), excused) for line, language, source, excused in _code(text)] == [
        (1, "python", "a = 1", False),
        (9, "python", "b", True),
        (13, "bash", "c", False),
    ]


def test_lines_of_code_fit_their_box():
    blocks = [(page.stem, source) for page in PAGES for *_, source, _ in _code(page.read_text("utf-8"))]
    assert len(blocks) > 20
    assert [(page, line) for page, source in blocks for line in source.splitlines() if len(line) > 99] == []


@pytest.fixture
def readers_folder(request, tmp_path, monkeypatch):
    """What the pages say that the reader has: a working folder with some clips; and smaller, faster defaults."""
    from sklearn_emoxai import ConvLSTMClassifier
    from sklearn_emoxai.datasets import make_expression_videos
    from sklearn_emoxai.extraction import MODEL_VARIABLE, has_bundled_graph

    small = {"n_filters": 4, "lstm_units": 8, "fc_units": 8, "max_epochs": 10}
    monkeypatch.setattr(
        ConvLSTMClassifier.__init__, "__kwdefaults__", ConvLSTMClassifier.__init__.__kwdefaults__ | small
    )

    if not has_bundled_graph():
        monkeypatch.setenv(MODEL_VARIABLE, str(request.getfixturevalue("face_landmarker")))
    monkeypatch.chdir(tmp_path)
    make_expression_videos(
        "my_clips", n_subjects=2, emotions=("fear", "surprise"), n_frames=10, random_state=0
    )
    return tmp_path


@pytest.mark.parametrize(
    "page", [page for page in PAGES if _blocks(page.read_text("utf-8"))], ids=lambda page: page.stem
)
@pytest.mark.filterwarnings("ignore::sklearn_emoxai.attribution.BaselineWarning")
def test_code_of_a_page_runs_from_top_to_bottom(page, readers_folder):
    namespace = {"__name__": "page"}
    # In threads: processes of joblib's that earlier tests left behind are at work in another folder.
    with sklearn.config_context(), joblib.parallel_config("threading"):
        for line, source in _blocks(page.read_text("utf-8")):
            exec(compile("\n" * line + source, str(page), "exec"), namespace)


def _stages(text):
    return re.findall(r"^stage_(\w+)\(\)", text, flags=re.MULTILINE)


@pytest.mark.skipif(not RUN.is_file(), reason="the checks are not beside the tests")
class TestRun:
    def test_help_names_every_stage(self):
        done = subprocess.run([RUN, "--help"], capture_output=True, text=True, check=True)
        assert re.findall(r"^  (\w+) ", done.stdout, flags=re.MULTILINE) == _stages(RUN.read_text("utf-8"))

    def test_unknown_stage_is_refused_before_any_runs(self):
        done = subprocess.run([RUN, "wheel", "nonsense"], capture_output=True, text=True)
        assert done.returncode == 2
        assert "no stage 'nonsense'; the stages are: lint resolve tests" in done.stderr
        assert not done.stdout

    def test_contributing_page_names_every_stage(self):
        page = (DOCS / "contributing.rst").read_text("utf-8")
        named = re.search(r"runs single stages: ([\w, ]+)", page).group(1)
        assert re.findall(r"\w+", named.replace(" and ", ", ")) == _stages(RUN.read_text("utf-8"))


def test_citation_file_has_the_version_of_the_package():
    found = (DOCS.parent / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {sklearn_emoxai.__version__}\n" in found
