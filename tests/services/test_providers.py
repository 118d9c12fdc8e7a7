"""The platform in the background: found, remembered, asked again; and nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.services.platforms import FRESH
from agent.services.providers import Providers
from ports.devices import Device, Identity
from ports.errors import Code, Failure
from ports.netconfig import InterfaceConfig, NetworkConfig
from ports.providers import Description, DeviceIds, Platform, Remembered
from tests.services.support import DRIVER, FakeMeter
from tests.support.clock import FakeClock
from tests.support.eventually import eventually
from tests.support.shelf import MemoryShelf

AWAY = Failure(Code.UNAVAILABLE, "server", "is away")


class FakePlatform:
    """``Provider`` and ``Platform`` in one, with what a test wants it to say."""

    def __init__(self, name: str = "GCE", here: bool = True) -> None:
        self.name = name
        self.here = here
        self.away = False
        self.said: dict[str, Description | Failure] = {}
        self.reads = 0
        self.described: list[DeviceIds] = []
        self.gate = threading.Event()
        self.gate.set()

    def detect(self) -> None:
        self.gate.wait(30)
        if not self.here:
            raise Failure(Code.NOT_FOUND, self.name, "not here")

    def read(self) -> Platform:
        self.reads += 1
        if self.away:
            raise AWAY
        return self

    def describe(self, ids: DeviceIds) -> Description:
        self.described.append(ids)
        said = self.said.get(ids.device, Description(attributes={f"gce.dra.net/{ids.device}": True}))
        if isinstance(said, Failure):
            raise said
        return said


def card(name: str, mac: str = "02:00:00:00:00:01", pci: str | None = "0000:01:00.0") -> Device:
    attributes = {"dra.net/ifName": name, "dra.net/mac": mac, "dra.net/rdmaDevice": "mlx5_0"}
    return Device(name=name, identity=Identity(ifindex=7, pci_address=pci), interface=name, attributes=attributes)


class Bench:
    def __init__(self, *platforms: FakePlatform) -> None:
        self.platforms = platforms or (FakePlatform(),)
        self.clock = FakeClock()
        self.shelf: MemoryShelf[Remembered] = MemoryShelf()
        self.devices: tuple[Device, ...] | None = (card("ens1"), card("ens2"))
        self.meter = FakeMeter()
        self.news = self.asked = 0
        self.providers = self.started()

    @property
    def platform(self) -> FakePlatform:
        return self.platforms[0]

    def started(self) -> Providers:
        """The service after a restart of its process."""
        self.providers = Providers(
            driver=DRIVER,
            candidates=self.platforms,
            devices=self._listed,
            shelf=self.shelf,
            clock=self.clock,
            meter=self.meter,
        )
        self.providers.tell(self._told)
        return self.providers

    def _listed(self) -> tuple[Device, ...] | None:
        self.asked += 1
        return self.devices

    def _told(self) -> None:
        self.news += 1

    def published(self, name: str = "ens1") -> set[str]:
        """The platform's attributes of a device as they would be published."""
        return {key for key in self.providers.dressed(card(name)).attributes if not key.startswith("dra.net/")}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_device_gets_what_the_platform_says_of_it(bench: Bench) -> None:
    assert bench.published() == set()
    assert bench.providers.step()
    assert (bench.published("ens1"), bench.published("ens2")) == ({"gce.dra.net/ens1"}, {"gce.dra.net/ens2"})
    assert bench.news == 2
    assert bench.providers.found == "GCE"
    ids = DeviceIds(device="ens1", interface="ens1", mac="02:00:00:00:00:01", pci_address="0000:01:00.0", rdma="mlx5_0")
    assert ids in bench.platform.described


def test_its_configuration_is_there_for_claims(bench: Bench) -> None:
    config = NetworkConfig(interface=InterfaceConfig(mtu=8896))
    bench.platform.said["ens1"] = Description(config=config)
    assert bench.providers.config("ens1") is None
    bench.providers.step()
    assert (bench.providers.config("ens1"), bench.providers.config("ens2")) == (config, None)


