"""thriftpy2's own threaded server in every form. Usage: thriftpy2_server.py NAME; commands as in thrift_forms.py."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from lines import serve
from thrift_forms import Echo, Tally, service_of
from thriftpy2.server import TThreadedServer
from thriftpy2.thrift import TMultiplexedProcessor, TProcessor
from thriftpy2.transport import TServerSocket
from thriftpy2_echo import FORMS, load

TALLY = Tally()


class Begun:
    """A protocol whose message has begun: what was read of it is given once more."""

    def __init__(self, protocol: Any, begin: tuple[str, int, int]) -> None:
        self._protocol = protocol
        self._begin = begin

    def read_message_begin(self) -> tuple[str, int, int]:
        return self._begin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol, name)


class Either(TProcessor):  # type: ignore[misc]
    """Calls with a service's name go to thriftpy2's multiplexed processor, others to its plain one."""

    def __init__(self, service: str) -> None:
        plain, named = load(f"{service}__", service), load("", f"{service}_named")
        handler = Echo(TALLY, plain.Refused)
        for method in named.Echo.thrift_services:
            setattr(handler, f"{service}__{method}", getattr(handler, method))
        self._plain = TProcessor(plain.Echo, handler)
        self._multiplexed = TMultiplexedProcessor()
        self._multiplexed.register_processor(service, TProcessor(named.Echo, Echo(TALLY, named.Refused)))

    def process_in(self, iprot: Any) -> Any:
        begin = iprot.read_message_begin()
        chosen = self._multiplexed if ":" in begin[0] else self._plain
        return chosen.process_in(Begun(iprot, begin))


class Server(TThreadedServer):  # type: ignore[misc]
    def handle(self, client: Any) -> None:
        TALLY.connected()
        super().handle(client)


def start(name: str, form: str) -> int:
    transport, protocol = FORMS[form]
    listening = TServerSocket("127.0.0.1", 0, client_timeout=None)
    processor = Either(service_of(name, form))
    listening.listen()
    port = int(listening.sock.getsockname()[1])
    listening.listen = lambda: None  # it would bind again
    server = Server(processor, listening, transport(), protocol(), daemon=True)
    threading.Thread(target=server.serve, daemon=True).start()
    return port


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    ports = {form: start(sys.argv[1], form) for form in FORMS}
    serve(ports["thrift"], TALLY.commands(ports))
