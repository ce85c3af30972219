"""All of it: what was given, as calls and problems, one after the other as they are found."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from xproto.autodetect.proxy_protocol import Endpoint
from xproto.decode.calls import Call, Ends, Problem
from xproto.decode.capture import CaptureError, Readable, packets
from xproto.decode.conversation import Conversation
from xproto.decode.cutter import Fault, Kept
from xproto.decode.guess import Guess, Guesser
from xproto.decode.inputs import beginning, is_capture, read_bytes
from xproto.decode.packets import Segment, segment
from xproto.decode.speech import Speech
from xproto.decode.streams import Receiver, Streams
from xproto.decode.values import Values
from xproto.errors import NeedMore
from xproto.registry import Registered


@dataclass
class Totals:
    """What was there. problems: how many things could not be read."""

    packets: int = 0
    connections: int = 0
    calls: int = 0
    problems: int = 0
    capture: bool = False


@dataclass
class Decoder:
    """How to decode. protocols: by name, in rank order; only: the one that all of it speaks, where that is known.

    direction: of bytes that are no capture: 0 from a client, 1 from a server. values: what reads bodies.
    """

    protocols: Mapping[str, Registered]
    only: Registered | None = None
    direction: int = 0
    values: Sequence[Values] = ()
    totals: Totals = field(default_factory=Totals)

    def decode(self, stream: Readable) -> Iterator[Call | Problem]:
        """The calls and problems in a stream. Raises `OptionError` where there is too much of it."""
        first, whole = beginning(stream)
        self.totals.capture = is_capture(first)
        for each in self._capture(whole) if self.totals.capture else self._bytes(read_bytes(whole)):
            if isinstance(each, Problem):
                self.totals.problems += 1
            else:
                self.totals.calls += 1
                self.totals.problems += sum(bool(m.unread) for m in (each.request, *each.answers) if m is not None)
            yield each

    def _capture(self, stream: Readable) -> Iterator[Call | Problem]:
        said: deque[Call | Problem] = deque()
        kept, guesser = Kept(), Guesser(self.protocols, self.only)

        def begin(source: Endpoint, destination: Endpoint, certain: bool) -> Receiver:
            return Conversation(Ends(source, destination), guesser, said.append, kept, self.values, certain=certain)

        streams, odd = Streams(begin), Counter[str]()
        try:
            for packet in packets(stream):
                self.totals.packets += 1
                found = segment(packet)
                if isinstance(found, Segment):
                    streams.feed(found)
                elif found is not None and (found in odd or len(odd) < 16):
                    odd[found] += 1
                while said:
                    yield said.popleft()
        except CaptureError as error:
            yield Problem(Ends(), None, "", Fault(0, "", str(error)))
        streams.finish()
        self.totals.connections = streams.connections
        yield from said
        for why, count in odd.items():
            yield Problem(Ends(), None, "", Fault(0, "", f"{count} packet{'' if count == 1 else 's'}: {why}"))

    def _bytes(self, data: bytes) -> Iterator[Call | Problem]:
        said: list[Call | Problem] = []
        guesser = Guesser(self.protocols, self.only)
        found = Guess(self.only) if self.only is not None else None
        told = found or (guesser.of_server(data, unfinished=True) if self.direction else guesser.of_client(data))
        if not isinstance(told, Guess):
            few = f"{len(data)} bytes are too few to tell the protocol; say --protocol"
            yield Problem(Ends(), self.direction, "", Fault(0, "", few if isinstance(told, NeedMore) else told.why, data[:64]))
            return
        speech = Speech(Ends(), told.registered, said.append, Kept(), self.values)
        speech.data(self.direction, None, data)
        speech.end()
        yield from said
