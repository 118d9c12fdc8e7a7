"""What the OTEL_* variables ask for, and that nothing of OpenTelemetry is loaded where they ask for nothing."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from adapters.telemetry.factory import make_tracer, wanted
from adapters.telemetry.silent import SilentTracer
from ports.telemetry import TRACEPARENT, Span

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
LOOK = """
import sys
from adapters.telemetry.factory import make_tracer
tracer = make_tracer("knd-test", {})
tracer.start()
tracer.close()
print(sorted(name for name in sys.modules if name.split(".")[0] in ("opentelemetry", "requests", "google")))
"""


@pytest.mark.parametrize(
    ("env", "answer"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "zipkin"}, False),
        ({"OTEL_TRACES_EXPORTER": "zipkin, otlp"}, True),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, True),
    ],
)
def test_spans_are_exported_when_somebody_asks(env: dict[str, str], answer: bool) -> None:
    assert wanted(env) is answer


def test_an_exporter_we_do_not_have_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        wanted({"OTEL_TRACES_EXPORTER": "zipkin"})
    assert "OTEL_TRACES_EXPORTER" in caplog.text


def test_without_a_collector_there_are_ids_for_the_logs() -> None:
    tracer = make_tracer("knd-test", {})
    assert isinstance(tracer, SilentTracer)
    begun = {tracer.start() for _ in range(100)}
    assert len(begun) == 100
    assert all(TRACEPARENT.fullmatch(each) for each in begun)
    tracer.record(Span(name="attach", start_ns=1, end_ns=2), begun.pop())
    tracer.close()


def test_without_a_collector_no_sdk_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_values_that_cannot_be_used_cost_the_traces_and_not_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-5")
    with caplog.at_level(logging.ERROR):
        tracer = make_tracer("knd-test", ENDPOINT)
    assert isinstance(tracer, SilentTracer)
    assert "no traces" in caplog.text
