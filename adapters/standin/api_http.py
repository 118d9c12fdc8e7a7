"""HTTP for the stand-in API server: one thread a connection, JSON both ways, watches as chunked streams."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from adapters.standin.api_bookmarks import Bookmarks
from adapters.standin.api_errors import ApiError
from adapters.standin.api_request import Object, Request
from adapters.standin.api_traffic import Reading, Writing

if TYPE_CHECKING:
    from adapters.standin.apiserver import StandinApiServer

LARGEST_BODY = 3 << 20
LONGEST_WATCH = 1800.0
BUSY = (429, 503)


class Handler(BaseHTTPRequestHandler):
    """Requests of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True  # head and body are two writes: with it, each answer waits for the other's ACK

    def setup(self) -> None:
        """Count what is read and written."""
        super().setup()
        self.rfile = Reading(self.rfile, self._api.traffic)  # type: ignore[assignment]
        self.wfile = Writing(self.wfile, self._api.traffic)  # type: ignore[assignment]

    def handle(self) -> None:
        """A connection that breaks, ours or theirs, ends the thread and nothing else."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def finish(self) -> None:
        """The rest that is not sent is for nobody."""
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the demo and the tests say what matters."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    @property
    def _api(self) -> StandinApiServer:
        return self.server.api  # type: ignore[attr-defined, no-any-return]

    def _serve(self) -> None:
        self._api.traffic.asked(self.command)
        try:
            request = self._request()
            self._require_access()
            watch = self._api.routes.watched(request)
            if watch is not None:
                self._api.requests.append(watch)
                self._watch(watch)
                return
        except ApiError as error:
            self._send(error.status, error.body)
            return
        self._send(*self._api.answer(request))

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        size = self.headers.get("Content-Length") or "0"
        if not size.isdigit() or int(size) > LARGEST_BODY:
            self.close_connection = True
            raise ApiError(413, "RequestEntityTooLarge", f"limit is {LARGEST_BODY}")
        return Request(
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            content_type=self.headers.get("Content-Type") or "",
            raw=self.rfile.read(int(size)),
        )

    def _require_access(self) -> None:
        if self.headers.get("Authorization", "").lower() != f"bearer {self._api.token}".lower():
            raise ApiError(401, "Unauthorized", "Unauthorized")
        accepted = self.headers.get("Accept") or "*/*"
        if not any(kind in accepted for kind in ("json", "*/*")):
            raise ApiError(406, "NotAcceptable", "406: Not Acceptable\n\nAvailable representations: application/json")

    def _send(self, status: int, body: Object) -> None:
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self.send_response(status)
        if status in BUSY and self._api.retry_after:
            self.send_header("Retry-After", str(self._api.retry_after))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _watch(self, request: Request) -> None:
        begin, store = _version(request), self._api.store
        initial = list(self._api.routes.slices.initial(request)) if begin == 0 else []
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in initial:
            self._chunk(event)
        if 0 < begin < store.compacted:
            self._chunk({"type": "ERROR", "object": _expired(begin, store.compacted).body})
        else:
            self._follow(request, begin or store.version)
        self.wfile.write(b"0\r\n\r\n")

    def _follow(self, request: Request, after: int) -> None:
        seconds = request.query.get("timeoutSeconds", "")
        end = time.monotonic() + (float(seconds) if seconds.isdigit() else LONGEST_WATCH)
        marks = Bookmarks(request, self._api.bookmark_seconds, end)
        while time.monotonic() < end and not self._api.stopped:
            until = min(end, marks.due)
            for change in self._api.store.next_changes("resourceslices", after, until, lambda: self._api.stopped):
                after = change.version
                event = self._api.routes.slices.event(request, change)
                if event is not None:
                    self._chunk(event)
            version = self._api.store.caught_up("resourceslices", after) if marks.take() else None
            if version is not None:
                self._chunk(marks.event(version))

    def _chunk(self, event: Object) -> None:
        data = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def _version(request: Request) -> int:
    given = request.query.get("resourceVersion", "") or "0"
    if not given.isdigit():
        text = f'resourceVersion: Invalid value: "{given}": strconv.ParseUint: parsing "{given}": invalid syntax'
        raise ApiError(500, "", text)
    return int(given)


def _expired(asked: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")
