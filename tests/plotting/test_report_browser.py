"""The report in a browser: Debian's chromium, without a window."""

import shutil

import numpy as np
import pandas as pd
import pytest

from sklearn_emoxai import write_report
from sklearn_emoxai.evaluation import add_to_meta

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    # Playwright's own threads and pipes.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def report(write_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    return write_report(write_run(folder / "run"), folder / "report.html")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def opened(browser, path, complaints, **options):
    """A page with the report; what the console says and what leaves the machine goes to the complaints."""
    page = browser.new_page(**options)
    page.set_default_timeout(20_000)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))
    page.goto(path.as_uri())
    # The page itself is the one thing that is asked for, and its empty icon.
    complaints[:] = [text for text in complaints if text != path.as_uri() and not text.startswith("data:")]
    page.wait_for_selector("#curves-plot .scatterlayer .trace", state="attached")
    return page


@pytest.fixture(scope="module")
def desk(browser, report):
    """One page for all tests that need no other: loading 5 MB takes seconds."""
    complaints = []
    page = opened(browser, report, complaints, viewport={"width": 1280, "height": 900})
    yield page, complaints
    page.close()


@pytest.fixture
def page(desk):
    """The page with its first emotion and 32 landmarks, whatever the tests before chose."""
    page, complaints = desk
    page.click("label[for=emotion-0]")
    page.locator("#count").fill(str(page.evaluate("counts.indexOf(32)")))
    page.locator("#rank").fill("1")
    yield page
    assert complaints == []


