"""What publishing costs an API server: ``python -m tests.bench.publishing [NODES [LINKS]]``.

So many nodes publish so many links each, through the real client, over HTTP, to the stand-in API server, a few nodes at
a time. An hour of flapping passes on a simulated clock; what it makes the node send is sent and counted. What only time
brings (the next watch, a bookmark, a list) is measured once and multiplied. The printed text says which is which.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from adapters.kube import connection
from adapters.kube.cluster import KubeCluster
from adapters.standin.api_traffic import Traffic
from adapters.standin.apiserver import StandinApiServer
from agent.services import publishing
from ports.devices import Device, Identity
from tests.contracts.cluster.fake import FakeCluster
from tests.services.publisher import PublisherBench

DRIVER = "dra.net"
WORKERS = 4
SAMPLE = 8  # nodes with a flapping link that are followed for an hour
EVERY = 5.0  # seconds between two changes of a flapping link
HOUR = 3600.0
WATCHES = HOUR / (publishing.WATCH * 0.75)  # between half and all of the time, at random
LISTS = HOUR / publishing.LISTED
BOOKMARKS = HOUR / 60


def links(count: int) -> tuple[Device, ...]:
    """Cards with as many attributes as a card has."""
    return tuple(card(f"pci-0000-{number:02x}-00-0", number) for number in range(count))


def card(name: str, number: int) -> Device:
    """One of them."""
    words = (
        "ifName",
        "type",
        "state",
        "mac",
        "encapsulation",
        "pciAddress",
        "pciVendor",
        "pciDevice",
        "driver",
        "ipv4",
    )
    attributes: dict[str, str | int | bool] = {f"{DRIVER}/{word}": f"{word} of {name}" for word in words}
    attributes |= {f"{DRIVER}/{word}": number for word in ("mtu", "numaNode", "sriovVfs", "linkSpeed", "iommuGroup")}
    attributes |= {f"{DRIVER}/{word}": True for word in ("virtual", "rdma", "sriov", "ebpf")}
    attributes |= {"resource.kubernetes.io/pcieRoot": "pci0000:00", "resource.kubernetes.io/pciBusID": "0000:3b:00.0"}
    capacity = {f"{DRIVER}/bandwidth": 100 * 10**9}
    return Device(
        name=name, identity=Identity(ifindex=number + 2), interface=name, attributes=attributes, capacity=capacity
    )


@contextmanager
def node(server: StandinApiServer, kubeconfig: str, number: int) -> Iterator[PublisherBench]:
    """A node of its own name that publishes."""
    name = f"node{number:05}"
    server.store.add(("nodes", "", name), {"kind": "Node", "apiVersion": "v1"})
    cluster = KubeCluster(kubeconfig, name, DRIVER)
    yield PublisherBench(cluster, node=name)
    cluster.close()


def begin(server: StandinApiServer, kubeconfig: str, nodes: int, devices: tuple[Device, ...]) -> Traffic:
    """All nodes publish for the first time."""
    before = server.traffic.copy()

    def one(number: int) -> None:
        with node(server, kubeconfig, number) as bench:
            bench.show(*devices)

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(one, range(nodes)))
    return server.traffic.since(before)


@dataclass(frozen=True, kw_only=True, slots=True)
class Passing:
    """What each costs once: a list, a watch in which nothing happens, a bookmark."""

    listing: Traffic
    watch: Traffic
    bookmark: int

    def hour(self) -> tuple[float, float]:
        """Requests and bytes of an hour in which nothing happens."""
        size = LISTS * total(self.listing) + WATCHES * total(self.watch) + BOOKMARKS * self.bookmark
        return LISTS * calls(self.listing) + WATCHES * calls(self.watch), size


def passing(server: StandinApiServer, kubeconfig: str, devices: tuple[Device, ...]) -> Passing:
    """Measured with one node. A watch of 3 s gets its last bookmark after one second, as recorded of a real server."""
    with node(server, kubeconfig, 100_000) as bench:
        bench.show(*devices)
        stored, seen = bench.publisher.stored, server.traffic.copy()
        stored.lose()
        stored.bodies()
        listing, seen = server.traffic.since(seen), server.traffic.copy()
        list(stored.changes(3.0))
        watch, seen = server.traffic.since(seen), server.traffic.copy()
        server.bookmark_seconds = 0.2
        list(stored.changes(3.0))
        server.bookmark_seconds = 60.0
        return Passing(listing=listing, watch=watch, bookmark=(total(server.traffic.since(seen)) - total(watch)) // 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flapping:
    """An hour of one node of which one link flaps: what the host said, what was sent, and the watch telling it back."""

    changes: int
    sent: Traffic
    echoes: int


def flap(server: StandinApiServer, kubeconfig: str, number: int, devices: tuple[Device, ...]) -> Flapping:
    """The hour passes on the node's own clock; each look that publishing would have takes place."""
    with node(server, kubeconfig, number) as bench:
        bench.show(*devices)
        seen, begun, changes = server.traffic.copy(), bench.clock.monotonic(), 0
        while (passed := bench.clock.monotonic() - begun) < HOUR:
            state = {f"{DRIVER}/state": ("down", "up")[changes % 2]}
            due = bench.show(replace(devices[0], attributes={**devices[0].attributes, **state}), *devices[1:])
            changes += 1
            until = passed + EVERY
            while due is not None and passed + due < until:
                bench.clock.advance(due)
                passed, due = passed + due, bench.publisher.look()
            bench.clock.advance(until - passed)
        sent, seen = server.traffic.since(seen), server.traffic.copy()
        list(bench.publisher.stored.changes(1.0))
        return Flapping(changes=changes, sent=sent, echoes=server.traffic.since(seen).sent)


