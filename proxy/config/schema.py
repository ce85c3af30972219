"""The configuration file's shape: frozen pydantic models, every field documented.

These models are the one source of the JSON Schema (`xproto validate --schema`) and of docs/configuration.md. They
check what can be seen in one value; what a value says of another is `references`' matter. Defaults are those of
`proxy.snapshot`, so that a snapshot made by hand in a test means the same as one from an empty section.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from proxy import snapshot
from proxy.config.clusters import Cluster
from proxy.config.listeners import ListenerList
from proxy.config.model import Model
from proxy.config.secrets import Secret
from proxy.config.types import DurationOrZero, Flag, ListenAddress, Name, Options, Text, Whole, refuse
from proxy.config.values import is_loopback
from proxy.config.virtual_hosts import Table

MAX_WORKERS = 64


class Admin(Model):
    """The admin port: metrics, readiness, and what is configured. A bare string is its address."""

    short = "address"

    address: ListenAddress = Field(description="Loopback, unless allow_remote is set.", examples=["127.0.0.1:9901"])
    allow_remote: Flag = Field(
        default=False, description="Lets the address be one that other machines reach. Nothing asks them who they are."
    )

    @model_validator(mode="after")
    def _loopback(self) -> Admin:
        if not self.allow_remote and not is_loopback(self.address):
            instead = "write 127.0.0.1:PORT, or {address: ..., allow_remote: true}"
            raise refuse(f"{self.address} can be reached from other machines; {instead}")
        return self


class Config(Model):
    """The whole file."""

    listeners: ListenerList = Field(
        description="Where clients connect; at least one.",
        examples=[[{"name": "mesh", "address": "127.0.0.1:9200", "routes": "main"}]],
    )
    routes: dict[Name, Table] = Field(
        description="Route tables by name, each a list of routes, or virtual hosts with a list each.",
        examples=[{"main": [{"cluster": "echo"}]}],
    )
    clusters: dict[Name, Cluster] = Field(default_factory=dict, description="Clusters by name.")
    secrets: dict[Name, Secret] = Field(
        default_factory=dict,
        description="Certificates, keys and roots by name. The rest of the file says only the names.",
        examples=[{"web": {"certificate": "tls/web.crt", "private_key": "tls/web.key"}}],
    )
    protocol_specs: tuple[Text, ...] = Field(
        default=(),
        description="Python files that declare further protocols, relative to this file.",
        examples=[["./myproto.py"]],
    )
    protocol_options: dict[Name, Options] = Field(
        default_factory=dict,
        description="Options of protocols by name; `xproto explain NAME` lists them.",
        examples=[{"dubbo": {"serializations": ["hessian2"]}}],
    )
    admin: Admin | None = Field(
        default=None,
        description="The admin port; without it there is none. A reload cannot change it.",
        examples=["127.0.0.1:9901"],
    )
    workers: Annotated[int, Whole(1, MAX_WORKERS)] = Field(
        default=1,
        description="Worker processes. Each has its own connections and its own event loop. A reload cannot change it.",
        examples=[1],
    )
    drain_timeout: DurationOrZero = Field(
        default=snapshot.DRAIN_TIMEOUT,
        description="After TERM no connection is accepted any more, and calls in flight may take so long to finish.",
        examples=["5s"],
    )
