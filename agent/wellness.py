"""The parts of ``knd dra`` that know of the health of devices, and of the node's configuration, which has the policy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from adapters.bus.feed import HeldSubscriber
from adapters.manifests.nodefile import NodeFile
from agent.outside import Around
from agent.services.bell import Bell
from agent.services.health import HealthParts, assemble
from agent.services.health.offered import Keeps
from agent.services.nodeconfig import ConfigTelling
from ports.nodeconfig import EMPTY
from ports.places import Places


@dataclass(frozen=True, kw_only=True, slots=True)
class Wellness:
    """``parts`` for those who ask for health; the rest runs by itself."""

    parts: HealthParts
    held: HeldSubscriber
    config: NodeFile
    told: ConfigTelling

    def loops(self, bell: Bell) -> dict[str, Callable[[], None]]:
        """By name, for a thread each; they end with the bell and ``stop``."""
        return {"config": self._follow, **self.parts.loops(self.held, bell)}

    def stop(self) -> None:
        """End the loops. ``close`` gives the feed up."""
        self.config.close()
        self.parts.watch.stop()

    def close(self) -> None:
        """No more news of devices in pods."""
        self.held.close()

    def _follow(self) -> None:
        self.told.look()
        self.config.follow(self._changed)

    def _changed(self) -> None:
        self.told.look()
        self.parts.watch.wake()


def build(chosen: argparse.Namespace, around: Around, keeps: Keeps, retainted: Callable[[], None]) -> Wellness:
    """``keeps`` is the filter of what is published. ``retainted`` is called when devices have other taints than before."""
    config = NodeFile(chosen.node_config, around.driver)
    parts = assemble(
        driver=around.driver,
        node=around.node,
        inventories=around.inventories,
        keeps=keeps,
        policy=lambda: (config.config or EMPTY).health,
        retainted=retainted,
        notices=around.notices,
        clock=around.clock,
        meter=around.meter,
    )
    around.inventories.dress(parts.watch.tainted)
    return Wellness(
        parts=parts,
        held=HeldSubscriber(Places(chosen.runtime_dir).held_socket),
        config=config,
        told=ConfigTelling(around.node, lambda: config.problem, around.notices, around.meter),
    )
