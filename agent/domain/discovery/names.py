"""Names that stay: ``pci-0000-8a-00-0`` for a PCI function, the interface's own name for others.

A name depends on the device alone and not on its neighbours, since a device that goes away must not hand its name to
another. They are DRANET's names; a further interface of a function (second port, sub-function) has its port added. Where
the driver tells no ports, all interfaces of the function are marked: the one that stays behind would be taken for the one
that went into a pod.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Container

from ports.hardware import Hardware

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
GENERATED = ("pci-", "net-")
MOST = 63  # characters of a DNS label


def of_interface(name: str, hardware: Hardware) -> str:
    """The device name of an interface."""
    if hardware.pci_address:
        function = of_function(hardware.pci_address)
        port = re.sub(r"[^a-z0-9]+", "-", hardware.port.lower()).strip("-")
        return f"{function}-{port}"[:MOST].rstrip("-") if port else function
    return labelled(name)


def of_function(pci_address: str) -> str:
    """The device name of a PCI function."""
    return "pci-" + re.sub(r"[:.]", "-", pci_address)


def labelled(name: str) -> str:
    """The name itself where it is a label and cannot be taken for a generated one, else its bytes in base32."""
    if LABEL.fullmatch(name) and not name.startswith(GENERATED):
        return name
    return "net-" + base64.b32encode(name.encode()).decode().rstrip("=").lower()


def free(name: str, itself: str, taken: Container[str]) -> str:
    """The name, or with a mark of the device itself where another has the name (two netdevs the driver tells nothing of)."""
    return marked(name, itself) if name in taken else name


def marked(name: str, itself: str) -> str:
    """The name with a mark of the device itself: its permanent address, or what else only this device has."""
    return f"{name[: MOST - 9]}-{_mark(itself)}"


def unmarked(name: str, itself: str) -> str:
    """The name without the device's mark, if it has it."""
    return name.removesuffix(f"-{_mark(itself)}")


def _mark(itself: str) -> str:
    return hashlib.sha256(itself.encode()).hexdigest()[:8]
