"""``knd dra`` as a real process between stand-ins: API server and kubelet over their real protocols, the rest over the bus."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from adapters.bus.dataplane import serve_preparing
from adapters.bus.feed import FeedPublisher
from adapters.bus.frontends import OutcomesClient, serve_runtime_link
from adapters.bus.server import Server
from adapters.standin.apiserver import StandinApiServer
from adapters.standin.kubelet import StandinKubelet
from ports.dataplane import Call
from ports.devices import Device, Inventory
from ports.errors import Failure
from ports.frontends import Outcome
from ports.inbound import Prepared
from ports.places import Places
from ports.plan import ClaimRef, PodRef
from ports.results import AttachedDevice
from tests.services.support import FakeRuntimeLink
from tests.support.dataplane import FakeDataplane

NODE, DRIVER = "node1", "dra.net"
POD = PodRef(namespace="default", name="pod", uid="pod-uid")
PATIENCE = 30.0


class Node:
    """All around the process. Parts are started one by one, so that tests can leave some away."""

    def __init__(self) -> None:
        self.root = tempfile.mkdtemp(prefix="knd-dra-")
        self.places = Places(f"{self.root}/run")
        self.api = StandinApiServer(NODE)
        self.api.start()
        self.kubeconfig = self.api.kubeconfig(f"{self.root}/kubeconfig")
        self.kubelet = StandinKubelet(f"{self.root}/kubelet")
        self.dataplane = FakeDataplane()
        self.runtime = FakeRuntimeLink()
        self.servers: list[Server | FeedPublisher] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.port = _free_port()

    def close(self) -> None:
        """End everything that was started, whatever happened."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for server in self.servers:
            server.stop()
        self.kubelet.stop()
        self.api.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def start_peers(self) -> None:
        """The kubelet, the dataplane, the NRI frontend and the watcher, which sees two cards."""
        self.kubelet.start()
        self.start_dataplane()
        self.start_runtime()
        self.start_watcher("ens1", "ens2")

    def start_dataplane(self) -> None:
        self._serve(serve_preparing(self.places.prepare_socket, self.dataplane))

    def start_runtime(self) -> None:
        self._serve(serve_runtime_link(self.places.state_socket, self.runtime))

    def start_watcher(self, *names: str) -> None:
        self.feed = FeedPublisher(self.places.inventory_socket)
        self.show(*names)
        self._serve(self.feed)

    def show(self, *names: str) -> None:
        """The watcher sees these cards now."""
        found = {facts.link.name: facts.link for facts in self.dataplane.host.facts.values()}
        devices = tuple(
            Device(name=n, identity=found[n].identity, interface=n, attributes={"dra.net/ifName": n}) for n in names
        )
        self.feed.publish(Inventory(generation=time.monotonic_ns(), devices=devices))

    def spawn(self, pod_uid: str = "", **flags: str) -> subprocess.Popen[bytes]:
        """``knd dra`` on this node."""
        values = {
            "kubeconfig": self.kubeconfig,
            "node-name": NODE,
            "kubelet-root": f"{self.root}/kubelet",
            "runtime-dir": self.places.runtime_dir,
            "bind-address": f"127.0.0.1:{self.port}",
            **{name.replace("_", "-"): value for name, value in flags.items()},
        }
        log = open(f"{self.root}/log-{len(self.processes)}", "wb")  # noqa: SIM115 - the process has it
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "agent.cli", "dra", *(f"--{name}={value}" for name, value in values.items())],
                stderr=log,
                env={**os.environ, "POD_UID": pod_uid},
            )
        self.processes.append(process)
        return process

    def logged(self, index: int = -1) -> str:
        """What that process said so far."""
        number = index % len(self.processes)
        with open(f"{self.root}/log-{number}", encoding="utf-8") as file:
            return file.read()

    def published(self) -> list[str]:
        """Names of the devices in the slices."""
        return [device["name"] for body in self.api.slices() for device in body["spec"].get("devices", [])]

    def claim(self, *devices: str, name: str = "net", config: tuple[dict[str, Any], ...] = ()) -> ClaimRef:
        """A claim that the scheduler gave these devices."""
        requests = [f"r{index}" for index in range(len(devices))]
        made = self.api.create_claim(name, requests=requests, config=config)
        results = [(request, NODE, device) for request, device in zip(requests, devices, strict=True)]
        self.api.allocate(made, *results, pod=(POD.name, POD.uid))
        return ClaimRef(namespace="default", name=name, uid=made["metadata"]["uid"])

    def prepare(self, claim: ClaimRef) -> Prepared:
        (answer,) = self.kubelet.prepare(DRIVER, (claim,))
        return answer

    def report(self, claim: ClaimRef, error: str = "") -> None:
        """The NRI frontend reports how the attach went."""
        device = AttachedDevice(
            claim=claim,
            request="r0",
            pool=NODE,
            device="ens1",
            interface="net1",
            mac="02:00:00:00:00:03",
            addresses=("192.0.2.3/24",),
        )
        made = Outcome(claim=claim, pod=POD, devices=() if error else (device,), error=error, at_ns=time.time_ns())
        call = Call(key=os.urandom(8).hex(), deadline=time.monotonic() + PATIENCE)
        eventually(lambda: _acknowledged(self.places.outcomes_socket, made, call))

    def ready(self) -> tuple[int, str]:
        """Status and text of /readyz; status 0 when nobody serves it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def _serve(self, server: Server | FeedPublisher) -> None:
        server.start()
        self.servers.append(server)


def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def ended(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
    """Signal the process and wait for its end; status and seconds."""
    began = time.monotonic()
    process.send_signal(number)
    return process.wait(PATIENCE), time.monotonic() - began


def aside(work: Callable[[], Any]) -> threading.Thread:
    """Run it in a thread, whose failure is nobody's business."""

    def run() -> None:
        try:
            work()
        except Failure:
            return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _acknowledged(path: str, outcome: Outcome, call: Call) -> bool:
    try:
        OutcomesClient(path).report(outcome, call)
    except Failure:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
