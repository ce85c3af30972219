"""Filters: code that calls go through, built in or a user's own (docs/filters.md).

`interface` is all that a filter's author needs. Each built-in filter is one file; `loading` finds them and those of others,
`placed` makes what a listener needs of them. The rest of the machinery is compiled: proxy/datapath/filters.pyx says who looks
at a call at all, exchange.pyx is the call as they see it, waiting.pyx and gathering.pyx what it waits for, filtered.pyx the way
through them, guard.pyx their watchdog.
"""

from proxy.filters.interface import Body, Call, Condition, Filter, Next, Reply, Response

__all__ = ["Body", "Call", "Condition", "Filter", "Next", "Reply", "Response"]
