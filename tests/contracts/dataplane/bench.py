"""What the dataplane contract needs around the dataplane: a host to work on, and hands that act behind its back."""

from __future__ import annotations

from typing import Protocol

from ports.dataplane import Dataplane
from ports.devices import Identity


class Bench(Protocol):
    """A dataplane with its host. Each test gets a fresh one."""

    @property
    def dataplane(self) -> Dataplane:
        """What is tested."""
        ...

    @property
    def devices(self) -> tuple[Identity, ...]:
        """At least two devices in the host that may be given away and outlive a pod's namespace (no link kind)."""
        ...

    @property
    def uplink(self) -> Identity:
        """A device the node itself depends on."""
        ...

    @property
    def host_netns(self) -> str:
        """A path of the host's own network namespace."""
        ...

    def now(self) -> float:
        """Seconds of the clock that deadlines are compared with."""
        ...

    def netns(self, name: str) -> str:
        """The path of a pod's namespace, made on the first call of that name."""
        ...

    def end(self, netns: str) -> None:
        """Let a pod's namespace die, as when the runtime removes a sandbox and nobody told us."""
        ...

    def occupy(self, netns: str, name: str) -> None:
        """Put a foreign link of that name into a pod's namespace."""
        ...

    def disturb(self, device: Identity) -> None:
        """Change the device in the host (its MTU), as a person would."""
        ...

    def restart(self) -> None:
        """Put a new dataplane in the place of the old one, on the same ledger and host, as after ``kill -9``."""
        ...
