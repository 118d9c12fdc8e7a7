"""The loop that judges devices: after each word of the watcher or the dataplane, and when time alone can change a verdict.

A change is on the kubelet's stream as soon as it is judged. Taints follow by policy: they are put on the devices as these
are published, and publishing is woken when they change.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.domain.health import NEW, Memory, Seen, Verdict, judge, taints
from agent.services.bell import Bell
from agent.services.health.board import Board
from agent.services.health.held import Held, InPods
from agent.services.health.offered import Offered
from agent.services.health.sight import Sight, look
from agent.services.health.telling import Telling
from agent.services.inventories import Inventories
from ports.clock import Clock
from ports.devices import Device, Taint
from ports.health import DeviceHealth, Status
from ports.nodeconfig import Health
from ports.plan import PodRef

log = logging.getLogger("knd.health")
LONGEST = 60.0  # seconds between two looks when nothing is due
UNKNOWN = Verdict(status=Status.UNKNOWN)
SPACING = 0.1  # seconds between two looks, so that a storm costs little


@dataclass(slots=True)
class _Kept:
    """What is kept of one device. ``since`` is when its report last changed, in Unix seconds.

    ``known`` is the last verdict of somebody who could look: what is not seen has neither got worse nor recovered.
    ``of`` is what it was judged by: the same gives the same until the verdict says that time may change it.
    """

    of: tuple[Seen, Health] | None = None
    memory: Memory = NEW
    verdict: Verdict = UNKNOWN
    known: Verdict = UNKNOWN
    taints: tuple[Taint, ...] = ()
    since: int = 0
    pod: PodRef | None = None


class HealthWatch:
    """``run`` it in a thread until ``stop``."""

    def __init__(
        self,
        *,
        driver: str,
        node: str,
        inventories: Inventories,
        held: Held,
        offered: Offered,
        policy: Callable[[], Health],
        board: Board,
        telling: Telling,
        retainted: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._driver = driver
        self._node = node
        self._inventories = inventories
        self._held = held
        self._offered = offered
        self._policy = policy
        self._board = board
        self._telling = telling
        self._retainted = retainted
        self._clock = clock
        self._bell = Bell()
        self._looking = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def wake(self) -> None:
        """Something may have changed. The first time, devices are judged at once: none is published without its taints."""
        if not self._kept:
            self._tried()
        self._bell.ring()

    def stop(self) -> None:
        """End ``run``."""
        self._bell.close()

    def run(self) -> None:
        """Look after each wake and when it is due, until stopped."""
        due = 0.0
        while not self._bell.closed:
            self._bell.wait(due)
            if self._bell.closed:
                return
            due = self._tried()
            self._bell.pause(SPACING)

    def tainted(self, device: Device) -> Device:
        """The device with the taints that its health gives it."""
        kept = self._kept.get(device.name)
        return replace(device, taints=(*device.taints, *kept.taints)) if kept is not None and kept.taints else device

    def look(self) -> float:
        """Judge all devices once, and tell what is new; seconds until the next look is due."""
        with self._looking:
            return self._look()

    def _tried(self) -> float:
        """A defect costs one look and not all later ones."""
        try:
            return self.look()
        except Exception:
            log.exception("the health of devices could not be judged")
            return LONGEST

    def _look(self) -> float:
        devices = self._inventories.devices()
        if devices is None:
            return LONGEST
        sight = Sight(shown=self._inventories.shown(), in_pods=self._held.now())
        policy = self._policy()
        names = self._offered.of(devices, sight.in_pods.devices)
        kept = {name: self._judged(name, sight, policy) for name in names}
        before, self._kept = self._kept, kept
        self._board.put(tuple(self._report(name, each) for name, each in kept.items()))
        if _taints(before) != _taints(kept):
            self._retainted()
        self._telling.looked()
        self._telling.totals(each.verdict for each in kept.values())
        return self._due(kept, sight.in_pods)

    def _judged(self, name: str, sight: Sight, policy: Health) -> _Kept:
        before = self._kept.get(name) or _Kept()
        if before.since and sight.is_under_way(name):
            return replace(before, of=None, verdict=replace(before.verdict, again_at=None))
        seen, pod = look(name, sight, before.memory.place, before.pod)
        now, due = self._clock.monotonic(), before.verdict.again_at
        if before.of == (seen, policy) and (due is None or now < due):
            return before
        memory, verdict = judge(before.memory, seen, now, policy)
        told = before.since and _told(before.verdict) == _told(verdict)
        known = before.known if verdict.status is Status.UNKNOWN else verdict
        self._telling.changed(name, before.known, known, pod)
        return _Kept(
            of=(seen, policy),
            memory=memory,
            verdict=verdict,
            known=known,
            taints=taints(known, policy, self._driver),
            since=before.since if told else self._clock.wall_ns() // 1_000_000_000,
            pod=pod,
        )

    def _report(self, name: str, kept: _Kept) -> DeviceHealth:
        return DeviceHealth(
            pool=self._node,
            device=name,
            status=kept.verdict.status,
            since=kept.since,
            message=kept.verdict.message,
        )

    def _due(self, kept: dict[str, _Kept], in_pods: InPods) -> float:
        moments = (each.verdict.again_at for each in kept.values())
        soonest = min((each for each in (*moments, in_pods.until) if each is not None), default=None)
        return LONGEST if soonest is None else min(LONGEST, max(0.0, soonest - self._clock.monotonic()))


def _taints(kept: dict[str, _Kept]) -> dict[str, tuple[Taint, ...]]:
    return {name: each.taints for name, each in kept.items() if each.taints}


def _told(verdict: Verdict) -> tuple[object, ...]:
    return verdict.status, verdict.message
