"""Speed, duplex and driver of an interface. No privilege is needed for any of it.

Speed and duplex come by netlink. Driver, its version and the firmware's are told by the older ioctl only (GDRVINFO); they
stay the same as long as the interface is there, so they are asked for once.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import logging
import socket
import struct
import sys

from adapters.ethtool.family import DUPLEX, NAME, SPEED, Ethtool
from adapters.talk.conversation import Talk
from adapters.talk.generic import NETLINK_GENERIC, family
from ports.devices import Identity, Link
from ports.errors import Failure
from ports.hardware import LinkSettings

SIOCETHTOOL, GDRVINFO = 0x8946, 0x3
UNKNOWN_SPEED = 0xFFFFFFFF
DUPLEXES = {0: "half", 1: "full"}
MAX_NAME = 15
REMEMBERED = 65536  # names change, so do interfaces; beyond this each is asked for again
UNTOLD = frozenset({errno.EOPNOTSUPP, errno.ENODEV, errno.EINVAL})
_INFO = struct.Struct("=I32s32s32s32s32s12s5I")  # ethtool_drvinfo: command, driver, version, firmware, bus, ...
UNKNOWN_TEXT = "N/A"
Driver = tuple[str, str, str]
NO_DRIVER = ("", "", "")
log = logging.getLogger("knd.ethtool")


class EthtoolSettings:
    """Implements ``ports.discovery.SettingsFacts`` in the caller's network namespace. ``timeout`` in seconds."""

    def __init__(self, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._family: int | None = None
        self._drivers: dict[tuple[Identity, str], Driver] = {}

    def settings(self, link: Link) -> LinkSettings:
        """What the interface's driver tells. Software links have no driver worth the name."""
        driver, version, firmware = NO_DRIVER if link.identity.link_kind else self._driver(link)
        found = self._modes(link)
        speed, duplex = found.get(SPEED), found.get(DUPLEX)
        return LinkSettings(
            speed=_speed(int.from_bytes(speed, sys.byteorder)) if speed else None,
            duplex=DUPLEXES.get(duplex[0], "") if duplex else "",
            driver=driver,
            driver_version=version,
            firmware=firmware,
        )

    def _modes(self, link: Link) -> dict[int, bytes]:
        try:
            with Talk(NETLINK_GENERIC, self._timeout) as talk:
                self._family = self._family or family(talk, NAME)
                return Ethtool(talk, link.identity.ifindex, self._family).link_modes()
        except (OSError, Failure) as error:
            log.info("speed and duplex of interface %s cannot be read: %s", link.name, error)
            return {}

    def _driver(self, link: Link) -> Driver:
        key = (link.identity, link.name)
        if key in self._drivers:
            return self._drivers[key]
        found = _asked(link.name)
        if found != NO_DRIVER and len(self._drivers) < REMEMBERED:  # what failed once may be told the next time
            self._drivers[key] = found
        return found


def _asked(name: str) -> Driver:
    """Driver, version, firmware version; as empty as the driver leaves them."""
    encoded = name.encode("utf-8", "surrogateescape")
    if len(encoded) > MAX_NAME:
        return NO_DRIVER
    buffer = bytearray(_INFO.pack(GDRVINFO, *[b""] * 6, *[0] * 5))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
            _ioctl(asking, encoded, buffer)
    except OSError as error:
        if error.errno not in UNTOLD:
            log.info("the driver of interface %s cannot be read: %s", name, error)
        return NO_DRIVER
    driver, version, firmware = (_text(field) for field in _INFO.unpack(buffer)[1:4])
    return driver, version, firmware


def _ioctl(asking: socket.socket, name: bytes, buffer: bytearray) -> None:
    """The request is a structure of the interface's name and a pointer to the buffer that the kernel fills."""
    place = (ctypes.c_char * len(buffer)).from_buffer(buffer)
    fcntl.ioctl(asking, SIOCETHTOOL, struct.pack("16sP16x", name, ctypes.addressof(place)))


def _text(field: bytes) -> str:
    text = field.split(b"\0")[0].decode("utf-8", "replace").strip()
    return "" if text == UNKNOWN_TEXT else text


def _speed(speed: int) -> int | None:
    """Mb/s. Some drivers say 0, or 16 bits of ones, for a speed they do not know."""
    return None if speed in (0, 0xFFFF, UNKNOWN_SPEED) else speed
