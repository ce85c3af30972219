"""The protocols that policies are tested with: one client, one host and one way to say a call for all of them.

To add one: a file beside this one with its `Speech`, and a line in the table. Tests are parametrized by what protocols can say.
"""

from __future__ import annotations

import pytest

from tests.policy.speech.bolt import Bolt, Bolt2
from tests.policy.speech.dubbo import Dubbo
from tests.policy.speech.host import Host
from tests.policy.speech.http1 import Http1
from tests.policy.speech.http2 import Grpc, Http2
from tests.policy.speech.model import Answer, Asked, Call, Client, Speech
from tests.policy.speech.tars import Tars
from tests.policy.speech.thrift import Thrift, ThriftHeader

__all__ = [
    "ALL", "BOLT", "DUBBO", "GRPC", "HTTP1", "HTTP2", "THRIFT", "THRIFT_HEADER", "VARIANTS",
    "Answer", "Asked", "Call", "Client", "Host", "Speech", "over", "saying",
]  # fmt: skip

BOLT, DUBBO, THRIFT, HTTP1, GRPC = Bolt(), Dubbo(), Thrift(), Http1(), Grpc()
THRIFT_HEADER, HTTP2 = ThriftHeader(), Http2()

ALL: tuple[Speech, ...] = (BOLT, DUBBO, THRIFT, HTTP1, GRPC)
"""The table."""
VARIANTS: tuple[Speech, ...] = (Bolt2(), Tars(), THRIFT_HEADER, HTTP2)
"""Whose calls are matched and edited in ways of their own, and are else carried as those of the table are."""


def saying(*needs: str, variants: bool = False) -> list[Speech]:
    """The protocols whose calls can say all this."""
    return [speech for speech in (*ALL, *(VARIANTS if variants else ())) if speech.says.issuperset(needs)]


def over(*needs: str, variants: bool = False) -> pytest.MarkDecorator:
    """A test's `speech`: each of these in turn."""
    return pytest.mark.parametrize("speech", saying(*needs, variants=variants), ids=repr)
