"""What a link's message tells that concerns those who choose a device, not those who move it."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.netlink import properties
from adapters.netlink.codec import payloads, text
from adapters.netlink.links import START
from ports.devices import Address
from ports.hardware import LinkDetails

IFLA_PHYS_SWITCH_ID, IFLA_PHYS_PORT_NAME = 36, 38


def of(message: bytes, addresses: Iterable[Address]) -> LinkDetails:
    """Texts are UTF-8 in any case: they go to the API server."""
    found = payloads(message, START)
    return LinkDetails(
        alias=_clean(properties.alias(message)),
        addresses=tuple(address.prefix for address in addresses),
        port_name=_clean(text(found.get(IFLA_PHYS_PORT_NAME))),
        switch_id=found.get(IFLA_PHYS_SWITCH_ID, b"").hex(),
    )


def _clean(words: str) -> str:
    return words.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
