"""A claim's parameters on a real kernel: planned, prepared and attached as in a pod's start, then looked at from inside.

What is seen comes from ``ip`` and from /proc, not from the code that did it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.netlink.namespace import NetlinkNamespace
from agent.domain.claims import Allocated, Configured
from agent.domain.planning import plan
from ports.devices import LinkFacts
from ports.netconfig import decode
from ports.plan import Plan
from tests.contracts.dataplane.contract import CLAIM, POD, call, facts, sandbox
from tests.dataplane.real_bench import RealBench


class Pod:
    """One pod on a real kernel, with the host's devices attached as its claim says."""

    def __init__(self, directory: Path) -> None:
        self.bench = RealBench(directory)
        self.before: tuple[LinkFacts, ...] = ()
        self.plan: Plan | None = None

    @property
    def host(self) -> NetlinkNamespace:
        """The private host."""
        return self.bench.kernel.host

    def index(self, device: int = 0) -> int:
        """The interface index in the host of a device."""
        return self.bench.devices[device].ifindex

    def attach(self, *parameters: Mapping[str, Any]) -> None:
        """The first devices of the host into the pod, one for each parameters; they are called net1, net2 unless said."""
        self.before = facts(self.bench)
        chosen = {f"ens{number}": each for number, each in enumerate(self.before[: len(parameters)], 1)}
        configured = tuple(
            Configured(
                allocated=Allocated(request="nic", pool="node1", device=name), config=decode(_named(given, name))
            )
            for name, given in zip(chosen, parameters, strict=True)
        )
        self.plan = plan(CLAIM, POD, configured, chosen)
        self.bench.dataplane.prepare(self.plan, call(self.bench))
        self.bench.dataplane.attach(sandbox(self.bench), call(self.bench))

    def detach(self) -> None:
        """Everything back; the host must have exactly what it had."""
        assert self.bench.dataplane.detach(sandbox(self.bench), call(self.bench)).lost == ()
        self.bench.dataplane.unprepare(CLAIM.uid, call(self.bench))
        assert facts(self.bench) == self.before

    def run(self, *command: str) -> str:
        """The output of a command inside the pod."""
        path = self.bench.netns("sandbox-1").replace("self", str(os.getpid()))
        inside = ["nsenter", f"--net={path}", *command]
        return subprocess.run(inside, check=True, capture_output=True, text=True, timeout=30).stdout

    def ip(self, *words: str) -> list[dict[str, Any]]:
        """What ``ip`` shows inside the pod."""
        shown: list[dict[str, Any]] = json.loads(self.run("ip", "-j", "-d", *words) or "[]")
        return shown

    def link(self, name: str = "net1") -> dict[str, Any]:
        """One interface."""
        (link,) = self.ip("link", "show", "dev", name)
        return link

    def addresses(self, name: str = "net1") -> list[dict[str, Any]]:
        """Its addresses, those that come by themselves left out."""
        (link,) = self.ip("address", "show", "dev", name)
        return [each for each in link["addr_info"] if each["scope"] != "link"]

    def routes(self, family: int = 4, table: str = "main", name: str = "net1") -> list[dict[str, Any]]:
        """Routes of a table, those that the kernel made left out; of a link, or (empty name) all."""
        found = self.ip(f"-{family}", "route", "show", "table", table, *(("dev", name) if name else ()))
        return [each for each in found if each.get("protocol") != "kernel"]

    def sysctl(self, name: str, link: str = "net1") -> str:
        """One sysctl of an interface."""
        family, _, key = name.partition("/")
        return self.run("cat", f"/proc/sys/net/{family}/conf/{link}/{key}").strip()

    def close(self) -> None:
        """End it all."""
        self.bench.close()


def _named(given: Mapping[str, Any], device: str) -> dict[str, Any]:
    interface = {"name": device.replace("ens", "net"), **given.get("interface", {})}
    return {**given, "interface": interface}
