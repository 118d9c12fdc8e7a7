"""A tracer that keeps what it is given."""

from __future__ import annotations

import itertools

from ports.telemetry import Span


class KeepingTracer:
    """``spans`` holds every recorded tree with its traceparent, in order."""

    def __init__(self) -> None:
        self.spans: list[tuple[Span, str]] = []
        self._ids = itertools.count(1)

    def start(self) -> str:
        """Traceparents that count up."""
        return f"00-{next(self._ids):032x}-{1:016x}-01"

    def record(self, span: Span, traceparent: str) -> None:
        """Keep it."""
        self.spans.append((span, traceparent))
