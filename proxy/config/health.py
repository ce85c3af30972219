"""The `health_check` section of clusters: how hosts are asked whether they are well, and what follows."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.model import Model
from proxy.config.types import GIVEN, NAME_MAX, Duration, Text, Whole, Written, checked, refuse
from proxy.config.values import WrongValueError, describe
from proxy.snapshot import health as defaults

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


def _authority(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"must be a host, not {describe(value)}; write carts.example.com, or leave it out")
    found = _AUTHORITY.fullmatch(value)
    if not found or int((found[2] or ":0")[1:]) > 65535:
        raise WrongValueError(f"{value!r} is no host; write carts.example.com or carts.example.com:443")
    return value


def _service(value: Any) -> Any:
    if isinstance(value, str) and len(value) > NAME_MAX:
        raise WrongValueError(f"the name has {len(value)} characters; write at most {NAME_MAX}")
    return value


class GrpcCheck(Model):
    """A call of `grpc.health.v1.Health/Check`. SERVING passes, and nothing else."""

    service: Annotated[Text, BeforeValidator(checked(_service))] = Field(
        default="", description="The service that is asked for; if not given, the server as a whole.", examples=["shop.Carts"]
    )
    authority: Annotated[str, Written("text"), BeforeValidator(checked(_authority))] = Field(
        default="",
        description="The `:authority` of the call; if not given, the `server_name` of `tls`, or the host's address.",
        examples=["carts.example.com"],
    )


class HealthCheck(Model):
    """Each host is asked again and again whether it is well. One that is not gets no new calls."""

    grpc: Annotated[GrpcCheck | None, GIVEN] = Field(
        default=None,
        description="Asks by gRPC, on the connection that calls go by. Needs `http: http2`.",
        examples=[{"service": "shop.Carts"}],
    )
    interval: Duration = Field(
        default=defaults.HEALTH_INTERVAL, description="From one check's end to the next, cut by up to a tenth at random.",
        examples=["5s"],
    )  # fmt: skip
    timeout: Duration = Field(
        default=defaults.HEALTH_TIMEOUT, description="How long a check may take; later it has failed.", examples=["1s"]
    )
    unhealthy_threshold: Annotated[int, Whole(1, 100)] = Field(
        default=defaults.UNHEALTHY_THRESHOLD,
        description="Checks that fail in a row until a healthy host is unhealthy. The first check counts at once.",
        examples=[3],
    )
    healthy_threshold: Annotated[int, Whole(1, 100)] = Field(
        default=defaults.HEALTHY_THRESHOLD,
        description="Checks that pass in a row until an unhealthy host is healthy. The first check counts at once.",
        examples=[2],
    )
    panic_threshold: Annotated[int, Whole(0, 100)] = Field(
        default=defaults.PANIC_THRESHOLD,
        description="Percent of the hosts: if fewer are healthy, all get calls. 0: never; calls fail where none is healthy.",
        examples=[50],
    )

    @model_validator(mode="after")
    def _of_a_kind(self) -> HealthCheck:
        if self.grpc is None:
            raise refuse("says no kind of check; write grpc: {}")
        return self
