"""The steps of one request with their times, to be handed to a tracer as one tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ports.clock import Clock
from ports.errors import Failure
from ports.telemetry import Span


class Steps:
    """Collects spans. Steps do not nest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.wall_ns()
        self._spans: list[Span] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is inside; a ``Failure`` is noted and goes on."""
        start, error = self._clock.wall_ns(), ""
        try:
            yield
        except Failure as failure:
            error = str(failure)
            raise
        finally:
            self._spans.append(Span(name=name, start_ns=start, end_ns=self._clock.wall_ns(), error=error))

    def whole(self, name: str, attributes: Mapping[str, str | int | float | bool], error: str) -> Span:
        """All of it, from the beginning until now."""
        return Span(
            name=name,
            start_ns=self._start,
            end_ns=self._clock.wall_ns(),
            attributes=attributes,
            error=error,
            children=tuple(self._spans),
        )
