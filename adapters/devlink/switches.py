"""The mode of a card's embedded switch (Documentation/networking/devlink/devlink-eswitch-attr.rst).

The kernel tells it to CAP_NET_ADMIN only, and no event says when it may be told: after the first refusal nobody is asked
again.
"""

from __future__ import annotations

import errno
import logging
import sys

from adapters.talk.conversation import KernelError, Talk, attribute, attributes
from adapters.talk.generic import GENERIC, NETLINK_GENERIC, family
from ports.errors import Failure

log = logging.getLogger("knd.devlink")
NAME = "devlink"
ESWITCH_GET = 29
BUS_NAME, DEV_NAME, ESWITCH_MODE = 1, 2, 25
MODES = {0: "legacy", 1: "switchdev", 2: "switchdev-inactive"}


class DevlinkSwitches:
    """Implements ``ports.discovery.SwitchFacts``. ``timeout``: seconds that an answer may take."""

    def __init__(self, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._allowed = True

    def eswitch(self, pci_address: str) -> str:
        """The mode of a PCI function's switch; empty for one without, and where the kernel does not tell."""
        return self.mode("pci", pci_address) if self._allowed else ""

    def mode(self, bus: str, device: str) -> str:
        """The same for a device of any bus."""
        try:
            with Talk(NETLINK_GENERIC, self._timeout) as talk:
                return _mode(talk, bus, device)
        except KernelError as error:
            self._allowed = self._allowed and error.errno != errno.EPERM
        except (OSError, Failure) as error:
            log.info("the switch mode of %s cannot be read: %s", device, error)
        return ""


def _mode(talk: Talk, bus: str, device: str) -> str:
    number = family(talk, NAME)
    if number is None:
        return ""
    handle = attribute(BUS_NAME, bus.encode() + b"\0") + attribute(DEV_NAME, device.encode() + b"\0")
    for answer in talk.ask(number, GENERIC.pack(ESWITCH_GET, 1, 0) + handle, f"switch of {device}"):
        mode = dict(attributes(answer[GENERIC.size :])).get(ESWITCH_MODE)
        if mode is not None:
            return MODES.get(int.from_bytes(mode, sys.byteorder), "")
    return ""
