"""How container runtimes differ in what a plugin sees of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Flavour:
    """A runtime's name and version, and the version of its NRI library, on which most depends."""

    name: str = "containerd"
    version: str
    nri: tuple[int, int]
    netns_at_stop: bool = True

    @property
    def dedicated(self) -> bool:
        """Pod events have methods of their own."""
        return self.nri >= (0, 12)

    @property
    def strict_names(self) -> bool:
        """A plugin's name is checked character by character."""
        return self.nri >= (0, 12)

    @property
    def valid_events(self) -> int:
        """The bits a plugin may subscribe to; any other closes the connection."""
        return 0x3FFF if self.nri >= (0, 10) else 0x07FF

    @property
    def modern_synchronize(self) -> bool:
        """Configure tells the timeouts, Synchronize is split when large, and its failure closes the connection."""
        return self.nri >= (0, 7)


CONTAINERD_1_7 = Flavour(version="1.7.14", nri=(0, 6), netns_at_stop=False)
CONTAINERD_2_1 = Flavour(version="2.1.9", nri=(0, 8))
CONTAINERD_2_3 = Flavour(version="2.3.0", nri=(0, 12))
CRIO_1_36 = Flavour(name="cri-o", version="1.36.0", nri=(0, 12))
