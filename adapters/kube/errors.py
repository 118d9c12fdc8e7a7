"""From HTTP statuses and transport errors to ``ports.errors.Failure``, with the server's own words."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from ports.errors import Code, Failure

CODES = {
    400: Code.INVALID,
    401: Code.REFUSED,
    403: Code.REFUSED,
    404: Code.NOT_FOUND,
    405: Code.INVALID,
    406: Code.INVALID,
    409: Code.CONFLICT,
    410: Code.CONFLICT,  # what was asked for is too long ago: list again
    413: Code.INVALID,
    415: Code.INVALID,
    422: Code.INVALID,
}
HINTS = {
    401: "the service account's token is not accepted; is this the right cluster?",
    403: "grant the service account this right (see manifests)",
}
LONGEST_WAIT = 300.0  # seconds that a server can make us wait
NO_DRIVER_RIGHT = "changing status.devices requires"
NO_SUCH_FIELD = "failed to create typed patch object"
OTHER_UID = "metadata.uid: Invalid value"
RIGHT_HINT = "grant associated-node:patch on resourceclaims/driver for this driver (see manifests)"


def status_failure(subject: str, status: int, body: bytes, retry_after: str | None = None) -> Failure:
    """What an answer that is no success means; ``retry_after`` is the header. Recorded: an apply of an
    undeclared field is answered 500, without the right to a driver's entries 422, to a claim with another UID 422 as well."""
    text = status_text(body) or f"HTTP status {status}"
    if NO_DRIVER_RIGHT in text:
        return Failure(Code.REFUSED, subject, text, RIGHT_HINT)
    if OTHER_UID in text:
        return Failure(Code.CONFLICT, subject, text, "it was replaced by another one of the same name")
    if NO_SUCH_FIELD in text:
        return Failure(Code.INVALID, subject, text)
    code, hint = CODES.get(status, Code.UNAVAILABLE), HINTS.get(status, "")
    return Failure(code, subject, text, hint, retry_after=_seconds(retry_after) if code is Code.UNAVAILABLE else 0.0)


def _seconds(retry_after: str | None) -> float:
    """The API server writes seconds; a proxy's date is as good as nothing said."""
    return min(float(retry_after), LONGEST_WAIT) if retry_after and retry_after.strip().isdigit() else 0.0


def transport_failure(subject: str, server: str, error: urllib3.exceptions.HTTPError) -> Failure:
    """What a request without an answer means; for a write it is unknown whether it was carried out."""
    reason = getattr(error, "reason", None) or error
    refused = isinstance(reason, urllib3.exceptions.NewConnectionError)  # a kind of timeout in some releases
    if isinstance(reason, urllib3.exceptions.TimeoutError) and not refused:
        return Failure(Code.DEADLINE, subject, f"no answer from {server} in time")
    text = str(reason.__cause__ or reason)
    return Failure(Code.UNAVAILABLE, subject, f"no answer from {server}: {text}", "is the API server reachable?")


def status_text(body: bytes) -> str:
    """The ``message`` of a Status object, else the beginning of whatever a proxy answered."""
    message = parsed(body).get("message")
    return message if isinstance(message, str) and message else body[:200].decode(errors="replace").strip()


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; empty when there is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
