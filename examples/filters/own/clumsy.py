"""What no filter should do, for callers who ask for it: so that you see what becomes of a call whose filter fails."""

from __future__ import annotations

import asyncio
import time

from proxy.filters import Call, Filter


class Clumsy(Filter):
    async def on_request(self, call: Call) -> None:
        match call.get("x-clumsy"):
            case "raise":
                raise ValueError("as asked")
            case "await":
                await asyncio.Event().wait()  # nobody sets it
            case "block":
                while True:  # and no other call of this worker moves
                    pass
            case "stick":
                time.sleep(600)  # noqa: ASYNC251 (in C, where no exception reaches it)
