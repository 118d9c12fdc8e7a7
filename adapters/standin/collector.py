"""A stand-in OpenTelemetry collector: takes OTLP over HTTP on loopback and keeps the spans for whoever wants to see them.

Protocol: https://opentelemetry.io/docs/specs/otlp/#otlphttp (binary protobuf, POST /v1/traces).
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenSpan:
    """One received span; Unix nanoseconds, ids in hex, ``parent`` empty for a root."""

    name: str
    trace: str
    span: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str]
    failed: bool
    service: str


class Collector:
    """Listens on 127.0.0.1 as long as it is started; ``url`` is what OTEL_EXPORTER_OTLP_ENDPOINT wants."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._spans: list[SeenSpan] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="collector", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Take spans from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; the spans stay."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def spans(self) -> tuple[SeenSpan, ...]:
        """All spans so far, by start."""
        with self._arrived:
            return tuple(sorted(self._spans, key=lambda span: (span.start_ns, -span.end_ns)))

    def wait_for(self, name: str, timeout: float) -> SeenSpan | None:
        """The first span of that name, waiting at most so many seconds for it."""
        with self._arrived:
            self._arrived.wait_for(lambda: any(span.name == name for span in self._spans), timeout)
        return next((span for span in self.spans() if span.name == name), None)

    def _take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        seen = [
            _seen(span, _texts(sent.resource.attributes).get("service.name", ""))
            for sent in request.resource_spans
            for scope in sent.scope_spans
            for span in scope.spans
        ]
        with self._arrived:
            self._spans.extend(seen)
            self._arrived.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector._take(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Requests are not worth a line each."""

        return Handler


def _seen(span: Span, service: str) -> SeenSpan:
    return SeenSpan(
        name=span.name,
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_texts(span.attributes),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        service=service,
    )


def _texts(entries: Iterable[KeyValue]) -> dict[str, str]:
    return {
        entry.key: str(getattr(entry.value, entry.value.WhichOneof("value") or "string_value")) for entry in entries
    }
