"""Virtual functions as the physical function that they belong to shows them: what an administrator sets of them there."""

from __future__ import annotations

from dataclasses import dataclass, replace

VLAN_8021Q = 0x8100


@dataclass(frozen=True, kw_only=True, slots=True)
class VirtualFunction:
    """One virtual function by its number. None: this driver does not tell, and so does not know.

    ``protocol`` is the EtherType of its VLAN tags. Rates are in Mb/s, 0 for no limit. ``link_state`` is IFLA_VF_LINK_STATE_*:
    0 follows the physical one, 1 always up, 2 always down.
    """

    number: int
    mac: str
    vlan: int = 0
    qos: int = 0
    protocol: int = VLAN_8021Q
    min_rate: int = 0
    max_rate: int = 0
    spoof_check: bool | None = None
    link_state: int | None = None
    query_rss: bool | None = None
    trust: bool | None = None

    def differs_by_administrator(self, other: VirtualFunction) -> bool:
        """Whether something differs that only the physical function's side can set: all but the hardware address."""
        return replace(self, mac="") != replace(other, mac="")
