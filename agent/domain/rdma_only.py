"""RDMA devices without an interface: what can be asked for them, and what is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from ports.devices import LinkFacts
from ports.netconfig import Mistake, NetworkConfig, RdmaConfig
from ports.plan import MoveRdma

REASON = "the device is an RDMA device without an interface, so there is nothing to set but rdma"


def is_rdma_only(facts: LinkFacts) -> bool:
    """Whether the device has no interface."""
    return facts.link.identity.rdma is not None


def refusals(config: NetworkConfig) -> Iterator[Mistake]:
    """Everything that needs an interface: a claim that asks for it got another device than it believes."""
    for path in _given(replace(config, rdma=RdmaConfig()), NetworkConfig(), ""):
        yield Mistake(path, REASON)


def moves(facts: LinkFacts) -> Iterator[MoveRdma]:
    """The steps for the device's RDMA devices: none where every namespace sees them anyway."""
    if facts.rdma_exclusive:
        yield from (MoveRdma(rdma=rdma) for rdma in facts.rdma)


def _given(value: object, unset: object, path: str) -> Iterator[str]:
    """The paths of all keys that are not as they are when nobody gives them; false and an empty list are something given."""
    for item in fields(value):  # type: ignore[arg-type]
        mine, default = getattr(value, item.name), getattr(unset, item.name)
        if mine == default:
            continue
        nested = hasattr(default, "__dataclass_fields__")
        yield from _given(mine, default, f"{path}{item.name}.") if nested else (f"{path}{item.name}",)
