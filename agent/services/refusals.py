"""Refused containers whose reason no claim's outcome tells, such as the second pod of a shared claim: told to people.

The kubelet asks for such a container again every few seconds, so the same reason is told once a pod. The runtime's hook
does not wait for any of this, and what cannot be told is only logged: the refusal itself says the same.
"""

from __future__ import annotations

import logging
import queue
from collections import OrderedDict
from dataclasses import dataclass
from uuid import uuid4

from ports.clock import Clock
from ports.dataplane import Call
from ports.errors import Failure
from ports.frontends import Refusal, Refusals

log = logging.getLogger("knd.refusals")

WAITING = 64
REMEMBERED = 1024
ANSWER_SECONDS = 5.0


@dataclass
class Teller:
    """``put`` never waits; ``run`` belongs in a thread of its own."""

    target: Refusals
    clock: Clock

    def __post_init__(self) -> None:
        self._queue: queue.Queue[Refusal | None] = queue.Queue(WAITING)
        self._told: OrderedDict[str, str] = OrderedDict()

    def put(self, refusal: Refusal) -> None:
        """Take a refusal over, unless the last one of this pod had the same reason."""
        if self._told.get(refusal.pod.uid) == refusal.reason:
            return
        log.warning("container refused: %s", refusal.reason, extra={"pod": str(refusal.pod)})
        try:
            self._queue.put_nowait(refusal)
        except queue.Full:
            return  # not remembered, so that the next try of the kubelet is told
        self._told[refusal.pod.uid] = refusal.reason
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)

    def run(self) -> None:
        """Tell them, one after the other, until stopped."""
        while (refusal := self._queue.get()) is not None:
            call = Call(key=uuid4().hex, deadline=self.clock.monotonic() + ANSWER_SECONDS)
            try:
                self.target.refused(refusal, call)
            except Failure as failure:
                self._told.pop(refusal.pod.uid, None)
                log.info("a refusal is not told: %s", failure, extra={"pod": str(refusal.pod)})

    def stop(self) -> None:
        """End ``run``; what is still waiting is not told."""
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                self._queue.put_nowait(None)
                return
