"""Reports as files: JUnit XML, JSON, HTML. Whatever a fault says, each form stays what it is."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from conformance.report import write
from conformance.report.document import VERSION, document, to_json
from conformance.report.junit import to_junit
from conformance.report.page import to_html
from conformance.suite import Case, Failure, Report, Result, attempt
from tests.conformance.reports import HOSTILE, bolt, call, dubbo, every, frame, of, sound
from xproto.codecs.dubbo import dubbo as configured

UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202e\ufffe\uffff]")
"""What XML 1.0 cannot hold, and what turns text around."""


@pytest.fixture(scope="module")
def suites() -> list[ET.Element]:
    root = ET.fromstring(to_junit(every()).encode())
    assert root.tag == "testsuites"
    return list(root)


# The attributes and children that the schema of Jenkins' JUnit reader allows, in its order.
ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "skipped", "disabled"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": (set(), ["property"]),
    "property": ({"name", "value"}, []),
    "testcase": ({"name", "assertions", "time", "classname", "status", "file"}, ["skipped", "error", "failure"]),
    "skipped": ({"type", "message"}, []),
    "failure": ({"type", "message"}, []),
}


def test_junit_has_the_form_that_ci_reads() -> None:
    for element in ET.fromstring(to_junit(every()).encode()).iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) <= attributes
        order = [children.index(child.tag) for child in element]
        assert order == sorted(order)


def test_junit_counts_what_it_has(suites: list[ET.Element]) -> None:
    assert len(suites) == 15
    for suite in suites:
        tests = suite.findall("testcase")
        assert int(suite.get("tests")) == len(tests)
        assert int(suite.get("failures")) == sum(test.find("failure") is not None for test in tests)
        assert int(suite.get("skipped")) == sum(test.find("skipped") is not None for test in tests)
        assert float(suite.get("time")) == pytest.approx(sum(float(test.get("time")) for test in tests), abs=0.01)
    assert (suites[0].get("name"), suites[0].get("failures"), suites[0].get("skipped")) == ("conformance.bolt", "4", "2")
    assert {each.get("name"): each.get("value") for each in suites[0].iter("property")} == {
        "source": "built-in", "command": "xproto conformance bolt", "cases": "1431",
    }  # fmt: skip


def test_a_failure_in_junit_has_its_bytes_and_its_command(suites: list[ET.Element]) -> None:
    found = suites[0].find("testcase[@name='ids']/failure")
    assert found.get("message") == "7 of 1200 cases failed: the id was written where it is not"
    assert frame().hex(" ") in found.text
    assert "again: xproto conformance bolt --only ids --case java-v2\n" in found.text
    assert found.text.endswith("5 more failed")
    assert suites[0].find("testcase[@name='sessions']/skipped").get("message") == "it has no session"


def test_hostile_text_is_text_in_junit(suites: list[ET.Element]) -> None:
    found = suites[0].find("testcase[@name='hostile']/failure")
    assert not UNFIT.search(found.text)
    assert "<script>document.title='taken'</script>" in found.text
    assert r"\x1b[31mred" in found.text
    assert r"\ud800" in found.text


def test_the_shape_of_json() -> None:
    found = json.loads(to_json(every()))
    assert (found["version"], found["passed"], len(found["protocols"])) == (VERSION, False, 15)
    protocol = found["protocols"][0]
    assert list(protocol) == ["protocol", "source", "command", "passed", "cases", "failed", "seconds", "checks"]
    assert [each["state"] for each in protocol["checks"]] == [
        "passed", "failed", "failed", "failed", "not applicable", "no cases", "failed"
    ]  # fmt: skip
    assert list(protocol["checks"][1]) == ["name", "about", "state", "reason", "cases", "failed", "seconds", "failures"]
    failure = protocol["checks"][1]["failures"][0]
    assert list(failure) == [
        "case", "direction", "fault", "field", "found", "bytes", "original", "made", "wanted", "repeat", "picture",
    ]  # fmt: skip
    assert bytes.fromhex(failure["bytes"]) == bytes.fromhex(failure["wanted"]) == frame()
    assert failure["repeat"] == "xproto conformance bolt --only ids --case java-v2"
    assert failure["picture"][5] == {
        "offset": 6, "size": 4, "bits": None, "path": "id", "value": "7", "depth": 0, "state": "read", "why": ""
    }  # fmt: skip
    assert failure["picture"][8]["bits"] == [0, 7]
    assert protocol["checks"][3]["failures"][0]["fault"] == HOSTILE


def test_json_is_of_plain_values_whose_words_are_those_of_the_description() -> None:
    described = document.__module__
    assert json.loads(json.dumps(document(every()))) == document(every())
    import sys

    words = sys.modules[described].__doc__
    for each in document([bolt()])["protocols"][0]["checks"]:
        assert f'"{each["state"]}"' in words


def test_a_command_repeats_a_case_with_any_name() -> None:
    import shlex

    failures = bolt().results[2].failures
    again = document([bolt()])["protocols"][0]["checks"][2]["failures"]
    for failure, said in zip(failures, again, strict=True):
        assert shlex.split(said["repeat"]) == ["xproto", "conformance", "bolt", "--only", "reading", "--case", failure.case]
    assert document([bolt()])["protocols"][0]["checks"][6]["failures"][0]["repeat"].endswith("--only making")


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and the text that is not of script or style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside not in {"script", "style"}:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def classes(self, name: str) -> int:
        return sum(name in (attributes.get("class") or "").split() for _, attributes in self.elements)


def test_the_page_is_whole_in_itself() -> None:
    text = to_html(every())
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("script") == 1
    for tag, attributes in page.elements:
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        link = attributes.get("href")
        assert link is None or link.startswith(("#", "data:")), (tag, link)
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text


def test_hostile_text_is_text_on_the_page() -> None:
    text = to_html([bolt()])
    text.encode()
    page = Page(text)
    assert "<script>document.title='taken'</script><img src=x onerror=alert(1)>" in page.text
    assert not UNFIT.search(text)
    assert "img" not in {tag for tag, _ in page.elements}
    assert "script-src 'sha256-" in text
    assert "script-src 'unsafe" not in text


def test_the_page_has_each_failure_and_its_bytes() -> None:
    page = Page(to_html(every()))
    assert page.classes("failure") == 9
    assert page.classes("picture") == 8, "one of the failures has no bytes"
    assert page.classes("beside") == 2
    assert "They differ in 2 bytes, from offset 0007." in page.text
    assert "xproto conformance bolt --only ids --case java-v2" in page.text
    assert "ValidationError: 9 is none of heartbeat, request, response" in page.text
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links} <= set(ids)
    labels = [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert set(labels) <= set(ids)


def test_a_long_frame_does_not_make_a_long_page() -> None:
    failure = Failure("x", "megabytes", 0, "too long", "content", (), frame()[:20] + b"\0\x10\0\0" + bytes(0x100000))
    text = to_html([of("bolt", Result("x", "", 1, 1, failures=[failure]))])
    assert len(text) < 100_000
    assert "bytes left out" in text


def luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_every_colour(scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1."""
    css = re.search(r"<style>(.*?)</style>", to_html([sound("bolt")]), re.DOTALL)[1]
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL))
    color = light if scheme == "light" else dark
    pairs = [("ink", ground) for ground in ("paper", "panel", "want", *(f"h{n}" for n in range(8)))]
    pairs += [(ink, ground) for ink in ("soft", "link", "good", "bad", "warn") for ground in ("paper", "panel")]
    pairs += [("bad-ink", "bad")]
    found = {pair: contrast(color[pair[0]], color[pair[1]]) for pair in pairs}
    assert {pair: value for pair, value in found.items() if value < 4.5} == {}


