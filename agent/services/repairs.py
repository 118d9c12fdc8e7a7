"""How often what others do to our slices is put right: at once, and ever more rarely while somebody keeps at it."""

from __future__ import annotations

import logging

from agent.domain.damping import FLAPPING, Pace
from agent.services.losses import Losses

log = logging.getLogger("knd.publishing")
QUARREL = 6  # repairs in a row after which people are told
TEXT = "somebody keeps changing or deleting this node's ResourceSlices; they are repaired ever more rarely"


class Repairs:
    """The pace of repairs; ``quarrel`` says why the slices are left as they are for now."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._pace = Pace()
        self.quarrel = ""

    @property
    def due(self) -> float:
        """When (monotonic) the next one may be."""
        return self._pace.until

    def may(self, now: float) -> bool:
        """Whether one may be now; then it counts."""
        if now < self._pace.until:
            self.quarrel = TEXT
            return False
        self._pace = self._pace.changed(now, FLAPPING)
        if self._pace.steps == QUARREL:
            log.warning("%s", TEXT)
            self._losses.tell("SlicesChanged", TEXT)
        return True

    def done(self) -> None:
        """The slices are as they should be."""
        self.quarrel = ""
