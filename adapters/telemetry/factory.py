"""Which tracer the environment asks for (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

Unlike the specification's default, nothing is exported unless somebody asks: a node agent must not knock at
localhost:4318 by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from adapters.telemetry.silent import SilentTracer
from ports.telemetry import Tracer

log = logging.getLogger("knd.telemetry")

EXPORTER = "OTEL_TRACES_EXPORTER"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
OURS = "http/protobuf"


class ClosingTracer(Tracer, Protocol):
    """A tracer with an end."""

    def close(self) -> None:
        """Let go; waits half a second at most."""
        ...


def make_tracer(service: str, env: Mapping[str, str]) -> ClosingTracer:
    """The tracer of a process. OpenTelemetry is loaded only when spans are wanted."""
    if not wanted(env):
        return SilentTracer()
    from adapters.telemetry.otlp import OtlpTracer

    try:
        return OtlpTracer(service)
    except ValueError as error:  # a number that is none, a sampler nobody knows
        log.error("no traces: the OTEL_ variables cannot be used: %s", error)
        return SilentTracer()


def wanted(env: Mapping[str, str]) -> bool:
    """Whether an exporter is asked for that we have."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = {name.strip().lower() for name in env.get(EXPORTER, "").split(",")} - {""}
    if exporters - {"otlp", "none"}:
        log.warning("%s: only otlp and none are known", EXPORTER)
    if "none" in exporters or not (exporters or any(env.get(name, "").strip() for name in ENDPOINTS)):
        return False
    protocol = next((env[name] for name in PROTOCOLS if env.get(name)), OURS)
    if protocol != OURS:
        log.warning("traces are sent as %s, not as %s", OURS, protocol)
    return not exporters or "otlp" in exporters