def test_the_first_in_order_that_is_here_counts() -> None:
    bench = Bench(FakePlatform("GCE", here=False), FakePlatform("AWS"), FakePlatform("AZURE"))
    bench.providers.step()
    assert bench.providers.found == "AWS"
    assert [platform.reads for platform in bench.platforms] == [0, 1, 0]


def test_where_no_platform_is_it_is_looked_for_again(bench: Bench) -> None:
    bench.platform.here = False
    assert not bench.providers.step()
    assert not bench.providers.step()
    bench.platform.here = True
    assert bench.providers.step()
    assert bench.meter.counts["knd_provider_detections", "none"] == 2


def test_what_was_described_is_not_asked_again_until_it_is_old(bench: Bench) -> None:
    bench.providers.step()
    bench.providers.step()
    assert bench.platform.reads == 1
    bench.clock.sleep(FRESH + 1)
    bench.providers.step()
    assert (bench.platform.reads, bench.news) == (2, 2), "and the same again is no news"


def test_a_new_device_and_one_that_became_another_are_asked_for_at_once(bench: Bench) -> None:
    bench.providers.step()
    bench.platform.described.clear()
    bench.devices = (card("ens1"), card("ens2", mac="02:00:00:00:00:02"), card("ens3"))
    bench.providers.step()
    assert sorted(ids.device for ids in bench.platform.described) == ["ens2", "ens3"]


def test_virtual_interfaces_that_come_and_go_cost_no_look_and_new_hardware_does(bench: Bench) -> None:
    bench.providers.step()
    known = bench.devices or ()
    for number in range(5):
        bench.devices = (*known, card(f"veth{number}", pci=None))
        bench.providers.step()
        assert bench.published(f"veth{number}") == {f"gce.dra.net/veth{number}"}
    assert bench.platform.reads == 1
    bench.devices = (*known, card("ens3"))
    bench.providers.step()
    assert bench.platform.reads == 2


def test_a_look_is_good_for_some_time_only(bench: Bench) -> None:
    bench.devices = (card("veth0", pci=None),)
    bench.providers.step()
    bench.clock.sleep(FRESH / 2)
    bench.devices = (card("veth1", pci=None),)
    bench.providers.step()
    bench.clock.sleep(FRESH / 2)
    bench.devices = (card("veth2", pci=None),)
    bench.providers.step()
    assert bench.platform.reads == 2


def test_another_name_of_the_same_card_keeps_its_description_until_there_is_a_newer_one(bench: Bench) -> None:
    bench.providers.step()
    bench.platform.away = True
    bench.devices = (replace(card("ens1"), interface="renamed"), card("ens2", mac="02:00:00:00:00:09"))
    bench.providers.step()
    assert (bench.published("ens1"), bench.published("ens2")) == ({"gce.dra.net/ens1"}, set())


def test_a_device_that_is_gone_is_forgotten(bench: Bench) -> None:
    bench.providers.step()
    bench.devices = (card("ens1"),)
    bench.providers.step()
    assert (bench.published("ens2"), set(bench.shelf.values)) == (set(), {"ens1"})


def test_a_platform_that_goes_away_changes_nothing_and_is_asked_again(bench: Bench) -> None:
    bench.providers.step()
    bench.platform.away = True
    bench.clock.sleep(FRESH + 1)
    assert not bench.providers.step()
    assert bench.published() == {"gce.dra.net/ens1"}
    bench.platform.away = False
    bench.platform.said["ens1"] = Description(attributes={"gce.dra.net/new": 1})
    assert bench.providers.step()
    assert bench.published() == {"gce.dra.net/new"}


def test_one_device_that_cannot_be_described_costs_no_other_and_is_asked_later(bench: Bench) -> None:
    bench.platform.said["ens1"] = AWAY
    assert bench.providers.step()
    assert (bench.published("ens1"), bench.published("ens2")) == (set(), {"gce.dra.net/ens2"})
    bench.platform.described.clear()
    bench.providers.step()
    assert bench.platform.described == [], "not at once"
    del bench.platform.said["ens1"]
    bench.clock.sleep(10)
    bench.providers.step()
    assert [ids.device for ids in bench.platform.described] == ["ens1"]
    assert bench.published("ens1") == {"gce.dra.net/ens1"}


