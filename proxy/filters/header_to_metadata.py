"""`header_to_metadata`: what headers say becomes metadata of the call, before it is routed.

So filters, and routes that look at metadata, need not know the header's name, and cannot be told by a header that was
removed on the way here.
"""

from __future__ import annotations

import msgspec

from proxy.filters.interface import Call, Condition, Filter


class Rule(msgspec.Struct, frozen=True):
    header: str
    metadata: str
    value: str | None = None
    """Instead of the header's."""
    default: str | None = None
    """Where there is no such header; None: nothing is set then."""
    remove: bool = False


class MetadataSettings(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...]


class HeaderToMetadata(Filter):
    Settings = MetadataSettings
    settings: MetadataSettings

    def looks(self) -> tuple[tuple[Condition, ...], ...] | None:
        if any(rule.default is not None for rule in self.settings.rules):
            return None
        return tuple((Condition(rule.header, "present"),) for rule in self.settings.rules)

    def on_request(self, call: Call) -> None:
        for rule in self.settings.rules:
            found = call.get(rule.header)
            if found is None:
                if rule.default is not None:
                    call.metadata[rule.metadata] = rule.default
                continue
            call.metadata[rule.metadata] = found if rule.value is None else rule.value
            if rule.remove:
                call.remove_header(rule.header)
