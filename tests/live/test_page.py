"""The page in a browser: Debian's chromium, whose camera is a file."""

import io
import shutil

import numpy as np
import pytest

from sklearn_emoxai import load_landmarks

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
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
    "--use-fake-device-for-media-stream",
]


def write_y4m(path, frames, fps=15):
    """A video without compression, as chromium's camera of a file reads it."""
    import cv2

    height, width = frames[0].shape[:2]
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())


@pytest.fixture(scope="module")
def camera(happy, frames_of, tmp_path_factory):
    """A file that shows 2 s of the neutral face, then the clip, then 1 s of its apex."""
    frames = [np.pad(frame, ((0, 0), (40, 40), (0, 0))) for _, frame in frames_of(happy)]
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    write_y4m(path, [frames[0]] * 30 + frames + [frames[-1]] * 15)
    return path


@pytest.fixture(scope="module")
def browsers():
    with sync_api.sync_playwright() as playwright:
        yield lambda *arguments: playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments]
        )


@pytest.fixture(scope="module")
def browser(browsers, camera):
    browser = browsers("--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={camera}")
    yield browser
    browser.close()


def opened(browser, address, complaints, script="", **options):
    """The page, its console's words among the complaints, and what it asks of other places."""
    page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
    page.set_default_timeout(60_000)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: request.url.startswith((address, "data:", "blob:")) or complaints.append(request.url),
    )
    if script:
        page.add_init_script(script)
    page.goto(address)
    until(page, "document.querySelectorAll('.bar').length > 0")
    return page


def until(page, condition, seconds=120):
    """Wait for a condition in JavaScript. Playwright's own way of it needs what the page's policy forbids."""
    for _ in range(10 * seconds):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{condition} did not come true within {seconds} s; {page.inner_text('main')}")


SHOWS = "document.querySelector('.bar.top') !== null"


@pytest.fixture(scope="module")
def started(server, browser):
    """One page for all tests that need no other, its camera on."""
    complaints = []
    page = opened(browser, server.address, complaints)
    page.click("#start")
    until(page, SHOWS)
    yield page, complaints
    page.close()


@pytest.fixture
def page(started):
    page, complaints = started
    yield page
    assert complaints == []


def test_the_clips_emotion_is_on_top_at_its_apex(page):
    until(page, "parseFloat(document.querySelector('.bar[data-label=happiness] .number').innerText) > 0.8")
    assert page.locator(".bar.top").get_attribute("data-label") == "happiness"
    assert float(page.locator(".bar.top .track").get_attribute("aria-valuenow")) > 0.5
    assert page.inner_text("#notice") == ""


def test_calibrating_says_what_movement_is_measured_from(page):
    assert "2 s ago" in page.inner_text("#neutral-note")
    page.click("#calibrate")
    until(page, "document.getElementById('neutral-note').innerText.includes('that you called neutral')")


def test_a_recording_is_saved_as_csv_and_landmarks(page, tmp_path):
    page.click("#record")
    assert page.get_attribute("#record", "aria-pressed") == "true"
    until(page, "/[3-9] s/.test(document.getElementById('record').innerText)")
    page.click("#record")
    assert page.inner_text("#record") == "Record"
    assert page.locator("#files a").all_inner_texts() == ["Save probabilities.csv", "Save landmarks.npz"]
    for i, name in enumerate(("probabilities.csv", "landmarks.npz")):
        with page.expect_download() as saved:
            page.locator("#files a").nth(i).click()
        saved.value.save_as(tmp_path / name)
    header, *lines = (tmp_path / "probabilities.csv").read_text().splitlines()
    assert header == "seconds,anger,happiness,surprise,neutral"
    table = np.genfromtxt(io.StringIO("\n".join(lines)), delimiter=",", usecols=range(4))
    assert table[-1, 0] >= 3
    np.testing.assert_allclose(table[:, 1:].sum(axis=1), 1, atol=1e-4)
    recorded = load_landmarks(tmp_path / "landmarks.npz")
    assert recorded.data.shape == (1, len(table), 2, 468)
    np.testing.assert_allclose(recorded.timestamps, table[:, 0], atol=1e-4)
    assert 0 < recorded.data[0, -1].min() < recorded.data[0, -1].max() < 336


def test_pictures_are_recorded_where_asked_for(page):
    page.check("#pictures")
    page.click("#record")
    until(page, "/[1-9] s/.test(document.getElementById('record').innerText)")
    page.click("#record")
    until(page, "document.querySelectorAll('#files a').length === 3")
    assert page.locator("#files a").all_inner_texts()[2] == "Save pictures.webm"
    page.uncheck("#pictures")


def test_the_keyboard_reaches_everything(page):
    page.focus(".skip")
    page.keyboard.press("Enter")
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached[:6] == ["calibrate", "record", "mirrored", "lines", "pictures", "shown"]
    page.focus("#mirrored")
    page.keyboard.press("Space")
    assert not page.evaluate("document.getElementById('stage').classList.contains('mirrored')")
    page.keyboard.press("Space")


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_phones_and_desks_in_light_and_dark(page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 900})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = sum(int(part) for part in background[4:-1].split(",")) / 3
        assert (brightness > 128) == (scheme == "light")
        image = page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
        assert len(image) > 50_000
    page.emulate_media(color_scheme="light")


