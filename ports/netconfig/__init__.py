"""The parameters a claim or class gives for a device: DRANET's schema and ours, decoded strictly, every mistake with its path.

``parameters`` is a plain object without apiVersion and kind. A field that is not given stays None ("unset"), which is
distinct from false, 0 and an empty list.
"""

from ports.netconfig.checks import config_mistakes
from ports.netconfig.decoding import decode
from ports.netconfig.schema import (
    MIN_IPV6_MTU,
    MIN_MTU,
    EthtoolConfig,
    HopConfig,
    InterfaceConfig,
    Ipv6Config,
    NeighborConfig,
    NetworkConfig,
    RdmaConfig,
    RouteConfig,
    RuleConfig,
    VrfConfig,
)
from ports.netconfig.texts import MAC, MAX_NAME_BYTES, RESERVED_NAMES, label_mistakes, name_mistakes
from ports.schemas.mistakes import InvalidConfig, Mistake

__all__ = [
    "MAC",
    "MAX_NAME_BYTES",
    "MIN_IPV6_MTU",
    "MIN_MTU",
    "RESERVED_NAMES",
    "EthtoolConfig",
    "HopConfig",
    "InterfaceConfig",
    "InvalidConfig",
    "Ipv6Config",
    "Mistake",
    "NeighborConfig",
    "NetworkConfig",
    "RdmaConfig",
    "RouteConfig",
    "RuleConfig",
    "VrfConfig",
    "config_mistakes",
    "decode",
    "label_mistakes",
    "name_mistakes",
]
