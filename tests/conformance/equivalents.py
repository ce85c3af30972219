"""Deliberate faults that change nothing anyone can see, each with the reason; all others must be killed.

Those that follow from a Plan's structure alone are recognised by `conformance.mutants.unseen`; here stand the ones that follow
from what a protocol's values mean. A pattern that no longer matches a surviving fault is reported as stale.
"""

from __future__ import annotations

import re

from conformance.mutants.faults import Fault

_LIMIT = "the frame limit, or a negative size, refuses such a length as well"
_UNREADABLE = "only a body of two bytes is touched, which is too short for a call and whose event nobody else reads"
_LOOKUP_LIMIT = "a lookup runs on frames that scan has measured, and stops before their end"
_DEFAULT = "the next slot is the field that the header overrides, so the value is found all the same"
_UNREAD = "whether the name asks for an upgrade is read by the kind alone, which verify does not look for"
_SCANNED = "scan has refused such frames"

EQUIVALENT: dict[tuple[str, str], list[tuple[str, str]]] = {
    ("bolt", "verify"): [(r"content_len: (high|unchecked)", _LIMIT)],
    ("bolt", "scan"): [
        (r"content_len: (high|unchecked)", _LIMIT),
        (r"TABLE kind: entry (3|7|11|12|13|14|15) 0", "no type or command has this number"),
    ],
    ("bolt", "lookup"): [(r"^limit", _LOOKUP_LIMIT)],
    ("dubbo", "verify"): [
        (r"LOAD length: (unchecked|low-1|high\+1|other sign)", _LIMIT),
        (r"^limit \+1", _LIMIT),
        (r"ALU readable|JEQ body.event: always|LOAD body.event: (dropped|narrower)", _UNREADABLE),
    ],
    ("dubbo", "scan"): [
        (r"LOAD length: (unchecked|low-1|high\+1|other sign)", _LIMIT),
        (r"^limit \+1", _LIMIT),
        (r"ALU readable: (AND -> OR|reads)|JEQ body.event: reads", _UNREADABLE),
        (
            r"TABLE kind: entry (0|1|2|4|5|6|8|9|10|12|13|14|2[0-3]|28|29|30|31) ",
            "event bytes other than zero are read of one-way and two-way events only, and are not READONLY and zero at once",
        ),
    ],
    ("dubbo", "lookup"): [
        (r"LOAD length: other sign", _LIMIT),
        (r"^limit \+1", _LIMIT),
        (r"ALU readable|body.event: (always|dropped|one less)", _UNREADABLE),
        (r"key b'(path|version)' to another slot", _DEFAULT),
    ],
    ("thrift-unframed-compact", "verify"): [(r"JNE upgrade", _UNREAD)],
    ("thrift-unframed-compact", "scan"): [
        (r"TABLE kind: entry (0|1|1[0-5]) 0", "no type has this number"),
        (r"MEMBER head.type: with 5", "the kind's table refuses it as well"),
    ],
    ("thrift-unframed-compact", "lookup"): [
        (r"VARINT (seqid|name_size): wider", _SCANNED),
        (r"^limit", _LOOKUP_LIMIT),
    ],
    ("beacon", "scan"): [(r"TABLE kind: entry [67] 0", "kinds 6 and 7 are refused before")],
    ("beacon", "lookup"): [
        (r"^limit", _LOOKUP_LIMIT),
        (r"flags.kind: (mask narrower|reads)", _SCANNED),
        (r"VARINT headers_len: wider", _SCANNED),
        (r"KEYVALUES headers: other sign", "no block of the greatest size holds a value of 32768 bytes"),
        (r"key b'service' to another slot", _DEFAULT),
    ],
}


class Equivalents:
    """The reasons for one protocol and product; `stale` are patterns that matched nothing."""

    def __init__(self, protocol: str, product: str) -> None:
        self.rules = [(re.compile(pattern), reason) for pattern, reason in EQUIVALENT.get((protocol, product), [])]
        self.used: set[str] = set()

    def __call__(self, fault: Fault) -> str | None:
        for pattern, reason in self.rules:
            if pattern.search(fault.name):
                self.used.add(pattern.pattern)
                return reason
        return None

    @property
    def stale(self) -> list[str]:
        return [pattern.pattern for pattern, _ in self.rules if pattern.pattern not in self.used]
