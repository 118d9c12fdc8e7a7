"""RDMA devices in the guest: software ones (rxe) upon its cards, and traffic between two of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.eventually import eventually
from tests.vm import tools

SECONDS = 120  # for one program


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """One side of a connection: a namespace by path (empty: the host's), an RDMA device and an IP address of it."""

    netns: str = ""
    device: str
    address: str


def make_exclusive() -> None:
    """Let each device belong to one namespace. The kernel does so only while there is no other than the host's."""

    def tried() -> bool:
        command = tools.command("rdma", "system", "set", "netns", "exclusive")
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    eventually(tried, seconds=SECONDS)


@contextmanager
def rxe(name: str, interface: str) -> Iterator[str]:
    """An RDMA device of that name upon an interface of the host; gone afterwards wherever it went, once it is back."""
    run("rdma", "link", "add", name, "type", "rxe", "netdev", interface)
    try:
        yield name
    finally:
        eventually(lambda: name in devices(), seconds=SECONDS)
        run("rdma", "link", "delete", name)


def run(program: str, *arguments: str, netns: str = "") -> str:
    """What the program writes; it must succeed."""
    done = subprocess.run(
        tools.command(program, *arguments, netns=netns),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stdout}"
    return done.stdout


def devices(netns: str = "") -> set[str]:
    """The names of the RDMA devices that are seen from a namespace."""
    return {line.split()[1].rstrip(":") for line in run("rdma", "dev", netns=netns).splitlines()}


def rping(server: End, client: End) -> None:
    """Connect with rdma_cm and exchange some messages."""
    _exchange(
        server,
        client,
        ["rping", "-s", "-a", server.address, "-C", "3"],
        ["rping", "-c", "-a", server.address, "-C", "3"],
    )


def send(server: End, client: End) -> None:
    """Connect with verbs and a GID, and send a kilobyte some times."""
    common = ["ib_send_bw", "-n", "20", "-s", "1024", "-F"]
    gids = [str(gid_index(end)) for end in (server, client)]
    _exchange(
        server,
        client,
        [*common, "-d", server.device, "-x", gids[0]],
        [*common, "-d", client.device, "-x", gids[1], server.address],
    )


def gid_index(end: End) -> int:
    """The index of the GID that stands for the end's IPv4 address; it comes some time after the address."""
    wanted = "::ffff:" + end.address
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        shown = run("ibv_devinfo", "-v", "-d", end.device, netns=end.netns)
        for line in shown.splitlines():
            if "GID[" in line and wanted in line:
                return int(line.split("[")[1].split("]")[0])
        time.sleep(0.5)
    raise AssertionError(f"{end.device} has no GID for {end.address}: {shown}")


def _exchange(server: End, client: End, serve: list[str], call: list[str]) -> None:
    listening = subprocess.Popen(
        tools.command(*serve, netns=server.netns),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _call(call, client, time.monotonic() + SECONDS)
        output, _ = listening.communicate(timeout=SECONDS)
        assert listening.returncode == 0, f"{' '.join(serve)}: {output}"
    finally:
        listening.kill()
        listening.communicate()


def _call(command: list[str], client: End, limit: float) -> None:
    """Until the other side listens, a connection is refused; nothing tells when it does."""
    while True:
        done = subprocess.run(
            tools.command(*command, netns=client.netns),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode == 0:
            return
        assert time.monotonic() < limit, f"{' '.join(command)}: {done.stdout}"
        time.sleep(0.5)
