"""Spans as values: what was done, when, and under which trace. An exporter turns them into OpenTelemetry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One finished piece of work; Unix nanoseconds. ``error`` is empty when it succeeded."""

    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    error: str = ""
    children: tuple[Span, ...] = ()


class Tracer(Protocol):
    """Where finished spans go. Never blocks and never raises: a collector that is down costs nothing."""

    def start(self) -> str:
        """A new W3C traceparent, for the beginning of a trace."""
        ...

    def record(self, span: Span, traceparent: str) -> None:
        """Hand over a finished tree of spans as children of ``traceparent`` (a new trace when it is empty)."""
        ...


def trace_id(traceparent: str) -> str:
    """The 32 hex digits of the trace id, empty for what is no W3C traceparent (https://www.w3.org/TR/trace-context/)."""
    match = TRACEPARENT.fullmatch(traceparent)
    return match.group(1) if match else ""
