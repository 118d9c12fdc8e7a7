"""What is not published as the host says it: told to people once, counted as long as it is so."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from agent.domain.attributes import Loss
from agent.domain.parts import Reason
from agent.services.notices import Notices
from ports.cluster import Notice
from ports.metrics import Meter

log = logging.getLogger("knd.publishing")
REMEMBERED = 4096
LISTED = 5  # losses in the text of one Event


class Losses:
    """Tells on the Node object, because a slice has no readers of its own."""

    def __init__(self, node: str, notices: Notices, meter: Meter) -> None:
        self._node = node
        self._notices = notices
        self._meter = meter
        self._told: dict[Loss, None] = {}
        self._said: set[str] = set()
        self.node_uid = ""

    def show(self, losses: tuple[Loss, ...]) -> None:
        """These are the losses now."""
        counted = Counter(loss.reason for loss in losses)
        for reason in Reason:
            self._meter.show("knd_attributes_left_out", counted[reason], reason=reason)
        new = [loss for loss in dict.fromkeys(losses) if loss not in self._told]
        if new:
            self._told = dict.fromkeys((*self._told, *new)[-REMEMBERED:])
            for loss in new:
                log.warning("%s", loss)
            self.tell("AttributesLeftOut", _listed(new))

    def tell_once(self, reason: str, message: str) -> None:
        """Put an Event on the Node and a line in the log, unless this was told before."""
        if message not in self._said:
            self._said.add(message)
            log.warning("%s", message)
            self.tell(reason, message)

    def tell(self, reason: str, message: str) -> None:
        """Put an Event on the Node."""
        self._notices.put(
            Notice(kind="Node", namespace="", name=self._node, uid=self.node_uid, reason=reason, message=message)
        )


def _listed(losses: Iterable[Loss]) -> str:
    texts = [str(loss) for loss in losses]
    more = f"; and {len(texts) - LISTED} more, see the log" if len(texts) > LISTED else ""
    return "; ".join(texts[:LISTED]) + more