def test_after_a_restart_with_a_dead_platform_everything_is_as_it_was(bench: Bench) -> None:
    bench.providers.step()
    bench.platform.here = False
    bench.started()
    assert bench.published() == {"gce.dra.net/ens1"}
    assert not bench.providers.step()
    assert bench.published() == {"gce.dra.net/ens1"}


def test_a_disk_that_refuses_costs_only_the_memory_over_a_restart(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise Failure(Code.INTERNAL, "/run", "No space left on device")

    for name in ("put", "drop"):
        setattr(bench.shelf, name, full)
    assert bench.providers.step()
    assert (bench.published(), bench.news) == ({"gce.dra.net/ens1"}, 2)
    bench.devices = (card("ens1"),)
    assert bench.providers.step()
    assert "No space left on device" in caplog.text


def test_what_another_platform_said_is_not_believed(bench: Bench) -> None:
    bench.providers.step()
    bench.platforms = (FakePlatform("AWS", here=False),)
    bench.started()
    assert (bench.published(), bench.shelf.values) == (set(), {})


def test_before_there_are_devices_nothing_is_read_and_nothing_remembered_is_lost(bench: Bench) -> None:
    bench.providers.step()
    bench.started()
    bench.devices = None
    assert bench.providers.step()
    assert bench.platform.reads == 1
    assert bench.published() == {"gce.dra.net/ens1"}


@pytest.fixture
def running() -> Iterator[Callable[[Bench], Bench]]:
    """A bench whose loop runs on a real thread, and ends with the test."""
    benches: list[tuple[Bench, threading.Thread]] = []

    def run(bench: Bench) -> Bench:
        thread = threading.Thread(target=bench.providers.run)
        thread.start()
        benches.append((bench, thread))
        return bench

    yield run
    for bench, thread in benches:
        for platform in bench.platforms:
            platform.gate.set()
        bench.providers.stop()
        thread.join(30)
        assert not thread.is_alive()


def test_a_platform_that_does_not_answer_delays_nobody(running: Callable[[Bench], Bench]) -> None:
    silent = FakePlatform()
    silent.gate.clear()
    bench = running(Bench(silent))
    assert (bench.published(), bench.providers.config("ens1"), bench.providers.found) == (set(), None, "")
    silent.gate.set()
    eventually(lambda: bench.published() == {"gce.dra.net/ens1"})


def test_a_new_device_wakes_it(running: Callable[[Bench], Bench]) -> None:
    bench = running(Bench())
    eventually(lambda: bench.news == 2)
    bench.devices = (card("ens1"), card("ens2"), card("ens3"))
    bench.providers.wake()
    eventually(lambda: bench.published("ens3") != set())


def test_it_rests_while_the_devices_are_not_known(running: Callable[[Bench], Bench]) -> None:
    bench = Bench()
    bench.providers.step()
    bench.started()  # with what is remembered due at once
    bench.devices = None
    running(bench)
    eventually(lambda: bench.providers.found == "GCE")
    asked = bench.asked
    time.sleep(0.1)
    assert bench.asked - asked < 20
    bench.devices = (card("ens3"),)
    bench.providers.wake()
    eventually(lambda: bench.published("ens3") != set())


def test_a_defect_does_not_end_it(running: Callable[[Bench], Bench], caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.platform.said["ens1"] = Description()
    del bench.platform.reads  # an AttributeError in read()
    running(bench)
    eventually(lambda: "a defect" in caplog.text)
    bench.platform.reads = 0
    eventually(lambda: bench.published("ens2") != set(), 30)


def test_without_anything_to_look_for_there_is_no_loop() -> None:
    bench = Bench()
    bench.platforms = ()
    bench.started().run()
