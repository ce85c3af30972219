"""Latency against load as an SVG that reads on light and dark, and as a table between markers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- latency: written by bench/latency.py -->", "<!-- latency: end -->"
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 460, 340, 60, 40, 110, 46
COLOURS = ("#888888", "#d9822b", "#8f6fc7", "#4c9a6a", "#b35c7a")
OURS = "#2f7fd6"
LABEL = 15
"""Between the base lines of two labels, at least."""
PANELS = (("p50_us", "p50"), ("p99_us", "p99"))


def draw(rows: list[dict[str, Any]], proto: str) -> str:
    """Two panels: median and 99th percentile, microseconds on a log scale, against offered calls a second."""
    panels = "".join(_panel(rows, key, name, index * WIDTH) for index, (key, name) in enumerate(PANELS))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
        "<style>text{fill:#444}line{stroke:#8884}@media(prefers-color-scheme:dark){text{fill:#ccc}}</style>"
        f'<text x="{LEFT}" y="18" font-size="14">{proto}, 256-byte bodies, 32 connections, open loop</text>{panels}</svg>\n'
    )


def _panel(rows: list[dict[str, Any]], key: str, name: str, x: int) -> str:
    top = 10 ** math.ceil(math.log10(max(row[key] for row in rows)))
    low = 10 ** math.floor(math.log10(max(min(row[key] for row in rows), 1)))
    most = max(row["rate"] for row in rows)

    def across(rate: float) -> float:
        return x + LEFT + (WIDTH - LEFT - RIGHT) * rate / most

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log10(max(value, low) / low) / math.log10(top / low)

    parts = [f'<text x="{x + LEFT}" y="{TOP - 6}">{name}, microseconds</text>']
    value = low
    while value <= top:
        parts.append(f'<line x1="{across(0):.0f}" x2="{across(most):.0f}" y1="{up(value):.1f}" y2="{up(value):.1f}"/>')
        parts.append(f'<text x="{x + LEFT - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{value:,}</text>')
        value *= 10
    parts += [
        f'<text x="{across(rate):.0f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{rate / 1000:.0f}k</text>'
        for rate in sorted({row["rate"] for row in rows})
    ]
    parts.append(f'<text x="{across(most / 2):.0f}" y="{HEIGHT - 10}" text-anchor="middle">calls a second offered</text>')
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    ends = {peer: max((row for row in rows if row["peer"] == peer), key=lambda row: row["rate"]) for peer in peers}
    labels = _apart({peer: up(row[key]) + 4 for peer, row in ends.items()})
    for index, peer in enumerate(peers):
        colour = OURS if peer == "ours" else COLOURS[index % len(COLOURS)]
        mine = sorted((row for row in rows if row["peer"] == peer), key=lambda row: row["rate"])
        points = " ".join(f"{across(row['rate']):.1f},{up(row[key]):.1f}" for row in mine)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<text x="{across(most) + 6:.0f}" y="{labels[peer]:.1f}" style="fill:{colour}">'
            f"{'xproto' if peer == 'ours' else peer}</text>"
        )
    return "".join(parts)


def _apart(heights: dict[str, float]) -> dict[str, float]:
    """The same heights, moved so that no label lies on another, none below the axis and no order changed."""
    placed: dict[str, float] = {}
    floor = HEIGHT - BOTTOM + LABEL / 2
    for peer, height in sorted(heights.items(), key=lambda item: -item[1]):
        placed[peer] = floor = min(height, floor - LABEL)
    return placed


def table(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| calls/s offered | contender | p50 µs | p99 µs | faults |", "|---:|---|---:|---:|---:|"]
    lines += [
        f"| {row['rate']:,.0f} ({row['load']:.0%}) | {row['peer']} "
        f"| {row['p50_us']:,.0f} | {row['p99_us']:,.0f} | {row['faults']} |"
        for row in sorted(rows, key=lambda row: row["rate"])
    ]
    return lines


def write_table(page: Path, rows: list[dict[str, Any]]) -> None:
    """Puts the rows between the page's markers."""
    text = page.read_text()
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    page.write_text(before + "\n\n" + "\n".join(table(rows)) + "\n\n" + after)
