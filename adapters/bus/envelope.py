"""What travels on the bus: one msgpack map a frame, decoded once into frozen values or refused with the reason.

The payload is msgpack of its own inside the envelope, so that the envelope can be checked, and an answer remembered,
before anybody knows what the verb wants. Extension types, integers as map keys, trailing bytes, unknown keys and wrong
types are refused: nothing on the wire can name a class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import msgpack

from ports.dataplane import Call
from ports.errors import Code, Failure
from ports.plain import Malformed, parse, plain

T = TypeVar("T")

VERSION: Final = 1
MAX_REQUEST = 1 << 20
MAX_REPLY = 8 << 20
MAX_TEXT = 256
MAX_FAULT_TEXT = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One command. ``id`` finds its reply, ``key`` makes it safe to repeat, ``deadline`` is CLOCK_MONOTONIC seconds."""

    v: Literal[1]
    verb: str
    id: str
    key: str
    deadline: float
    traceparent: str
    payload: bytes

    def __post_init__(self) -> None:
        for name, text in (("verb", self.verb), ("id", self.id), ("key", self.key)):
            if not 0 < len(text) <= MAX_TEXT:
                raise ValueError(f"{name} must have 1 to {MAX_TEXT} characters")
        if len(self.traceparent) > MAX_TEXT:
            raise ValueError(f"traceparent must have at most {MAX_TEXT} characters")
        if not math.isfinite(self.deadline):
            raise ValueError("deadline must be a finite number of seconds")

    @property
    def call(self) -> Call:
        """What the handler is told of the command's way."""
        return Call(key=self.key, deadline=self.deadline, traceparent=self.traceparent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A ``Failure`` on the wire."""

    code: Code
    subject: str
    detail: str
    hint: str

    @property
    def failure(self) -> Failure:
        """The failure as it was raised at the other end."""
        return Failure(self.code, self.subject, self.detail, self.hint)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The answer to one command: a result or an error. ``id`` is empty where the request was not readable."""

    v: Literal[1]
    id: str
    result: bytes | None = None
    error: Fault | None = None

    def __post_init__(self) -> None:
        if (self.result is None) == (self.error is None):
            raise ValueError("a reply holds either a result or an error")


def fault(failure: Failure) -> Fault:
    """The failure in its wire form; texts are cut so that a reply always fits its frame."""
    texts = [text[:MAX_FAULT_TEXT] for text in (failure.subject, failure.detail, failure.hint)]
    return Fault(code=failure.code, subject=texts[0], detail=texts[1], hint=texts[2])


def pack(value: Any) -> bytes:
    """The value as one frame."""
    packed: bytes = msgpack.packb(plain(value), use_bin_type=True, unicode_errors="surrogatepass")
    return packed


def unpack(kind: type[T], data: bytes, subject: str, limit: int) -> T:
    """The frame as a value of ``kind``; INVALID for everything else, saying where the mistake is."""
    if len(data) > limit:
        raise _invalid(subject, f"{len(data)} bytes, at most {limit} are taken")
    try:
        return parse(kind, _raw(data))
    except Malformed as error:
        raise _invalid(subject, str(error)) from error


def _raw(data: bytes) -> Any:
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            unicode_errors="surrogatepass",
            ext_hook=_no_extension,
        )
    except ValueError as error:
        raise Malformed("$", f"not msgpack: {error}") from error


def _no_extension(code: int, _: bytes) -> Any:
    raise ValueError(f"extension type {code} is not taken")


def _invalid(subject: str, detail: str) -> Failure:
    return Failure(Code.INVALID, subject, detail, "are both processes of the same release?")
