"""The demo's node: a host with an interface to hand out, a cluster of stand-ins around it, and knd's four processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from adapters.standin import namespaces, network
from adapters.standin.apiserver import StandinApiServer
from adapters.standin.collector import Collector
from adapters.standin.kubelet import StandinKubelet
from adapters.standin.runtime import Runtime
from ports.errors import Code, Failure

NODE = "demo-node"
NIC, NIC_MAC, NIC_ADDRESS = "nic0", "02:00:5e:10:00:01", "198.51.100.10/24"
HOST_ROUTE = ("203.0.113.0/24", "198.51.100.1")
FABRIC_PORT, FABRIC_ADDRESSES = "port0", ["198.51.100.1/24", "192.0.2.1/24"]
PATIENCE = 20.0
LOG_LINES = 15

T = TypeVar("T")


class Node:
    """Everything of one run lives below ``directory`` and on ``stack``, which ends it in reverse, whatever happens."""

    def __init__(self, directory: Path, stack: ExitStack, verbose: bool) -> None:
        self._directory = directory
        self._stack = stack
        self._verbose = verbose
        self._processes: subprocess.Popen[bytes] | None = None
        self.fabric = directory / "netns" / "fabric"
        self.pod_netns = directory / "netns" / "pod"
        self.cdi_root = directory / "cdi"
        self.api = StandinApiServer(node=NODE)
        self.kubelet = StandinKubelet(str(directory / "kubelet"))
        self.runtime = Runtime(str(directory / "nri" / "nri.sock"))
        self.collector = Collector()

    def build_host(self) -> None:
        """The interface with an address and a route, cabled to a fabric; the pod's namespace."""
        network.loopback_up()
        for path in (self.fabric, self.pod_netns):
            self._stack.callback(namespaces.destroy, namespaces.create(path))
        network.loopback_up(self.pod_netns)
        network.cable(NIC, NIC_MAC, self.fabric, FABRIC_PORT)
        network.configure(FABRIC_PORT, FABRIC_ADDRESSES, self.fabric)
        network.configure(NIC, [NIC_ADDRESS])
        network.route(NIC, *HOST_ROUTE)

    def start_cluster(self) -> None:
        """The stand-ins."""
        for part in (self.collector, self.api, self.kubelet, self.runtime):
            part.start()
            self._stack.callback(part.stop)

    def start_driver(self) -> None:
        """``knd up``, as anybody would start it."""
        log = None if self._verbose else self._stack.enter_context(open(self._log, "wb"))  # noqa: SIM115
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        self._processes = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "up", *self._flags()],
            stdout=log,
            stderr=log,
            env={**os.environ, **traces},
        )
        self._stack.callback(_end, self._processes)

    def wait_for(self, what: str, look: Callable[[], T | None]) -> T:
        """What ``look`` finds, as soon as it finds it; DEADLINE, with the end of the processes' log, when it does not."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not self._ended:
            found = look()
            if found:
                return found
            time.sleep(0.01)
        raise Failure(Code.DEADLINE, what, f"did not come within {PATIENCE:g} s", self._last_words())

    def _flags(self) -> list[str]:
        sysfs = self._directory / "sys"
        mounted = namespaces.mount_sysfs(sysfs)
        self._stack.callback(namespaces.unmount, sysfs)
        flags = {
            "--kubeconfig": self.api.kubeconfig(str(self._directory / "kubeconfig")),
            "--node-name": NODE,
            "--kubelet-root": self._directory / "kubelet",
            "--nri-socket": self._directory / "nri" / "nri.sock",
            "--runtime-dir": self._directory / "run",
            "--cdi-root": self.cdi_root,
            "--sysfs-root": sysfs if mounted else "/sys",
            "--filter": "",
            "--bind-address": "",
            "--log-level": "info",
        }
        return [f"{flag}={value}" for flag, value in flags.items()]

    @property
    def _log(self) -> Path:
        return self._directory / "knd.log"

    @property
    def _ended(self) -> bool:
        return self._processes is not None and self._processes.poll() is not None

    def _last_words(self) -> str:
        if self._verbose or not self._log.exists():
            return "see the log above, or run it with --verbose"
        return "the last lines of the log:\n" + "\n".join(self._log.read_text().splitlines()[-LOG_LINES:])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
