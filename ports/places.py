"""Where things are under the runtime directory: one directory a socket, so that a container mounts just what it may use.

A directory is mounted and never the socket file, because a socket that is bound again is another inode.
"""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import join


@dataclass(frozen=True, slots=True)
class Places:
    """Paths below one runtime directory (mode 0700, on a tmpfs: it lives as long as the boot)."""

    runtime_dir: str

    @property
    def prepare_socket(self) -> str:
        """The dataplane's ``Preparing`` half; only the DRA frontend's container mounts its directory."""
        return join(self.runtime_dir, "prepare", "dataplane.sock")

    @property
    def channel_socket(self) -> str:
        """Where the dataplane hands packet sockets for DHCP to the DRA frontend; beside ``prepare_socket``."""
        return join(self.runtime_dir, "prepare", "channel.sock")

    @property
    def lifted(self) -> str:
        """The dataplane's note of the interfaces that are set up for DHCP only."""
        return join(self.runtime_dir, "lifted")

    @property
    def leases(self) -> str:
        """The leases that the DRA frontend keeps; in the directory of ``outbox``, which is mounted for it."""
        return join(self.outbox, "leases")

    @property
    def attach_socket(self) -> str:
        """The dataplane's ``Attaching`` half; only the NRI frontend's container mounts its directory."""
        return join(self.runtime_dir, "attach", "dataplane.sock")

    @property
    def inventory_socket(self) -> str:
        """The watcher's feed."""
        return join(self.runtime_dir, "inventory", "watch.sock")

    @property
    def held_socket(self) -> str:
        """The dataplane's feed of devices in pods."""
        return join(self.runtime_dir, "held", "dataplane.sock")

    @property
    def outcomes_socket(self) -> str:
        """Where the DRA frontend takes outcomes of attaches."""
        return join(self.runtime_dir, "outcomes", "dra.sock")

    @property
    def state_socket(self) -> str:
        """Where the NRI frontend tells whether the runtime is connected."""
        return join(self.runtime_dir, "state", "nri.sock")

    @property
    def ledger(self) -> str:
        """The ledger's directory: written by the dataplane, read by the NRI frontend."""
        return join(self.runtime_dir, "ledger")

    @property
    def outbox(self) -> str:
        """What the DRA frontend still has to tell the API server."""
        return join(self.runtime_dir, "outbox")
