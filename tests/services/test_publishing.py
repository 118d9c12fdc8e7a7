"""The node's slices: right after every change, silent when nothing changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from agent.services.bell import Bell
from agent.services.inventories import Inventories
from agent.services.publishing import LISTED, SHORT, SPREAD, Publishing
from ports.cluster import Change
from ports.devices import AttributeValue, Device, Inventory
from ports.errors import Code, Failure
from ports.outbox import Holding
from ports.plan import ClaimRef
from tests.contracts.cluster.fake import FakeCluster
from tests.domain.values import device
from tests.services.support import DRIVER, NODE, FakeMeter, KeptNotices
from tests.support.clock import FakeClock
from tests.support.shelf import MemoryShelf

AWAY = Failure(Code.UNAVAILABLE, "API server", "connection refused")
NAME = "00000-dra.net-node1"


class Bench:
    """Publishing on a fake cluster, its loops not running."""

    def __init__(self, keeps: Callable[[Mapping[str, AttributeValue]], bool] = lambda _: True) -> None:
        self.cluster = FakeCluster(NODE, DRIVER)
        self.meter = FakeMeter()
        self.clock = FakeClock()
        self.notices = KeptNotices()
        self.shelf: MemoryShelf[Holding] = MemoryShelf()
        self.inventories = Inventories(self.shelf)
        self.publishing = Publishing(
            driver=DRIVER,
            node=NODE,
            cluster=self.cluster,
            inventories=self.inventories,
            keeps=keeps,
            clock=self.clock,
            meter=self.meter,
            notices=self.notices,
        )
        self.inventories.tell(self.publishing.wake)

    def show(self, *devices: Device) -> None:
        self.inventories.put(Inventory(generation=1, devices=devices))

    def published(self) -> list[str]:
        bodies = self.cluster.stored_slices()
        return [device["name"] for body in bodies for device in body["spec"].get("devices", [])]

    def writes(self) -> int:
        return sum(call in ("create_slice", "update_slice", "delete_slice") for call in self.cluster.calls)

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=loop, daemon=True) for loop in (self.publishing.run, self.publishing.watch)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.publishing.stop()
            threads[0].join(5)
            assert not threads[0].is_alive()


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def test_nothing_is_published_before_the_first_inventory() -> None:
    bench = Bench()
    bench.publishing.publish()
    assert bench.cluster.calls == []
    assert bench.publishing.problem == "no slice written yet"


def test_an_inventory_becomes_slices_once() -> None:
    bench = Bench()
    bench.show(device("ens1"), device("ens2"))
    bench.publishing.publish()
    bench.publishing.publish()
    assert bench.published() == ["ens1", "ens2"]
    assert (bench.writes(), bench.publishing.problem) == (1, "")
    assert bench.meter.values["knd_published_devices"] == 2
    assert bench.meter.values["knd_published_rdma_devices"] == 0
    bench.show(device("ens1"), device("ens2", rdma=True))
    bench.publishing.publish()
    assert bench.meter.values["knd_published_rdma_devices"] == 1
    assert bench.meter.values["knd_last_published_time_seconds"] == bench.clock.wall_ns() / 1e9
    assert bench.meter.counts["knd_slice_writes", "create", "success"] == 1


def test_the_filter_decides_what_is_published() -> None:
    bench = Bench(keeps=lambda attributes: attributes.get("dra.net/type") != "veth")
    bench.show(device("ens1", type="device"), device("veth1", type="veth"))
    bench.publishing.publish()
    assert bench.published() == ["ens1"]


def test_an_empty_host_is_published_too() -> None:
    bench = Bench()
    bench.show()
    bench.publishing.publish()
    assert len(bench.cluster.stored_slices()) == 1


def test_the_node_is_asked_for_once_until_the_kubelet_registers_us_again() -> None:
    bench = Bench()
    bench.show()
    bench.publishing.publish()
    bench.publishing.publish()
    assert bench.cluster.calls.count("node_uid") == 1
    bench.publishing.resync()
    bench.publishing.publish()
    assert bench.cluster.calls.count("node_uid") == 2


def test_a_dropped_field_is_logged_and_not_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.cluster.dropped_device_fields.add("attributes")
    bench.show(device("ens1", mtu=1500))
    with caplog.at_level(logging.WARNING, "knd.publishing"):
        bench.publishing.publish()
        bench.publishing.publish()
    assert bench.writes() == 1
    assert "it is not sent again: attributes" in caplog.text


def test_what_had_to_be_left_out_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.show(device("ens1", alias="x" * 65))
    with caplog.at_level(logging.WARNING, "knd.publishing"):
        bench.publishing.publish()
        bench.publishing.publish()
    assert caplog.text.count("attribute dra.net/alias shortened") == 1


def test_a_burst_is_one_write() -> None:
    bench = Bench()
    with bench.running():
        for count in range(1, 30):
            bench.show(*(device(f"d{index}") for index in range(count)))
        eventually(lambda: len(bench.published()) == 29)
    assert bench.writes() <= 2


def test_slices_that_somebody_deletes_come_back() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: bench.published() == ["ens1"])
        bench.cluster.remove_slice(NAME)
        eventually(lambda: bench.published() == ["ens1"])
    assert bench.cluster.calls.count("create_slice") == 2


def test_an_api_server_that_comes_back_gets_the_slices() -> None:
    bench = Bench()
    bench.cluster.fail(AWAY, times=3)
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: "create_slice" in bench.cluster.calls)
        eventually(lambda: bench.publishing.problem == "")


def test_a_problem_is_shown_while_it_lasts() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    bench.cluster.fail(AWAY, times=10_000)
    with bench.running():
        eventually(lambda: "connection refused" in bench.publishing.problem)


def test_a_conflict_leads_to_a_fresh_comparison() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: bench.publishing.problem == "")
        bench.cluster.update_slice(
            {**bench.cluster.stored_slices()[0], "spec": {"driver": DRIVER, "nodeName": NODE, "pool": {}}}
        )
        eventually(lambda: bench.published() == ["ens1"])
        eventually(lambda: bench.publishing.problem == "")


def test_stop_ends_the_loop_at_once_and_leaves_the_slices() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: bench.published() == ["ens1"])
    assert bench.published() == ["ens1"]


def test_held_devices_are_known_after_a_restart() -> None:
    bench = Bench()
    bench.inventories.hold(ClaimRef(namespace="team", name="net", uid="claim"), (device("ens1"),))
    again = Inventories(bench.shelf)
    again.put(Inventory(generation=1))
    assert again.devices() == (device("ens1"),)


class Feed:
    """A feed that fails first."""

    def __init__(self, *answers: Inventory | Failure | None) -> None:
        self.answers = list(answers)

    def latest(self, timeout: float) -> Inventory | None:
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Failure):
            raise answer
        if answer is None:
            time.sleep(0.01)
        return answer


def test_the_feed_is_followed_whatever_happens_to_it() -> None:
    bench, bell = Bench(), Bell()
    feed = Feed(None, Failure(Code.UNAVAILABLE, "watch", "away"), Inventory(generation=5, devices=(device("ens1"),)))
    thread = threading.Thread(target=bench.inventories.follow, args=(feed, bell), daemon=True)
    thread.start()
    eventually(lambda: bench.inventories.device("ens1") is not None)
    bell.close()
    thread.join(5)
    assert not thread.is_alive()


def test_the_end_of_a_watch_is_a_comparison_too_because_an_event_may_have_been_missed() -> None:
    bench = Bench()
    bench.cluster.changes = lambda version, timeout: iter(())  # type: ignore[method-assign]
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: bench.published() == ["ens1"])
        for body in bench.cluster.stored_slices():
            bench.cluster.delete_slice(body["metadata"]["name"])
        eventually(lambda: bench.published() == ["ens1"])


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks() -> None:
    bench = Bench()
    bench.show(device("ens1"))
    bench.cluster.fail(Failure(Code.UNAVAILABLE, "API server", "too many requests", retry_after=0.6), times=2)
    began = time.monotonic()
    with bench.running():
        eventually(lambda: bench.published() == ["ens1"])
    assert time.monotonic() - began >= 0.6


def test_a_watch_that_fails_each_time_is_begun_ever_more_slowly_and_the_slices_are_kept() -> None:
    bench = Bench()
    begun: list[float] = []

    def broken(version: str, timeout: float) -> Iterator[Change]:
        begun.append(time.monotonic())
        raise Failure(Code.CONFLICT, "watch", "too old resource version")

    bench.cluster.changes = broken  # type: ignore[method-assign]
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: bench.published() == ["ens1"])
        bench.cluster.remove_slice(NAME)
        eventually(lambda: bench.published() == ["ens1"])
        eventually(lambda: len(begun) >= 3)
    assert begun[2] - begun[0] >= SPREAD / 2 + SPREAD


def test_a_watch_that_ends_in_good_time_goes_on_where_it_was_without_a_list() -> None:
    bench = Bench()
    versions: list[str] = []

    def slow(version: str, timeout: float) -> Iterator[Change]:
        versions.append(version)
        bench.clock.advance(SHORT + 1)
        yield Change(version=str(int(version) + 1))
        time.sleep(0.01)

    bench.cluster.changes = slow  # type: ignore[method-assign]
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: len(versions) > 20)
    assert versions[:20] == [str(int(versions[0]) + count) for count in range(20)]
    assert bench.cluster.calls.count("slices") == 1


def test_the_slices_are_listed_again_now_and_then_in_case_an_event_was_missed() -> None:
    bench = Bench()

    def slow(version: str, timeout: float) -> Iterator[Change]:
        bench.clock.advance(LISTED / 2)
        time.sleep(0.01)
        yield from ()

    bench.cluster.changes = slow  # type: ignore[method-assign]
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: bench.published() == ["ens1"])
        bench.cluster.remove_slice(NAME)
        eventually(lambda: bench.published() == ["ens1"])


def test_what_is_held_back_is_written_when_it_is_due() -> None:
    bench = Bench()
    with bench.running():
        bench.show(device("ens1", state="up"))
        eventually(lambda: bench.published() == ["ens1"])
        for state in ("down", "up", "down", "up", "down"):
            bench.show(device("ens1", state=state))
            eventually(lambda state=state: f"'{state}'" in str(bench.cluster.stored_slices()))  # type: ignore[misc]
        bench.show(device("ens1", state="up"))
        time.sleep(0.3)  # looked at, and held back: this clock stands still
        assert "down" in str(bench.cluster.stored_slices())
        bench.clock.advance(1.0)
        eventually(lambda: "down" not in str(bench.cluster.stored_slices()))


def test_a_defect_is_seen_in_health_and_does_not_end_publishing(caplog: pytest.LogCaptureFixture) -> None:
    broken = [True]

    def keeps(attributes: Mapping[str, AttributeValue]) -> bool:
        if broken:
            raise RuntimeError("nobody thought of this")
        return True

    bench = Bench(keeps)
    bench.show(device("ens1"))
    with bench.running():
        eventually(lambda: "nobody thought of this" in bench.publishing.problem)
        broken.clear()
        eventually(lambda: bench.published() == ["ens1"] and bench.publishing.problem == "")
    assert "Traceback" in caplog.text
