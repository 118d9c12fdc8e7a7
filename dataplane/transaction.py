"""All devices or none: carrying out the steps of several devices in order, and taking them all back.

Carrying out stops at the first failure or when the time is up, and leaves the undoing to the caller. Taking back never
stops: what fails is noted, the rest goes on, and a device that is not home is tried once more, because most of what the
kernel refuses once (a busy device, an interrupted request) it grants the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dataplane.defects import as_failure
from dataplane.steps import Site, do, undo
from ports.clock import Clock
from ports.errors import Failure
from ports.plan import Step
from ports.results import StepTiming

ATTEMPTS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenBack:
    """How taking back one device went. ``reason`` is empty when it is home as it was; ``stuck``: it is still in the pod."""

    device: str
    timings: tuple[StepTiming, ...]
    reason: str = ""
    stuck: bool = False


class Transaction:
    """Steps run against a clock; each leaves its start and end in ``timings``, the failed one too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.timings: list[StepTiming] = []

    def carry_out(self, sites: Iterable[Site], check_time: Callable[[], None]) -> None:
        """All steps of all devices; the first Failure ends it."""
        for site in sites:
            for step in site.plan.steps:
                check_time()
                self._timed(site, step.kind, lambda site=site, step=step: do(step, site))  # type: ignore[misc]

    def take_back(self, sites: Iterable[Site]) -> tuple[TakenBack, ...]:
        """Undo all steps of all devices, last first."""
        return tuple(self._take_back(site) for site in reversed(tuple(sites)))

    def _take_back(self, site: Site) -> TakenBack:
        begin = len(self.timings)
        for _ in range(ATTEMPTS):
            failures = [failure for step in reversed(site.plan.steps) if (failure := self._undo(site, step))]
            if not failures:
                return TakenBack(device=site.plan.device, timings=tuple(self.timings[begin:]))
        reason = "; ".join(dict.fromkeys(map(str, failures)))
        return TakenBack(
            device=site.plan.device, timings=tuple(self.timings[begin:]), reason=reason, stuck=_is_stuck(site)
        )

    def _undo(self, site: Site, step: Step) -> Failure | None:
        try:
            self._timed(site, f"undo-{step.kind}", lambda: undo(step, site))
        except Exception as error:  # noqa: BLE001 - taking back never stops
            return as_failure(error, f"device {site.plan.device}")
        return None

    def _timed(self, site: Site, name: str, act: Callable[[], None]) -> None:
        start, error = self._clock.wall_ns(), ""
        try:
            act()
        except Failure as failure:
            error = str(failure)
            raise
        finally:
            end = self._clock.wall_ns()
            timing = StepTiming(device=site.plan.device, step=name, start_ns=start, end_ns=end, error=error)
            self.timings.append(timing)


def _is_stuck(site: Site) -> bool:
    try:
        return bool(site.rdma_in_pod()) or (not site.plan.rdma_only and site.in_pod() is not None)
    except Exception:  # noqa: BLE001
        return True  # nobody knows: keep the namespace, and with it the device, until somebody does
