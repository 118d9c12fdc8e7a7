"""Names of offload features: the kernel's own, and the short and long ones that ethtool's users and DRANET's know."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

# short, long and pattern over the kernel's names (netdev_features_strings in net/ethtool/common.c)
ALIASES = (
    ("rx", "rx-checksumming", "rx-checksum"),
    ("tx", "tx-checksumming", "tx-checksum-*"),
    ("sg", "scatter-gather", "tx-scatter-gather*"),
    ("tso", "tcp-segmentation-offload", "tx-tcp*-segmentation"),
    ("ufo", "udp-fragmentation-offload", "tx-udp-fragmentation"),
    ("gso", "generic-segmentation-offload", "tx-generic-segmentation"),
    ("gro", "generic-receive-offload", "rx-gro"),
    ("lro", "large-receive-offload", "rx-lro"),
    ("rxvlan", "rx-vlan-offload", "rx-vlan-hw-parse"),
    ("txvlan", "tx-vlan-offload", "tx-vlan-hw-insert"),
    ("ntuple", "ntuple-filters", "rx-ntuple-filter"),
    ("rxhash", "receive-hashing", "rx-hashing"),
)
_PATTERNS = {name: pattern for short, long, pattern in ALIASES for name in (short, long)}


def is_alias(name: str) -> bool:
    """Whether the name stands for one or several of the kernel's."""
    return name in _PATTERNS


def resolve(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The kernel's names that this one means, of those that are known; a kernel's name means itself."""
    names = tuple(known)
    if name in names:
        return (name,)
    pattern = _PATTERNS.get(name)
    return () if pattern is None else tuple(each for each in names if fnmatchcase(each, pattern))


def covers(name: str, other: str) -> bool:
    """Whether saying ``name`` says all that ``other`` says: the same feature, or an alias of it."""
    pattern = _PATTERNS.get(name)
    return name == other or (pattern is not None and (pattern == _PATTERNS.get(other) or fnmatchcase(other, pattern)))
