"""All parts of health put together, for the process that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.services.bell import Bell
from agent.services.following import follow
from agent.services.health.board import Board
from agent.services.health.held import Held
from agent.services.health.offered import Keeps, Offered
from agent.services.health.telling import Telling
from agent.services.health.watching import HealthWatch
from agent.services.inventories import Inventories
from agent.services.notices import Notices
from ports.clock import Clock
from ports.heldfeed import HeldSource
from ports.metrics import Meter
from ports.nodeconfig import Health


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthParts:
    """``board`` is for the kubelet's streams; ``watch`` puts taints on devices as they are published."""

    board: Board
    held: Held
    watch: HealthWatch

    def loops(self, source: HeldSource, bell: Bell) -> Mapping[str, Callable[[], None]]:
        """What has to run, by name; ends with the bell, which also ends ``source``."""
        return {"held": lambda: follow(source, self.held.put, bell), "health": self.watch.run}


def assemble(
    *,
    driver: str,
    node: str,
    inventories: Inventories,
    keeps: Keeps,
    policy: Callable[[], Health],
    retainted: Callable[[], None],
    notices: Notices,
    clock: Clock,
    meter: Meter,
) -> HealthParts:
    """Nothing runs yet.

    ``keeps`` says by its attributes whether a device is published; ``retainted`` is called when devices have other taints
    than before.
    """
    board, held = Board(), Held(clock)
    watch = HealthWatch(
        driver=driver,
        node=node,
        inventories=inventories,
        held=held,
        offered=Offered(keeps),
        policy=policy,
        board=board,
        telling=Telling(node, notices, meter),
        retainted=retainted,
        clock=clock,
    )
    held.tell(watch.wake)
    return HealthParts(board=board, held=held, watch=watch)
