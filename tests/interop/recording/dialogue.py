"""One call through the recording relay, and the frames that it left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.frames import is_event
from harness.relay import TO_CLIENT, TO_SERVER

if TYPE_CHECKING:
    from harness.processes import Peer
    from harness.relay import Recorded, Relay


def exchange(relay: Relay, client: Peer, /, *, answered: bool = True, **command: Any) -> tuple[bytes, bytes]:
    """Runs one call and returns its request frame and its response frame (empty for a oneway)."""
    relay.clear()
    client.do("call", target=relay.address, **command)
    request = relay.wait(lambda frame: frame.direction == TO_SERVER and not is_event(frame.data))[0]
    if not answered:
        return request.data, b""
    response = relay.wait(lambda frame: frame.direction == TO_CLIENT and not is_event(frame.data))[0]
    return request.data, response.data


def heartbeat(relay: Relay, connection: int, *, clear: bool = True) -> tuple[bytes, bytes]:
    """Waits for a heartbeat of the client on that connection and returns it with its acknowledgement.

    Unless `clear` is false, only one that is yet to come counts.
    """

    def is_beat(direction: str) -> Any:
        def check(frame: Recorded) -> bool:
            return frame.connection == connection and frame.direction == direction and is_event(frame.data)

        return check

    if clear:
        relay.clear()
    beat = relay.wait(is_beat(TO_SERVER))[0]
    ack = relay.wait(is_beat(TO_CLIENT))[0]
    return beat.data, ack.data
