"""Reports in a real browser: nothing leaves the page, nothing fails in it, and the replay does as it is told."""

import re
import time

import pytest
from typer.testing import CliRunner

from jaxsolve.cli.app import app
from jaxsolve.records import read_record
from jaxsolve.report import comparison_of, page, report_of

WIDTHS = (1280, 390)


class Watched:
    """A page of a file, and everything that it asked for or complained of."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.requests, self.trouble = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.goto(path.as_uri())
        self.path = path

    def words(self) -> str:
        return self.page.inner_text(".now")

    def frame(self) -> int:
        return int(self.page.input_value(".frame"))

    def waits_for(self, condition: str) -> None:
        end = time.monotonic() + 20  # the policy of the page forbids what Playwright would wait with
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, condition
            self.page.wait_for_timeout(20)

    def is_clean(self) -> bool:
        """Whether the page is all that was ever asked for, and there was no complaint."""
        own = {url for url in self.requests if not url.startswith("data:")} == {self.path.as_uri()}
        return own and self.trouble == []


@pytest.fixture(scope="module")
def drawn():
    """The page of the usual run, once it is drawn."""
    return {}


@pytest.fixture
def opened(browser, record, tmp_path, drawn):
    """Open the report of a run, or of several, with options of a browser's context."""
    pages = []

    def go(report=None, **options):
        path = tmp_path / f"report-{len(pages)}.html"
        if report is None and not drawn:
            drawn["usual"] = page(report_of(record()))
        path.write_bytes(page(report) if report else drawn["usual"])
        pages.append(Watched(browser, path, **options))
        return pages[-1]

    yield go
    for one in pages:
        one.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_is_whole_by_itself_on_wide_and_narrow_screens(opened, width, scheme):
    shown = opened(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for summary in shown.page.query_selector_all("summary"):
        summary.click()
    shown.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    loaded = "[...document.images].every((image) => image.complete && image.naturalWidth > 50)"
    shown.waits_for(loaded)
    assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    paper = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) < 200) == (scheme == "dark")
    assert shown.is_clean()


def test_a_report_asks_for_nothing_even_where_something_in_it_would(opened, record):
    shown = opened(report_of(record(report={"message": "<img src=http://127.0.0.1:9/x>"})))
    assert "<img src=http://127.0.0.1:9/x>" in shown.page.inner_text("#summary")
    assert shown.is_clean()
    shown.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x'}))")
    shown.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"document.title = 1\">x</p>')")
    shown.page.click("body > p")
    assert shown.page.title() != "1"
    assert any("Content Security Policy" in text for text in shown.trouble)


def test_the_replay_plays_to_its_end_and_again_and_pauses(opened):
    shown = opened()
    assert shown.words().startswith("Frame 1 of 4 · seed delta_norm · MSE 1 ")
    shown.page.select_option(".speed", "4")
    shown.page.click(".play")
    assert shown.page.inner_text(".play") == "Pause"
    shown.waits_for("document.querySelector('.frame').value === '3'")
    shown.waits_for("document.querySelector('.play').textContent === 'Play'")
    assert "4 of 4 blocks where the answer has them" in shown.words()
    shown.page.select_option(".speed", "0.25")
    shown.page.click(".play")
    assert shown.frame() == 0
    shown.page.click(".play")
    assert shown.page.inner_text(".play") == "Play"
    assert "Frame 1 of 4" in shown.words()
    assert shown.is_clean()


def test_the_replay_is_scrubbed_with_the_slider_the_curve_and_keys(opened):
    shown = opened()
    shown.page.fill(".frame", "2")
    assert "Frame 3 of 4 · swaps · blocks at 1 and 3 swapped" in shown.words()
    box = shown.page.query_selector(".stage").bounding_box()
    shown.page.mouse.click(box["x"] + box["width"] - 10, box["y"] + 240)
    assert shown.frame() == 3
    shown.page.focus(".stage")
    for key, frame in (
        ("Home", 0),
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", 3),
        ("ArrowRight", 3),
    ):
        shown.page.keyboard.press(key)
        assert shown.frame() == frame
    shown.page.focus(".frame")
    for key, frame in (("Home", 0), ("ArrowRight", 1), ("End", 3), ("ArrowLeft", 2)):
        shown.page.keyboard.press(key)
        assert shown.frame() == frame
    assert "Frame 3 of 4" in shown.page.inner_text("[role=status]")


def test_space_plays_and_pauses_from_wherever_the_focus_is(opened):
    shown = opened()
    for selector in (".stage", ".frame", ".play"):
        shown.page.focus(selector)
        shown.page.keyboard.press(" ")
        assert shown.page.inner_text(".play") == "Pause"
        assert shown.page.inner_text("[role=status]").startswith("Playing.")
        shown.page.keyboard.press(" ")
        assert shown.page.inner_text(".play") == "Play"


def test_bars_stand_where_the_frame_has_them_and_are_told_when_in_place(opened):
    shown = opened(reduced_motion="reduce")
    settled = "[...document.querySelectorAll('.bar')].map((bar) => bar.classList.contains('settled'))"
    places = (
        "[...document.querySelectorAll('.bar')].map((bar) => [bar.getBoundingClientRect().x, "
        "bar.getBoundingClientRect().height]).sort((a, b) => a[0] - b[0]).map((pair) => pair[1])"
    )
    heights = shown.page.evaluate(places)
    assert heights != sorted(heights)
    shown.page.focus(".stage")
    shown.page.keyboard.press("End")
    heights = shown.page.evaluate(places)
    assert heights == sorted(heights)
    assert shown.page.evaluate(settled) == [True] * 4


