"""The stand-in node's network is real: namespaces, a cable, traffic; and nothing of it is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

STORY = """
import sys
from pathlib import Path
from adapters.standin import namespaces, network

before = Path("/proc/self/ns/net").stat().st_ino
namespaces.enter_private_host()
assert Path("/proc/self/ns/net").stat().st_ino != before
directory = Path(sys.argv[1])
fabric = namespaces.create(directory / "fabric")
network.cable("nic0", "02:00:5e:00:00:01", fabric, "port0")
empty = network.describe()
network.configure("nic0", ["198.51.100.10/24"], mtu=1400)
network.configure("port0", ["198.51.100.1/24"], fabric)
network.route("nic0", "203.0.113.0/24", "198.51.100.1")
lines = network.describe()
assert "link nic0 mac 02:00:5e:00:00:01 mtu 1400 up" in lines, lines
assert "address nic0 198.51.100.10/24" in lines, lines
assert "route 203.0.113.0/24 via 198.51.100.1 dev nic0 table 254" in lines, lines
assert lines == network.describe()
assert lines != empty
traffic = network.transfer(Path("/proc/self/ns/net"), fabric, "198.51.100.1", 1_000_000)
assert traffic.sent == 1_000_000 and traffic.gigabits > 0
namespaces.destroy(fabric)
namespaces.destroy(fabric)
assert not fabric.exists()
print("done")
"""


def test_a_private_host_has_an_interface_cabled_to_a_fabric(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", STORY, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "done\n"
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
