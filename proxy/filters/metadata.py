"""What filters tell each other of a call, and routes look at: texts, whatever is put in.

What is put in becomes text at once, since it is the filter's own code that says how it is written, and that is watched only
while the filter runs.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping


class Metadata(MutableMapping[str, str]):
    """Of one call: a view of what the call has, so two of it are the same."""

    __slots__ = ("_marks",)

    def __init__(self, marks: dict[str, str]) -> None:
        self._marks = marks

    def __getitem__(self, name: str) -> str:
        return self._marks[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._marks[str(name)] = str(value)

    def __delitem__(self, name: str) -> None:
        del self._marks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._marks)

    def __len__(self) -> int:
        return len(self._marks)

    def __repr__(self) -> str:
        return f"Metadata({self._marks})"
