"""Protocols whose calls and answers are frames: each is four functions over bytes, and says how long a frame is."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from dataclasses import replace
from typing import Any

from tests.datapath.world import Peer
from tests.policy.speech.model import Answer, Asked, Call, Speech


class FrameClient:
    def __init__(self, speech: Framed, peer: Peer) -> None:
        self.speech, self.peer = speech, peer
        self.numbers = deque[int]()

    async def ask(self, call: Call | None = None, **fields: Any) -> None:
        call = call or Call(**fields)
        self.numbers.append(call.number)
        await self.peer.send(self.speech.request(call))

    async def answer(self) -> Answer:
        frame = await self.peer.receive()
        if not frame:
            raise EOFError
        answer = self.speech.answered(frame)
        if "numbers" not in self.speech.says:
            answer = replace(answer, number=self.numbers.popleft() if self.numbers else 0)
        return self.speech.heard(replace(answer, raw=frame))

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
