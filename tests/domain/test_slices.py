"""Slices: the fewest writes that lead to a pool every consumer understands, and then none."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.attributes import render
from agent.domain.kept import dropped, learn
from agent.domain.slices import Pool, Writes, diff, object_name, pool
from ports.cluster import Json
from ports.devices import Device, Taint
from tests.domain.values import device
from tests.support.openapi import mistakes

DRIVER, NODE, NODE_UID = "dra.net", "node1", "node-uid"
OPENAPI, SLICE = "openapi-v3-resource.k8s.io-v1", "io.k8s.api.resource.v1.ResourceSlice"


def wanted(*devices: Device, node_uid: str = NODE_UID, where: Mapping[str, int] | None = None) -> Pool:
    return pool([render(device, DRIVER) for device in devices], DRIVER, NODE, node_uid, where or {})


def many(count: int, mtu: int = 1500) -> tuple[Device, ...]:
    return tuple(device(f"d{index:04}", index + 1, mtu=mtu) for index in range(count))


class Server:
    """Slices as a server keeps them: applies writes, gives versions and UIDs, drops what a gate switches off."""

    def __init__(self, *drop: str) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.drop = drop
        self.version = 0

    def apply(self, writes: Writes) -> dict[str, tuple[Json, Json]]:
        learned: dict[str, tuple[Json, Json]] = {}
        for name in writes.delete:
            del self.bodies[name]
        for body in (*writes.update, *writes.create):
            learned |= learn(body, self._put(body))
        return learned

    def existing(self) -> tuple[Json, ...]:
        return tuple(copy.deepcopy(body) for _, body in sorted(self.bodies.items()))

    def _put(self, body: Json) -> dict[str, Any]:
        assert mistakes(OPENAPI, SLICE, body) == []
        name = body["metadata"]["name"]
        earlier = self.bodies.get(name, {}).get("metadata", {"uid": f"uid-{name}"})
        assert body["metadata"].get("resourceVersion") == earlier.get("resourceVersion")
        stored: dict[str, Any] = copy.deepcopy(dict(body))
        self.version += 1
        stored["metadata"] = {**earlier, **stored["metadata"], "resourceVersion": str(self.version)}
        for each in stored["spec"]["devices"]:
            for field in self.drop:
                each.pop(field, None)
        if not stored["spec"]["devices"]:
            del stored["spec"]["devices"]  # the server leaves empty lists out
        self.bodies[name] = stored
        return stored


def served(*devices: Device) -> Server:
    server = Server()
    server.apply(diff(wanted(*devices), ()))
    return server


def generations(server: Server) -> set[tuple[int, int]]:
    pools = [body["spec"]["pool"] for body in server.bodies.values()]
    return {(each["generation"], each["resourceSliceCount"]) for each in pools}


def test_the_first_write_creates_and_the_second_does_nothing() -> None:
    server = served(device("ens1", mtu=1500))
    (body,) = server.existing()
    assert body["metadata"]["name"] == "00000-dra.net-node1"
    assert body["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Node", "name": "node1", "uid": "node-uid", "controller": True}
    ]
    assert body["spec"] == {
        "driver": "dra.net",
        "nodeName": "node1",
        "pool": {"name": "node1", "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": "ens1", "attributes": {"dra.net/mtu": {"int": 1500}}}],
    }
    assert len(diff(wanted(device("ens1", mtu=1500)), server.existing())) == 0


def test_an_empty_pool_is_one_empty_slice_and_stays_so() -> None:
    server = served()
    assert generations(server) == {(1, 1)}
    assert len(diff(wanted(), server.existing())) == 0


def test_a_change_of_one_slice_is_written_in_place() -> None:
    server = served(*many(200))
    changed = (*many(199), device("d0199", mtu=9000))
    writes = diff(wanted(*changed), server.existing())
    assert (len(writes.update), len(writes)) == (1, 1)
    server.apply(writes)
    assert generations(server) == {(1, 2)}


def test_a_change_of_two_slices_is_a_new_generation_of_all() -> None:
    server = served(*many(300))
    changed = list(many(300))
    changed[0], changed[130] = device("d0000", mtu=1), device("d0130", mtu=1)
    writes = diff(wanted(*changed), server.existing())
    assert (len(writes.update), len(writes)) == (3, 3)
    server.apply(writes)
    assert generations(server) == {(2, 3)}


def test_one_more_slice_is_a_new_generation_of_all() -> None:
    server = served(*many(128))
    server.apply(diff(wanted(*many(129)), server.existing()))
    assert generations(server) == {(2, 2)}
    server.apply(diff(wanted(*many(1)), server.existing()))
    assert generations(server) == {(3, 1)}


def test_a_slice_that_somebody_deleted_comes_back_under_a_new_generation() -> None:
    server = served(*many(129))
    del server.bodies["00001-dra.net-node1"]
    server.apply(diff(wanted(*many(129)), server.existing()))
    assert generations(server) == {(2, 2)}
    assert len(diff(wanted(*many(129)), server.existing())) == 0


@pytest.mark.parametrize(
    "edit",
    [
        lambda body: body["spec"]["devices"].append({"name": "foreign"}),
        lambda body: body["spec"]["devices"][0].update(taints=[{"key": "a", "effect": "NoSchedule"}]),
        lambda body: body["spec"]["pool"].update(resourceSliceCount=2),
        lambda body: body["metadata"].pop("ownerReferences"),
        lambda body: body["spec"].pop("devices"),
    ],
)
def test_a_foreign_edit_is_healed_by_one_write(edit: Any) -> None:
    server = served(device("ens1"))
    edit(server.bodies["00000-dra.net-node1"])
    server.apply(diff(wanted(device("ens1")), server.existing()))
    assert len(diff(wanted(device("ens1")), server.existing())) == 0


def test_slices_of_other_pools_generations_and_schemes_are_removed() -> None:
    server = served(device("ens1"))
    good = server.bodies["00000-dra.net-node1"]
    for name, change in {
        "node1-dra.net-x7k2p": {"name": "node1", "generation": 7},
        "00000-dra.net-other": {"name": "other"},
        "00001-dra.net-node1": {},
        "00000-dra.net-node1-abcde": {"generation": 0},
    }.items():
        other = copy.deepcopy(good)
        other["metadata"]["name"] = name
        other["spec"]["pool"].update(change)
        server.bodies[name] = other
    server.apply(diff(wanted(device("ens1")), server.existing()))
    assert list(server.bodies) == ["00000-dra.net-node1"]
    assert generations(server) == {(8, 1)}


def test_a_node_that_was_made_again_owns_its_slices_again() -> None:
    server = served(device("ens1"))
    again = wanted(device("ens1"), node_uid="other")
    server.apply(diff(again, server.existing()))
    assert server.existing()[0]["metadata"]["ownerReferences"][0]["uid"] == "other"


def test_a_dropped_field_is_told_and_causes_no_second_write() -> None:
    server = Server("attributes")
    aim = wanted(device("ens1", mtu=1500), device("ens2"))
    first = diff(aim, ())
    learned = server.apply(first)
    assert dropped(first.create[0], server.existing()[0]) == {"attributes"}
    assert len(diff(aim, server.existing())) == 1
    assert len(diff(aim, server.existing(), learned)) == 0
    assert list(learned) == ["ens1"]


def test_another_value_of_a_device_with_a_dropped_field_is_written() -> None:
    server = Server("taints")
    learned = server.apply(diff(wanted(device("ens1", mtu=1500)), ()))
    assert len(diff(wanted(device("ens1", mtu=9000)), server.existing(), learned)) == 1


def test_a_field_that_one_device_has_kept_is_not_switched_off() -> None:
    sent = diff(wanted(device("ens1", mtu=1500), device("ens2", mtu=1500)), ()).create[0]
    stored = copy.deepcopy(dict(sent))
    del stored["spec"]["devices"][0]["attributes"]
    assert dropped(sent, stored) == frozenset()


TAINT = Taint(key="dra.net/carrier-lost", effect="NoSchedule")


def test_the_time_of_a_taint_is_the_servers_it_is_no_difference_and_survives_other_changes() -> None:
    server = served(replace(device("ens1", mtu=1500), taints=(TAINT,)), device("ens2"))
    server.bodies["00000-dra.net-node1"]["spec"]["devices"][0]["taints"][0]["timeAdded"] = "2026-01-01T00:00:00Z"
    same = wanted(replace(device("ens1", mtu=1500), taints=(TAINT,)), device("ens2"))
    assert len(diff(same, server.existing())) == 0
    other = wanted(
        replace(device("ens1", mtu=9000), taints=(TAINT, replace(TAINT, effect="NoExecute"))), device("ens2")
    )
    (body,) = diff(other, server.existing()).update
    assert body["spec"]["devices"][0]["taints"] == [
        {"key": "dra.net/carrier-lost", "effect": "NoExecute"},
        {"key": "dra.net/carrier-lost", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"},
    ]


@pytest.mark.parametrize(
    "node", ["n", "node1.example.com", "n" * 63 + "." + "m" * 63 + "." + "o" * 63 + "." + "p" * 61]
)
def test_names_fit_and_sort_by_index(node: str) -> None:
    names = [object_name(index, "dra.net", node) for index in range(20)]
    assert names == sorted(names)
    assert len(set(names)) == 20
    assert all(len(name) <= 253 for name in names)


COUNTS = st.sampled_from([0, 1, 2, 127, 128, 129, 256, 257])


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(COUNTS, st.sampled_from([1500, 9000]), st.none() | st.integers(0, 2)), max_size=5))
def test_any_history_ends_in_a_complete_pool_and_then_in_silence(history: list[tuple[int, int, int | None]]) -> None:
    server, where = Server(), dict[str, int]()
    for count, mtu, lost in history:
        aim = wanted(*many(count, mtu), where=where)
        where = aim.places
        before = max((generation for generation, _ in generations(server)), default=0)
        writes = diff(aim, server.existing())
        server.apply(writes)
        assert len(diff(aim, server.existing())) == 0
        ((generation, slices),) = generations(server)
        assert generation >= before
        assert slices == len(server.bodies) == max(1, -(-count // 128))
        names = [each["name"] for body in server.existing() for each in body["spec"].get("devices", [])]
        assert names == sorted(set(names))
        assert len(names) == count
        assert all(len(body["spec"].get("devices", [])) <= 128 for body in server.existing())
        if lost is not None and lost < len(server.bodies):
            del server.bodies[sorted(server.bodies)[lost]]
