"""``knd devices`` and ``knd topology`` as a person uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.show import devices, topology
from tests.support.machines import accelerated, ordinary


@pytest.fixture
def edge(tmp_path: Path) -> str:
    """A machine at the edge."""
    return str(ordinary.edge(tmp_path / "sys").root)


def names(out: str) -> list[str]:
    """The devices of a JSON output."""
    return [each["name"] for each in json.loads(out)]


def test_json_and_yaml_say_the_same(edge: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert devices.main(["-o", "json", f"--sysfs-root={edge}"]) == 0
    as_json = capsys.readouterr().out
    assert devices.main(["-o", "yaml", f"--sysfs-root={edge}"]) == 0
    assert json.loads(as_json) == yaml.safe_load(capsys.readouterr().out)


def test_a_filter_is_honoured_and_what_it_hides_is_told(edge: str, capsys: pytest.CaptureFixture[str]) -> None:
    expression = 'attributes["dra.net/virtual"].BoolValue == false && "dra.net/isSriovVf" in attributes'
    assert devices.main(["-o", "json", f"--sysfs-root={edge}", f"--filter={expression}"]) == 0
    assert names(capsys.readouterr().out) == ["pci-0000-01-10-0", "pci-0000-01-10-1", "pci-0000-01-10-2"]
    assert devices.main([f"--sysfs-root={edge}", f"--filter={expression}"]) == 0
    assert "  br0: hidden by --filter\n" in capsys.readouterr().out


def test_a_node_configuration_selects_and_adds(edge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "node.yaml"
    config: dict[str, Any] = {
        "apiVersion": "knd/v1",
        "kind": "NodeConfiguration",
        "devices": {"select": [{"drivers": ["igb*"]}]},
        "deny": [{"pciAddresses": ["0000:01:10.1"]}],
        "attributes": [{"match": {"vendors": ["8086"]}, "set": {"example.com/rail": 3}}],
        "multus": [{"match": {"devices": ["1520"]}, "resourceName": "example.com/vf"}],
    }
    file.write_text(yaml.safe_dump(config))
    assert devices.main(["-o", "json", f"--sysfs-root={edge}", f"--node-config={file}"]) == 0
    found = {each["name"]: each["attributes"] for each in json.loads(capsys.readouterr().out)}
    assert found.keys() == {"pci-0000-01-00-0", "pci-0000-01-10-0", "pci-0000-01-10-2"}
    assert [each["example.com/rail"] for each in found.values()] == [{"int": 3}] * 3
    multus = {name.rpartition("/")[2]: value for name, value in found["pci-0000-01-10-0"].items() if "cncf" in name}
    assert multus == {"resourceName": {"string": "example.com/vf"}, "deviceID": {"string": "0000:01:10.0"}}
    assert not [name for name in found["pci-0000-01-00-0"] if "cncf" in name]


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--sysfs-root=/nowhere", "/nowhere: is no sysfs"),
        ("--filter=attributes[", "filter: "),
        ("--node-config={}/broken.yaml", "broken.yaml"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(
    edge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, reason: str
) -> None:
    (tmp_path / "broken.yaml").write_text("kind: Pod")
    for command in (devices.main, topology.main):
        assert command([f"--sysfs-root={edge}", flag.format(tmp_path)]) == 1
        said = capsys.readouterr().err
        assert reason in said
        assert len(said.splitlines()) <= 2


def test_an_unknown_form_of_output_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        devices.main(["-o", "xml"])
    assert ended.value.code == 2
    assert "table" in capsys.readouterr().err


def test_a_reader_that_has_had_enough_is_no_error(edge: str) -> None:
    command = [sys.executable, "-W", "error", "-m", "agent.show.devices", "-o", "yaml", f"--sysfs-root={edge}"]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr.count("Traceback")) == (0, 0)
    assert "Broken" not in ended.stderr


def test_the_topology_for_programs_has_each_pair_with_its_alignment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert topology.main(["-o", "json", f"--sysfs-root={accelerated.h100(tmp_path / 'sys').root}"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [node["numaNode"] for node in found["nodes"]] == [0, 1]
    kinds = [pair["alignment"] for pair in found["pairs"]]
    assert {kind: kinds.count(kind) for kind in kinds} == {"switch": 8, "node": 28, "none": 36}


def test_a_machine_without_anything_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "class/net").mkdir(parents=True)
    assert devices.main([f"--sysfs-root={tmp_path}"]) == 0
    assert capsys.readouterr().out == "No devices.\n"
    assert topology.main([f"--sysfs-root={tmp_path}"]) == 0
    assert capsys.readouterr().out == "No network card or accelerator on a PCI bus.\n"


def test_three_hundred_devices_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ordinary.big(tmp_path / "sys").root
    assert devices.main(["-o", "json", f"--sysfs-root={root}"]) == 0
    found = {each["name"]: each["attributes"] for each in json.loads(capsys.readouterr().out)}
    assert len(found) == 300
    functions = [attributes for attributes in found.values() if "dra.net/isSriovVf" in attributes]
    places = {(each["dra.net/pfName"]["string"], each["dra.net/vfIndex"]["int"]) for each in functions}
    assert places == {(f"card{card}", index) for card in range(4) for index in range(64)}
    card, index = found["pci-0000-31-05-3"]["dra.net/pfName"], found["pci-0000-31-05-3"]["dra.net/vfIndex"]
    assert (card, index) == ({"string": "card2"}, {"int": 35})
