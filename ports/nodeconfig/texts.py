"""The texts in a node configuration: ids, PCI addresses and attribute names, and what of them is not the administrator's.

Limits of attributes: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/resource-slice-v1/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_TEXT = 64  # bytes
INT64 = range(-(2**63), 2**63)
PCI_ID = re.compile(r"[0-9a-fA-F]{4}")
PCI_ADDRESS = re.compile(r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")
PCI_GLOB = re.compile(r"[0-9a-fA-F:.*?]*[*?][0-9a-fA-F:.*?]*")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
DOMAIN = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
RESERVED = ("kubernetes.io", "k8s.io", "cncf.io")


def attribute_mistakes(name: str, driver: str) -> Iterator[str]:
    """What is wrong with the name of an extra attribute. The driver's and Kubernetes' own domains are theirs."""
    domain, slash, identifier = name.rpartition("/")
    if not slash:
        yield f"{name!r} has no domain, such as example.com/{name}"
    elif not DOMAIN.fullmatch(domain) or not IDENTIFIER.fullmatch(identifier):
        yield f"{name!r} is no qualified name, such as example.com/rail (a DNS domain, '/', an identifier of 32 characters)"
    elif domain == driver or any(domain == each or domain.endswith(f".{each}") for each in RESERVED):
        yield f"the domain of {name!r} is reserved; take one of your own"


def value_mistakes(value: object) -> Iterator[str]:
    """What is wrong with the value of an extra attribute."""
    if isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) > MAX_TEXT:
        yield f"is longer than {MAX_TEXT} bytes"
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        yield "is no valid text"
    if isinstance(value, int) and value not in INT64:
        yield "does not fit in 64 bits"


def pci_address_mistakes(text: str) -> Iterator[str]:
    """What is wrong with a PCI address or a pattern for some."""
    if not (PCI_ADDRESS.fullmatch(text) or PCI_GLOB.fullmatch(text)):
        yield f"{text!r} is no PCI address, such as 0000:3b:00.1 or 0000:3b:*"


def pci_id_mistakes(text: str) -> Iterator[str]:
    """What is wrong with a PCI vendor or device id."""
    if not PCI_ID.fullmatch(text):
        yield f"{text!r} is no PCI id: four hexadecimal digits, in quotes"
