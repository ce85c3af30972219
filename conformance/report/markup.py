"""Elements of an HTML page, as a tree: what is text stays text, whatever it holds."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from conformance.report.text import visible


def el(name: str, /, *inside: ET.Element | str | None, **attributes: str) -> ET.Element:
    """An element. An attribute's ``_`` is a ``-``, at its end nothing: ``class_``, ``data_state``. Empty ones are left out."""
    named = {key.rstrip("_").replace("_", "-"): visible(value) for key, value in attributes.items() if value}
    element = ET.Element(name, named)
    for each in inside:
        if isinstance(each, ET.Element):
            element.append(each)
        elif each is not None:
            add(element, each)
    return element


def add(element: ET.Element, text: str) -> None:
    """Text behind what the element has."""
    text = visible(text)
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def rendered(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode", method="html")
