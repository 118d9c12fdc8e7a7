"""Alibaba Cloud: instance type, and which devices have eRDMA.

https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata, in the mode with a token
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.cloud import metadata
from adapters.cloud.metadata import Server, present
from ports.errors import Code, Failure
from ports.providers import Description, DeviceIds

DOMAIN = "alibaba.dra.net"
ADDRESS = "http://100.100.100.200"
INSTANCE_TYPE = "/latest/meta-data/instance/instance-type"
TYPE = re.compile(r"[a-z]+\.[a-z0-9.-]{1,60}")  # ecs.ebmgn8v.48xlarge
ERDMA = "erdma"  # how the driver names its RDMA devices


class Alibaba:
    """``Provider`` for the instance metadata service."""

    name = "ALIBABA"

    def __init__(self, base: str = ADDRESS) -> None:
        self._server = metadata.server("ALIBABA", base)

    def detect(self) -> None:
        """It gives tokens of this kind, and knows a type."""
        self.read()

    def read(self) -> Instance:
        """The instance as it is described now."""
        found = self._session().text(INSTANCE_TYPE)
        if not TYPE.fullmatch(found):
            raise Failure(Code.INVALID, "ALIBABA metadata server", f"{found[:80]!r} is no instance type")
        return Instance(instance_type=found)

    def _session(self) -> Server:
        return self._server.session("X-aliyun-ecs-metadata-token-ttl-seconds", "X-aliyun-ecs-metadata-token")


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """What is known of the instance."""

    instance_type: str = ""

    def describe(self, ids: DeviceIds) -> Description:
        """The type on every device; eRDMA where the device's RDMA device is one of its driver's."""
        made = present(instanceType=self.instance_type)
        if ids.rdma.startswith(ERDMA):
            made["erdma"] = True
        return Description(attributes={f"{DOMAIN}/{key}": value for key, value in made.items()})
