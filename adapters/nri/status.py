"""Refusals as ttrpc carries them: a gRPC code and one line of text, which the kubelet shows to people."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ports.errors import Code, Failure

MAX_TEXT: Final = 1024


class Status(IntEnum):
    """The gRPC codes that occur here (https://grpc.io/docs/guides/status-codes/)."""

    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    ABORTED = 10
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15


# UNIMPLEMENTED is not among these: a runtime takes it for "this plugin is old" and calls again in another way.
_FROM_CODE: Final = {
    Code.INVALID: Status.INVALID_ARGUMENT,
    Code.REFUSED: Status.PERMISSION_DENIED,
    Code.NOT_FOUND: Status.NOT_FOUND,
    Code.CONFLICT: Status.ABORTED,
    Code.UNAVAILABLE: Status.UNAVAILABLE,
    Code.DEADLINE: Status.DEADLINE_EXCEEDED,
    Code.KERNEL: Status.INTERNAL,
    Code.CORRUPT: Status.DATA_LOSS,
    Code.INTERNAL: Status.INTERNAL,
}


class Refusal(Exception):
    """A call that ends with a status other than OK, whichever end says so. ``code`` is any number a peer may send."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = one_line(text)

    def __str__(self) -> str:
        return f"{self.text} (status {int(self.code)})"


class Silence(Refusal):
    """The peer did not answer within the time it was given."""

    def __init__(self, method: str, timeout: float) -> None:
        super().__init__(Status.DEADLINE_EXCEEDED, f"no answer to {method} within {timeout:g} s")


class Closed(Exception):
    """The connection ended before the answer came."""


def refusal(failure: Failure) -> Refusal:
    """A failure of ours as the runtime gets it."""
    return Refusal(_FROM_CODE[failure.code], str(failure))


def one_line(text: str) -> str:
    """The text on one line, cut to what fits into an event; always encodable."""
    line = " ".join(text.split()).encode("utf-8", "replace")
    return line.decode() if len(line) <= MAX_TEXT else line[: MAX_TEXT - 3].decode("utf-8", "ignore") + "..."
