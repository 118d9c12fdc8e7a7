"""Pods' network namespaces in the guest, by name, so that programs of every kind can be run in them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

_NUMBERS = count(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """A network namespace under ``/run/netns``."""

    name: str

    @property
    def path(self) -> str:
        """Where a runtime would say that it is."""
        return f"/run/netns/{self.name}"

    def run(self, *command: str) -> str:
        """What a program says that runs in there; it must succeed."""
        return run("ip", "netns", "exec", self.name, *command)

    def take(self, interface: str, address: str) -> None:
        """Move an interface of the host in there, by hand, and set it up."""
        ip("link", "set", interface, "netns", self.name)
        self.run("ip", "address", "add", address, "dev", interface)
        self.run("ip", "link", "set", interface, "up")

    def end(self) -> None:
        """Let the namespace die, as when the runtime removes a sandbox. Repeatable."""
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


@contextmanager
def pod() -> Iterator[Pod]:
    """A namespace of its own, with its loopback up."""
    made = Pod(name=f"pod{next(_NUMBERS)}")
    ip("netns", "add", made.name)
    try:
        made.run("ip", "link", "set", "lo", "up")
        yield made
    finally:
        made.end()


def ip(*arguments: str) -> str:
    """ip(8) in the host's namespace."""
    return run("ip", *arguments)


def run(*command: str) -> str:
    """What a program says; it must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout
