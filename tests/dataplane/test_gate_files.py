"""The CDI spec files: what a container runtime sees of them, and when."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from adapters.cdi.gate import CdiGate, NoGate
from ports.devices import DeviceNode
from ports.errors import Code, Failure
from ports.gate import cdi_device_id
from ports.plan import ClaimRef
from tests.support.plans import claim_ref

CLAIM = claim_ref(uid="0c1a1000-0000-4000-8000-000000000001")
DRIVER = "dra.net"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The runtime's directory, not there yet."""
    return tmp_path / "cdi"


@pytest.fixture
def gate(root: Path) -> CdiGate:
    """A gate whose directory is not there yet."""
    return CdiGate(str(root), DRIVER)


def specs(root: Path) -> list[dict[str, object]]:
    """What a runtime reads: .json and .yaml files."""
    return [json.loads(path.read_text()) for path in sorted(root.iterdir()) if path.suffix in (".json", ".yaml")]


def test_an_open_gate_is_one_device_of_the_promised_name(gate: CdiGate, root: Path) -> None:
    gate.open(CLAIM, ("net1", "net2"))
    assert specs(root) == [
        {
            "cdiVersion": "0.5.0",
            "kind": "dra.net/attached",
            "devices": [
                {
                    "name": CLAIM.uid,
                    "containerEdits": {"env": [f"KND_CLAIM_{CLAIM.uid.replace('-', '_')}=net1,net2"]},
                }
            ],
        }
    ]
    (spec,) = specs(root)
    assert f"{spec['kind']}={CLAIM.uid}" == cdi_device_id(DRIVER, CLAIM.uid)


def test_device_files_are_named_by_path_so_that_the_runtime_looks_their_numbers_up(gate: CdiGate, root: Path) -> None:
    gate.open(CLAIM, (), (DeviceNode(path="/dev/infiniband/umad0", type="c", major=231, minor=0, mode=0o600),))
    node = {"path": "/dev/infiniband/umad0", "type": "c", "fileMode": 0o600, "permissions": "rw"}
    assert f'"deviceNodes": {json.dumps([node])}' in json.dumps(specs(root))


def test_opening_twice_leaves_one_file_and_closing_twice_none(gate: CdiGate, root: Path) -> None:
    gate.open(CLAIM, ("net1",))
    gate.open(CLAIM, ("net1",))
    assert len(list(root.iterdir())) == 1
    assert gate.opened() == {CLAIM.uid}
    gate.close(CLAIM.uid)
    gate.close(CLAIM.uid)
    assert list(root.iterdir()) == []
    assert gate.opened() == frozenset()


def test_a_runtime_may_read_the_file_whatever_our_umask(gate: CdiGate, root: Path) -> None:
    before = os.umask(0o077)
    try:
        gate.open(CLAIM, ("net1",))
    finally:
        os.umask(before)
    (path,) = root.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_the_files_of_others_are_neither_counted_nor_touched(gate: CdiGate, root: Path) -> None:
    root.mkdir()
    foreign = root / "vendor.json"
    foreign.write_text("{}")
    other = CdiGate(str(root), "other.net")
    other.open(CLAIM, ("net1",))
    assert gate.opened() == frozenset()
    gate.close(CLAIM.uid)
    assert other.opened() == {CLAIM.uid}
    assert foreign.exists()


def test_a_file_that_a_crash_left_half_written_is_removed(gate: CdiGate, root: Path) -> None:
    gate.open(CLAIM, ("net1",))
    (path,) = root.iterdir()
    path.rename(path.with_suffix(".json.tmp"))
    assert specs(root) == []
    assert gate.opened() == frozenset()
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("uid", ["", "../x", "a/b", "a b", "-a", "a" * 200, "a\n"])
def test_a_uid_that_is_no_device_name_is_refused(gate: CdiGate, uid: str) -> None:
    with pytest.raises(Failure) as opening:
        gate.open(ClaimRef(namespace="apps", name="nics", uid=uid), ())
    with pytest.raises(Failure) as closing:
        gate.close(uid)
    assert opening.value.code is closing.value.code is Code.INVALID


def test_a_directory_that_cannot_be_written_is_named_with_its_flag(tmp_path: Path) -> None:
    (tmp_path / "cdi").write_text("a file")
    gate = CdiGate(str(tmp_path / "cdi"), DRIVER)
    with pytest.raises(Failure, match="--cdi-root") as caught:
        gate.open(CLAIM, ())
    assert caught.value.code is Code.UNAVAILABLE


def test_without_cdi_nothing_is_open_and_nothing_fails() -> None:
    gate = NoGate()
    gate.open(CLAIM, ("net1",))
    assert gate.opened() == frozenset()
    gate.close(CLAIM.uid)
