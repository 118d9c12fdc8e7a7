"""What travels between whoever wants a channel and whoever opens it: one line of JSON each way, and a descriptor.

The connection stays open as long as the channel is used: its end is how the opener learns that the other one is done,
or dead.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any, TypeVar

from ports.dhcp import Wish
from ports.errors import Code, Failure
from ports.plain import Malformed, parse, plain

T = TypeVar("T")
VERSION = 2
MAX_LINE = 16384


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A wish, and until when an answer is of use (seconds of CLOCK_MONOTONIC)."""

    v: int
    wish: Wish
    deadline: float
    traceparent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A descriptor comes along unless ``code`` tells why there is none."""

    mac: str = ""
    running: bool = False
    code: Code | None = None
    subject: str = ""
    detail: str = ""
    hint: str = ""


def refusal(failure: Failure) -> Answer:
    """The failure as an answer; texts are cut so that it fits."""
    texts = [text[:2048] for text in (failure.subject, failure.detail, failure.hint)]
    return Answer(code=failure.code, subject=texts[0], detail=texts[1], hint=texts[2])


def line(value: Question | Answer) -> bytes:
    """The value on one line."""
    return json.dumps(plain(value)).encode() + b"\n"


def read(kind: type[T], data: bytes) -> T:
    """The value of a line; INVALID for everything else."""
    try:
        raw: Any = json.loads(data)
        return parse(kind, raw)
    except (ValueError, RecursionError, Malformed) as error:
        hint = "are both processes of the same release?"
        raise Failure(Code.INVALID, "channel", f"not understood: {error}"[:500], hint) from error


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """One line with the descriptors that came along; empty when the other end is gone. INVALID: longer than any line."""
    data, descriptors = b"", list[int]()
    try:
        while not data.endswith(b"\n"):
            more, found, _, _ = socket.recv_fds(connection, MAX_LINE, 4, socket.MSG_CMSG_CLOEXEC)
            descriptors += found
            data += more
            if len(data) > MAX_LINE:
                raise Failure(Code.INVALID, "channel", f"a line of more than {MAX_LINE} bytes")
            if not more:
                return b"", descriptors
    except BaseException:
        for each in descriptors:
            socket.close(each)
        raise
    return data, descriptors
