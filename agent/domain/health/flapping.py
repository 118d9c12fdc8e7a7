"""Link flap: so many losses of the carrier in so much time; it is over after a time without one, however short.

The kernel's counter is what is looked at and not the carrier itself: a link that goes away and comes back between two
looks has still gone away.
"""

from __future__ import annotations

from dataclasses import replace

from agent.domain.health.memory import Memory
from ports.nodeconfig import Flapping
from ports.vitals import Vitals


def counted(memory: Memory, vitals: Vitals, now: float, policy: Flapping) -> Memory:
    """With the losses since the last look. Those of a link that is set down, set up or moved are no flapping."""
    drops = (*memory.drops, *[now] * min(_new(memory, vitals, now), policy.changes))
    over = over_at(replace(memory, drops=drops), policy)
    if over is not None and over <= now:
        return replace(memory, losses=vitals.losses, drops=(), flapping=False)
    recent = tuple(each for each in drops if each > now - policy.withinSeconds)[-policy.changes :]
    flapping = memory.flapping or len(recent) >= policy.changes
    kept = recent or (drops[-1:] if flapping else ())
    return replace(memory, losses=vitals.losses, drops=kept, flapping=flapping)


def over_at(memory: Memory, policy: Flapping) -> float | None:
    """When it is over if no carrier is lost any more; None: the link does not flap."""
    return memory.drops[-1] + policy.quietSeconds if memory.flapping and memory.drops else None


def _new(memory: Memory, vitals: Vitals, now: float) -> int:
    if vitals.losses is None or memory.losses is None or vitals.up is not True or now < memory.settled_at:
        return 0
    return max(0, vitals.losses - memory.losses)
