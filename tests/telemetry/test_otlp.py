"""Spans reach a collector over OTLP/HTTP with their own times and parents, and one that is away costs nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from adapters.standin.collector import Collector, SeenSpan
from adapters.telemetry import otlp
from adapters.telemetry.factory import ClosingTracer, make_tracer
from ports.telemetry import TRACEPARENT, Span, trace_id

TRACE = "0123456789abcdef0123456789abcdef"
PARENT = f"00-{TRACE}-00000000000000aa-01"
SMALL_QUEUE = {"OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16"}
STEP = Span(name="move", start_ns=1_500, end_ns=2_500, attributes={"knd.device.name": "ens1"}, error="taken")
DEVICE = Span(name="device ens1", start_ns=1_200, end_ns=2_700, children=(STEP,))
ATTACH = Span(name="attach", start_ns=1_000, end_ns=3_000, attributes={"devices": 1}, children=(DEVICE,))


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector on loopback."""
    made = Collector()
    made.start()
    yield made
    made.stop()


class Stuck(SpanExporter):
    """Takes no span before it is set free, and says then whether it worked."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.working = True
        self.names: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Wait, then keep the names."""
        assert self.free.wait(20)
        self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS if self.working else SpanExportResult.FAILURE


def exporting(monkeypatch: pytest.MonkeyPatch, url: str, **more: str) -> ClosingTracer:
    """A tracer that the environment tells to export there."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "50", **more}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return make_tracer("knd-test", env)


def refusing_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seen(collector: Collector, name: str) -> SeenSpan:
    """The span of that name, which comes."""
    span = collector.wait_for(name, 20)
    assert span is not None
    return span


def test_a_tree_arrives_with_its_times_and_its_parents(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    tracer = exporting(monkeypatch, collector.url)
    tracer.record(ATTACH, PARENT)
    attach, device, step = (seen(collector, name) for name in ("attach", "device ens1", "move"))
    tracer.close()
    assert {attach.trace, device.trace, step.trace} == {TRACE}
    assert (attach.parent, device.parent, step.parent) == ("00000000000000aa", attach.span, device.span)
    assert [(each.start_ns, each.end_ns) for each in (attach, device, step)] == [
        (1_000, 3_000),
        (1_200, 2_700),
        (1_500, 2_500),
    ]
    assert [each.failed for each in (attach, device, step)] == [False, False, True]
    assert (attach.attributes, step.attributes) == ({"devices": "1"}, {"knd.device.name": "ens1"})


def test_what_waits_is_sent_when_the_process_ends(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    tracer = exporting(monkeypatch, collector.url, OTEL_BSP_SCHEDULE_DELAY="3600000")
    tracer.record(ATTACH, PARENT)
    tracer.close()
    assert {span.name for span in collector.spans()} == {"attach", "device ens1", "move"}


def test_without_a_parent_a_new_trace_begins(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    tracer = exporting(monkeypatch, collector.url)
    tracer.record(Span(name="one", start_ns=1, end_ns=2), "")
    tracer.record(Span(name="two", start_ns=1, end_ns=2), "00-nonsense")
    one, two = seen(collector, "one"), seen(collector, "two")
    tracer.close()
    assert (one.parent, two.parent) == ("", "")
    assert one.trace != two.trace


def test_children_of_a_started_trace_belong_to_it(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    tracer = exporting(monkeypatch, collector.url)
    begun = tracer.start()
    tracer.record(ATTACH, begun)
    assert seen(collector, "attach").trace == trace_id(begun)
    tracer.close()


def test_an_unsampled_trace_is_not_exported(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    tracer = exporting(monkeypatch, collector.url, OTEL_TRACES_SAMPLER="parentbased_always_off")
    begun = tracer.start()
    assert begun.endswith("-00")
    tracer.record(ATTACH, begun)
    tracer.record(Span(name="sampled", start_ns=1, end_ns=2), PARENT)
    seen(collector, "sampled")
    tracer.close()
    assert [span.name for span in collector.spans()] == ["sampled"]


def test_each_start_is_another_valid_trace(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    tracer = exporting(monkeypatch, collector.url)
    begun = {tracer.start() for _ in range(100)}
    tracer.close()
    assert len(begun) == 100
    assert all(TRACEPARENT.fullmatch(each) for each in begun)


def test_the_global_provider_is_left_alone(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    before = trace.get_tracer_provider()
    tracer = exporting(monkeypatch, collector.url)
    tracer.record(ATTACH, PARENT)
    tracer.close()
    assert trace.get_tracer_provider() is before


def test_a_collector_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = exporting(monkeypatch, f"http://127.0.0.1:{refusing_port()}", **SMALL_QUEUE)
    begin = time.monotonic()
    for _ in range(1000):
        tracer.record(ATTACH, PARENT)
    assert time.monotonic() - begin < 10, "3000 spans, of which each would take seconds if it waited at all"
    begin = time.monotonic()
    tracer.close()
    assert time.monotonic() - begin < 2


def test_what_waits_for_a_collector_is_bounded_and_the_oldest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = Stuck()
    monkeypatch.setattr(otlp, "OTLPSpanExporter", lambda: exporter)
    tracer = exporting(monkeypatch, "http://127.0.0.1:1", **SMALL_QUEUE)
    for number in range(500):
        tracer.record(Span(name=str(number), start_ns=1, end_ns=2), PARENT)
    exporter.free.set()
    tracer.close()
    assert len(exporter.names) < 100
    assert exporter.names[-1] == "499"


def test_a_collector_that_never_answers_does_not_keep_the_process_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tracer = exporting(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}", OTEL_BSP_SCHEDULE_DELAY="10")
        tracer.record(ATTACH, PARENT)
        connection, _ = silent.accept()
        begin = time.monotonic()
        tracer.close()
        assert time.monotonic() - begin < 2
        connection.close()


def test_going_away_and_coming_back_are_one_line_each(caplog: pytest.LogCaptureFixture) -> None:
    exporter = Stuck()
    noted = otlp.Noted(exporter)
    with caplog.at_level("INFO"):
        for exporter.working in (True, False, False, True, True):
            exporter.free.set()
            noted.export(())
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2, lines
    assert "dropped" in lines[0]
    assert "again" in lines[1]


def test_closing_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    before = set(threading.enumerate())
    tracer = exporting(monkeypatch, collector.url)
    tracer.record(ATTACH, PARENT)
    tracer.close()
    left = [thread for thread in set(threading.enumerate()) - before if "process_request" not in thread.name]
    assert left == []


@pytest.mark.parametrize(
    ("more", "service"),
    [
        ({}, "knd-test"),
        ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs,k8s.cluster.name=c"}, "theirs"),
    ],
)
def test_a_service_is_called_as_the_environment_says(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], service: str
) -> None:
    tracer = exporting(monkeypatch, collector.url, **more)
    tracer.record(ATTACH, PARENT)
    assert seen(collector, "attach").service == service
    tracer.close()
