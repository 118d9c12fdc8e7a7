"""Machines of several types from their sysfs to what is published of them and drawn, compared attribute by attribute.

What is expected is in ``expected/``. ``python -m tests.watch.test_machines`` writes it anew; read the difference.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.sysfs import names
from agent.show import devices, topology
from tests.support.machines import accelerated, ordinary
from tests.support.machines.builder import Machine

HERE = Path(__file__).parent
EXPECTED = HERE / "expected"
PCI_IDS = HERE.parent / "support/machines/pci.ids"
MACHINES: dict[str, Callable[[Path], Machine]] = {
    "h100": accelerated.h100,
    "gb300": accelerated.gb300,
    "edge": ordinary.edge,
    "cloud": ordinary.cloud,
    "switchdev": ordinary.switchdev,
    "odd": ordinary.odd,
}
COMMANDS = {
    "devices.yaml": (devices.main, ["-o", "yaml", "--filter="]),
    "devices.txt": (devices.main, ["--filter="]),
    "topology.txt": (topology.main, ["--filter="]),
}


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same names of products on every machine that runs the tests."""
    monkeypatch.setattr(names, "PLACES", (str(PCI_IDS),))


def printed(machine: Machine, what: str) -> tuple[str, str]:
    """What a command prints of a machine, and what it notes."""
    command, flags = COMMANDS[what]
    out, notes = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(notes):
        assert command([*flags, f"--sysfs-root={machine.root}"]) == 0
    return out.getvalue(), notes.getvalue()


@pytest.mark.parametrize("what", COMMANDS)
@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_told_as_it_is(tmp_path: Path, name: str, what: str) -> None:
    text, _ = printed(MACHINES[name](tmp_path / "sys"), what)
    assert text == (EXPECTED / f"{name}.{what}").read_text(encoding="utf-8")


def write() -> None:
    """Take what is printed now for what is expected."""
    names.PLACES = (str(PCI_IDS),)
    EXPECTED.mkdir(exist_ok=True)
    for name, make in MACHINES.items():
        with tempfile.TemporaryDirectory() as directory:
            machine = make(Path(directory) / "sys")
            for what in COMMANDS:
                (EXPECTED / f"{name}.{what}").write_text(printed(machine, what)[0], encoding="utf-8")


if __name__ == "__main__":
    write()
