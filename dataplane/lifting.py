"""Interfaces of the host that are up for as long as somebody speaks through them, and down again whatever happens.

What is set up is written down first, so that the next process sets it down where this one ends. A pod that comes for its
device does not wait for anybody: the device is as it was when the pod's attach begins, and stays so until it has it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dataplane.locks import PodLocks
from ports.devices import Identity
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.outbox import Shelf

log = logging.getLogger("knd.dataplane")
LONGEST = 60.0  # seconds that giving back waits for the same device


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifted:
    """An interface of the host that is up for a loan only."""

    identity: Identity


class Forgetful:
    """A shelf for hosts that lend nothing."""

    def put(self, claim_uid: str, value: Lifted) -> None:
        """Not kept."""

    def drop(self, claim_uid: str) -> None:
        """Nothing is there."""

    def get(self, claim_uid: str) -> Lifted | None:  # noqa: ARG002 - as the port has it
        """Nothing."""
        return None

    def all(self) -> Mapping[str, Lifted]:
        """Nothing."""
        return {}


class Lifts:
    """By interface index. What concerns one device happens one after the other, several devices at the same time."""

    def __init__(self, host: Namespace, shelf: Shelf[Lifted]) -> None:
        self._host = host
        self._shelf = shelf
        self._locks = PodLocks()
        self._users: Counter[int] = Counter()
        self._leaving: Counter[int] = Counter()
        self._lifted: dict[int, Identity] = {}

    def recover(self) -> None:
        """Set down what an earlier process had set up."""
        for lifted in self._shelf.all().values():
            self._lower(lifted.identity)

    def take(self, device: Identity, seconds: float) -> None:
        """One more who needs the device up. CONFLICT: a pod is just getting it."""
        ifindex = device.ifindex
        with self._locks.hold(str(ifindex), seconds):
            if self._leaving[ifindex]:
                raise Failure(Code.CONFLICT, f"device {device}", "is on its way into a pod", "it is tried again")
            if ifindex not in self._lifted and not self._host.link(ifindex).up:
                self._lift(device)
            self._users[ifindex] += 1

    def leave(self, ifindex: int) -> None:
        """One less; the last one has it set down, if it was down."""
        with self._locks.hold(str(ifindex), LONGEST):
            self._users[ifindex] -= 1
            if self._users[ifindex] <= 0:
                del self._users[ifindex]
                self._end(ifindex)

    @contextmanager
    def barred(self, indexes: Iterable[int], seconds: float) -> Iterator[None]:
        """These are as they were, and nobody gets them."""
        with ExitStack() as stack:
            for ifindex in dict.fromkeys(indexes):
                with self._locks.hold(str(ifindex), seconds):
                    self._leaving[ifindex] += 1
                    stack.callback(self._free, ifindex)
                    self._end(ifindex)
            yield

    def _free(self, ifindex: int) -> None:
        with self._locks.hold(str(ifindex), LONGEST):
            self._leaving[ifindex] -= 1
            if not self._leaving[ifindex]:
                del self._leaving[ifindex]

    def _lift(self, device: Identity) -> None:
        self._shelf.put(_key(device.ifindex), Lifted(identity=device))
        self._lifted[device.ifindex] = device
        try:
            self._host.set_up(device.ifindex, True)
        except Failure:
            self._end(device.ifindex)
            raise

    def _end(self, ifindex: int) -> None:
        device = self._lifted.pop(ifindex, None)
        if device is not None:
            self._lower(device)

    def _lower(self, device: Identity) -> None:
        """If that fails it stays written down, for the next process."""
        try:
            link = self._host.link(device.ifindex)
            if link.identity == device and link.up:
                self._host.set_up(device.ifindex, False)
        except Failure as failure:
            if failure.code is not Code.NOT_FOUND:
                log.error("interface %s stays up: %s", device, failure)
                return
        self._shelf.drop(_key(device.ifindex))


def _key(ifindex: int) -> str:
    return f"if{ifindex}"
