"""Where a listener's access log goes. Whether it can be written to is found out by the workers, who do that."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from proxy import snapshot
from proxy.config.model import Model
from proxy.config.types import Text, Written, checked
from proxy.config.values import WrongValueError


def _file(value: Any) -> Any:
    if isinstance(value, str) and (not value or value.endswith("/") or "\0" in value):
        raise WrongValueError(f"{value!r} names no file; write a path, as /var/log/xproto/access.log")
    return value


class AccessLog(Model):
    """A line for each call when it has ended (docs/operations.md). A bare path is `path`."""

    short: ClassVar[str] = "path"

    path: Annotated[Text, Written("path"), BeforeValidator(checked(_file))] = Field(
        description="The file, relative to this one; made if it is not there (mode 0640); no pipe and no device. "
        "Listeners may share one, in one format.",
        examples=["/var/log/xproto/access.log"],
    )
    format: snapshot.LogFormat = Field(default="json", description="How a line is written.", examples=["text"])
