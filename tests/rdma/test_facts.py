"""GUIDs, states, rates and GID tables as sysfs has them, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.rdma.facts import facts
from adapters.rdma.sysfs import RdmaTree
from ports.hardware import RdmaFacts, RdmaPort

LINK_LOCAL = "fe80:0000:0000:0000:5054:00ff:fe4b:4101"
GLOBAL = "2001:0db8:0000:0000:0000:0000:0000:0007"
MAPPED = "0000:0000:0000:0000:0000:ffff:c000:0221"
EMPTY = "0000:0000:0000:0000:0000:0000:0000:0000"
V1, V2 = "IB/RoCE v1", "RoCE v2"
INFINIBAND = {
    "state": "4: ACTIVE",
    "phys_state": "5: LinkUp",
    "rate": "400 Gb/sec (4X NDR)",
    "link_layer": "InfiniBand",
    "lid": "0x1f",
    "gids/0": "fe80:0000:0000:0000:b83f:d203:00aa:bbcc",
}


def write(directory: Path, files: dict[str, str]) -> Path:
    """Files by their path."""
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(f"{content}\n")
    return directory


def port(device: Path, files: dict[str, str], number: int = 1) -> RdmaPort:
    """The port of a device that has these files."""
    write(device / f"ports/{number}", files)
    return next(each for each in facts(device).ports if each.number == number)


def table(*entries: tuple[str, str, str]) -> dict[str, str]:
    """A GID table: GID, type (empty: the entry is not in use), interface."""
    files: dict[str, str] = {"link_layer": "Ethernet"}
    for index, (gid, kind, interface) in enumerate(entries):
        files[f"gids/{index}"] = gid
        files |= {f"gid_attrs/types/{index}": kind, f"gid_attrs/ndevs/{index}": interface} if kind else {}
    return files


def test_an_infiniband_port(tmp_path: Path) -> None:
    assert port(tmp_path, INFINIBAND) == RdmaPort(
        number=1,
        state="active",
        physical_state="linkup",
        rate=400_000,
        link_layer="InfiniBand",
        guid="b83f:d203:00aa:bbcc",
        lid=31,
    )


def test_a_device_with_two_ports(tmp_path: Path) -> None:
    write(tmp_path, {"node_guid": "b83f:d203:00aa:bbcc", "fw_ver": "28.39.1002"})
    port(tmp_path, INFINIBAND, 2)
    port(tmp_path, INFINIBAND, 1)
    found = facts(tmp_path)
    assert (found.node_guid, found.firmware) == ("b83f:d203:00aa:bbcc", "28.39.1002")
    assert [each.number for each in found.ports] == [1, 2]


@pytest.mark.parametrize(
    ("text", "state"),
    [("1: DOWN", "down"), ("2: INIT", "init"), ("3: ARMED", "armed"), ("5: ACTIVE_DEFER", "active-defer"), ("", "")],
)
def test_states_are_words(tmp_path: Path, text: str, state: str) -> None:
    assert port(tmp_path, {"state": text}).state == state


@pytest.mark.parametrize(
    ("text", "rate"), [("2.5 Gb/sec (1X SDR)", 2500), ("100 Gb/sec (4X EDR)", 100_000), ("fast", None), ("", None)]
)
def test_rates_are_in_megabits(tmp_path: Path, text: str, rate: int | None) -> None:
    assert port(tmp_path, {"rate": text}).rate == rate


@pytest.mark.parametrize(
    ("entries", "index"),
    [
        ([(LINK_LOCAL, V1, "ens1"), (LINK_LOCAL, V2, "ens1"), (MAPPED, V1, "ens1"), (MAPPED, V2, "ens1")], 3),
        ([(LINK_LOCAL, V1, "ens1"), (LINK_LOCAL, V2, "ens1"), (GLOBAL, V2, "ens1"), (EMPTY, "", "")], 2),
        ([(LINK_LOCAL, V1, "ens1"), (LINK_LOCAL, V2, "ens1")], 1),
        ([(LINK_LOCAL, V2, "ens1"), (MAPPED, V2, "ens1.5"), (EMPTY, "", ""), (MAPPED, V2, "ens1")], 3),
        ([(LINK_LOCAL, V1, "ens1")], None),
        ([(EMPTY, V2, "ens1")], None),
        ([], None),
    ],
    ids=["ipv4", "routed ipv6", "link-local", "of a vlan", "v1 only", "empty", "no table"],
)
def test_the_gid_of_roce_v2_is_that_of_an_address_of_the_interface_itself(
    tmp_path: Path, entries: list[tuple[str, str, str]], index: int | None
) -> None:
    assert port(tmp_path, table(*entries)).roce_v2_index == index


def test_a_table_is_not_read_to_the_end_when_nothing_is_in_it(tmp_path: Path) -> None:
    unused = [(EMPTY, "", "")] * 200
    assert port(tmp_path, table((LINK_LOCAL, V2, "ens1"), *unused, (MAPPED, V2, "ens1"))).roce_v2_index == 0


@pytest.mark.parametrize("broken", sorted(INFINIBAND))
def test_one_broken_file_costs_one_fact(tmp_path: Path, broken: str) -> None:
    whole = port(tmp_path / "whole", INFINIBAND)
    files = {name: text for name, text in INFINIBAND.items() if name != broken}
    write(tmp_path / "broken/ports/1", files)
    (tmp_path / "broken/ports/1" / broken).mkdir(parents=True)
    found = port(tmp_path / "broken", {})
    different = [name for name in RdmaPort.__slots__ if getattr(found, name) != getattr(whole, name)]
    lost = {"gids/0": ["guid"], "phys_state": ["physical_state"], "link_layer": ["link_layer", "guid", "lid"]}
    assert different == lost.get(broken, [broken])


def test_a_device_that_is_gone_has_no_facts(tmp_path: Path) -> None:
    assert RdmaTree(str(tmp_path)).facts("mlx5_0") == RdmaFacts()


def test_of_a_file_without_end_only_the_beginning_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"fw_ver": "1" * 10_000, "ports/1/rate": f"{'9' * 400} Gb/sec"})
    found = facts(tmp_path)
    assert len(found.firmware) == 4096
    assert found.ports[0].rate is None
