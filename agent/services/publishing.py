"""The node's ResourceSlices, kept as they should be: after each change of the host, and after each of anybody else.

The kubelet deletes them when it starts and when this driver was away too long, so publishing once is not enough: every
change seen in the cluster and every registration leads to a look (``agent.services.publisher``). A burst of changes is one.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping

from agent.services.backoff import Backoff
from agent.services.bell import Bell
from agent.services.inventories import Inventories
from agent.services.notices import Notices
from agent.services.publisher import Node, NodeSlices, Publisher
from ports.clock import Clock
from ports.devices import AttributeValue
from ports.errors import Code, Failure
from ports.metrics import Meter

log = logging.getLogger("knd.publishing")
SETTLE = 0.05  # seconds in which a burst of changes becomes one write
SPACING = 0.2  # seconds between two looks
WATCH = 600.0  # seconds of one watch, at most; the next one goes on where it ended
SPREAD = 0.5  # seconds over which all nodes begin again when an API server went away
SHORT = 5.0  # seconds: a watch that ends sooner is not trusted
LISTED = 1800.0  # seconds after which the slices are listed again, in case an event was missed


class Publishing:
    """Two loops, ``run`` and ``watch``, both ended by ``stop``."""

    def __init__(
        self,
        *,
        driver: str,
        node: str,
        cluster: NodeSlices,
        inventories: Inventories,
        keeps: Callable[[Mapping[str, AttributeValue]], bool],
        clock: Clock,
        meter: Meter,
        notices: Notices,
    ) -> None:
        self._clock = clock
        self._bell = Bell()
        self._dice = random.Random()
        self._problem = "no slice written yet"
        self._publisher = Publisher(
            node=Node(driver=driver, name=node),
            cluster=cluster,
            inventories=inventories,
            keeps=keeps,
            clock=clock,
            meter=meter,
            notices=notices,
        )

    @property
    def problem(self) -> str:
        """Why the slices are not as they should be; empty when they are."""
        return self._problem or self._publisher.quarrel

    def wake(self) -> None:
        """Something may have changed."""
        self._bell.ring()

    def resync(self) -> None:
        """Everything may have changed, the Node object too: the kubelet has registered us (again)."""
        self._publisher.again()
        self._bell.ring()

    def stop(self) -> None:
        """End both loops. The slices stay: the kubelet deletes them when nobody serves this driver any more."""
        self._bell.close()

    def run(self) -> None:
        """Look after each wake, and when something that was held back is due, until stopped."""
        backoff = Backoff()
        due: float | None = None
        while not self._bell.closed:
            if self._bell.wait(due):
                self._bell.pause(SETTLE)
            try:
                due = self.publish()
            except Failure as failure:
                self._failed(failure)
                self._bell.pause(self._patience(backoff, failure))
                due = 0.0
            except Exception as defect:  # of ours: seen in health and in the log, and no end of publishing
                log.exception("slices not written, trying again")
                self._problem = f"{type(defect).__name__}: {defect} (a defect, see the log)"
                self._bell.pause(backoff.next())
                due = 0.0
            else:
                backoff.reset()
                self._bell.pause(SPACING)

    def watch(self) -> None:
        """Wake after each foreign change, until stopped."""
        backoff, listed = Backoff(first=SPREAD), self._clock.monotonic()
        while not self._bell.closed:
            began = self._clock.monotonic()
            failure = self._watch_once()
            now = self._clock.monotonic()
            if now - began >= SHORT:
                backoff.reset()
            if failure is None and now - began >= SHORT and now - listed < LISTED:
                continue
            listed = now
            self._publisher.stored.lose()
            if (
                failure is not None and failure.code is not Code.CONFLICT
            ):  # a version that is too old is no other server
                self._publisher.again()
            if failure is not None or now - began < SHORT:
                self._bell.pause(self._patience(backoff, failure))
            self._bell.ring()

    def publish(self) -> float | None:
        """One look, and the writes that follow from it; seconds until the next is due, if one is.

        Does nothing before the first inventory.
        """
        due = self._publisher.look()
        if self._publisher.published:
            self._problem = ""
        return due

    def _watch_once(self) -> Failure | None:
        """Follow the server for some minutes, not the same on all nodes; what broke it off, if anything did."""
        try:
            for _ in self._publisher.stored.changes(WATCH * (0.5 + self._dice.random() / 2)):
                self._bell.ring()
                if self._bell.closed:
                    break
        except Failure as failure:
            log.info("the watch of ResourceSlices ended: %s", failure)
            return failure
        except Exception as defect:  # of ours: no end of watching
            log.exception("the watch of ResourceSlices ended")
            return Failure(Code.INTERNAL, "watch of ResourceSlices", str(defect))
        return None

    def _patience(self, backoff: Backoff, failure: Failure | None) -> float:
        """Longer each time, and never less than the server asks for."""
        asked = failure.retry_after * (1.0 + self._dice.random() / 4) if failure is not None else 0.0
        return max(backoff.next(), asked)

    def _failed(self, failure: Failure) -> None:
        self._problem = str(failure)
        level = logging.INFO if failure.code is Code.CONFLICT else logging.WARNING
        log.log(level, "slices not written, trying again: %s", failure)