def test_nothing_moves_by_itself_where_that_is_not_wanted(page):
    moving = "getComputedStyle(document.querySelector('.fill')).transitionDuration"
    assert page.evaluate(moving) == "0.1s"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == "0s"
    page.emulate_media(reduced_motion="no-preference")


def test_the_page_says_what_it_can_not_know(page):
    assert "An expression is not a feeling." in page.inner_text("header")
    assert "AI Act" in page.inner_text("footer")


def test_the_camera_can_be_stopped_and_started_again(page):
    page.click("#start")
    assert page.inner_text("#notice") == "Start the camera to see your face here."
    assert page.is_disabled("#record")
    assert page.evaluate("document.getElementById('video').srcObject") is None
    page.click("#start")
    until(page, "!document.getElementById('record').disabled")


def test_a_lost_connection_is_taken_up_again(browser, detector, running):
    complaints, lost = [], "document.getElementById('status').innerText.includes('is lost; trying again')"
    first = running(detector)
    page = opened(browser, first.address, complaints)
    page.click("#start")
    until(page, SHOWS)
    first.stop()
    until(page, lost)
    second = running(detector, port=first.port)
    try:
        until(page, f"!({lost})")
        seen = page.evaluate("document.querySelector('.bar.top .number').innerText")
        until(page, f"document.querySelector('.bar.top .number').innerText !== '{seen}'")
    finally:
        page.close()
        second.stop()
    # The browser itself tells of connections that it can't make.
    assert [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text] == []


def test_a_refused_camera_is_said_with_what_to_do(browsers, server):
    complaints = []
    browser = browsers("--deny-permission-prompts")
    page = opened(browser, server.address, complaints)
    page.click("#start")
    until(page, "document.getElementById('notice').innerText.startsWith('The camera is refused. Allow it')")
    assert page.inner_text("#start") == "Start the camera"
    assert complaints == []
    browser.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotFoundError", "There is no camera."),
        ("NotReadableError", "another program may be using it"),
        ("OverconstrainedError", "The camera can't be used: so it is."),
        (None, "Make a tunnel with ssh -L"),
    ],
)
def test_a_camera_that_is_not_to_be_had_is_said(browser, server, error, words):
    complaints = []
    fail = f"() => Promise.reject(new DOMException('so it is', '{error}'))"
    devices = "undefined" if error is None else f"{{ getUserMedia: {fail} }}"
    script = f"Object.defineProperty(navigator, 'mediaDevices', {{ value: {devices} }})"
    page = opened(browser, server.address, complaints, script=script)
    page.click("#start")
    until(page, f"document.getElementById('notice').innerText.includes({words!r})".replace('"', "`"))
    page.close()
    assert complaints == []


def test_no_face_and_two_faces_are_said(browsers, server, happy, frames_of, tmp_path):
    (_, face), *_ = frames_of(happy)
    for name, frame, words in [
        ("none", np.full((256, 512, 3), 90, np.uint8), "There is no face in the picture."),
        ("two", np.concatenate([face, face[:, ::-1]], axis=1), "There are 2 faces in the picture; one"),
    ]:
        complaints = []
        write_y4m(tmp_path / f"{name}.y4m", [frame] * 5)
        file = f"--use-file-for-fake-video-capture={tmp_path / name}.y4m"
        browser = browsers("--use-fake-ui-for-media-stream", file)
        page = opened(browser, server.address, complaints)
        page.click("#start")
        until(page, f"document.getElementById('status').innerText.startsWith('{words}')")
        browser.close()
        assert complaints == []


def test_a_detector_without_explanations_says_so(browser, clips, network, running):
    complaints = []
    server = running(network(max_epochs=1).fit(clips.X, clips.target))
    page = opened(browser, server.address, complaints)
    assert page.inner_text("#landmarks-note") == "This detector looks at all landmarks."
    assert page.is_hidden("#legend")
    assert page.is_hidden("#calibrate")
    page.close()
    server.stop()
    assert complaints == []


def test_markup_in_labels_is_shown_and_not_run(browser, clips, network, running):
    complaints, label = [], "<img src=x onerror=alert(1)>"
    server = running(network(max_epochs=1).fit(clips.X, np.where(clips.target == "anger", label, "rest")))
    page = opened(browser, server.address, complaints)
    assert page.locator(".bar .name").all_inner_texts() == [label, "rest"]
    assert page.locator("img").count() == 0
    page.close()
    server.stop()
    assert complaints == []


def test_a_source_of_the_server_is_shown(browser, detector, happy, running):
    complaints = []
    server = running(detector, source=happy)
    page = opened(browser, server.address, complaints)
    until(page, SHOWS)
    until(page, "document.getElementById('notice').innerText.includes('has ended')")
    assert page.is_hidden("#start")
    assert page.locator(".bar.top").count() == 1
    assert page.evaluate("document.getElementById('picture').width") == 256
    page.close()
    server.stop()
    assert complaints == []