def until(page, condition):
    """Wait for a condition in JavaScript. Playwright's own way of it needs what the report's policy forbids."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{condition} did not come true within 10 s")


def n_kept(page):
    """Landmarks that the large face shows as kept."""
    return page.evaluate("get('face-plot').data[3].x.length")


def column(page, i):
    """Numbers in the i-th column of the table, without their spread."""
    cells = page.locator(f"#table tbody tr > :nth-child({i})").all_inner_texts()
    return [float(text.split()[0]) for text in cells]


def test_another_emotion_changes_face_and_timeline(page):
    assert page.inner_text("#face-heading") == "anger"
    first, note = page.inner_text("#readout"), page.inner_text("#timeline-note")
    page.get_by_text("surprise", exact=True).first.click()
    assert page.inner_text("#face-heading") == "surprise"
    assert page.inner_text("#readout") != first
    assert page.inner_text("#timeline-note") != note
    assert "surprise" in page.get_attribute("#stability-plot", "aria-label")


def test_the_slider_changes_the_number_of_landmarks(page):
    assert n_kept(page) == page.locator("label[for=emotion-0] circle").count() == 32
    page.locator("#count").fill(page.get_attribute("#count", "max"))
    assert page.inner_text("#count-text") == "468 of 468, with 100 % of the importance"
    assert n_kept(page) == 468
    page.locator("#count").fill("0")
    assert n_kept(page) == page.locator("label[for=emotion-0] circle").count() == 1
    assert page.get_attribute("#rank", "max") == "1"


def test_hovering_tells_index_region_and_importance(page):
    importances = page.evaluate("run.faces.anger.importances")
    largest = importances.index(max(importances))
    page.locator("#rank").fill("2")
    # Traces: edges, outlines, landmarks left out, landmarks kept, with the most important last.
    page.locator("#face-plot .scatterlayer .trace:nth-child(4) .point").last.hover(force=True)
    # Plotly follows the mouse with a delay, past the points on the way.
    until(page, f"get('readout').innerText.startsWith('landmark {largest}, ')")
    until(page, f"document.querySelector('#face-plot .hoverlayer').innerHTML.includes('landmark {largest}<')")
    assert "importance 1.00" in page.inner_html("#face-plot .hoverlayer")
    assert "peak in frame 10 of 10" in page.inner_html("#face-plot .hoverlayer")


def test_the_keyboard_reaches_everything(page):
    page.focus("#emotion-0")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#face-heading") == "disgust"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "count"
    page.keyboard.press("ArrowRight")
    assert n_kept(page) > 32
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#readout").splitlines()[1].startswith("choice 2 of 468")
    assert page.get_attribute("#rank", "aria-valuetext").startswith("choice 2: landmark ")
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached[1:3] == ["metric", "curve-emotion"]  # after the table of landmarks, which scrolls
    assert {"model", "landmarks", "mean"} <= set(reached)


def test_the_chosen_landmarks_are_listed_in_their_order(page):
    face = page.evaluate("({ranking: run.faces.anger.ranking, importances: run.faces.anger.importances})")
    rows = [line.split("\t") for line in page.inner_text("#chosen tbody").splitlines()]
    assert [int(row[1]) for row in rows] == face["ranking"][:32]
    total = sum(face["importances"])
    for order, (row, landmark) in enumerate(zip(rows, face["ranking"]), start=1):
        share = face["importances"][landmark] / total
        rank = 1 + sum(value > face["importances"][landmark] for value in face["importances"])
        assert int(row[0]) == order
        assert float(row[3].split()[0]) == pytest.approx(100 * share, abs=0.5 if share > 0.0995 else 0.051)
        assert [int(row[4]), int(row[5])] == [rank, 10]
    page.locator("#count").fill("0")
    assert page.locator("#chosen tbody tr").count() == 1


def test_frames_are_those_of_the_clip_and_the_first_is_blank(write_run, browser, tmp_path):
    run, complaints = write_run(tmp_path / "run", emotions=("fear",)), []
    with np.load(run / "explanations.npz") as file:
        arrays = dict(file)
    arrays["fear/profile"] = arrays["fear/profile"][1:]
    # A detector of an emotion that was not compared, its landmarks chosen in another order than by importance.
    arrays |= {name.replace("fear", "neutral"): values for name, values in arrays.items() if "/" in name}
    arrays["neutral/ranking"] = arrays["neutral/ranking"][::-1]
    np.savez(run / "explanations.npz", **arrays)
    page = opened(browser, write_report(run, tmp_path / "report.html"), complaints)
    assert page.evaluate("get('timeline-plot').data[0].x") == list(range(2, 11))
    axis = page.evaluate("(({ticktext, range}) => ({ticktext, range}))(get('timeline-plot').layout.xaxis)")
    assert axis == {"ticktext": ["1<br>start", *map(str, range(2, 10)), "10<br>end"], "range": [0.5, 10.5]}
    note = page.inner_text("#timeline-note")
    assert "frame 10 of 10." in note
    assert "Frame 1 is blank" in note
    assert "a late peak does not show" in note
    assert page.inner_text("#unscored").startswith("The scores below leave out neutral:")
    assert page.locator("#synthetic").is_hidden()
    page.click("label[for=emotion-1]")
    assert page.inner_text("#chosen tbody tr").split("\t")[4] == "468"
    page.close()
    assert complaints == []


def test_synthetic_data_are_called_so_at_the_top(write_run, browser, tmp_path):
    run, complaints = write_run(tmp_path / "run", emotions=("fear",)), []
    add_to_meta(run, synthetic=True)
    page = opened(browser, write_report(run, tmp_path / "report.html"), complaints)
    assert "the scores below say nothing about people" in page.inner_text("header")
    page.close()
    assert complaints == []


def test_the_table_sorts_by_any_column(page):
    page.select_option("#metric", "balanced_accuracy")
    assert column(page, 3) == sorted(column(page, 3), reverse=True)
    fear = page.get_by_role("button", name="fear", exact=True)
    fear.click()
    assert column(page, 6) == sorted(column(page, 6), reverse=True)
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("fear")
    fear.click()
    assert column(page, 6) == sorted(column(page, 6))
    page.get_by_role("button", name="landmarks", exact=True).click()
    assert column(page, 2) == sorted(column(page, 2))


def test_score_and_emotion_of_the_curves_can_be_chosen(page):
    page.select_option("#metric", "roc_auc")
    page.select_option("#curve-emotion", label="fear")
    assert page.inner_text("#table-note").startswith("Area under the ROC curve")
    drawn = page.evaluate("get('curves-plot').data.find((trace) => trace.name === 'T-EMO').y")
    rows = page.evaluate("run.scores.roc_auc")
    expected = [row["emotions"]["fear"][0] for row in rows if row["model"] == "T-EMO"]
    assert sorted(drawn) == sorted(expected)


@pytest.mark.parametrize("width", [375, 1280])
def test_it_fits_phones_and_desks_in_light_and_dark(page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 900})
    font = "get('curves-plot').layout.font.color"
    for scheme in ("light", "dark"):
        before = page.evaluate(font)
        page.emulate_media(color_scheme=scheme)
        if scheme == "dark":
            until(page, f"{font} !== '{before}'")
        # Figures follow the window a little later; nothing may then stick out of the page.
        until(page, f"document.documentElement.scrollWidth === {width}")
        assert page.locator("#table-scroll").is_visible() == (width == 375)  # the hint to scroll
        assert page.evaluate("get('chosen').scrollWidth <= get('chosen').parentElement.clientWidth")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = sum(int(part) for part in background[4:-1].split(",")) / 3
        assert (brightness > 128) == (scheme == "light")
        image = page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
        assert len(image) > 50_000  # an empty page of this size takes 20 kB
    page.emulate_media(color_scheme="light")


def test_markup_in_labels_is_shown_and_not_run(write_run, browser, tmp_path):
    label, complaints = "<img src=x onerror=alert(1)><b>bold</b></script>", []
    run = write_run(tmp_path / "run", emotions=(label, "fear"))
    page = opened(browser, write_report(run, tmp_path / "report.html"), complaints)
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    assert page.inner_text("#face-heading") == label
    assert page.locator("img").count() == 0
    assert label in page.locator("#table thead").inner_text()
    assert label in page.locator("#stability-plot .legend").text_content()
    page.close()
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_scorecards_show_all_numbers_and_sentences_at_once(write_run, browser, tmp_path, width):
    names, complaints = ["integrated_gradients", "feature_ablation", "gradient_x_input"], []
    measures = {"max_sensitivity": "lower", "untrained_correlation": "lower"}
    meaning = "Mean squared error of the values of random landmarks as to what the network loses with them."
    table = pd.DataFrame({name: [1.008, -0.291] for name in names}, index=list(measures)).assign(
        better=list(measures.values()), meaning=meaning
    )
    report = write_report(
        write_run(tmp_path / "run"), tmp_path / "report.html", judged={"fear": table}, judged_on="On these."
    )
    page = opened(browser, report, complaints, viewport={"width": width, "height": 844})
    assert page.inner_text("#judged-on") == "On these."
    rows = page.locator("#judged tbody tr")
    assert rows.count() == 2
    assert f"{meaning} Lower is better." in rows.first.inner_text()
    card = page.locator("#judged .scroll")
    assert card.evaluate("(card) => card.scrollWidth <= card.clientWidth")
    page.close()
    assert complaints == []


def test_a_run_without_explanations_says_so(write_run, browser, tmp_path):
    complaints = []
    run = write_run(tmp_path / "run", explained=False, selected=False)
    page = opened(browser, write_report(run, tmp_path / "report.html"), complaints)
    assert "holds no explanations" in page.inner_text("main")
    assert "fewer than two selections" in page.inner_text("main")
    assert page.locator("#table tbody tr").count() == 19
    page.close()
    assert complaints == []
