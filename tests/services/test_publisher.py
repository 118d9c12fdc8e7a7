"""One look after the other: what is written, what is not, and what is learned of the server on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.services.publisher import TRIED_AGAIN, TRIED_ANYWAY
from agent.services.repairs import QUARREL
from ports.cluster import Json
from ports.devices import Device, Taint
from ports.errors import Code, Failure
from tests.contracts.cluster.fake import FakeCluster
from tests.domain.values import device
from tests.services.publisher import WRITES, PublisherBench, by_name
from tests.services.support import DRIVER, NODE

NAME = "00000-dra.net-node1"
TAINT = Taint(key="dra.net/carrier-lost", effect="NoSchedule")


class Bench(PublisherBench):
    """On the fake cluster."""

    def __init__(self) -> None:
        self.cluster = FakeCluster(NODE, DRIVER)
        super().__init__(self.cluster)

    def published(self) -> dict[str, Json]:
        return by_name(self.cluster.stored_slices())

    def writes(self) -> int:
        return sum(call in WRITES for call in self.cluster.calls)

    def follow(self) -> None:
        """The watch tells what others did."""
        list(self.publisher.stored.changes(0.01))

    def edit(self, change: Callable[[Json], Json]) -> None:
        """Somebody changes our slice, and the watch tells."""
        (body,) = self.cluster.stored_slices()
        self.cluster.update_slice(change(copy.deepcopy(dict(body))))
        self.follow()


def cards(count: int, **attributes: int) -> list[Device]:
    return [device(f"d{number:03}", number + 1, **attributes) for number in range(count)]


def test_a_look_without_a_change_asks_the_server_nothing() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    before = list(bench.cluster.calls)
    for _ in range(3):
        assert bench.show(device("ens1")) is None
    assert bench.cluster.calls == before


def test_a_change_costs_one_request() -> None:
    bench = Bench()
    bench.show(device("ens1", mtu=1500))
    del bench.cluster.calls[:]
    bench.show(device("ens1", mtu=9000))
    assert bench.cluster.calls == ["update_slice"]


def test_a_device_more_or_less_changes_its_slice_alone_and_moves_no_other() -> None:
    bench = Bench()
    bench.show(*cards(300))
    bodies = bench.cluster.stored_slices()
    del bench.cluster.calls[:]
    bench.show(*(each for each in cards(300) if each.name != "d005"))
    bench.show(device("new"), *(each for each in cards(300) if each.name != "d005"))
    assert bench.cluster.calls == ["update_slice", "update_slice"]
    after = bench.cluster.stored_slices()
    assert [each["spec"]["devices"] for each in after[1:]] == [each["spec"]["devices"] for each in bodies[1:]]
    assert "new" in by_name(after[:1])
    assert {each["spec"]["pool"]["generation"] for each in after} == {1}


def test_a_restarted_process_finds_the_devices_where_they_are() -> None:
    bench = Bench()
    bench.show(*cards(300))
    bench.show(*cards(300)[:128], *cards(300)[200:])
    del bench.cluster.calls[:]
    again = PublisherBench(bench.cluster)
    again.show(*cards(300)[:128], *cards(300)[200:])
    assert bench.writes() == 0


def test_slices_of_128_devices_hold_64_when_some_have_taints() -> None:
    bench = Bench()
    bench.show(*(replace(each, taints=(TAINT,)) for each in cards(130)))
    assert [len(body["spec"]["devices"]) for body in bench.cluster.stored_slices()] == [64, 64, 2]


def test_a_server_without_lists_is_learned_of_by_one_refusal_and_told_once() -> None:
    bench = Bench()
    bench.cluster.refuses = refuse_lists
    bench.show(replace(device("ens1"), attributes={"dra.net/nodes": (1, 0)}))
    assert bench.published()["ens1"]["attributes"] == {"dra.net/nodes": {"int": 1}}
    assert bench.events() == ["FieldNotKept"]
    assert bench.writes() == 2
    bench.show(replace(device("ens1"), attributes={"dra.net/nodes": (0, 1)}))
    assert bench.writes() == 3
    assert bench.events() == ["FieldNotKept"]


def test_a_server_that_drops_taints_is_learned_of_by_its_answer_and_told_once() -> None:
    bench = Bench()
    bench.cluster.dropped_device_fields.add("taints")
    bench.show(replace(device("ens1", mtu=1500), taints=(TAINT,)), *cards(100))
    assert bench.events() == ["FieldNotKept"]
    writes = bench.writes()
    bench.show(replace(device("ens1", mtu=1500), taints=(TAINT,)), *cards(100))
    assert bench.writes() == writes
    bench.show(device("ens1", mtu=1500), *cards(100))
    assert bench.writes() == writes


@pytest.mark.parametrize(("again", "wait"), [(True, TRIED_AGAIN), (False, TRIED_ANYWAY)])
def test_another_server_is_tried_again_but_not_too_often(again: bool, wait: float) -> None:
    bench = Bench()
    bench.cluster.dropped_device_fields.add("taints")
    tainted = replace(device("ens1", mtu=1500), taints=(TAINT,))
    bench.show(tainted)
    bench.cluster.dropped_device_fields.clear()
    for seconds, expected in ((wait - 1, False), (1, True)):
        bench.clock.advance(seconds)
        if again:
            bench.publisher.again()
        bench.show(tainted)
        assert ("taints" in bench.published()["ens1"]) is expected


def test_what_the_server_still_does_not_keep_when_tried_again_is_told_once() -> None:
    bench = Bench()
    bench.cluster.dropped_device_fields.add("taints")
    for number in range(3):
        bench.show(replace(device("ens1", mtu=number), taints=(TAINT,)))
        bench.clock.advance(TRIED_ANYWAY)
    assert bench.events() == ["FieldNotKept"]


def test_a_refused_value_that_the_server_names_is_left_out_alone() -> None:
    bench = Bench()
    bench.cluster.refuses = lambda body: refuse(
        body, "alias", "spec.devices[{}].attributes[dra.net/alias].string: Too long"
    )
    bench.show(device("ens1", alias="x", mtu=1500), device("ens2", mtu=1500))
    assert bench.published() == {
        "ens1": {"name": "ens1", "attributes": {"dra.net/mtu": {"int": 1500}}},
        "ens2": {"name": "ens2", "attributes": {"dra.net/mtu": {"int": 1500}}},
    }
    assert "try_slice" not in bench.cluster.calls
    assert bench.events() == ["AttributesLeftOut"]
    assert "device ens1: attribute dra.net/alias left out: the API server refuses it" in bench.notices.kept[0].message
    assert bench.meter.values["knd_attributes_left_out{reason=refused}"] == 1


def test_a_refused_value_is_tried_again_when_it_is_another_one() -> None:
    bench = Bench()
    bench.cluster.refuses = lambda body: refuse(
        body, "alias", "spec.devices[{}].attributes[dra.net/alias].string: Too long"
    )
    bench.show(device("ens1", alias="x"))
    bench.cluster.refuses = lambda _: ""
    bench.clock.advance(1000)
    bench.show(device("ens1", alias="x", mtu=1))
    assert "dra.net/alias" not in bench.published()["ens1"]["attributes"]
    bench.show(device("ens1", alias="y", mtu=1))
    assert bench.published()["ens1"]["attributes"]["dra.net/alias"] == {"string": "y"}
    assert bench.meter.values["knd_attributes_left_out{reason=refused}"] == 0


def test_a_refused_value_that_nothing_names_is_found_by_halves_and_costs_only_itself() -> None:
    bench = Bench()
    bench.cluster.refuses = lambda body: refuse(body, "alias", "no")
    devices = cards(128, mtu=1500)
    devices[77] = device("d077", alias="x", mtu=1500)
    devices[5] = device("d005", alias="x", mtu=1500)
    bench.show(*devices)
    assert len(bench.published()) == 128
    assert all(each["attributes"] == {"dra.net/mtu": {"int": 1500}} for each in bench.published().values())
    assert bench.cluster.calls.count("try_slice") < 70
    assert bench.writes() == 2


def test_a_value_that_every_device_has_and_nothing_names_is_found_with_bounded_effort() -> None:
    bench = Bench()
    bench.cluster.refuses = lambda body: refuse(body, "alias", "no")
    bench.show(*(device(f"d{number:03}", alias="x", mtu=1500) for number in range(128)))
    assert len(bench.published()) == 128
    assert all(each["attributes"] == {"dra.net/mtu": {"int": 1500}} for each in bench.published().values())
    assert bench.cluster.calls.count("try_slice") <= 151
    assert bench.events() == ["AttributesLeftOut"]


def test_a_device_that_is_refused_by_its_name_costs_itself_and_no_other() -> None:
    bench = Bench()
    bench.cluster.refuses = lambda body: "no" if "ens2" in by_name([body]) else ""
    bench.show(device("ens1"), device("ens2", mtu=1), device("ens3"))
    assert list(bench.published()) == ["ens1", "ens3"]
    assert "device ens2 left out: the API server refuses it" in bench.notices.kept[0].message
    bench.show(device("ens1"), device("ens2", mtu=1), device("ens3"))
    assert bench.writes() == 2


def test_values_that_are_refused_only_together_cost_some_of_them() -> None:
    bench = Bench()
    bench.cluster.refuses = lambda body: (
        "no" if any(len(each.get("attributes", ())) > 3 for each in body["spec"]["devices"]) else ""
    )
    bench.show(device("ens1", a=1, b=2, c=3, d=4, e=5, mtu=1500))
    assert bench.published()["ens1"]["attributes"].keys() == {"dra.net/mtu", "dra.net/a", "dra.net/b"}


def test_a_slice_that_is_refused_whatever_is_in_it_is_a_failure_and_no_devices_fault() -> None:
    bench = Bench()
    bench.cluster.refuses = lambda _: "the policy of this cluster forbids it"
    for _ in range(2):
        with pytest.raises(Failure, match="forbids it") as caught:
            bench.show(*cards(128))
        assert caught.value.code is Code.INVALID
    assert bench.cluster.calls.count("try_slice") == 2
    bench.cluster.refuses = lambda _: ""
    bench.show(*cards(128))
    assert len(bench.published()) == 128


def test_a_search_that_the_server_does_not_answer_ends_and_is_begun_again_later() -> None:
    bench = Bench()
    bench.cluster.refuses = lambda body: refuse(body, "alias", "no")
    answered = bench.cluster.try_slice

    def away(body: Json) -> None:
        raise Failure(Code.UNAVAILABLE, "API server", "away")

    bench.cluster.try_slice = away  # type: ignore[method-assign]
    with pytest.raises(Failure, match="away"):
        bench.show(device("ens1", alias="x"))
    bench.cluster.try_slice = answered  # type: ignore[method-assign]
    bench.show(device("ens1", alias="x"))
    assert bench.published() == {"ens1": {"name": "ens1"}}


def test_a_foreign_edit_is_repaired_at_once_and_a_quarrel_ever_more_slowly() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    repaired = 0
    for _ in range(600):
        if by_name(bench.cluster.stored_slices()):
            bench.edit(lambda body: {**body, "spec": {**body["spec"], "devices": []}})
        before = bench.writes()
        bench.publisher.look()
        repaired += bench.writes() - before
        bench.clock.advance(1.0)
    assert 10 <= repaired <= 25
    bench.edit(lambda body: {**body, "spec": {**body["spec"], "devices": []}})
    bench.publisher.look()
    assert "keeps changing" in bench.publisher.quarrel
    assert bench.events() == ["SlicesChanged"]


def test_a_quarrel_that_ended_is_over_when_the_slices_are_right_again() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    for _ in range(QUARREL + 1):
        bench.edit(lambda body: {**body, "spec": {**body["spec"], "devices": []}})
        bench.clock.advance(100.0)
        assert bench.publisher.look() is None
        assert list(bench.published()) == ["ens1"]
    assert bench.publisher.quarrel == ""


def test_a_repair_that_is_held_back_does_not_hold_back_a_change_of_ours() -> None:
    bench = Bench()
    bench.show(device("ens1", mtu=1500))
    for _ in range(QUARREL - 1):
        bench.edit(lambda body: {**body, "spec": {**body["spec"], "devices": []}})
        assert bench.publisher.look() is None
    bench.edit(lambda body: {**body, "spec": {**body["spec"], "devices": []}})
    assert bench.publisher.look() == pytest.approx(0.5)
    bench.show(device("ens1", mtu=9000))
    assert bench.published()["ens1"]["attributes"] == {"dra.net/mtu": {"int": 9000}}


def test_slices_that_went_with_their_node_object_belong_to_the_new_one() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    bench.cluster._node_uid = "another"
    bench.cluster.remove_slice(NAME)
    bench.follow()
    bench.publisher.look()
    (body,) = bench.cluster.stored_slices()
    assert body["metadata"]["ownerReferences"][0]["uid"] == "another"


def test_what_a_newer_server_adds_to_the_slice_or_to_its_devices_is_not_fought() -> None:
    bench = Bench()
    stored = bench.cluster._stored
    bench.cluster._stored = lambda body: added(stored(body))  # type: ignore[method-assign]
    bench.show(device("ens1", mtu=1500), device("ens2"))
    for _ in range(3):
        bench.follow()
        bench.publisher.look()
    assert bench.writes() == 1
    bench.show(device("ens1", mtu=9000), device("ens2"))
    assert bench.writes() == 2


def test_a_flapping_device_is_held_back_and_another_one_is_not() -> None:
    bench = Bench()
    bench.show(device("ens1", state="up"), device("ens2", mtu=1500))
    for number in range(600):
        bench.clock.advance(1.0)
        bench.show(device("ens1", state=("down", "up")[number % 2]), device("ens2", mtu=1500))
    assert bench.writes() < 25
    due = bench.show(device("ens1", state="dormant"), device("ens2", mtu=9000))
    assert due is not None
    assert 0 < due <= 60
    assert bench.published()["ens2"]["attributes"] == {"dra.net/mtu": {"int": 9000}}
    bench.clock.advance(60.0)
    assert bench.publisher.look() is None
    assert bench.published()["ens1"]["attributes"] == {"dra.net/state": {"string": "dormant"}}


def test_a_conflict_is_resolved_by_a_fresh_list() -> None:
    bench = Bench()
    bench.show(device("ens1", mtu=1500))
    bench.cluster.update_slice(bench.cluster.stored_slices()[0])  # the watch has not told it yet
    with pytest.raises(Failure) as caught:
        bench.show(device("ens1", mtu=9000))
    assert caught.value.code is Code.CONFLICT
    bench.publisher.look()
    assert bench.published()["ens1"]["attributes"] == {"dra.net/mtu": {"int": 9000}}


def test_the_filter_sees_a_device_again_only_when_it_has_changed() -> None:
    seen = []

    def keeps(attributes: Json) -> bool:
        seen.append(attributes["dra.net/mtu"])
        return bool(attributes["dra.net/mtu"] < 9000)

    cluster = FakeCluster(NODE, DRIVER)
    bench = PublisherBench(cluster, keeps)
    for _ in range(3):
        bench.show(device("ens1", mtu=1500), device("ens2", mtu=9000))
    assert seen == [1500, 9000]
    assert list(by_name(cluster.stored_slices())) == ["ens1"]


def refuse(body: Json, identifier: str, words: str) -> str:
    """Refuse a slice in which a device has such an attribute; the words get its index."""
    for index, each in enumerate(body["spec"]["devices"]):
        if f"dra.net/{identifier}" in each.get("attributes", {}):
            return words.format(index)
    return ""


def refuse_lists(body: Json) -> str:
    """As a server without the feature: it drops the list, and misses the value."""
    for index, each in enumerate(body["spec"]["devices"]):
        for name, value in each.get("attributes", {}).items():
            if value.keys() & {"ints", "strings", "bools"}:
                return (
                    f'spec.devices[{index}].attributes[{name}]: Invalid value: "": exactly one value must be specified'
                )
    return ""


def added(body: dict[str, object]) -> dict[str, object]:
    """What a newer server may fill in by default."""
    spec = copy.deepcopy(body["spec"])
    assert isinstance(spec, dict)
    for each in spec["devices"]:
        each["somethingNew"] = False
    return {**body, "spec": {**spec, "alsoNew": 0}}


def test_a_device_for_which_the_filter_fails_is_not_published_and_that_is_told_once() -> None:
    def keeps(attributes: Json) -> bool:
        if "dra.net/mtu" not in attributes:
            raise Failure(Code.INVALID, "filter", "No such key: dra.net/mtu")
        return True

    cluster = FakeCluster(NODE, DRIVER)
    bench = PublisherBench(cluster, keeps)
    for _ in range(3):
        bench.show(device("ens1", mtu=1500), device("ens2", state="up"))
        bench.show(device("ens1", mtu=1500), device("ens2", state="down"))
        bench.clock.advance(10.0)
    assert list(by_name(cluster.stored_slices())) == ["ens1"]
    (notice,) = bench.notices.kept
    assert notice.message == "device ens2 is not published, because filter: No such key: dra.net/mtu"
    assert bench.meter.values["knd_attributes_left_out{reason=filter}"] == 1
