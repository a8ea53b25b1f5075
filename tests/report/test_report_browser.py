"""The pages in a real browser: drawn, quiet, offline, inside a laptop's and a phone's screen."""

import shutil

import pytest
from diagnosed import make_diagnosis

import fedwhy as fw
from fedwhy.report import render, render_comparison, render_diagnosis, render_partition

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SCREENS = {"laptop": (1280, 800), "phone": (390, 844)}
SVG_SIZES = """() => [...document.querySelectorAll(".plot")].map((plot) => {
  const box = plot.querySelector("svg.main-svg")?.getBoundingClientRect();
  return [plot.id, box?.width ?? 0, box?.height ?? 0];
})"""


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        # The sandbox cannot start as root, and the page under test is our own.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens HTML as a file; afterwards, no message, error or request may have been seen."""
    contexts, troubles = [], []

    def open_page(html, screen="laptop", theme="light"):
        file = tmp_path / "report.html"
        file.write_text(html, encoding="utf-8")
        width, height = SCREENS[screen]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            is_mobile=screen == "phone",
            has_touch=screen == "phone",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: request.url == file.as_uri() or local(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready=true]", timeout=60_000)
        return page

    def local(url):
        if not url.startswith(("data:", "blob:")):
            troubles.append(f"request: {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


PAGES = {
    "run": lambda records: render(records[0]),
    "comparison": render_comparison,
    "partition": lambda records: render_partition(records[0]),
    "diagnosis": lambda records: render_diagnosis(make_diagnosis()),
    "measured partition": lambda records: render_partition(measured()),
}


def measured():
    """What `fedwhy partition` draws, of clients with a few labels each."""
    clients = fw.partition(fw.load("digits").train, fw.Dirichlet(0.3), clients=30)
    return {"settings": {}, "partition": clients.stats(features=True).to_dict()}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", PAGES)
def test_every_chart_is_drawn_inside_the_screen(open_page, records, kind, screen, theme):
    page = open_page(PAGES[kind](records), screen, theme)
    sizes = page.evaluate(SVG_SIZES)
    assert len(sizes) >= 2
    for name, width, height in sizes:
        assert 250 < width <= SCREENS[screen][0], name
        assert height > 200, name
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_hostile_names_are_shown_and_not_run(open_page, record):
    name = "</script><img src=x onerror=alert(1)><b>bold</b>"
    record["name"] = name
    record["partition"]["clients"] = [f"{c}{name}" for c in range(50)]
    record["recall"]["classes"] = [f"{name}{c}" for c in range(10)]
    page = open_page(render(record))
    assert page.inner_text(".name") == name
    assert page.locator("img, b").count() == 0


def background(page):
    return page.evaluate("document.querySelector('#metric-loss .main-svg').style.background")


def test_charts_follow_a_change_of_theme_at_once(open_page, record):
    page = open_page(render(record))
    light = background(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "old => document.querySelector('#metric-loss .main-svg').style.background !== old",
        arg=light,
    )
    assert background(page) == "rgb(27, 30, 36)"


def test_charts_follow_the_width_of_the_window(open_page, record):
    page = open_page(render(record))
    page.set_viewport_size({"width": 500, "height": 800})
    page.wait_for_function(
        "() => [...document.querySelectorAll('.main-svg')].every(s => s.clientWidth <= 500)"
    )
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_the_legend_hides_and_shows_a_line(open_page, record):
    page = open_page(render(record))
    button = page.get_by_role("button", name="training").first
    lines = page.locator("#metric-accuracy .scatterlayer .trace")
    shown = lines.count()
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert lines.count() == shown - 1
    button.click()
    assert lines.count() == shown


def test_a_dark_page_is_printed_light_and_comes_back(open_page, record):
    page = open_page(render(record), theme="dark")
    dark = background(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert background(page) == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert background(page) == dark


def test_curves_move_to_simulated_time_and_back(open_page, record):
    for entry in record["rounds"]:
        entry["simulated_seconds"] = 3.0 * entry["round"]
    page = open_page(render(record))

    def shown():
        axis = "document.getElementById('metric-accuracy').layout.xaxis"
        title = page.inner_text("#metric-accuracy-title")
        return title, *page.evaluate(f"[{axis}.title.text, {axis}.range[1]]")

    assert shown() == ("Accuracy by round", "round", 100)
    page.get_by_role("button", name="by simulated seconds").click()
    assert shown() == ("Accuracy by simulated seconds", "simulated seconds", 300)
    page.get_by_role("button", name="by round").click()
    assert shown() == ("Accuracy by round", "round", 100)


def test_a_code_unfolds_its_page(open_page):
    page = open_page(render_diagnosis(make_diagnosis()))
    text = page.get_by_text("The loss stays near").first
    assert not text.is_visible()
    page.get_by_role("link", name="FW106").first.click()
    assert text.is_visible()


def test_probes_are_readable_on_a_phone(open_page):
    page = open_page(render_diagnosis(make_diagnosis()), screen="phone")
    words = page.get_by_role("region", name="What was tried").get_by_text("inputs divided by 255")
    box = words.bounding_box()
    assert box["width"] > 200 and box["height"] < 40
