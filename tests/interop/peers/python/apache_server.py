"""Apache Thrift's own threaded server in every form. Usage: apache_server.py NAME; commands as in thrift_forms.py."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from apache_echo import FORMS, Processor, Refused
from lines import serve
from thrift.server.TServer import TThreadedServer
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from thrift.transport.TSocket import TServerSocket
from thrift_forms import Echo, Tally, service_of

TALLY = Tally()


class Server(TThreadedServer):  # type: ignore[misc]
    def handle(self, client: Any) -> None:
        TALLY.connected()
        super().handle(client)


def start(name: str, form: str) -> int:
    transport, protocol = FORMS[form]
    service = service_of(name, form)
    processor = TMultiplexedProcessor()
    processor.registerProcessor(service, Processor("", Echo(TALLY, Refused)))
    processor.registerDefault(Processor(f"{service}__", Echo(TALLY, Refused)))
    listening = TServerSocket("127.0.0.1", 0)
    listening.listen()
    port = int(listening.handle.getsockname()[1])
    listening.listen = lambda: None  # it would bind again
    server = Server(processor, listening, transport(), protocol(), daemon=True)
    threading.Thread(target=server.serve, daemon=True).start()
    return port


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    ports = {form: start(sys.argv[1], form) for form in FORMS}
    serve(ports["thrift"], TALLY.commands(ports))
