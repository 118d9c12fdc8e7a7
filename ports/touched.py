"""What events of the kernel say was touched, so that this is read again and nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Touched:
    """Parts of the host that may be other than they were. False when there are none.

    ``links`` and ``addresses`` are interface indexes: the link itself came, changed or went; its IP addresses did.
    ``functions`` are PCI addresses, ``rdma`` names of RDMA devices. ``routing``: routes or rules that may decide what the
    node itself depends on. ``everything``: events were lost, or none have been seen yet.
    """

    everything: bool = False
    links: frozenset[int] = frozenset()
    addresses: frozenset[int] = frozenset()
    functions: frozenset[str] = frozenset()
    rdma: frozenset[str] = frozenset()
    routing: bool = False

    def __bool__(self) -> bool:
        return bool(
            self.everything or self.links or self.addresses or self.functions or self.rdma or self.routing,
        )

    def __or__(self, other: Touched) -> Touched:
        """What either touched."""
        return Touched(
            everything=self.everything or other.everything,
            links=self.links | other.links,
            addresses=self.addresses | other.addresses,
            functions=self.functions | other.functions,
            rdma=self.rdma | other.rdma,
            routing=self.routing or other.routing,
        )

    def without(self, other: Touched) -> Touched:
        """What this touched and the other did not."""
        if other.everything:
            return NOTHING
        return Touched(
            everything=self.everything,
            links=self.links - other.links - other.addresses,
            addresses=self.addresses - other.addresses - other.links,
            functions=self.functions - other.functions,
            rdma=self.rdma - other.rdma,
            routing=self.routing and not other.routing,
        )

    def __str__(self) -> str:
        parts = (
            "everything" if self.everything else "",
            *(f"interface #{index}" for index in sorted(self.links | self.addresses)),
            *(f"PCI function {address}" for address in sorted(self.functions)),
            *(f"RDMA device {name}" for name in sorted(self.rdma)),
            "routing" if self.routing else "",
        )
        return ", ".join(filter(None, parts)) or "nothing"


NOTHING = Touched()
EVERYTHING = Touched(everything=True)
