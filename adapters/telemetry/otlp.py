"""Spans to an OpenTelemetry collector over OTLP/HTTP.

The provider is our own and never the global one, which can be set only once a process. Spans wait in the SDK's bounded
queue (OTEL_BSP_MAX_QUEUE_SIZE; the oldest are dropped) and leave it in a thread of the SDK's, so a collector that is slow
or away costs its callers nothing. Endpoint, headers, timeouts and sampler are read from OTEL_* by the SDK itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from adapters.telemetry import traceparent as w3c
from ports.telemetry import TRACEPARENT, Span

log = logging.getLogger("knd.telemetry")

FLUSH_SECONDS = 0.5


class Noted(SpanExporter):
    """An exporter whose failures are worth two lines: when the collector goes away, and when it is back."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._working = True
        logging.getLogger("opentelemetry.exporter.otlp").setLevel(logging.CRITICAL)  # several lines a batch

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; what is not taken is dropped."""
        result = self._exporter.export(spans)
        working = result is SpanExportResult.SUCCESS
        if working and not self._working:
            log.info("the collector takes spans again")
        elif self._working and not working:
            log.warning("the collector does not take spans, they are dropped (see OTEL_EXPORTER_OTLP_ENDPOINT)")
        self._working = working
        return result

    def shutdown(self) -> None:
        """Give up what is being sent."""
        self._exporter.shutdown()


class OtlpTracer:
    """``Tracer`` over the SDK. ``close`` gives what waits a moment to leave, and never more than that."""

    def __init__(self, service: str) -> None:
        resource = Resource.create({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(Noted(OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer("knd")

    def start(self) -> str:
        """A new traceparent, sampled or not as OTEL_TRACES_SAMPLER says."""
        trace_id = w3c.new_trace_id()
        decision = self._provider.sampler.should_sample(None, trace_id, "claim").decision
        return w3c.text(trace_id, w3c.new_span_id(), decision is Decision.RECORD_AND_SAMPLE)

    def record(self, span: Span, traceparent: str) -> None:
        """Queue the tree."""
        self._record(span, _parent(traceparent))

    def close(self) -> None:
        """Send what waits, for half a second at most."""
        last = threading.Thread(target=self._provider.shutdown, name="knd-telemetry-close", daemon=True)
        last.start()
        last.join(FLUSH_SECONDS)

    def _record(self, span: Span, context: Context) -> None:
        made = self._tracer.start_span(
            span.name,
            context=context,
            start_time=span.start_ns,
            attributes=dict(span.attributes),
            record_exception=False,
        )
        if span.error:
            made.set_status(Status(StatusCode.ERROR, span.error))
        inside = set_span_in_context(made, Context())
        for child in span.children:
            self._record(child, inside)
        made.end(span.end_ns)


def _parent(traceparent: str) -> Context:
    if not TRACEPARENT.fullmatch(traceparent):
        return Context()
    trace_id, span_id, flags = w3c.parts(traceparent)
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return set_span_in_context(NonRecordingSpan(context), Context())
