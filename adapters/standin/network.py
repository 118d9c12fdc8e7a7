"""A stand-in node's network: an interface to hand out, a fabric behind it, and a look at all of it before and after."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pyroute2 import IPRoute

from adapters.standin import namespaces

CHUNK = 64 * 1024

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """One bulk transfer over TCP."""

    sent: int
    seconds: float

    @property
    def gigabits(self) -> float:
        """Rate in Gbit/s."""
        return self.sent * 8 / self.seconds / 1e9


def loopback_up(path: Path | None = None) -> None:
    """Set lo up: a new namespace starts with it down."""
    _on(path, lambda ip: ip.link("set", index=1, state="up"))


def cable(name: str, mac: str, fabric: Path, peer: str) -> None:
    """Make an interface ``name`` here whose other end is ``peer`` in the namespace ``fabric``."""

    def make(ip: Any) -> None:
        with open(fabric, "rb") as handle:
            ip.link("add", ifname=name, kind="veth", peer={"ifname": peer, "net_ns_fd": handle.fileno()})
        ip.link("set", index=_index(ip, name), address=mac)

    _on(None, make)


def configure(name: str, addresses: list[str], path: Path | None = None, mtu: int = 0) -> None:
    """Address an interface (``10.0.0.1/24``) and set it up."""

    def set_up(ip: Any) -> None:
        index = _index(ip, name)
        for prefix in addresses:
            address, _, length = prefix.partition("/")
            ip.addr("add", index=index, address=address, prefixlen=int(length))
        ip.link("set", index=index, state="up", **({"mtu": mtu} if mtu else {}))

    _on(path, set_up)


def route(name: str, destination: str, gateway: str) -> None:
    """Add a route through an interface of this namespace."""
    _on(None, lambda ip: ip.route("add", dst=destination, gateway=gateway, oif=_index(ip, name)))


def describe(path: Path | None = None) -> tuple[str, ...]:
    """Links, addresses and routes, one line each, in an order that does not change: equal lines mean an equal network."""
    return _on(path, lambda ip: tuple(sorted((*_links(ip), *_addresses(ip), *_routes(ip)))))


def transfer(source: Path, target: Path | None, address: str, size: int) -> Traffic:
    """Send ``size`` bytes over TCP from one namespace to ``address`` in another and wait until all have arrived."""
    with namespaces.socket_in(target, socket.AF_INET, socket.SOCK_STREAM) as server:
        server.settimeout(10)
        server.bind((address, 0))
        server.listen(1)
        with namespaces.socket_in(source, socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            client.connect(server.getsockname())
            with server.accept()[0] as peer:
                peer.settimeout(10)
                return _pump(client, peer, size)


def _pump(client: socket.socket, peer: socket.socket, size: int) -> Traffic:
    block = bytes(CHUNK)
    start, left, got = time.monotonic(), size, 0
    while got < size:
        if left:
            sent = client.send(block[: min(left, CHUNK)])
            left -= sent
        got += len(peer.recv(CHUNK))
    return Traffic(sent=got, seconds=time.monotonic() - start)


def _on(path: Path | None, work: Callable[[Any], T]) -> T:
    def run() -> T:
        with _netlink() as ip:
            return work(ip)

    return namespaces.inside(path, run) if path else namespaces.in_thread(run)


@contextmanager
def _netlink() -> Iterator[Any]:
    with IPRoute() as ip:
        yield ip


def _index(ip: Any, name: str) -> int:
    return int(ip.link_lookup(ifname=name)[0])


def _links(ip: Any) -> Iterator[str]:
    for link in ip.get_links():
        up = "up" if link["flags"] & 1 else "down"
        yield (
            f"link {link.get_attr('IFLA_IFNAME')} mac {link.get_attr('IFLA_ADDRESS')} "
            f"mtu {link.get_attr('IFLA_MTU')} {up}"
        )


def _addresses(ip: Any) -> Iterator[str]:
    names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in ip.get_links()}
    for address in ip.get_addr():
        yield f"address {names[address['index']]} {address.get_attr('IFA_ADDRESS')}/{address['prefixlen']}"


def _routes(ip: Any) -> Iterator[str]:
    names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in ip.get_links()}
    for entry in ip.get_routes(family=socket.AF_INET):
        destination = entry.get_attr("RTA_DST") or "default"
        gateway = entry.get_attr("RTA_GATEWAY")
        via = f" via {gateway}" if gateway else ""
        name = names.get(entry.get_attr("RTA_OIF"), "")
        yield f"route {destination}/{entry['dst_len']}{via} dev {name} table {entry.get_attr('RTA_TABLE')}"
