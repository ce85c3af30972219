"""The conformance kit's HTML report in Chromium: drawn, filtered, used by keyboard; nothing is fetched or run from a fault."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from harness.devtools import Page

from conformance.report.page import to_html
from tests.conformance.reports import every

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUNDS = """[...document.querySelectorAll('.picture')].map((picture) => ({
  fields: new Set(
    [...picture.querySelectorAll('.b:not(.fault):not(.rest)')].map((b) => getComputedStyle(b).backgroundColor)
  ).size,
  faults: [...picture.querySelectorAll('.dump .fault')].map((b) => b.textContent),
  named: [...picture.querySelectorAll('.fields tr.fault button')].map((b) => b.textContent),
}))"""
VISIBLE = "[...document.querySelectorAll('main > section[data-state]')].filter((each) => each.checkVisibility()).length"
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("report")
    (folder / "report.html").write_text(to_html(every()))
    with Page(folder) as shown:
        shown.size(1280, 900)
        shown.open((folder / "report.html").as_uri())
        yield shown


def logged(page: Page) -> list[dict[str, Any]]:
    page.value("1")  # what came before has come once this is answered
    return page.of("Runtime.consoleAPICalled") + page.of("Runtime.exceptionThrown") + page.of("Log.entryAdded")


def test_failed_frames_are_drawn_with_their_fields(page: Page) -> None:
    drawn = page.value(GROUNDS)
    assert len(drawn) == 8
    rewritten = drawn[0]
    assert rewritten["fields"] == 8
    assert rewritten["faults"] == ["00 00", "..", "00 07", ".."]
    assert rewritten["named"] == ["id"]
    assert [each["named"] for each in drawn[1:]] == [
        ["headers"], ["class_name"], ["command"], ["content"], ["content"], ["body.dubbo"], ["flags.event"]
    ]  # fmt: skip
    assert all(each["faults"] for each in drawn[:-1])


def test_what_was_made_is_beside_what_was_wanted(page: Page) -> None:
    sides = page.value("[...document.querySelectorAll('.beside')[0].querySelectorAll('figure')].map((side) => side.innerText)")
    assert [side.splitlines()[0] for side in sides] == ["Expected, 172 bytes", "Actual, 172 bytes"]
    marks = page.value("[...document.querySelectorAll('.beside')[0].querySelectorAll('mark')].map((each) => each.textContent)")
    assert marks == ["00", "00", "09", "11"]
    tops = page.value("[...document.querySelectorAll('.beside')[0].querySelectorAll('figure')].map((side) => side.offsetTop)")
    assert tops[0] == tops[1], "one beside the other"


def test_only_what_failed(page: Page) -> None:
    assert page.value(VISIBLE) == 15
    assert page.value("document.getElementById('shown').textContent") == "15 of 15 shown"
    page.value("document.querySelector('input[value=failed]').click()")
    assert page.value(VISIBLE) == 2
    assert page.value("document.getElementById('shown').textContent") == "2 of 15 shown"
    rows = "[...document.querySelectorAll('.checks tbody tr')].filter((each) => each.checkVisibility())"
    assert set(page.value(f"{rows}.map((each) => each.dataset.state)")) == {"failed"}
    page.value("document.querySelector('input[value=all]').click()")
    assert page.value(VISIBLE) == 15


def test_the_keyboard_points_from_a_field_to_its_bytes(page: Page) -> None:
    """The sixth field is the id: four bytes in two rows."""
    page.value("document.querySelectorAll('.picture')[0].querySelectorAll('.fields button')[4].focus()")
    page.key("Tab")
    assert page.value("document.activeElement.textContent") == "id"
    lit = "[...document.querySelectorAll('.dump .on')].map((each) => each.textContent).filter((text) => text[0] !== '.')"
    assert page.value(lit) == ["00 00", "00 07"]
    page.key(" ")
    assert page.value("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.value("document.activeElement.blur()")
    assert page.value(lit) == ["00 00", "00 07"], "kept by a press"
    page.value("document.querySelectorAll('.picture')[0].querySelectorAll('.fields button')[5].click()")
    assert page.value(lit) == []


def test_bits_and_sections_point_to_the_bytes_that_they_are_in(page: Page) -> None:
    picture = "[...document.querySelectorAll('.picture')].at(-1)"
    lit = f"[...{picture}.querySelectorAll('.dump .on')].map((each) => each.dataset.at)"
    page.value(f"[...{picture}.querySelectorAll('.fields button')].find((each) => each.textContent === 'flags.event').focus()")
    assert set(page.value(lit)) == {"2"}
    page.value(f"[...{picture}.querySelectorAll('.fields button')].find((each) => each.textContent === 'body').focus()")
    assert {"16", "112"} <= set(page.value(lit))
    page.value("document.activeElement.blur()")


@pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(22, 24, 28)")])
@pytest.mark.parametrize("width", [1280, 400])
def test_light_and_dark_wide_and_narrow(page: Page, scheme: str, ground: str, width: int, tmp_path: Path) -> None:
    """`REPORT_PICTURES=folder` keeps what is seen."""
    page.size(width, 1400)
    page.prefer(scheme)
    assert page.value("getComputedStyle(document.body).backgroundColor") == ground
    content, window = page.value(WIDTHS)
    assert content == window == width, "nothing is wider than the window"
    page.value("document.querySelector('.failure').scrollIntoView()")
    seen = page.picture()
    assert struct.unpack(">II", seen[16:24]) == (width, 1400)
    folder = os.environ.get("REPORT_PICTURES")
    if folder:
        Path(folder, f"{scheme}-{width}.png").write_bytes(seen)


def test_nothing_is_fetched_nothing_is_logged_nothing_of_a_fault_runs(page: Page) -> None:
    assert logged(page) == []
    asked = [event["request"]["url"] for event in page.of("Network.requestWillBeSent")]
    assert [url.rpartition("/")[2] for url in asked] == ["report.html"]
    assert page.value("document.title") == "Conformance: bolt, dubbo failed"
    assert page.value("document.images.length") == 0


def test_a_script_that_got_onto_the_page_would_not_run(page: Page, tmp_path: Path) -> None:
    """The policy is in force: the page's own script is the only one that may run."""
    path = tmp_path / "taken.html"
    path.write_text(to_html(every()[:1]).replace("</body>", "<script>document.title = 'taken'</script></body>"))
    page.events.clear()
    page.open(path.as_uri())
    assert page.value("document.title") == "Conformance: bolt failed"
    assert any("Content Security Policy" in entry["entry"]["text"] for entry in page.of("Log.entryAdded"))
