"""A warm process that forks: every child is a dataplane as production puts it together, and can be killed at its n-th change.

Changes are what the kernel and the disk see: each netlink request that is no question, each sysctl, each step of a file's way
to the disk. Starting python takes ten times as long as a whole attach; forking takes a few milliseconds.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from adapters.ethtool.family import Ethtool
from adapters.manifests.nodefile import NodeFile
from adapters.netlink import sysctls
from adapters.netlink.socket import NetlinkSocket
from agent.domain.claims import Allocated, Configured
from agent.domain.planning import plan
from dataplane.__main__ import _boot_id, build
from dataplane.worker import Worker
from ports import ledger, options
from ports.dataplane import Call, Sandbox
from ports.netconfig import decode
from ports.places import Places
from tests.support.plans import claim_ref, pod_ref

CLAIM, POD = claim_ref("nics"), pod_ref("web")
CLONE_NEWNET = 0x40000000
CHANGES: tuple[tuple[Any, str], ...] = (
    (NetlinkSocket, "change"),
    (Ethtool, "set_features"),
    (sysctls, "_write"),
    *((os, name) for name in ("rename", "link", "unlink")),
)
PARAMETERS = {
    "interface": {
        "name": "net1",
        "alternativeNames": ["fabric0"],
        "mtu": 1400,
        "hardwareAddr": "02:00:5e:00:00:01",
        "txQueueLen": 77,
        "arpIgnore": 1,
        "addresses": ["192.0.2.7/24", "2001:db8::7/64"],
    },
    "routes": [
        {"destination": "198.51.100.0/24", "gateway": "192.0.2.254"},
        {"destination": "0.0.0.0/0", "gateway": "192.0.2.254", "table": 100},
    ],
    "rules": [{"priority": 500, "source": "192.0.2.0/24", "table": 100}],
    "neighbors": [{"destination": "192.0.2.254", "hardwareAddr": "02:00:00:00:00:fe"}],
    "ethtool": {"features": {"tx-tcp-segmentation": False}},
}


class Bomb:
    """Kills the process right before its n-th change, counted from 0; never with a negative number."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.changes: list[str] = []

    def arm(self) -> None:
        """Count from now on."""
        for owner, name in CHANGES:
            setattr(owner, name, self._counted(name, getattr(owner, name)))

    def _counted(self, name: str, act: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **named: object) -> object:
            if len(self.changes) == self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            self.changes.append(name)
            return act(*arguments, **named)

        return counted


class Child:
    """What one process does."""

    def __init__(self, flags: list[str], netns: str, card: str) -> None:
        args = options.parser("knd dataplane", "", options.DATAPLANE, {}).parse_args(flags)
        self._sandbox = Sandbox(id="sandbox-1", pod_uid=POD.uid, netns=netns)
        self._card = card
        self.worker: Worker = build(args, Places(args.runtime_dir), NodeFile("", args.driver_name))
        self.worker.recover()

    def killed(self, verb: str, number: int) -> list[str]:
        """The verb, up to that change; what was changed when it was not killed."""
        self._prepare()
        if verb == "detach":
            self.worker.attach(self._sandbox, self._call())
        bomb = Bomb(number)
        bomb.arm()
        getattr(self.worker, verb)(self._sandbox, self._call())
        return bomb.changes

    def held(self) -> list[str]:
        """The interfaces of the pod, as the worker finds them after its start."""
        return [each.interface for each in self.worker.held(self._call())]

    def finish(self) -> list[str]:
        """The runtime's list is compared, the pod ends, the claim is taken back; what was found, and what was lost."""
        report = self.worker.reconcile((self._sandbox,), self._call())
        lost = self.worker.detach(self._sandbox, self._call()).lost
        self.worker.unprepare(CLAIM.uid, self._call())
        assert self.worker.namespaces.held() == frozenset()
        return [*(str(finding.verdict) for finding in report.findings), *lost]

    def _prepare(self) -> None:
        (facts,) = self.worker.inspect((self._identity(),), self._call())
        allocated = Allocated(request="nic", pool="node", device=self._card)
        configured = (Configured(allocated=allocated, config=decode(PARAMETERS)),)
        self.worker.prepare(plan(CLAIM, POD, configured, {self._card: facts}), self._call())

    def _identity(self) -> Any:
        found = self.worker._machine.kernel.host.find(self._card)
        assert found is not None, f"{self._card} is not in the host"
        return found.identity

    def _call(self) -> Call:
        return Call(key=os.urandom(8).hex(), deadline=time.monotonic() + 60)


def forked(work: Callable[[], list[str]]) -> dict[str, object]:
    """How a child of ours ended that did this work, and its answer."""
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        status = 1
        try:
            os.write(write, json.dumps(work()).encode())
            status = 0
        except BaseException:  # noqa: BLE001 - told to the test
            os.write(write, json.dumps(traceback.format_exc()).encode())
        finally:
            os._exit(status)
    os.close(write)
    with open(read, "rb") as answer:
        said = answer.read()
    return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "answer": json.loads(said or b"null")}


def _warm(runtime_dir: str) -> None:
    """Read what there is, so that no child has to find out how records are read."""
    directory = Places(runtime_dir).ledger
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        if name.endswith(".json"):
            with open(os.path.join(directory, name), "rb") as file:
                ledger.decode(file.read(), _boot_id())


def main(host: int, netns: str, card: str, flags: list[str]) -> None:
    """Fork a child for each line of input: a method's name and its arguments."""
    assert ctypes.CDLL(None).setns(host, CLONE_NEWNET) == 0
    for line in sys.stdin:
        _warm(flags[0].partition("=")[2])
        method, *arguments = json.loads(line)
        print(json.dumps(forked(lambda: getattr(Child(flags, netns, card), method)(*arguments))), flush=True)  # noqa: B023


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
