"""LLDP neighbours out of lldpd's form for programs."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from adapters.lldp.file import LldpFile
from ports.hardware import WireNeighbour
from tests.watch.trees import a_link


def spoken(name: str, system: str, port: str) -> dict[str, Any]:
    """An interface as lldpcli 1.0 writes it with -f json0."""
    return {
        "name": name,
        "via": "LLDP",
        "rid": "1",
        "age": "0 day, 00:01:02",
        "chassis": [
            {
                "id": [{"type": "mac", "value": "44:38:39:00:00:11"}],
                "name": [{"value": system}],
                "descr": [{"value": "Cumulus Linux"}],
                "capability": [{"type": "Bridge", "enabled": True}],
            }
        ],
        "port": [
            {"id": [{"type": "ifname", "value": port}], "descr": [{"value": "to node 1"}], "ttl": [{"value": "120"}]}
        ],
    }


def document(*interfaces: dict[str, Any]) -> str:
    """The whole file."""
    return json.dumps({"lldp": [{"interface": list(interfaces)}]})


def test_the_first_neighbour_of_each_interface_is_told(tmp_path: Path) -> None:
    file = tmp_path / "lldp.json"
    file.write_text(
        document(spoken("ens1", "leaf1", "swp7"), spoken("ens1", "phone", "p"), spoken("ens2", "leaf2", "swp7"))
    )
    lldp = LldpFile(str(file))
    assert lldp.neighbour(a_link("ens1")) == WireNeighbour(system="leaf1", chassis="44:38:39:00:00:11", port="swp7")
    assert lldp.neighbour(a_link("ens2")) == WireNeighbour(system="leaf2", chassis="44:38:39:00:00:11", port="swp7")
    assert lldp.neighbour(a_link("ens3")) is None


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    file, next_one = tmp_path / "lldp.json", tmp_path / "next"
    lldp = LldpFile(str(file))
    assert lldp.neighbour(a_link("ens1")) is None
    for system in ("leaf1", "leaf2"):
        next_one.write_text(document(spoken("ens1", system, "swp7")))
        os.replace(next_one, file)
        found = lldp.neighbour(a_link("ens1"))
        assert found is not None
        assert found.system == system
    file.unlink()
    assert lldp.neighbour(a_link("ens1")) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"lldp": {"interface": {"ens1": {}}}}',
        '{"lldp": [{"interface": [{"name": 7}, "x", {"name": "ens1", "chassis": "x", "port": [3]}]}]}',
        '{"lldp": [{"interface": [{"name": "ens1", "chassis": [{"name": [{"value": 7}]}]}]}]}',
        "[" * 100_000,
    ],
)
def test_what_makes_no_sense_tells_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "lldp.json").write_text(content)
    assert LldpFile(str(tmp_path / "lldp.json")).neighbour(a_link("ens1")) is None


def test_without_a_file_there_are_no_neighbours() -> None:
    assert LldpFile("").neighbour(a_link("ens1")) is None


def test_a_pipe_in_the_place_of_the_file_makes_nobody_wait(tmp_path: Path) -> None:
    pipe = tmp_path / "lldp.json"
    os.mkfifo(pipe)
    found: list[object] = []
    asked = threading.Thread(target=lambda: found.append(LldpFile(str(pipe)).neighbour(a_link("ens1"))), daemon=True)
    asked.start()
    asked.join(10)
    waits = asked.is_alive()
    os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # lets go of who waits
    assert (waits, found) == (False, [None])
