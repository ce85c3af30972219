"""`header_rules`: sets, appends and removes headers of requests and of answers, for calls that meet conditions.

All rules whose `match` a call meets are applied, in their order. The conditions are judged on the request as it comes to
this filter; when the first rule has changed a header, those behind it see that.
"""

from __future__ import annotations

import msgspec

from proxy.filters.interface import Call, Condition, Filter, Response
from proxy.routing.condition import holds


class Edits(msgspec.Struct, frozen=True):
    set: dict[str, str] = {}
    append: dict[str, str] = {}
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.append or self.remove)

    def apply(self, message: Call | Response) -> None:
        for name in self.remove:
            message.remove_header(name)
        for name, value in self.set.items():
            message.set_header(name, value)
        for name, value in self.append.items():
            message.append_header(name, value)


class Rule(msgspec.Struct, frozen=True):
    match: tuple[Condition, ...] = ()
    request: Edits = Edits()
    response: Edits = Edits()


class HeaderRulesSettings(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...]


class HeaderRules(Filter):
    Settings = HeaderRulesSettings
    settings: HeaderRulesSettings

    def __init__(self, settings: HeaderRulesSettings) -> None:
        super().__init__(settings)
        answering = [rule for rule in settings.rules if rule.response]
        self.keys = tuple(dict.fromkeys(each.key for rule in answering for each in rule.match))

    def looks(self) -> tuple[tuple[Condition, ...], ...]:
        return tuple(rule.match for rule in self.settings.rules)

    def on_route(self, call: Call) -> None:
        for rule in self.settings.rules:
            if rule.request and _meets(call, rule):
                rule.request.apply(call)

    def on_response(self, call: Call) -> None:
        for rule in self.settings.rules:
            if rule.response and _meets(call, rule):
                rule.response.apply(call.response)


def _meets(call: Call, rule: Rule) -> bool:
    return all(holds(each, call.get_bytes(each.key)) for each in rule.match)
