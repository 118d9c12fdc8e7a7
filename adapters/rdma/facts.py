"""What sysfs tells of an RDMA device and its ports (Documentation/ABI/stable/sysfs-class-infiniband)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ports.hardware import RdmaFacts, RdmaPort

NUMBERED = re.compile(r"\d+: *(.+)")  # "4: ACTIVE"
RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?) *Gb/sec.*")  # "100 Gb/sec (4X EDR)", "2.5 Gb/sec (1X SDR)"
INFINIBAND = "InfiniBand"
ROCE_V2 = "RoCE v2"
NO_GUID = "0000:0000:0000:0000"
NO_GID = f"{NO_GUID}:{NO_GUID}"
IPV4 = f"{NO_GUID}:0000:ffff:"
LINK_LOCAL = "fe80:"
PAGE = 4096  # sysfs shows no more of an attribute; a copied tree may have anything
MOST_UNUSED = 8  # a GID table is filled from its beginning and may have 256 entries


def facts(device: Path) -> RdmaFacts:
    """The facts of a device by its directory below ``class/infiniband``; each file that cannot be read costs its fact."""
    guid = text(device / "node_guid")
    return RdmaFacts(
        node_guid="" if guid == NO_GUID else guid,
        firmware=text(device / "fw_ver"),
        ports=tuple(_port(device / "ports" / str(number), number) for number in sorted(_numbers(device / "ports"))),
    )


def _port(port: Path, number: int) -> RdmaPort:
    layer = text(port / "link_layer")
    rate = RATE.fullmatch(text(port / "rate"))
    lid = text(port / "lid")
    return RdmaPort(
        number=number,
        state=_word(port / "state").replace("_", "-"),
        physical_state=_word(port / "phys_state"),
        rate=int(float(rate[1]) * 1000) if rate else None,
        link_layer=layer,
        guid=_guid(port) if layer == INFINIBAND else "",
        lid=int(lid, 16) if layer == INFINIBAND and re.fullmatch(r"0x[0-9a-f]+", lid) else None,
        roce_v2_index=None if layer == INFINIBAND else _roce_v2(port),
    )


def _guid(port: Path) -> str:
    """The second half of the first GID."""
    guid = text(port / "gids" / "0")[-len(NO_GUID) :]
    return "" if guid == NO_GUID else guid


def _roce_v2(port: Path) -> int | None:
    """The entry for RoCE v2 of the port's own interface: of an IPv4 address, else of a routed IPv6 one, else the first."""
    own = text(port / "gid_attrs/ndevs/0")
    usable = [(_preference(gid), index) for index, gid, interface in _entries(port) if interface == own]
    return min(usable)[1] if usable else None


def _entries(port: Path) -> Iterator[tuple[int, str, str]]:
    """The table's RoCE v2 entries: index, GID, interface. An entry that is not in use has no type (EINVAL)."""
    unused = 0
    for index in sorted(_numbers(port / "gids")):
        kind, gid = text(port / "gid_attrs/types" / str(index)), text(port / "gids" / str(index))
        unused = unused + 1 if not kind or gid == NO_GID else 0
        if unused > MOST_UNUSED:
            return
        if kind == ROCE_V2 and gid not in ("", NO_GID):
            yield index, gid, text(port / "gid_attrs/ndevs" / str(index))


def _preference(gid: str) -> int:
    if gid.startswith(IPV4):
        return 0
    return 2 if gid.startswith(LINK_LOCAL) else 1


def _word(path: Path) -> str:
    found = NUMBERED.fullmatch(text(path))
    return found[1].lower() if found else ""


def _numbers(directory: Path) -> Iterator[int]:
    try:
        names = [entry.name for entry in directory.iterdir()]
    except OSError:
        return
    yield from (int(name) for name in names if name.isascii() and name.isdigit())


def text(path: Path) -> str:
    """What a file says, without white space around it; empty for an entry of the GID table that is not in use (EINVAL)."""
    try:
        with path.open("rb", buffering=0) as file:
            return (file.read(PAGE) or b"").decode("utf-8", "replace").strip()
    except OSError:
        return ""
