"""Reports as JUnit XML, for CI: a suite for each protocol, a test for each check.

The form is what Jenkins, GitLab and others read: ``testsuites``, ``testsuite`` with ``properties``, ``testcase`` with at
most one ``failure`` or ``skipped``; times in seconds. A check that does not apply, or that found nothing to try, is
skipped. Characters that XML 1.0 cannot hold are written as escapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from conformance.report.state import Standing, standing
from conformance.report.text import failures, line
from conformance.suite import Report, Result


def to_junit(reports: Sequence[Report]) -> str:
    """An XML document with its declaration, UTF-8 once encoded."""
    suites = [_suite(report) for report in reports]
    root = ET.Element("testsuites", name="conformance")
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    root.set("time", f"{sum(report.seconds for report in reports):.3f}")
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(report: Report) -> ET.Element:
    states = [standing(result) for result in report.results]
    counts = {
        "tests": len(states),
        "failures": states.count(Standing.FAILED),
        "errors": 0,
        "skipped": states.count(Standing.LACKS) + states.count(Standing.EMPTY),
    }
    suite = ET.Element("testsuite", name=f"conformance.{line(report.protocol)}", time=f"{report.seconds:.3f}")
    for name, count in counts.items():
        suite.set(name, str(count))
    properties = ET.SubElement(suite, "properties")
    for name, value in (("source", report.source), ("command", report.command), ("cases", str(report.cases))):
        ET.SubElement(properties, "property", name=name, value=line(value))
    suite.extend(_test(report, result) for result in report.results)
    return suite


def _test(report: Report, result: Result) -> ET.Element:
    test = ET.Element(
        "testcase", classname=f"conformance.{line(report.protocol)}", name=line(result.name), time=f"{result.seconds:.3f}"
    )
    match standing(result):
        case Standing.LACKS:
            ET.SubElement(test, "skipped", message=line(result.lacks))
        case Standing.EMPTY:
            ET.SubElement(test, "skipped", message="there was nothing to try")
        case Standing.FAILED:
            message = f"{result.failed} of {result.cases} cases failed: {line(result.failures[0].fault)}"
            ET.SubElement(test, "failure", message=message, type="conformance").text = "\n\n".join(failures(report, result))
    return test
