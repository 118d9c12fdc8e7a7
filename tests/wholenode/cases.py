"""One running node for many cases: each has cards and pods of its own, and leaves the node as it found it.

A pod goes the whole way: scheduler, Prepare, sandbox, container. What is seen inside comes from ``ip`` and /proc, not from
the code that did it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

from adapters.netlink.kernel import NetlinkKernel
from adapters.netlink.namespace import NetlinkNamespace
from adapters.standin import namespaces
from ports.devices import Address
from ports.inbound import PodSandbox
from ports.options import DEFAULT_DRIVER
from ports.plan import ClaimRef, PodRef
from tests.support.eventually import eventually
from tests.support.private_net import delete_link, private_namespace
from tests.support.wholenode import NODE, WholeNode

PATIENCE = 30.0
Parameters = Mapping[str, Any]
_NUMBERS = count(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """A pod with its container running; ``namespace`` is its network."""

    ref: PodRef
    claim: ClaimRef
    sandbox: PodSandbox
    namespace: NetlinkNamespace

    @property
    def file(self) -> Path:
        """The network as a file that any process may open."""
        return Path(f"/proc/{os.getpid()}/fd/{self.namespace.descriptor}")

    def run(self, *command: str) -> str:
        """The output of a command in the pod's network."""
        inside = ["nsenter", f"--net={self.file}", *command]
        return subprocess.run(inside, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def ip(self, *words: str) -> list[dict[str, Any]]:
        """What ``ip`` shows there."""
        shown: list[dict[str, Any]] = json.loads(self.run("ip", "-j", "-d", *words) or "[]")
        return shown

    def link(self, name: str) -> dict[str, Any]:
        """One interface."""
        return self.ip("link", "show", "dev", name)[0]

    def addresses(self, name: str) -> set[str]:
        """Its addresses with their prefix lengths, those that come by themselves left out."""
        found = self.ip("address", "show", "dev", name)[0]["addr_info"]
        return {f"{each['local']}/{each['prefixlen']}" for each in found if each["scope"] != "link"}

    def sysctl(self, name: str) -> str:
        """One below /proc/sys/net."""
        return self.run("cat", f"/proc/sys/net/{name}").strip()

    def index(self, name: str) -> int:
        """The index of an interface."""
        found = self.namespace.find(name)
        assert found is not None
        return found.identity.ifindex


class Cases(WholeNode):
    """The node, which serves its metrics and can be stopped and started."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.start()
        return self

    def start(self) -> None:
        """The four processes, until they serve."""
        self.processes = self.up(bind_address="127.0.0.1:9177")
        self.ready()

    def stop(self) -> None:
        """Tell them to end, and wait until they have."""
        self.processes.send_signal(signal.SIGTERM)
        assert self.processes.wait(PATIENCE) == 0

    @contextmanager
    def cards(self, *names: str) -> Iterator[tuple[int, ...]]:
        """Cards of the host, until the end of the block; their indexes."""
        indexes = tuple(self.add_card(name) for name in names)
        try:
            yield indexes
        finally:
            for name in names:
                eventually(lambda name=name: self.host.find(name) is not None, PATIENCE)  # type: ignore[misc]
                delete_link(self.host, self.index(name))

    def index(self, name: str) -> int:
        """The index of a card in the host."""
        found = self.host.find(name)
        assert found is not None, f"{name} is not in the host"
        return found.identity.ifindex

    def address(self, name: str, *prefixes: str) -> None:
        """Give a card addresses, as a person does."""
        self.host.set_up(self.index(name), True)
        for prefix in prefixes:
            self.host.add_address(self.index(name), Address(prefix=prefix))

    @contextmanager
    def running(self, requests: Mapping[str, Parameters | None]) -> Iterator[Pod]:
        """A pod whose claim has one request for each of these cards; taken down at the end."""
        with ExitStack() as stack:
            made = self.run_pod(stack, requests)
            stack.callback(self.end_pod, made)
            yield made

    def run_pod(self, stack: ExitStack, requests: Mapping[str, Parameters | None]) -> Pod:
        """The same, ended by whoever started it; ``stack`` owns its namespace."""
        path, namespace = self.network(stack)
        number = next(_NUMBERS)
        ref = PodRef(namespace="team", name=f"pod{number}", uid=f"pod-uid-{number}")
        claim = self.claimed(ref, requests)
        (prepared,) = self.kubelet.prepare(DEFAULT_DRIVER, (claim,))
        gates = tuple(dict.fromkeys(gate for device in prepared.devices for gate in device.cdi_device_ids))
        ran = self.runtime.run_pod_sandbox(ref, path)
        assert (ran.error, self.container(ran.sandbox, gates)) == ("", ""), self.log()
        return Pod(ref=ref, claim=claim, sandbox=ran.sandbox, namespace=namespace)

    def container(self, sandbox: PodSandbox, gates: tuple[str, ...]) -> str:
        """A container with these CDI devices; why it is refused."""
        return self.runtime.create_container(sandbox, "app", (), gates, self.root / "cdi").error

    def end_pod(self, pod: Pod) -> None:
        """Stopped by the runtime, taken back by the kubelet."""
        assert self.runtime.remove_pod_sandbox(pod.sandbox) == ""
        self.kubelet.unprepare(DEFAULT_DRIVER, (pod.claim,))
        self.api.delete_claim(pod.claim.namespace, pod.claim.name)

    def claimed(self, pod: PodRef, requests: Mapping[str, Parameters | None]) -> ClaimRef:
        """A claim that the scheduler gave these cards, once they are published."""
        names = {self.device(card): given for card, given in requests.items()}
        config = [
            {"requests": [f"r{at}"], "opaque": {"driver": DEFAULT_DRIVER, "parameters": given}}
            for at, given in enumerate(names.values())
            if given is not None
        ]
        made = self.api.create_claim(pod.name, pod.namespace, [f"r{at}" for at in range(len(names))], config)
        self.api.allocate(made, *((f"r{at}", NODE, name) for at, name in enumerate(names)), pod=(pod.name, pod.uid))
        return ClaimRef(namespace=pod.namespace, name=pod.name, uid=made["metadata"]["uid"])

    def device(self, card: str) -> str:
        """The name under which a card of the host is published, once it is."""
        found: list[str] = []

        def published() -> bool:
            found[:] = [name for name, device in self.devices().items() if device["ifName"] == card]
            return bool(found)

        assert self.api.wait_for(published, PATIENCE), self.log()
        return found[0]

    def status(self, claim: ClaimRef, ready: int = 1) -> list[dict[str, Any]]:
        """The claim's devices once so many of them are told to be in the pod."""

        def told() -> list[dict[str, Any]]:
            entries = self.api.device_status(claim.namespace, claim.name)
            return [entry for entry in entries if entry["conditions"][0]["status"] == "True"]

        assert self.api.wait_for(lambda: len(told()) == ready, PATIENCE), self.log()
        return told()

    def network(self, stack: ExitStack) -> tuple[str, NetlinkNamespace]:
        """A network with its loopback up; where the runtime says that it is, and for our own looks."""
        own = stack.enter_context(private_namespace())
        namespace = NetlinkKernel(host=own).host
        stack.callback(namespace.close)
        namespace.set_up(1, True)
        path = Path(f"{self.pod_path}-{next(_NUMBERS)}")
        stack.callback(self.in_host, namespaces.destroy, path)
        self.in_host(namespaces.bind, own, path)
        return str(path), namespace