def looks(count: int) -> float:
    """CPU seconds of a look at an inventory that was sent again with nothing new in it."""
    bench = PublisherBench(FakeCluster("node1", DRIVER))
    inventories = [links(count) for _ in range(100)]
    bench.show(*inventories[0])
    begun = time.process_time()
    for devices in inventories:
        bench.show(*devices)
    return (time.process_time() - begun) / len(inventories)


def calls(traffic: Traffic) -> int:
    """Requests of all methods."""
    return sum(traffic.requests.values())


def total(traffic: Traffic) -> int:
    """Bytes of both directions."""
    return traffic.received + traffic.sent


def report(nodes: int, count: int) -> Iterator[str]:
    """Measure, line by line."""
    connection.READ_SECONDS = 120.0  # a busy machine is no dead server
    devices = links(count)
    server = StandinApiServer()
    server.start()
    with tempfile.TemporaryDirectory(prefix="knd-bench-") as directory:
        kubeconfig = server.kubeconfig(f"{directory}/kubeconfig")
        yield f"{nodes} nodes of {count} links, {len(devices[0].attributes)} attributes each; JSON, no TLS, no compression"
        begun = time.perf_counter()
        first = begin(server, kubeconfig, nodes, devices)
        seconds = time.perf_counter() - begun
        yield f"first publication, all measured ({seconds:.0f} s of this machine for client and server): a node, once"
        yield f"  {calls(first) / nodes:6.1f} requests {total(first) / nodes / 1024:8.1f} KiB   {dict(first.requests)}"
        rest_calls, rest_bytes = passing(server, kubeconfig, devices).hour()
        many = f"{WATCHES:.0f} watches, {BOOKMARKS:.0f} bookmarks, {LISTS:.0f} lists"
        yield f"at rest: each kind of request measured once, and multiplied: {many}"
        yield f"  {rest_calls:6.1f} requests {rest_bytes / 1024:8.1f} KiB   a node and hour"
        yield from flapping(server, kubeconfig, nodes, count, (rest_calls, rest_bytes))
    server.stop()
    for size in (count, 1000):
        yield f"a look that finds nothing new in {size:4} devices: {looks(size) * 1e6:6.0f} µs of CPU, no request"


def flapping(
    server: StandinApiServer, kubeconfig: str, nodes: int, count: int, rest: tuple[float, float]
) -> Iterator[str]:
    """One link of a hundred flaps; some of its nodes are followed, and stand for all of them."""
    restless = nodes * count // 100
    found = [flap(server, kubeconfig, 200_000 + number, links(count)) for number in range(min(SAMPLE, restless))]
    changes = sum(each.changes for each in found) / len(found)
    writes = sum(calls(each.sent) for each in found) / len(found)
    size = sum(total(each.sent) + each.echoes for each in found) / len(found)
    share = restless / nodes
    yield f"a link that changes each {EVERY:g} s, an hour of a simulated clock, measured with {len(found)} nodes that have one"
    yield f"  {changes:.0f} changes became {writes:.0f} writes {size / 1024:8.1f} KiB with the watch's echo   a link and hour"
    yield f"1 % of all links flap, {restless} links on {nodes} nodes: computed from the two above, each link a write of its own"
    yield f"  {rest[0] + share * writes:6.1f} requests {(rest[1] + share * size) / 1024:8.1f} KiB   a node and hour"
    rate = nodes * (rest[0] + share * writes) / HOUR
    yield f"  {rate:6.1f} requests a second for the API server, from all nodes"


def main() -> None:
    """Measure and print."""
    given = [int(text) for text in sys.argv[1:3]]
    nodes, count = (*given, *(1000, 32)[len(given) :])
    for line in report(nodes, count):
        print(line, flush=True)


if __name__ == "__main__":
    main()
