"""What the watcher tells of a device for its health to be judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.sysfs.errors import pci_errors
from agent.domain.discovery.vitals import vitals
from ports.devices import Identity, Link, RdmaLink
from ports.discovery import RdmaDevice
from ports.hardware import Hardware, PciFacts, RdmaFacts, RdmaPort
from ports.vitals import Vitals

HARDWARE = Hardware(virtual=False, function=PciFacts(errors=(0, 2)))


def link(operstate: str, up: bool = True) -> Link:
    identity = Identity(ifindex=3)
    return Link(identity=identity, name="eth1", mac="", mtu=1500, up=up, operstate=operstate, carrier_losses=4)


def rdma(*states: str) -> RdmaDevice:
    ports = tuple(RdmaPort(number=number, state=state) for number, state in enumerate(states, 1))
    return RdmaDevice(rdma=RdmaLink(name="mlx5_0", index=1), facts=RdmaFacts(ports=ports))


@pytest.mark.parametrize(
    ("operstate", "carrier"),
    [
        ("up", True),
        ("down", False),
        ("lower-layer-down", False),
        ("not-present", False),
        ("dormant", None),
        ("unknown", None),
    ],
)
def test_the_carrier_is_told_as_far_as_the_state_tells_it(operstate: str, carrier: bool | None) -> None:
    assert vitals(link(operstate), HARDWARE, ()) == Vitals(up=True, carrier=carrier, losses=4, errors=(0, 2))


@pytest.mark.parametrize(
    ("states", "idle"),
    [
        (("active", "down"), ()),
        (("active-defer",), ()),
        (("",), ()),
        ((), ()),
        (("down", "active"), ("mlx5_0 port 1 is down",)),
    ],
)
def test_a_port_that_is_not_active_is_named(states: tuple[str, ...], idle: tuple[str, ...]) -> None:
    assert vitals(link("up"), HARDWARE, (rdma(*states),)).idle_ports == idle


def test_a_device_without_an_interface_has_no_administrative_state() -> None:
    assert vitals(None, Hardware(virtual=False), (rdma("init"),)) == Vitals(idle_ports=("mlx5_0 port 1 is init",))


def test_errors_are_the_totals_of_the_kernels_files(tmp_path: Path) -> None:
    assert pci_errors(tmp_path) == ()
    (tmp_path / "aer_dev_fatal").write_text("Undefined 0\nDLP 1\nTLP 2\nTOTAL_ERR_FATAL 3\n")
    assert pci_errors(tmp_path) == ()
    (tmp_path / "aer_dev_nonfatal").write_text("Undefined 0\nTOTAL_ERR_NONFATAL 12\n")
    assert pci_errors(tmp_path) == (3, 12)
    (tmp_path / "aer_dev_fatal").write_text("nonsense")
    assert pci_errors(tmp_path) == ()
