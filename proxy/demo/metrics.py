"""The proxy's own figures: one GET of /metrics, and as little of Prometheus' text format as they need.

HTTP/1.0 over a plain stream, since an HTTP client would be the largest thing that the demo imports.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

FETCH_TIMEOUT = 2.0
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sample:
    """All series of one scrape."""

    series: Mapping[str, Mapping[Labels, float]] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> int:
        """The sum of a family's series that have these labels; 0 where there is none. ``xproto_`` is left out."""
        return int(sum(value for _, value in self.matching(name, labels)))

    def by(self, label: str, name: str, **labels: str) -> dict[str, int]:
        """The same, for each value of one label."""
        out: dict[str, int] = {}
        for found, value in self.matching(name, labels):
            out[found[label]] = out.get(found[label], 0) + int(value)
        return out

    def matching(self, name: str, labels: Mapping[str, str]) -> Iterator[tuple[dict[str, str], float]]:
        for key, value in self.series.get(f"xproto_{name}", {}).items():
            found = dict(key)
            if all(found.get(label) == wanted for label, wanted in labels.items()):
                yield found, value


def parse(text: str) -> Sample:
    """Comments and what is not understood are passed over."""
    series: dict[str, dict[Labels, float]] = {}
    for name, labels, value in _SAMPLE.findall(text):
        pairs = tuple((key, _ESCAPE.sub(_unescape, raw)) for key, raw in _LABEL.findall(labels))
        series.setdefault(name, {})[pairs] = float(value)
    return Sample(series)


def _unescape(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


async def fetch(address: str) -> Sample:
    """Raises OSError (TimeoutError too) where the admin port does not answer as it should."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(FETCH_TIMEOUT):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
            answer = await reader.read()
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
        raise OSError(f"{address}/metrics: {head[:100]!r}")
    return await asyncio.to_thread(parse, body.decode())  # 5 ms, in which calls would wait