def test_all_forms_are_written(tmp_path: Path) -> None:
    written = write(every(), tmp_path / "a" / "b")
    assert [path.name for path in written] == ["report.html", "report.json", "junit.xml"]
    assert json.loads(written[1].read_text())["version"] == VERSION
    ET.parse(written[2])


def test_a_report_without_its_declaration_is_drawn_without_fields() -> None:
    report = Report("gone", "acme.py", "xproto conformance acme.py", dubbo().results)
    assert Page(to_html([report])).classes("fields") == 0
    assert Page(to_html([report])).classes("dump") == 2


def test_a_vector_with_options_is_drawn_as_it_was_read() -> None:
    data = call()[:2] + b"\xd7" + call()[3:]  # serialization 23

    def fails(_data: bytes) -> None:
        raise AssertionError

    found = []
    for declaration in (None, configured(serializations=["fastjson2"])):
        failure = attempt("golden", Case("a vector", data, fails, declaration=declaration))
        report = of("dubbo", Result("golden", "", 1, 1, failures=[failure]))
        found.append(document([report])["protocols"][0]["checks"][0]["failures"][0]["picture"])
    assert [span["path"] for span in found[0] if span["state"] == "refused"] == ["flags.serialization"]
    assert [span["path"] for span in found[1] if span["state"] == "refused"] == []
