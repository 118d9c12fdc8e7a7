"""A verb of the bus: its name and the types of its question and its answer, written once for client and server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.bus.envelope import MAX_REPLY, MAX_REQUEST, pack, unpack
from ports.dataplane import Call
from ports.errors import Code, Failure

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, slots=True)
class Nothing:
    """The payload of a question without arguments, and of an answer that only says "done"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A verb with somebody to carry it out: payload in, answer out, both as bytes."""

    verb: str
    run: Callable[[bytes, Call], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verb(Generic[P, R]):
    """One command of the bus."""

    name: str
    asks: type[P]
    answers: type[R]

    def question(self, payload: P) -> bytes:
        """The payload in its wire form. INVALID: it has none, or is too big."""
        return _bounded(f"question of {self.name}", payload, MAX_REQUEST, Code.INVALID)

    def answer(self, data: bytes) -> R:
        """The answer read back."""
        return unpack(self.answers, data, f"answer of {self.name}", MAX_REPLY)

    def served_by(self, handler: Callable[[P, Call], R]) -> Route:
        """The route that has ``handler`` carry this verb out."""

        def run(data: bytes, call: Call) -> bytes:
            payload = unpack(self.asks, data, f"question of {self.name}", MAX_REQUEST)
            return _bounded(f"answer of {self.name}", handler(payload, call), MAX_REPLY, Code.INTERNAL)

        return Route(verb=self.name, run=run)


def _bounded(subject: str, value: object, limit: int, code: Code) -> bytes:
    try:
        data = pack(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Failure(code, subject, f"has no wire form: {error}") from error
    if len(data) > limit - 4096:  # room for the envelope around it
        raise Failure(code, subject, f"{len(data)} bytes do not fit a frame of {limit}")
    return data
