"""Interfaces as a tree of sysfs shows them, for looking at a machine without its kernel: a copy, or one made by a test.

The kernel tells more. sysfs has neither addresses nor routes, and names the kind of only some software links.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from adapters.sysfs.files import entries, number, target, text
from ports.devices import SETTABLE_FLAGS, Identity, Link
from ports.encapsulation import encapsulation
from ports.hardware import LinkDetails, LinkSettings

FLAGS = re.compile(r"0x[0-9a-f]{1,8}")
IFF_UP, IFF_LOOPBACK = 0x1, 0x8
STATES = {"lowerlayerdown": "lower-layer-down", "notpresent": "not-present"}
UNNAMED_KIND = "software"  # a link without hardware of a kind that sysfs does not name
MARKS = {"bonding": "bond", "bridge": "bridge", "tun_flags": "tun"}  # what only links of a kind have


class SysfsLinks:
    """Implements ``ports.discovery.Interfaces``, ``DetailFacts`` and ``SettingsFacts`` from files alone."""

    def __init__(self, root: str) -> None:
        self._root = Path(os.path.realpath(root))
        self._class = self._root / "class/net"

    def links(self) -> tuple[Link, ...]:
        """All links by index."""
        found = (self._link(name) for name in entries(self._class))
        return tuple(sorted((link for link in found if link), key=lambda link: link.identity.ifindex))

    def link(self, ifindex: int) -> Link | None:
        """The link of that index."""
        return next((link for link in self.links() if link.identity.ifindex == ifindex), None)

    def uplinks(self) -> Mapping[int, str]:
        """None: what the node depends on is told by its routes, which are not in sysfs."""
        return {}

    def details(self, link: Link) -> LinkDetails:
        """Alias and switch port."""
        place = self._class / link.name
        return LinkDetails(
            alias=text(place / "ifalias"),
            port_name=text(place / "phys_port_name"),
            switch_id=text(place / "phys_switch_id"),
        )

    def settings(self, link: Link) -> LinkSettings:
        """Speed, duplex, and the version of a driver that has one of its own."""
        place = self._class / link.name
        driver, duplex = target(place / "device/driver"), text(place / "duplex")
        return LinkSettings(
            speed=number(place / "speed") or None,
            duplex=duplex if duplex in ("full", "half") else "",
            driver=driver,
            driver_version=text(self._root / "module" / driver / "version") if driver else "",
        )

    def _link(self, name: str) -> Link | None:
        place = self._class / name
        ifindex, flags, master = number(place / "ifindex"), text(place / "flags"), number(place / "master/ifindex")
        if not ifindex:
            return None
        bits = int(flags, 16) if FLAGS.fullmatch(flags) else 0
        state = text(place / "operstate")
        return Link(
            identity=Identity(ifindex=ifindex, link_kind=self._kind(place)),
            name=name,
            mac=text(place / "address"),
            mtu=number(place / "mtu") or 0,
            up=bool(bits & IFF_UP),
            flags=bits & SETTABLE_FLAGS,
            master=master,
            loopback=bool(bits & IFF_LOOPBACK),
            operstate=STATES.get(state, state or "unknown"),
            encapsulation=encapsulation(number(place / "type") or 1),
        )

    def _kind(self, place: Path) -> str:
        """The rtnetlink kind, which sysfs calls DEVTYPE where it knows one; empty for hardware."""
        told = dict(line.partition("=")[::2] for line in text(place / "uevent").splitlines()).get("DEVTYPE", "")
        marked = next((kind for mark, kind in MARKS.items() if (place / mark).exists()), "")
        virtual = Path(os.path.realpath(place)).is_relative_to(self._root / "devices/virtual")
        return (told or marked or UNNAMED_KIND) if virtual else ""
