"""The configuration of a claim's devices from all who have a say: platform, profile, class and claim.

The platform's is what was learned of it before; a profile's is asked for now, once everything else of the claim is known to
be right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from agent.domain.claims import Allocated, Configured
from agent.domain.configuring import configure
from agent.domain.enrichment import identifiers
from agent.domain.layers import Layer, Source
from agent.services.inventories import Inventories
from agent.services.patience import AWAY, PASSING, Patience
from agent.services.profiles import Profiles
from agent.services.tracing import Steps
from ports.clock import Clock
from ports.cluster import Json
from ports.devices import Device
from ports.errors import Code, Failure
from ports.netconfig import NetworkConfig
from ports.plan import ClaimRef
from ports.profiles import Wish

log = logging.getLogger("knd.preparing")
PATIENCE = 10.0  # seconds to wait for a device that is on its way back, or for a profile provider that restarts


class Configuration:
    """``platform`` gives what the platform says of a device by its name, if it says anything."""

    def __init__(
        self,
        *,
        driver: str,
        node: str,
        inventories: Inventories,
        platform: Callable[[str], NetworkConfig | None],
        profiles: Profiles,
        clock: Clock,
    ) -> None:
        self._driver = driver
        self._node = node
        self._inventories = inventories
        self._platform = platform
        self._profiles = profiles
        self._clock = clock
        self._patience = Patience(clock)

    def end(self) -> None:
        """Wait for nothing any more: the process ends."""
        self._patience.end()

    def moved(self, claim: ClaimRef, body: Json, end: float, steps: Steps) -> tuple[Configured, ...]:
        """The claim's devices that go into the pod, configured. INVALID, or whatever a profile's provider says."""
        alone = self._configured(claim, body, {})
        until = min(end, self._clock.monotonic() + PATIENCE)
        wishes = self._patience.try_until(until, PASSING, lambda: tuple(self._wishes(alone)))
        if not wishes:
            self._profiles.end(claim.uid, end)  # it may have had some when it was allocated otherwise
            return alone
        with steps.step("profile"):
            given = self._patience.try_until(until, AWAY, lambda: self._profiles.give(claim, body, wishes, end))
        return self._configured(claim, body, given)

    def release(self, claim: ClaimRef, deadline: float) -> None:
        """The claim is at its end: what its profiles gave is to be taken back."""
        self._profiles.end(claim.uid, deadline)

    def device(self, name: str) -> Device:
        """The device, which the host has now; else NOT_FOUND."""
        found = self._inventories.device(name)
        if found is None:
            raise Failure(
                Code.NOT_FOUND,
                f"device {name}",
                "the host does not have it now",
                "it may be in another pod, renamed, or unplugged; the watcher reports it when it is back",
            )
        return found

    def _configured(self, claim: ClaimRef, body: Json, given: Mapping[str, NetworkConfig]) -> tuple[Configured, ...]:
        def below(allocated: Allocated) -> Iterator[Layer]:
            for source, config in (
                (Source.PROVIDER, self._platform(allocated.device)),
                (Source.PROFILE, given.get(allocated.device)),
            ):
                if config is not None:
                    yield Layer(source=source, config=config)

        configured = configure(body, claim, self._driver, below)
        self._require_here(claim, configured)
        moved = tuple(each for each in configured if not each.allocated.admin_access)
        if len({each.allocated.device for each in moved}) < len(moved):
            raise Failure(Code.INVALID, str(claim), "one device was allocated twice, and an interface moves only once")
        return moved

    def _require_here(self, claim: ClaimRef, configured: tuple[Configured, ...]) -> None:
        foreign = sorted({each.allocated.pool for each in configured if each.allocated.pool != self._node})
        if foreign:
            raise Failure(
                Code.INVALID,
                str(claim),
                f"its devices are in pool {', '.join(foreign)}, and this node's pool is {self._node}",
                "the pod must run on the node that the claim was allocated for",
            )

    def _wishes(self, configured: tuple[Configured, ...]) -> Iterator[Wish]:
        """A device without an interface has no use for what a profile gives; its claim is refused later, with the reason."""
        for each in configured:
            if each.config.profile:
                device = self.device(each.allocated.device)
                if device.interface:
                    yield Wish(ids=identifiers(device, self._driver), config=each.config)
