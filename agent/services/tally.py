"""How many requests of the runtime came, how they were answered, and how long that took: kept here, told by the DRA frontend.

The process that the runtime speaks to serves no metrics of its own, because it has no network.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ports.clock import Clock
from ports.frontends import REQUEST_BOUNDS, RequestCount
from ports.inbound import Adjustment, Container, PodSandbox, RuntimeHooks

SUCCESS, FAILED, NOOP = "success", "failed", "noop"


@dataclass(slots=True)
class _Row:
    """The requests of one method that were answered alike; ``within`` counts by the bound that they are within."""

    seconds: float = 0.0
    within: list[int] = field(default_factory=lambda: [0] * (len(REQUEST_BOUNDS) + 1))


class Tally:
    """Safe for any number of threads; each answers one request at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], _Row] = {}
        self._now = threading.local()

    def says(self, status: str) -> None:
        """How the request is answered that this thread is at; unless told, it is a success, or failed when it raises."""
        self._now.status = status

    @contextmanager
    def request(self, method: str) -> Iterator[None]:
        """Count what is done in the block."""
        self._now.status, began = SUCCESS, self._clock.monotonic()
        try:
            yield
        except Exception:
            self._now.status = FAILED
            raise
        finally:
            self._note(method, self._now.status, self._clock.monotonic() - began)

    def counts(self) -> tuple[RequestCount, ...]:
        """Everything since the start."""
        with self._lock:
            return tuple(
                RequestCount(method=method, status=status, seconds=row.seconds, within=tuple(row.within))
                for (method, status), row in sorted(self._rows.items())
            )

    def _note(self, method: str, status: str, seconds: float) -> None:
        with self._lock:
            row = self._rows.setdefault((method, status), _Row())
            row.seconds += seconds
            row.within[bisect_left(REQUEST_BOUNDS, seconds)] += 1


@dataclass(frozen=True, slots=True)
class Counted:
    """``RuntimeHooks`` whose requests are counted, by the names that DRANET counts them by."""

    hooks: RuntimeHooks
    tally: Tally

    def run_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """See ``RuntimeHooks``."""
        with self.tally.request("RunPodSandbox"):
            self.hooks.run_pod_sandbox(sandbox, deadline)

    def create_container(self, sandbox: PodSandbox, container: Container, deadline: float) -> Adjustment:
        """See ``RuntimeHooks``."""
        with self.tally.request("CreateContainer"):
            return self.hooks.create_container(sandbox, container, deadline)

    def stop_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """See ``RuntimeHooks``."""
        with self.tally.request("StopPodSandbox"):
            self.hooks.stop_pod_sandbox(sandbox, deadline)

    def remove_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        """See ``RuntimeHooks``."""
        with self.tally.request("RemovePodSandbox"):
            self.hooks.remove_pod_sandbox(sandbox, deadline)

    def synchronize(self, sandboxes: tuple[PodSandbox, ...], containers: tuple[Container, ...]) -> None:
        """Not counted: it comes with each connect."""
        self.hooks.synchronize(sandboxes, containers)
