"""A node: the real containerd, the four real processes of the driver, and stand-ins for the API server and the kubelet.

The test plays the kubelet's part towards the container runtime, so that it decides what happens between two calls.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from adapters.bus.dataplane import AttachingClient
from adapters.standin import namespaces, network
from adapters.standin.apiserver import StandinApiServer
from adapters.standin.kubelet import StandinKubelet
from ports import options
from ports.dataplane import Call
from ports.errors import Failure
from ports.options import DEFAULT_DRIVER, Option
from ports.places import Places
from ports.plan import ClaimRef
from ports.results import Held
from tests.runtime.containerd import Layout
from tests.runtime.cri import Pod

NAME = "node-1"
PROCESSES: dict[str, tuple[Option, ...]] = {
    "dataplane": options.DATAPLANE,
    "watch": options.WATCH,
    "nri": options.NRI,
    "dra": options.DRA,
}
PATIENCE = 30.0
PERIOD = 0.05
Found = TypeVar("Found")


def eventually(what: str, look: Callable[[], Found | None]) -> Found:
    """The first answer of ``look`` that is something; an AssertionError when there is none in good time."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(PERIOD)
    return found


def interfaces() -> tuple[str, ...]:
    """The host's links, addresses and routes, but for the CNI plugin's ends of the pods' own networks (10.88.0.0/24)."""
    return tuple(line for line in network.describe() if "veth" not in line and "10.88." not in line)


class Node:
    """``start`` and ``kill`` single processes; a ``with`` block starts all and ends what is left."""

    def __init__(self, base: Path, layout: Layout) -> None:
        self.places = Places(str(base / "run"))
        self.api = StandinApiServer(node=NAME)
        self.kubelet = StandinKubelet(str(base / "kubelet"))
        self._base = base
        self._layout = layout
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.api.start()
        self.kubelet.start()
        self.api.kubeconfig(str(self._base / "kubeconfig"))
        for name in PROCESSES:
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(PROCESSES):
            self.stop(name)
        self.kubelet.stop()
        self.api.stop()

    def start(self, name: str) -> None:
        """Start one process, which must not run; returns at once."""
        given = self._settings()
        flags = [f"{option.flag}={given[option]}" for option in PROCESSES[name] if option in given]
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-P", "-m", "agent.cli", name, *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NO_PROXY": "*"},
            )

    def kill(self, name: str) -> None:
        """kill -9."""
        self.stop(name, signal.SIGKILL)

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End one process, if it runs, and wait for that."""
        process = self._running.pop(name, None)
        if process is not None:
            process.send_signal(how)
            process.wait(PATIENCE)

    def log(self, name: str) -> Path:
        """What a process logged, of all its lives."""
        return self._base / f"{name}.log"

    def logs(self) -> str:
        """All that was logged, for whoever has to find out why a test failed."""
        texts = {name: self.log(name) for name in PROCESSES}
        return "\n".join(
            f"--- {name}\n{log.read_text(errors='replace')}" for name, log in texts.items() if log.exists()
        )

    def ready(self) -> None:
        """Wait until the driver has offered itself to the kubelet."""
        self.kubelet.wait_registered(DEFAULT_DRIVER, PATIENCE)

    def held(self) -> tuple[str, ...]:
        """The interfaces that the dataplane, which must be there in good time, sees in pods."""
        return tuple(held.interface for held in eventually("an answer of the dataplane", self._held))

    def _held(self) -> tuple[Held, ...] | None:
        call = Call(key=uuid.uuid4().hex, deadline=time.monotonic() + 1.0)
        try:
            return AttachingClient(self.places.attach_socket).held(call)
        except Failure:
            return None

    def published(self) -> dict[str, dict[str, Any]]:
        """The devices of our slices, each with its attributes, by the interface's name."""
        devices = [device for body in self.api.slices() for device in body["spec"].get("devices", ())]
        return {str(_attributes(device).get("dra.net/ifName")): device for device in devices}

    def claim(self, pod: Pod, interface: str, parameters: dict[str, Any]) -> ClaimRef:
        """A claim that the scheduler has given this interface for this pod."""
        device = eventually(f"a slice with {interface}", lambda: self.published().get(interface))
        config = {"requests": ["nic"], "opaque": {"driver": DEFAULT_DRIVER, "parameters": parameters}}
        claim = self.api.create_claim(f"{pod.name}-nic", pod.namespace, config=[config])
        self.api.allocate(claim, ("nic", NAME, device["name"]), pod=(pod.name, pod.uid))
        metadata = claim["metadata"]
        return ClaimRef(namespace=metadata["namespace"], name=metadata["name"], uid=metadata["uid"])

    def status(self, claim: ClaimRef) -> dict[str, Any] | None:
        """The first of the claim's ``status.devices``."""
        return next(iter(self.api.device_status(claim.namespace, claim.name)), None)

    def prepare(self, claim: ClaimRef) -> tuple[str, ...]:
        """What the kubelet does before it makes a sandbox; the CDI devices that the containers get."""
        [answer] = self.kubelet.prepare(DEFAULT_DRIVER, (claim,))
        assert not answer.error, answer.error
        return tuple(name for device in answer.devices for name in device.cdi_device_ids)

    def unprepare(self, claim: ClaimRef) -> None:
        """What the kubelet does when the pod's containers have ended, again and again until it succeeds."""
        eventually("an unprepare that succeeds", lambda: self._unprepared(claim))

    def _unprepared(self, claim: ClaimRef) -> bool:
        try:
            [answer] = self.kubelet.unprepare(DEFAULT_DRIVER, (claim,))
        except Failure:
            return False
        return not answer.error

    def _settings(self) -> dict[Option, str]:
        return {
            options.KUBECONFIG: str(self._base / "kubeconfig"),
            options.NODE_NAME: NAME,
            options.KUBELET_ROOT: str(self._base / "kubelet"),
            options.NRI_SOCKET: str(self._layout.nri_socket),
            options.CDI_ROOT: str(self._layout.cdi_root),
            options.RUNTIME_DIR: self.places.runtime_dir,
            options.FILTER: "",
            options.BIND_ADDRESS: "",
            options.LOG_LEVEL: "debug",
            options.LOG_FORMAT: "text",
        }


def _attributes(device: dict[str, Any]) -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in device.get("attributes", {}).items()}


@contextmanager
def interface(name: str, mac: str, addresses: list[str], fabric: Path) -> Iterator[None]:
    """A veth of the host, addressed and up, whose other end answers at 10.77.0.1 in a namespace at ``fabric``."""
    namespaces.create(fabric)
    try:
        network.cable(name, mac, fabric, "port")
        network.configure("port", ["10.77.0.1/24"], fabric)
        network.configure(name, addresses)
        yield
    finally:
        namespaces.destroy(fabric)
