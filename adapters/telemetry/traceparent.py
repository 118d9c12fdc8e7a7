"""Trace contexts by the W3C's rules, without any library (https://www.w3.org/TR/trace-context/#traceparent-header)."""

from __future__ import annotations

import os


def new_trace_id() -> int:
    """A random trace id; zero is not one."""
    return int.from_bytes(os.urandom(16)) or 1


def new_span_id() -> int:
    """A random span id; zero is not one."""
    return int.from_bytes(os.urandom(8)) or 1


def text(trace_id: int, span_id: int, sampled: bool) -> str:
    """The header's value."""
    return f"00-{trace_id:032x}-{span_id:016x}-{sampled:02x}"


def parts(traceparent: str) -> tuple[int, int, int]:
    """Trace id, span id and flags of a value that ``ports.telemetry.TRACEPARENT`` matches."""
    _, trace_id, span_id, flags = traceparent.split("-")
    return int(trace_id, 16), int(span_id, 16), int(flags, 16)
