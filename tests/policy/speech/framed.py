"""Protocols whose calls and answers are frames: each is four functions over bytes, and says how long a frame is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any

from tests.datapath.world import Peer
from tests.policy.speech.model import Answer, Asked, Call, Speech


class FrameClient:
    def __init__(self, speech: Framed, peer: Peer) -> None:
        self.speech, self.peer = speech, peer
        self.calls: list[Call] = []
        """Those that are not answered yet."""

    async def ask(self, call: Call | None = None, **fields: Any) -> None:
        call = call or Call(**fields)
        if not call.oneway:
            self.calls.append(call)
        await self.peer.send(self.speech.request(call))

    async def answer(self) -> Answer:
        frame = await self.peer.receive()
        if not frame:
            raise EOFError
        answer = self.speech.answered(frame)
        call = self.answered_by(answer)
        if call is not None:
            assert answer.method in {None, call.method}
            answer = replace(answer, number=call.number)
        return self.speech.heard(replace(answer, raw=frame))

    def answered_by(self, answer: Answer) -> Call | None:
        """The call that it answers; one that a test sent as bytes is not known here."""
        if not self.calls:
            return None
        if "numbers" not in self.speech.says:
            return self.calls.pop(0)
        call = next(call for call in self.calls if call.number == answer.number)
        self.calls.remove(call)
        return call

    async def silent(self) -> bool:
        return await self.peer.silent()


class FrameServer:
    def __init__(self, speech: Framed, peer: Peer) -> None:
        self.speech, self.peer = speech, peer

    async def take(self) -> Asked:
        frame = await self.peer.receive()
        if not frame:
            raise EOFError
        asked = self.speech.asked(frame)
        asked.raw = frame
        return asked

    async def reply(self, asked: Asked, answer: Answer) -> None:
        await self.peer.send(self.speech.response(asked, answer))

    async def refuse(self, asked: Asked) -> None:
        raise NotImplementedError


class Framed(Speech):
    @abstractmethod
    def size_of(self, data: bytes) -> int | None:
        """Of the frame that these begin with; None while that is not known."""

    @abstractmethod
    def request(self, call: Call) -> bytes: ...

    @abstractmethod
    def asked(self, frame: bytes) -> Asked: ...

    @abstractmethod
    def response(self, asked: Asked, answer: Answer) -> bytes: ...

    @abstractmethod
    def answered(self, frame: bytes) -> Answer: ...

    async def speak(self, peer: Peer) -> FrameClient:
        peer.size_of = self.size_of
        return FrameClient(self, peer)

    async def serve(self, peer: Peer) -> FrameServer:
        peer.size_of = self.size_of
        return FrameServer(self, peer)
