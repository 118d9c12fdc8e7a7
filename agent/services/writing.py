"""Writes of slices, counted, with what the server teaches by them: fields it does not keep, values it does not take."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from agent.domain import kept
from agent.domain.blame import blamed
from agent.domain.slices import Writes
from agent.services.locating import Locating
from agent.services.losses import Losses
from agent.services.renderings import Renderings
from agent.services.stored import Stored
from ports.cluster import Json, Slices
from ports.errors import Code, Failure
from ports.metrics import Meter

log = logging.getLogger("knd.publishing")
ADVICE = "enable the feature in the API server, or ignore this"


class Writing:
    """One loop writes."""

    def __init__(self, cluster: Slices, stored: Stored, renderings: Renderings, losses: Losses, meter: Meter) -> None:
        self._cluster = cluster
        self._stored = stored
        self._renderings = renderings
        self._losses = losses
        self._meter = meter
        self.learned: dict[str, tuple[Json, Json]] = {}

    def write(self, writes: Writes) -> bool:
        """Carry them out, in their order. False: something was learned, so that other writes are due."""
        for name in writes.delete:
            self._counted("delete", partial(self._cluster.delete_slice, name))
            self._stored.gone(name)
        news = False
        for action, body in (
            *(("update", body) for body in writes.update),
            *(("create", body) for body in writes.create),
        ):
            call = self._cluster.update_slice if action == "update" else self._cluster.create_slice
            try:
                stored = self._counted(action, partial(call, body))
            except Failure as failure:
                if failure.code is not Code.INVALID or not self._locate(body, failure):
                    raise
                return False
            if stored is not None:
                self._stored.put(stored)
                news = self._compare(body, stored) or news
        log.info(
            "slices written: %d created, %d updated, %d deleted",
            len(writes.create),
            len(writes.update),
            len(writes.delete),
        )
        return not news

    def _counted(self, action: str, work: Callable[[], Json | None]) -> Json | None:
        try:
            stored = work()
        except Failure as failure:
            self._meter.count("knd_slice_writes", action=action, result=failure.code)
            raise
        self._meter.count("knd_slice_writes", action=action, result="success")
        return stored

    def _compare(self, sent: Json, stored: Json) -> bool:
        """Whether the server turned out not to keep some field. Devices that it keeps otherwise are remembered."""
        self.learned.update(kept.learn(sent, stored))
        fields = kept.dropped(sent, stored)
        if not self._renderings.learn(dropped=fields):
            return False
        for field in sorted(fields):
            self._tell(f"the API server does not keep this field of devices, it is not sent again: {field}")
        return True

    def _locate(self, body: Json, refusal: Failure) -> bool:
        """Find what of which device the server refuses, and leave it out from now on; whether something was found."""
        log.warning("a slice is refused: %s", refusal)
        mentions = blamed(refusal.detail, body)
        if any(mention.no_lists for mention in mentions) and self._renderings.learn(lists=False):
            self._tell("the API server does not keep list-typed attributes, they are published as single values")
            return True
        found = Locating(self._cluster, body, refusal).culprits()
        return any([self._renderings.refuse(device, place) for device, place in found])  # noqa: C419 - all of them

    def _tell(self, text: str) -> None:
        self._losses.tell_once("FieldNotKept", f"{text} ({ADVICE})")
