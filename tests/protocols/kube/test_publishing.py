"""What publishing learns of API servers with other features, over real HTTP, in each version of the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.kube.cluster import KubeCluster
from adapters.standin.apiserver import StandinApiServer
from ports.devices import Device, Taint
from tests.contracts.cluster.contract import DRIVER, NODE
from tests.domain.values import device
from tests.services.publisher import PublisherBench, by_name

TAINT = Taint(key="dra.net/carrier-lost", effect="NoSchedule")
LISTS = {"strings", "ints", "bools", "versions"}


@pytest.fixture(params=["v1", "v1beta2", "v1beta1"])
def server(request: pytest.FixtureRequest) -> Iterator[StandinApiServer]:
    server = StandinApiServer(NODE, versions=(request.param,))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bench(server: StandinApiServer, tmp_path: Path) -> Iterator[PublisherBench]:
    cluster = KubeCluster(server.kubeconfig(str(tmp_path / "kubeconfig")), NODE, DRIVER)
    yield PublisherBench(cluster)
    cluster.close()


def full(name: str, number: int) -> Device:
    """With everything that a device can have."""
    made = device(name, number, mtu=1500)
    more = {**made.attributes, "resource.kubernetes.io/numaNode": (0, 1), "dra.net/names": ("a", "b")}
    return replace(made, attributes=more, capacity={"dra.net/bandwidth": 100 * 10**9}, taints=(TAINT,))


def writes(server: StandinApiServer) -> int:
    return sum(request.method in ("POST", "PUT") and not request.dry for request in server.requests)


def test_a_server_that_keeps_everything_is_written_to_once(server: StandinApiServer, bench: PublisherBench) -> None:
    bench.show(*(full(f"d{number}", number) for number in range(3)))
    (body,) = server.slices()
    assert by_name([body])["d1"]["attributes"]["resource.kubernetes.io/numaNode"] == {"ints": [0, 1]}
    list(bench.publisher.stored.changes(0.1))
    for again in (False, True):
        if again:
            bench.publisher.again()
        bench.show(*(full(f"d{number}", number) for number in range(3)))
    assert writes(server) == 1
    assert bench.notices.kept == []


@pytest.mark.parametrize(
    ("off", "costs", "events"),
    [({"taints"}, 1, 1), (LISTS, 2, 1), (LISTS | {"taints"}, 2, 2), ({"capacity"}, 1, 1)],
)
def test_a_server_without_a_feature_is_learned_of_once(
    server: StandinApiServer, bench: PublisherBench, off: set[str], costs: int, events: int
) -> None:
    server.routes.slices.dropped |= off
    bench.show(*(full(f"d{number}", number) for number in range(3)))
    kept = by_name(server.slices())["d1"]
    assert ("taints" in kept) is ("taints" not in off)
    assert ("capacity" in kept) is ("capacity" not in off)
    numa = {"int": 0} if off >= LISTS else {"ints": [0, 1]}
    assert kept["attributes"]["resource.kubernetes.io/numaNode"] == numa
    assert writes(server) == costs
    assert bench.events() == ["FieldNotKept"] * events
    list(bench.publisher.stored.changes(0.1))
    bench.show(*(full(f"d{number}", number) for number in range(3)))
    assert writes(server) == costs


def test_the_time_of_a_taint_stays_when_something_else_changes(server: StandinApiServer, bench: PublisherBench) -> None:
    bench.show(replace(device("ens1", mtu=1500), taints=(TAINT,)))
    stored = server.store.get(("resourceslices", "", "00000-dra.net-node1"))
    assert stored is not None
    stored["spec"]["devices"][0]["taints"][0]["timeAdded"] = "2026-01-01T00:00:00Z"
    server.store.replace(("resourceslices", "", "00000-dra.net-node1"), stored)
    list(bench.publisher.stored.changes(0.1))
    bench.show(replace(device("ens1", mtu=1500), taints=(TAINT,)))
    assert writes(server) == 1
    bench.show(replace(device("ens1", mtu=9000), taints=(TAINT,)))
    assert writes(server) == 2
    (body,) = server.slices()
    assert by_name([body])["ens1"]["taints"] == [
        {"key": TAINT.key, "effect": TAINT.effect, "timeAdded": "2026-01-01T00:00:00Z"}
    ]


def test_300_devices_of_all_kinds_at_once_are_accepted(server: StandinApiServer, bench: PublisherBench) -> None:
    bench.show(*(full(f"d{number:03}", number) if number % 3 else device(f"d{number:03}") for number in range(300)))
    assert len(by_name(server.slices())) == 300
    assert {body["spec"]["pool"]["resourceSliceCount"] for body in server.slices()} == {len(server.slices())}


def test_a_policy_that_names_nothing_costs_the_value_that_it_means(
    server: StandinApiServer, bench: PublisherBench
) -> None:
    def policy(spec: dict[str, Any]) -> str:
        return (
            "no aliases"
            if any("dra.net/alias" in each.get("attributes", {}) for each in spec.get("devices", ()))
            else ""
        )

    server.routes.slices.policy = policy
    bench.show(*(device(f"d{number}", number, mtu=1500) for number in range(20)), device("odd", alias="x", mtu=1500))
    found = by_name(server.slices())
    assert len(found) == 21
    assert found["odd"]["attributes"] == {"dra.net/mtu": {"int": 1500}}
    assert writes(server) == 2
    assert len([request for request in server.requests if request.dry]) < 20
    assert bench.events() == ["AttributesLeftOut"]
