"""``knd up`` in a private network namespace, between stand-ins of the API server, the kubelet and the container runtime."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from adapters.netlink.kernel import NetlinkKernel
from adapters.netlink.namespace import NetlinkNamespace
from adapters.standin import namespaces
from adapters.standin.apiserver import StandinApiServer
from adapters.standin.kubelet import StandinKubelet
from adapters.standin.runtime import Runtime
from ports.options import DEFAULT_DRIVER
from ports.places import Places
from ports.plan import ClaimRef, PodRef
from tests.support.private_net import add_veth, private_namespace

NODE = "whole-node"
PROCESSES = ("dataplane", "watch", "nri", "dra")
STOP_LIMIT = 30.0
T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


class WholeNode:
    """A ``with`` block of one node. ``host`` is the node's network, ``wire`` holds the other ends of its cards."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = {**os.environ, **(env or {}), "NO_PROXY": "*"}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.root = Path(tempfile.mkdtemp(prefix="knd-whole-"))
            stack.callback(shutil.rmtree, self.root, ignore_errors=True)
            kernel = NetlinkKernel(host=stack.enter_context(private_namespace()))
            stack.callback(kernel.close)
            self.host = kernel.host
            pod = stack.enter_context(private_namespace())
            self.wire = kernel.open(stack.enter_context(private_namespace()))
            stack.callback(self.wire.close)
            self.pod = kernel.open(pod)
            stack.callback(self.pod.close)
            self.host.set_up(1, True)
            self.places = Places(str(self.root / "run"))
            self.api = StandinApiServer(NODE)
            self.kubelet = StandinKubelet(str(self.root / "kubelet"))
            self.runtime = Runtime(str(self.root / "nri.sock"))
            self._thread = stack.enter_context(ThreadPoolExecutor(1))
            self.pod_path = str(self.root / "pod")
            self.in_host(_settle, self.host.descriptor, pod, self.pod_path)
            self.in_host(self.api.start)
            stack.callback(self.api.stop)
            for part in (self.kubelet, self.runtime):
                part.start()
                stack.callback(part.stop)
            self.api.kubeconfig(str(self.root / "kubeconfig"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def in_host(self, act: Callable[..., T], *arguments: object) -> T:
        """What ``act`` returns when it is called in the host's network and mounts."""
        return self._thread.submit(act, *arguments).result()

    def add_card(self, name: str) -> int:
        """One more interface; its index."""
        add_veth(self.host, name, self.wire)
        found = self.host.find(name)
        assert found is not None
        return found.identity.ifindex

    def set_up(self, name: str, up: bool, where: NetlinkNamespace | None = None) -> None:
        """Set an interface of the host, or of another namespace, up or down."""
        namespace = where or self.host
        found = namespace.find(name)
        assert found is not None
        namespace.set_up(found.identity.ifindex, up)

    def up(self, **flags: str) -> subprocess.Popen[bytes]:
        """``knd up``; killed at the end if it still runs."""
        given = {
            "kubeconfig": str(self.root / "kubeconfig"),
            "node-name": NODE,
            "kubelet-root": str(self.root / "kubelet"),
            "nri-socket": str(self.root / "nri.sock"),
            "runtime-dir": self.places.runtime_dir,
            "cdi-root": str(self.root / "cdi"),
            "filter": "",
            "bind-address": "",
            "log-format": "json",
            **{name.replace("_", "-"): value for name, value in flags.items()},
        }
        argv = [sys.executable, "-m", "agent.cli", "up", *(f"--{name}={value}" for name, value in given.items())]
        with self.log_file.open("ab") as log:
            process = self.in_host(
                lambda: subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env)
            )
        self._stack.callback(_end, process)
        return process

    @property
    def log_file(self) -> Path:
        """What all processes say."""
        return self.root / "log"

    def log(self) -> str:
        """What they said until now."""
        return self.log_file.read_text(errors="replace")

    def devices(self) -> dict[str, dict[str, Any]]:
        """The published devices by name, each with its plain attributes."""
        found = [device for body in self.api.slices() for device in body["spec"].get("devices", ())]
        return {
            device["name"]: {
                name.removeprefix(f"{DEFAULT_DRIVER}/"): next(iter(value.values()))
                for name, value in device["attributes"].items()
            }
            for device in found
        }

    def ready(self, *names: str) -> None:
        """Wait until the driver is registered, the runtime has its plugin, and these devices are published."""
        self.kubelet.wait_registered(DEFAULT_DRIVER, STOP_LIMIT)
        assert self.runtime.wait_for_plugins(timeout=STOP_LIMIT), self.log()
        assert self.api.wait_for(lambda: set(names) <= self.devices().keys(), STOP_LIMIT), self.log()

    def pids(self, up: subprocess.Popen[bytes]) -> dict[str, int]:
        """The process of each command now."""
        found = {}
        for child in children(up.pid):
            with suppress(OSError):  # it may end any moment
                words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
                found.update({name: child for name in PROCESSES if name in words})
        return found

    def claim(self, pod: PodRef, device: str, name: str = "net", **parameters: object) -> ClaimRef:
        """A claim that the scheduler gave this device, for this pod."""
        config = [{"opaque": {"driver": DEFAULT_DRIVER, "parameters": parameters}}] if parameters else []
        made = self.api.create_claim(name, pod.namespace, requests=("r0",), config=config)
        self.api.allocate(made, ("r0", NODE, device), pod=(pod.name, pod.uid))
        return ClaimRef(namespace=pod.namespace, name=name, uid=made["metadata"]["uid"])


def children(pid: int) -> list[int]:
    """The process's children now."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _settle(host: int, pod: str, path: str) -> None:
    """Take this thread into the host's network and mounts of its own, in which the pod's network is at ``path``."""
    _demand(_libc.setns(host, namespaces.CLONE_NEWNET))
    _demand(_libc.unshare(namespaces.CLONE_NEWNS))
    _demand(_libc.mount(None, b"/", None, ctypes.c_ulong(namespaces.MS_REC | namespaces.MS_PRIVATE), None))
    namespaces.bind(pod, Path(path))


def _demand(status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
