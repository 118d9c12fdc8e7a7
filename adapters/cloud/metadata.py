"""What the clouds' metadata servers have in common: small texts and JSON under one link-local address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.cloud import address
from adapters.cloud.http import Answer, Client, Request
from ports.errors import Code, Failure

LINK_LOCAL = "http://169.254.169.254"
SECONDS = 3.0  # of one request
TOKEN_SECONDS = "300"  # one look takes far less
MAX_TEXT = 4096  # bytes of what is a name or a number


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One metadata server: where, what every request has to carry, and how it is called in errors."""

    name: str
    client: Client
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """The answer, whatever its status."""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.client.call(self._subject(path), Request(method=method, path=path, headers=sent), SECONDS)

    def carrying(self, **headers: str) -> Server:
        """The same server, with further headers in every request."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})

    def session(self, lifetime: str, token: str) -> Server:
        """The same server with a fresh token: these are the headers that ask for its lifetime and that carry it."""
        answer = self.ask("/latest/api/token", "PUT", **{lifetime: TOKEN_SECONDS})
        found = answer.demand(self._subject("token")).text
        if not found or not found.isascii() or not found.isprintable():
            raise Failure(Code.INVALID, self._subject("token"), "gave none")
        return self.carrying(**{token: found})

    def text(self, path: str) -> str:
        """A text; a Failure for any other answer."""
        return self._short(path, self.ask(path).demand(self._subject(path)))

    def maybe(self, path: str) -> str:
        """A text that need not be there: empty for 404."""
        answer = self.ask(path)
        return "" if answer.status == 404 else self._short(path, answer.demand(self._subject(path)))

    def json(self, path: str) -> Any:
        """JSON of any shape."""
        return self.ask(path).demand(self._subject(path)).json(self._subject(path))

    def record(self, path: str) -> Mapping[str, Any]:
        """A JSON object."""
        found = self.json(path)
        if not isinstance(found, dict):
            raise Failure(Code.INVALID, self._subject(path), "answered no JSON object")
        return found

    def _short(self, path: str, answer: Answer) -> str:
        if len(answer.body) > MAX_TEXT:
            raise Failure(Code.INVALID, self._subject(path), f"answered more than {MAX_TEXT} bytes for a short text")
        return answer.text

    def _subject(self, path: str) -> str:
        return f"{self.name} metadata server, {path.partition('?')[0]}"


def server(name: str, base: str = LINK_LOCAL, **headers: str) -> Server:
    """The metadata server at that address."""
    return Server(name=name, client=Client(address.read(base))).carrying(**headers)


def text(record: object, key: str) -> str:
    """A text of a JSON object, empty when it is not there or no text."""
    found = record.get(key) if isinstance(record, dict) else None
    return found if isinstance(found, str) else ""


def entries(record: object, key: str) -> list[Any]:
    """A list of a JSON object, empty when it is not there or no list."""
    found = record.get(key) if isinstance(record, dict) else None
    return found if isinstance(found, list) else []


def present(**attributes: str | int | bool) -> dict[str, str | int | bool]:
    """Those that say something: no empty text."""
    return {name: value for name, value in attributes.items() if value != "" or isinstance(value, bool)}


def same_mac(one: str, other: str) -> bool:
    """Whether two texts are one MAC address, in any case and with any separators."""
    return bool(one) and _digits(one) == _digits(other)


def _digits(mac: str) -> str:
    return "".join(char for char in mac.lower() if char not in ":-.")
