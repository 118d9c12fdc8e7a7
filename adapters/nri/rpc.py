"""Both halves of a ttrpc channel without I/O: which requests are taken, and which answer belongs to which call.

Unary calls only, which is all that NRI uses; a streaming request is answered "unimplemented" and breaks nothing.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from adapters.nri import frames
from adapters.nri.frames import Frame, Oversize
from adapters.nri.pb import ttrpc_pb2 as ttrpc
from adapters.nri.status import Closed, Refusal, Status

M = TypeVar("M", bound=Message)

_STREAMING = frames.REMOTE_CLOSED | frames.REMOTE_OPEN


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request. ``received`` is CLOCK_MONOTONIC; ``timeout`` the caller's patience in seconds from then, None: any."""

    stream: int
    service: str
    method: str
    payload: bytes
    received: float
    timeout: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A request that is answered without asking anyone."""

    stream: int
    reason: Refusal


def decode(kind: type[M], data: bytes) -> M:
    """The bytes as a message of that kind, or the refusal a Go server would answer."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Refusal(Status.INVALID_ARGUMENT, f"cannot decode {kind.__name__}: {error}") from error


def request(service: str, method: str, payload: bytes, timeout: float) -> bytes:
    """The payload of a Request frame. ``timeout`` in seconds."""
    nanoseconds = int(timeout * 1e9)
    return ttrpc.Request(service=service, method=method, payload=payload, timeout_nano=nanoseconds).SerializeToString()


def success(stream: int, payload: bytes) -> Frame:
    """The answer to a request that went well."""
    body = ttrpc.Response(payload=payload).SerializeToString()
    return Frame(stream=stream, kind=frames.RESPONSE, payload=body)


def failure(stream: int, reason: Refusal) -> Frame:
    """The answer to a request that did not. Without payload, because Go decodes that before it looks at the status."""
    status = ttrpc.Status(code=int(reason.code), message=reason.text)
    return Frame(stream=stream, kind=frames.RESPONSE, payload=ttrpc.Response(status=status).SerializeToString())


class Incoming:
    """The serving half: the rules by which a frame is a request."""

    def __init__(self) -> None:
        self._last = 0

    def take(self, frame: Frame | Oversize, received: float) -> Call | Rejected | None:
        """The frame as a call, as one to be rejected, or None when it is nothing of a server's concern."""
        if frame.kind not in (frames.REQUEST, frames.DATA):
            return None
        try:
            self._check(frame)
            return self._call(frame, received) if isinstance(frame, Frame) else None
        except Refusal as reason:
            return Rejected(stream=frame.stream, reason=reason)

    def _check(self, frame: Frame | Oversize) -> None:
        if frame.kind == frames.DATA:
            raise Refusal(Status.INVALID_ARGUMENT, f"stream {frame.stream} is not known")
        if frame.stream % 2 == 0:
            raise Refusal(Status.INVALID_ARGUMENT, f"stream id {frame.stream} must be odd")
        if frame.stream <= self._last:
            raise Refusal(Status.INVALID_ARGUMENT, f"stream id {frame.stream} cannot be reused and must increment")
        self._last = frame.stream
        if isinstance(frame, Oversize):
            limit = f"message length {frame.length} exceed maximum message size of {frames.MAX_PAYLOAD}"
            raise Refusal(Status.RESOURCE_EXHAUSTED, limit)
        if frame.flags & _STREAMING:
            raise Refusal(Status.UNIMPLEMENTED, "streaming is not served")

    def _call(self, frame: Frame, received: float) -> Call:
        message = decode(ttrpc.Request, frame.payload)
        return Call(
            stream=frame.stream,
            service=message.service,
            method=message.method,
            payload=message.payload,
            received=received,
            timeout=message.timeout_nano / 1e9 if message.timeout_nano > 0 else None,
        )


class Outgoing:
    """The calling half: stream ids and the calls that wait for an answer. Its caller holds a lock around each method."""

    def __init__(self) -> None:
        self._next = 1
        self._waiting: dict[int, Future[bytes]] = {}

    def open(self) -> tuple[int, Future[bytes]]:
        """A new call: its stream, and where its answer will be."""
        stream, answer = self._next, Future[bytes]()
        self._next += 2
        self._waiting[stream] = answer
        return stream, answer

    def forget(self, stream: int) -> None:
        """Nobody waits any more; a late answer is dropped."""
        self._waiting.pop(stream, None)

    def settle(self, frame: Frame | Oversize) -> None:
        """Hand an answer to its call, if one waits for it."""
        answer = self._waiting.pop(frame.stream, None)
        if answer is None:
            return
        try:
            answer.set_result(_answer(frame))
        except Refusal as reason:
            answer.set_exception(reason)

    def close(self, why: str) -> None:
        """Fail every call that waits."""
        while self._waiting:
            self._waiting.popitem()[1].set_exception(Closed(why))


def _answer(frame: Frame | Oversize) -> bytes:
    if isinstance(frame, Oversize):
        raise Refusal(Status.RESOURCE_EXHAUSTED, f"answer of {frame.length} bytes")
    if frame.kind != frames.RESPONSE:
        raise Refusal(Status.INTERNAL, f"answer of kind {frame.kind}")
    message = decode(ttrpc.Response, frame.payload)
    if message.status.code:
        raise Refusal(message.status.code, message.status.message)
    return message.payload
