"""A server of gRPC with the health service of gRPC's own package, which can be stopped and started again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.grpc.server import PATIENCE, THREADS
from tests.tls.authority import Issued

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Checked(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers test.Echo/Say with its name. `healthy`: whether it has a health service at all."""

    def __init__(self, name: str, issued: Issued | None = None, *, healthy: bool = True) -> None:
        self.name, self.issued, self.healthy = name, issued, healthy
        self.port = 0
        self.start()

    def start(self) -> None:
        """Where it was, if it was anywhere."""
        self.health = health.HealthServicer()
        self.server = grpc.server(ThreadPoolExecutor(THREADS), handlers=(self,), options=(("grpc.so_reuseport", 0),))
        if self.healthy:
            health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        where = f"127.0.0.1:{self.port}"
        if self.issued is None:
            self.port = self.server.add_insecure_port(where)
        else:
            credentials = grpc.ssl_server_credentials([(self.issued.key.encode(), self.issued.certificate.encode())])
            self.port = self.server.add_secure_port(where, credentials)
        self.server.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def set(self, status: Any, service: str = "") -> None:
        self.health.set(service, status)

    def stop(self) -> None:
        self.server.stop(0).wait(PATIENCE)

    def service(self, details: Any) -> Any:
        if details.method != "/test.Echo/Say":
            return None
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: self.name.encode())
