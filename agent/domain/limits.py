"""What an API server accepts in a ResourceSlice, in one place.

Limits: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/resource-slice-v1/ and, for list-typed
attributes, KEP-5491. Where the server is more lenient than the reference (it takes any domain), the reference holds.
"""

from __future__ import annotations

import re

MAX_TEXT = 64  # bytes of UTF-8 in a string
MAX_ENTRIES = 32  # attributes and capacities of a device, together
MAX_VALUES = 48  # attribute values of a device; each item of a list is one
MAX_TAINTS = 16  # of a device
MAX_DEVICES = 128  # of a slice
MAX_DEVICES_WITH_EXTRAS = 64  # of a slice in which any device has taints, list-typed attributes or counters
INT64 = range(-(2**63), 2**63)
EFFECTS = ("NoExecute", "NoSchedule", "None")  # of a taint, the gravest first

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
DOMAIN = re.compile(rf"(?=.{{1,63}}$){_SUBDOMAIN}")
PREFIX = re.compile(rf"(?=.{{1,253}}$){_SUBDOMAIN}")
LABEL_NAME = re.compile(r"(?=.{1,63}$)([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
SUFFIXES = ("", "k", "M", "G", "T", "P", "E")


def is_attribute_name(name: str) -> bool:
    """Whether it is an identifier, with or without a domain: ``dra.net/ifName``."""
    domain, slash, identifier = name.rpartition("/")
    return bool(IDENTIFIER.fullmatch(identifier) and (not slash or DOMAIN.fullmatch(domain)))


def is_taint_key(key: str) -> bool:
    """Whether it is a qualified label name: ``dra.net/carrier-lost``."""
    prefix, slash, name = key.rpartition("/")
    return bool(LABEL_NAME.fullmatch(name) and (not slash or PREFIX.fullmatch(prefix)))


def is_taint_value(value: str) -> bool:
    """Whether it is a label value; it may be empty."""
    return not value or bool(LABEL_NAME.fullmatch(value))


def quantity(value: int) -> str:
    """A whole number as the server itself would write it, so that what it stores is what was sent: ``100G``."""
    thousands = 0
    while value and value % 1000 == 0 and thousands + 1 < len(SUFFIXES):
        value, thousands = value // 1000, thousands + 1
    return f"{value}{SUFFIXES[thousands]}"


def shorten(text: str) -> str:
    """At most 64 bytes: a list (``a,b,c``) ends after a whole element, other text after a whole character."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_TEXT:
        return data.decode()
    whole, comma, _ = data[: MAX_TEXT + 1].rpartition(b",")
    return (whole if comma else data[:MAX_TEXT]).decode("utf-8", "ignore")
