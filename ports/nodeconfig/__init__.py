"""The node's configuration by file: its schema, strict decoding with the path of every mistake, and which devices it means."""

from ports.nodeconfig.decoding import EMPTY, decode, is_node_config
from ports.nodeconfig.matching import (
    DenyList,
    Traits,
    deny_list,
    extra_attributes,
    is_selected,
    multus_resource,
)
from ports.nodeconfig.schema import KIND, Flapping, Health, Lasting, NodeConfig, PciErrors, Selector
from ports.schemas.mistakes import InvalidConfig, Mistake

__all__ = [
    "EMPTY",
    "KIND",
    "DenyList",
    "Flapping",
    "Health",
    "InvalidConfig",
    "Lasting",
    "Mistake",
    "NodeConfig",
    "PciErrors",
    "Selector",
    "Traits",
    "decode",
    "deny_list",
    "extra_attributes",
    "is_node_config",
    "is_selected",
    "multus_resource",
]
