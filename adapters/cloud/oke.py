"""Oracle Cloud: where in its RDMA fabric the machine is; the same for all devices of the node.

https://docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm. Identifiers are cut from OCIDs, which are longer than
an attribute may be: the part after the last dot is unique.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.cloud import metadata
from adapters.cloud.metadata import LINK_LOCAL, present, text
from ports.errors import Code, Failure
from ports.providers import Description, DeviceIds

DOMAIN = "oke.dra.net"
ROOT = "/opc/v2"
FABRIC = "rdmaTopologyData"
KEYS = {
    "hpcIslandId": "customerHPCIslandId",
    "networkBlockId": "customerNetworkBlock",
    "localBlockId": "customerLocalBlock",
    "gpuMemoryFabricId": "customerGpuMemoryFabric",
}
SUFFIX = 60  # characters of an OCID's last part


class Oke:
    """``Provider`` for the instance metadata service, version 2."""

    name = "OKE"

    def __init__(self, base: str = LINK_LOCAL) -> None:
        self._server = metadata.server("OKE", base, Authorization="Bearer Oracle")

    def detect(self) -> None:
        """The instance record has an OCID."""
        if "ocid" not in text(self._server.record(f"{ROOT}/instance/"), "id"):
            raise Failure(Code.NOT_FOUND, "OKE metadata server", "describes no instance")

    def read(self) -> Host:
        """The host as it is described now; without topology data where the tenancy has not enabled it."""
        answer = self._server.ask(f"{ROOT}/host/")
        if answer.status == 404:
            return Host()
        return Host(record=self._server.record(f"{ROOT}/host/"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """``record`` is the host's metadata as the server gave it."""

    record: Mapping[str, Any] = field(default_factory=dict)

    def describe(self, ids: DeviceIds) -> Description:  # noqa: ARG002 - all devices of a host are at one place
        """Where the host is."""
        notes: list[str] = []
        fabric = self.record.get(FABRIC)
        made = dict(_identifiers(fabric, notes)) if fabric else {"networkBlockId": text(self.record, "networkBlockId")}
        made["rackId"] = text(self.record, "rackId")
        return Description(
            attributes={f"{DOMAIN}/{key}": value for key, value in present(**made).items()}, notes=tuple(notes)
        )


def _identifiers(fabric: object, notes: list[str]) -> Iterator[tuple[str, str]]:
    for name, key in KEYS.items():
        value = text(fabric, key)
        if value and not ("ocid" in value and "." in value):
            notes.append(f"{key} {value[:80]!r} is no OCID")
        elif value:
            yield name, value.rpartition(".")[2][-SUFFIX:]