def test_whoever_wants_less_motion_gets_no_transitions_and_no_laying_out(opened):
    still = opened(reduced_motion="reduce")
    moving = "parseFloat(getComputedStyle(document.querySelector('.bar')).transitionDuration)"
    assert still.page.evaluate(moving) == 0
    still.page.select_option(".speed", "0.25")
    still.page.click(".play")
    assert still.words().startswith("Frame 1 of 4")
    assert opened().page.evaluate(moving) > 0


def test_every_control_is_reached_by_keyboard_and_its_focus_is_seen(opened):
    shown = opened()
    reached = set()
    for _ in range(60):
        shown.page.keyboard.press("Tab")
        name, outline = shown.page.evaluate(
            "[document.activeElement.className || document.activeElement.tagName, "
            "getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.add(name)
        assert outline != "none" or name == "BODY", name  # behind the last one, the focus leaves the page
    assert reached >= {"skip", "A", "stage", "play", "frame", "speed", "SUMMARY"}


@pytest.mark.parametrize("width", WIDTHS)
def test_several_runs_are_compared_each_with_a_replay_of_its_own(opened, record, width):
    shown = opened(comparison_of([record(), record("other")]), viewport={"width": width, "height": 800})
    second = shown.page.query_selector_all(".replay")[1]
    second.query_selector(".stage").focus()
    shown.page.keyboard.press("End")
    frames = [frame.input_value() for frame in shown.page.query_selector_all(".frame")]
    assert frames == ["0", "3"]
    assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    assert shown.is_clean()


def test_terms_are_told_to_whoever_reaches_them_and_nothing_is_cut_off(opened):
    shown = opened(viewport={"width": 390, "height": 800})
    tip = "getComputedStyle(document.activeElement, '::after').content"
    told = set()
    for _ in range(40):
        shown.page.keyboard.press("Tab")
        if shown.page.evaluate("document.activeElement.className") == "term":
            text = shown.page.evaluate(tip)
            assert text.strip('"') == shown.page.get_attribute(":focus", "data-tip")
            assert shown.page.evaluate("document.documentElement.scrollWidth") == 390
            assert shown.page.evaluate("getComputedStyle(document.activeElement, '::after').boxSizing") == "border-box"
            told.add(shown.page.inner_text(":focus"))
    assert {"R²", "MSE", "Solved", "evaluations"} <= told
    term = shown.page.query_selector(".result dl .term")
    term.hover()
    assert "share of the variance" in term.evaluate("(one) => getComputedStyle(one, '::after').content")
    term.click()
    assert shown.page.evaluate("location.hash") == "#term-r2"
    assert "1 - MSE / variance" in shown.page.inner_text(":target")


@pytest.mark.parametrize("width", WIDTHS)
def test_edges_of_all_figures_are_those_of_their_columns(browser, long_record, tmp_path, width):
    path = tmp_path / "long.html"
    path.write_bytes(page(report_of(long_record())))
    shown = Watched(browser, path, viewport={"width": width, "height": 800})
    edges = shown.page.evaluate(
        "[...document.querySelectorAll('figure img')].map((image) => {"
        "const box = image.getBoundingClientRect(), around = image.closest('figure').getBoundingClientRect();"
        "return [around.left, around.right, box.left, box.right].map(Math.round);})"
    )
    assert len(edges) == 11
    for left, right, image_left, image_right in edges:
        assert (left, right) == (image_left, image_right)
    assert len({left for left, *_ in edges}) == len({right for _, right, *_ in edges}) == (1 if width == 390 else 2)
    assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    assert shown.is_clean()
    shown.context.close()


def test_piece_ids_stay_whole_on_a_phone(browser, long_record, tmp_path):
    path = tmp_path / "long.html"
    path.write_bytes(page(report_of(long_record())))
    shown = Watched(browser, path, viewport={"width": 390, "height": 800})
    shown.page.click("#summary summary")
    lines = shown.page.evaluate(
        "[...document.querySelector('.ids').childNodes].filter((node) => node.data).map((node) => {"
        "const range = document.createRange(); range.selectNodeContents(node);"
        "return [node.data, range.getClientRects().length];})"
    )
    assert len(lines) > 40
    assert {parts for _, parts in lines} == {1}
    assert shown.page.evaluate("document.querySelector('.ids').getClientRects().length") > 1
    shown.context.close()


def test_a_run_without_frames_has_a_page_without_trouble(opened, record):
    assert opened(report_of(record(events=[], permutation=None))).is_clean()


def test_the_report_of_the_famous_puzzle_is_small_and_its_replay_ends_in_order(browser, real_path, tmp_path):
    options = ("--order-seed", "w_out_l1", "--search", "descent", "--out", str(tmp_path / "run"))
    assert CliRunner().invoke(app, ["solve", str(real_path), *options]).exit_code == 0
    path = tmp_path / "page.html"
    path.write_bytes(page(report_of(read_record(tmp_path / "run" / "record.json"))))
    assert path.stat().st_size < 1_500_000
    shown = Watched(browser, path, viewport={"width": 390, "height": 800})
    shown.page.select_option(".speed", "4")
    shown.page.click(".play")
    shown.waits_for("document.querySelector('.play').textContent === 'Play'")
    assert "48 of 48 blocks where the answer has them" in shown.words()
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 390
    assert shown.is_clean()
    shown.context.close()
