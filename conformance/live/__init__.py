"""The kit against real software: a server is driven through the checks, a client is played the server to."""

from conformance.live.play import play_server
from conformance.live.server import NAMES, check_server
from conformance.live.target import LiveError
from conformance.live.wire import Patience

__all__ = ["NAMES", "LiveError", "Patience", "check_server", "play_server"]
