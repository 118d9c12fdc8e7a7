"""The real processes of a node, started as they are in production, in a directory of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMPORTED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)
KUBECONFIG = """
{"apiVersion": "v1", "kind": "Config", "current-context": "none", "users": [{"name": "none", "user": {}}],
 "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}],
 "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}]}
"""


class Node:
    """A directory with all that the processes of one node need; nothing else of the machine is written to."""

    def __init__(self, directory: Path) -> None:
        self.runtime_dir = directory / "run"
        (directory / "kubeconfig").write_text(KUBECONFIG)
        self.flags = {
            "dra": [
                f"--kubeconfig={directory}/kubeconfig",
                f"--kubelet-root={directory}/kubelet",
                f"--cdi-root={directory}/cdi",
                "--node-name=test",
                "--bind-address=",
            ],
            "nri": [f"--nri-socket={directory}/nri.sock"],
            "watch": [],
            "dataplane": [f"--cdi-root={directory}/cdi"],
        }

    def command(self, name: str) -> list[str]:
        """The command line of one process, as ``knd`` runs it (it becomes the dataplane by exec)."""
        module = ["dataplane"] if name == "dataplane" else ["agent.cli", name]
        return [sys.executable, "-P", "-m", *module, f"--runtime-dir={self.runtime_dir}", *self.flags[name]]

    @contextmanager
    def running(self, name: str, log: str = "") -> Iterator[subprocess.Popen[str]]:
        """One process, telling each import in its log; killed at the end if it still runs."""
        env = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
        path = self._log(log or name)
        with path.open("w") as file, subprocess.Popen(self.command(name), stderr=file, text=True, env=env) as process:
            try:
                yield process
            finally:
                process.kill()

    def log(self, name: str) -> str:
        """What the process said until now, its imports apart."""
        return "".join(line for line in self._log(name).read_text().splitlines(True) if not line.startswith("import "))

    def imported(self, name: str) -> set[str]:
        """The modules that the process imported until now (lazy imports too)."""
        return set(IMPORTED.findall(self._log(name).read_text()))

    def _log(self, name: str) -> Path:
        return self.runtime_dir.parent / f"{name}.log"


def appears(path: str, seconds: float = 30.0) -> bool:
    """Whether the file comes to be within that time."""
    end = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
