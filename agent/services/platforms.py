"""The platform of this node: found once, looked at again when the last look is old.

A look costs a metadata server some dozen requests, and virtual interfaces come and go with every pod: they are described
from the last look, which cannot know less of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from agent.services.detection import detected
from ports.clock import Clock
from ports.errors import Failure
from ports.metrics import Meter
from ports.providers import Platform, Provider

log = logging.getLogger("knd.providers")
FRESH = 300.0  # seconds for which a look, and a description that was made of it, is good


class Platforms:
    """Used by one thread; ``found`` by any."""

    def __init__(self, candidates: Sequence[Provider], clock: Clock, meter: Meter) -> None:
        self._candidates = tuple(candidates)
        self._clock = clock
        self._meter = meter
        self._provider: Provider | None = None
        self._searched = False
        self._seen: tuple[float, Platform] | None = None

    def __bool__(self) -> bool:
        return bool(self._candidates)

    @property
    def found(self) -> str:
        """The name of the platform; empty while none was found."""
        return self._provider.name if self._provider else ""

    def find(self) -> bool:
        """Whether there is a platform; looked for if it is not known."""
        if self._provider is None:
            self._provider = detected(self._candidates, self._clock)
            self._meter.count("knd_provider_detections", result=self.found or "none")
            self._tell()
        return self._provider is not None

    def look(self, *, anew: bool) -> Platform | None:
        """The platform as it is now, or was at the last look if that is not old and a new one is not asked for."""
        now = self._clock.monotonic()
        if self._provider is None:
            return None
        if self._seen is None or anew or now >= self._seen[0] + FRESH:
            platform = self._read(self._provider)
            self._seen = (now, platform) if platform is not None else None
        return self._seen[1] if self._seen else None

    def _read(self, provider: Provider) -> Platform | None:
        result = "success"
        try:
            return provider.read()
        except Failure as failure:
            result = failure.code
            log.warning("%s is not read, what was known stays: %s", provider.name, failure)
            return None
        finally:
            self._meter.count("knd_provider_reads", provider=provider.name, result=result)

    def _tell(self) -> None:
        if self.found:
            log.info("this node is on %s", self.found)
        elif not self._searched:
            log.info("no platform answers; it is looked for again from time to time")
        self._searched = True
