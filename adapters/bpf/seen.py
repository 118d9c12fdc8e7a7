"""What eBPF programs are on the host's interfaces, for whoever only looks."""

from __future__ import annotations

from adapters.bpf.control import BpfPrograms
from ports.devices import Link, Program
from ports.kernel import Namespace


class SeenPrograms:
    """Implements ``ports.discovery.ProgramFacts``. Without privileges tc filters and XDP are seen, TCX and netkit are not."""

    def __init__(self, namespace: Namespace, timeout: float = 10.0) -> None:
        self._namespace = namespace
        self._programs = BpfPrograms(timeout=timeout)

    def programs(self, link: Link) -> tuple[Program, ...] | None:
        """Those of all hooks that this process may look at."""
        return self._programs.attached(self._namespace, link.identity.ifindex)
