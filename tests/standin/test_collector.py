"""The stand-in collector takes what the real exporter sends."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from adapters.standin.collector import Collector


def test_a_span_arrives_with_its_parent_and_times() -> None:
    collector = Collector()
    collector.start()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector.url}/v1/traces")))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer") as outer:
        tracer.start_span("inner", start_time=5, attributes={"device": "nic0"}).end(end_time=9)
    provider.shutdown()
    inner = collector.wait_for("inner", 5)
    collector.stop()
    assert inner is not None
    assert (inner.start_ns, inner.end_ns, inner.attributes, inner.failed) == (5, 9, {"device": "nic0"}, False)
    assert inner.parent == format(outer.get_span_context().span_id, "016x")
    assert [span.name for span in collector.spans()] == ["inner", "outer"]


def test_waiting_for_a_span_that_never_comes_ends() -> None:
    collector = Collector()
    collector.start()
    assert collector.wait_for("nothing", 0.01) is None
    collector.stop()
