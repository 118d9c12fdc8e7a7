"""The tracer of a process nobody asked for traces: ids for the logs, and nothing else. It loads no OpenTelemetry."""

from __future__ import annotations

from adapters.telemetry import traceparent
from ports.telemetry import Span


class SilentTracer:
    """``Tracer`` without a collector. Its traces are marked as sampled, for another process may have one."""

    def start(self) -> str:
        """A new traceparent."""
        return traceparent.text(traceparent.new_trace_id(), traceparent.new_span_id(), sampled=True)

    def record(self, span: Span, traceparent: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
