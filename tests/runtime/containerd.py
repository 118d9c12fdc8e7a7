"""A private containerd out of Debian's packages: own directories, own sockets, NRI and CDI on, ended by its process id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.runtime import image, private
from tests.support import debian

PACKAGES = ("containerd", "runc", "busybox-static", "containernetworking-plugins")
READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one private containerd keeps everything: below one directory that is seen inside and outside of its root."""

    base: Path

    @property
    def socket(self) -> Path:
        """The CRI socket."""
        return self.base / "containerd.sock"

    @property
    def nri_socket(self) -> Path:
        """The NRI socket."""
        return self.base / "nri" / "nri.sock"

    @property
    def cdi_root(self) -> Path:
        """The only directory of CDI specs that it reads."""
        return self.base / "cdi"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.base / "containerd.log"


def configuration(layout: Layout) -> str:
    """The configuration file (version 3: containerd 2.0 and newer)."""
    base = layout.base
    return f"""
version = 3
root = "{base}/root"
state = "{base}/state"
[grpc]
address = "{layout.socket}"
[ttrpc]
address = "{layout.socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
path = "{base}/opt"
[plugins."io.containerd.nri.v1.nri"]
disable = false
socket_path = "{layout.nri_socket}"
plugin_path = "{base}/nri/plugins"
plugin_config_path = "{base}/nri/conf.d"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{image.NAME}"
[plugins."io.containerd.cri.v1.runtime"]
netns_mounts_under_state_dir = true
cdi_spec_dirs = ["{layout.cdi_root}"]
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{base}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
Root = "{base}/runc"
SystemdCgroup = false
"""


def network(layout: Layout) -> str:
    """The pods' own network: one veth pair a pod, addresses from a file, nothing masqueraded."""
    ipam = {
        "type": "host-local",
        "dataDir": f"{layout.base}/addresses",
        "ranges": [[{"subnet": "10.88.0.0/24"}]],
    }
    plugins = [{"type": "ptp", "ipMasq": False, "ipam": ipam}]
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": plugins})


class Containerd:
    """One private containerd; ``kill`` and ``start`` again as often as wanted, its pods live on in between."""

    def __init__(self, root: private.Root, layout: Layout) -> None:
        self.layout = layout
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Write configuration, network and image. Once, before the first start."""
        for name in ("nri/plugins", "nri/conf.d", "cdi", "cni"):
            (self.layout.base / name).mkdir(parents=True)
        (self.layout.base / "config.toml").write_text(configuration(self.layout))
        (self.layout.base / "cni/10-pods.conflist").write_text(network(self.layout))
        (self._root.tree / "etc/resolv.conf").write_text("")
        (self._root.tree / "etc/hosts").write_text("127.0.0.1 localhost\n")
        image.write(self._root.tree / "usr/bin/busybox", self.layout.base / "image.tar")

    def start(self) -> None:
        """Start and wait until it serves."""
        with self.layout.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._root.command("containerd", "--config", f"{self.layout.base}/config.toml"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"containerd does not serve:\n{self.tail()}")
            time.sleep(0.1)

    def load_image(self) -> None:
        """Import the test image."""
        self._ctr("-n", "k8s.io", "images", "import", f"{self.layout.base}/image.tar")

    def kill(self) -> None:
        """End it without giving it a chance to say goodbye. Pods live on."""
        self.stop(signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it is gone. Pods live on."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=READY_SECONDS)
            self._process = None

    def tail(self, lines: int = 40) -> str:
        """The end of what it printed."""
        return "\n".join(self.layout.log.read_text(errors="replace").splitlines()[-lines:])

    def _serves(self) -> bool:
        command = self._root.command("ctr", "-a", str(self.layout.socket), "version")
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _ctr(self, *arguments: str) -> str:
        return private.run(*self._root.command("ctr", "-a", str(self.layout.socket), *arguments))


def shims(layout: Layout) -> list[int]:
    """Process ids of the shims that serve this containerd's pods, told by the socket on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and f"{layout.socket}\0".encode() in _command(entry):
            found.append(int(entry.name))
    return found


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def end(pids: list[int]) -> None:
    """Kill these processes; one that is gone already is fine."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def packages() -> Path:
    """The unpacked programs."""
    return debian.unpacked(*PACKAGES)
