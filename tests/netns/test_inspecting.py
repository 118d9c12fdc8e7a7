"""What the watcher finds out of an interface on the real kernel, without any right."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from adapters.devlink.switches import DevlinkSwitches
from adapters.ethtool.settings import EthtoolSettings
from adapters.netlink.nsfs import inside
from ports.devices import Address, Link
from tests.contracts.programs.real import plant
from tests.netns.world import RealWorld
from tests.support import bpf

pytestmark = pytest.mark.netns
ALIAS = "rack 7 \N{RIGHTWARDS ARROW} leaf 2"
LOOK = """
import json
from adapters.netlink.kernel import NetlinkKernel
from adapters.privileges.capabilities import keep_only
from adapters.sysfs.hardware import SysfsHardware
from agent.host import inspector
from ports.plain import plain
keep_only()
kernel = NetlinkKernel()
inspecting = inspector(kernel, SysfsHardware("/sys"), "")
print(json.dumps({link.name: plain(inspecting.hardware(link)) for link in kernel.links()}))
kernel.close()
"""


@pytest.fixture
def link(real: RealWorld) -> Link:
    """A link that is up, with an alias and addresses."""
    index = real.add_link("net7").identity.ifindex
    real.host.add_address(index, Address(prefix="192.0.2.5/24"))
    real.host.add_address(index, Address(prefix="2001:db8::5/64"))
    real.host.set_alias(index, ALIAS)
    real.host.set_up(index, True)
    return real.host.link(index)


def looked(real: RealWorld) -> dict[str, Any]:
    """What a process without capabilities sees in the private host, by interface."""
    command = [sys.executable, "-W", "error", "-c", LOOK]
    done = inside(real.host.descriptor, lambda: subprocess.run(command, capture_output=True, text=True, check=False))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_no_capability_is_needed_to_see_alias_addresses_and_speed(real: RealWorld, link: Link) -> None:
    found = looked(real)[link.name]
    assert found["details"]["alias"] == ALIAS
    assert found["details"]["addresses"] == ["192.0.2.5/24", "2001:db8::5/64"]
    assert (found["settings"]["speed"], found["settings"]["duplex"]) == (10_000, "full")
    assert (found["programs"], found["virtual"]) == ([], True)


@pytest.mark.skipif(not bpf.allowed(), reason="eBPF programs can be loaded in the initial user namespace only")
def test_no_capability_is_needed_to_see_filters_of_tc(real: RealWorld, link: Link) -> None:
    plant(real.host, link.identity.ifindex, "tc-ingress", "knd_watch", b"clsact")
    assert [(each["hook"], each["name"]) for each in looked(real)[link.name]["programs"]] == [
        ("tc-ingress", "knd_watch")
    ]


def test_a_link_without_a_carrier_has_no_speed_that_means_anything(real: RealWorld, link: Link) -> None:
    loopback = real.host.find("lo")
    assert loopback is not None
    settings = inside(real.host.descriptor, lambda: EthtoolSettings().settings(loopback))
    assert (settings.speed, settings.duplex, settings.driver) == (None, "", "")


def test_a_link_that_has_gone_costs_its_settings_and_nothing_else(real: RealWorld, link: Link) -> None:
    inside(real.host.descriptor, lambda: subprocess.run(["ip", "link", "delete", link.name], check=True))
    assert inside(real.host.descriptor, lambda: EthtoolSettings().settings(link)).speed is None


def test_a_card_that_devlink_does_not_know_has_no_switch_mode() -> None:
    assert DevlinkSwitches().eswitch("0000:ff:1f.7") == ""
