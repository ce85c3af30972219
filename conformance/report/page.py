"""Reports as one HTML file: style and script are inside, nothing is fetched, and its policy says so to the browser.

The policy allows this one script by its digest, so text that came from a peer or a fault can run nothing, however it is
written.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from conformance.report import picture
from conformance.report.drawing import beside, drawn, plain
from conformance.report.markup import el, rendered
from conformance.report.state import Standing, standing
from conformance.report.text import DIRECTIONS, counted, repeat
from conformance.suite import Failure, Report, Result

_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")


def to_html(reports: Sequence[Report]) -> str:
    """The whole page. It needs no other file and no network."""
    failed = [report.protocol for report in reports if report.failed]
    title = f"Conformance: {', '.join(failed)} failed" if failed else "Conformance: passed"
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src '{_digest(_SCRIPT)}'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        el("link", rel="icon", href="data:,"),
        _verbatim("style", _STYLE),
    )
    main = el("main", _summary(reports), *(_protocol(report, index) for index, report in enumerate(reports)))
    body = el("body", _header(reports, failed), main, _verbatim("script", _SCRIPT))
    return "<!doctype html>\n" + rendered(el("html", head, body, lang="en")) + "\n"


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _verbatim(name: str, text: str) -> ET.Element:
    element = ET.Element(name)
    element.text = text
    return element


def _header(reports: Sequence[Report], failed: Sequence[str]) -> ET.Element:
    cases, seconds = sum(report.cases for report in reports), sum(report.seconds for report in reports)
    what = f"{counted(len(failed), 'protocol')} of {len(reports)} failed" if failed else "All passed"
    state = Standing.FAILED if failed else Standing.PASSED
    line = el("p", el("strong", what, class_="verdict", data_state=state), f" {counted(cases, 'case')} in {seconds:.1f} s")
    choice = [
        el("label", el("input", type="radio", name="show", value=value, **checked), f" {text}")
        for value, text, checked in (("all", "all", {"checked": "checked"}), ("failed", "failed only", {}))
    ]
    filters = el("fieldset", el("legend", "Show"), *choice, el("output", id="shown"))
    return el("header", el("h1", "Conformance"), line, filters)


def _summary(reports: Sequence[Report]) -> ET.Element:
    names = ("protocol", "declared by", "cases", "failed", "seconds", "state")
    rows = [
        el(
            "tr",
            el("th", el("a", report.protocol, href=f"#protocol-{index}"), scope="row"),
            el("td", report.source, class_="extra"),
            *_numbers(report),
            el("td", _state(_standing(report))),
            data_state=_standing(report),
        )
        for index, report in enumerate(reports)
    ]
    return el("section", el("h2", "Protocols", id="protocols"), _table(names, rows), aria_labelledby="protocols")


def _standing(report: Report) -> Standing:
    return Standing.FAILED if report.failed else Standing.PASSED if report.cases else Standing.EMPTY


def _table(names: Sequence[str], rows: Sequence[ET.Element]) -> ET.Element:
    head = el("tr", *(el("th", name, scope="col", class_=_COLUMNS.get(name, "")) for name in names))
    table = el("table", el("thead", head), el("tbody", *rows), class_="checks")
    return el("div", table, class_="scrolls")


_COLUMNS = {"cases": "number", "failed": "number", "seconds": "number extra", "declared by": "extra"}
"""Columns by class: an extra one is left out where there is little room."""


def _numbers(of: Report | Result) -> list[ET.Element]:
    said = {"cases": f"{of.cases:,}", "failed": f"{of.failed:,}", "seconds": f"{of.seconds:.2f}"}
    return [el("td", text, class_=_COLUMNS[name]) for name, text in said.items()]


def _state(state: Standing) -> ET.Element:
    return el("span", state, class_="state", data_state=state)


def _protocol(report: Report, index: int) -> ET.Element:
    name = f"protocol-{index}"
    rows = [_check(result) for result in report.results]
    failures = [_failure(report, result, failure) for result in report.results for failure in result.failures]
    return el(
        "section",
        el("h2", report.protocol, id=name),
        el("p", "Declared by ", el("code", report.source), ". ", *_again(report.command)),
        _table(("check", "cases", "failed", "seconds", "state"), rows),
        *failures,
        aria_labelledby=name,
        data_state=_standing(report),
    )


def _check(result: Result) -> ET.Element:
    state = standing(result)
    name = el("th", result.name, el("span", f" {result.about}", class_="about"), scope="row")
    if state is Standing.LACKS:
        nothing = [el("td", class_=_COLUMNS[each]) for each in ("cases", "failed", "seconds")]
        return el("tr", name, *nothing, el("td", _state(state), f" {result.lacks}"), data_state=state)
    return el("tr", name, *_numbers(result), el("td", _state(state)), data_state=state)


def _failure(report: Report, result: Result, failure: Failure) -> ET.Element:
    facts = [("check", result.name), ("case", failure.case), ("direction", DIRECTIONS[failure.direction])]
    facts += [("field", failure.field)] if failure.field else []
    facts += [("found", found) for found in failure.found]
    listed = [el("div", el("dt", name), el("dd", text)) for name, text in facts]
    spans = picture.drawn(report, failure)
    others = bool(failure.original) and failure.original != failure.data
    return el(
        "article",
        el("h3", failure.fault),
        el("dl", *listed),
        drawn(failure.data, spans, failure.field) if failure.data else None,
        beside(failure.wanted, failure.made) if failure.wanted is not None and failure.made is not None else None,
        _original(failure) if others else None,
        el("p", "Again: ", *_again(repeat(report, failure))),
        class_="failure",
    )


def _original(failure: Failure) -> ET.Element:
    return el("details", el("summary", f"From an example of {counted(len(failure.original), 'byte')}"), plain(failure.original))


def _again(command: str) -> list[ET.Element]:
    return [el("code", command, class_="command"), el("button", "copy", type="button", class_="copy")]
