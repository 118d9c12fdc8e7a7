"""What can go wrong, as data: a closed set of codes that crosses every process border unchanged.

A ``Failure`` names its subject and the reader's next step. Texts for people are made at the edge
(``str(failure)``); programs look only at ``code``. No class names and no tracebacks travel on a wire.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Why something was refused or failed. Closed: a peer that sends another code is in error."""

    INVALID = "invalid"  # the request can never succeed as it stands: bad input, bad configuration
    REFUSED = "refused"  # well-formed, but policy forbids it (an uplink, the host's own namespace)
    NOT_FOUND = "not-found"  # the claim, device, namespace or record is not there
    CONFLICT = "conflict"  # held by somebody else, or changed since it was looked at
    UNAVAILABLE = "unavailable"  # a peer is away; the same request may succeed later
    DEADLINE = "deadline"  # the time for it has passed; nothing was left half done
    KERNEL = "kernel"  # the kernel said no; detail holds its words
    CORRUPT = "corrupt"  # stored state that cannot be trusted
    INTERNAL = "internal"  # a defect of ours


RETRYABLE = frozenset({Code.CONFLICT, Code.UNAVAILABLE, Code.DEADLINE, Code.KERNEL})


class Failure(Exception):
    """One refusal or failure: what it is about (``subject``), what happened, and what to do next (``hint``).

    ``retry_after`` is how many seconds a peer that is busy asked to be left alone; 0 when it said nothing.
    """

    def __init__(self, code: Code, subject: str, detail: str, hint: str = "", *, retry_after: float = 0.0) -> None:
        super().__init__(code, subject, detail, hint)
        self.code = code
        self.subject = subject
        self.detail = detail
        self.hint = hint
        self.retry_after = retry_after

    def __str__(self) -> str:
        text = f"{self.subject}: {self.detail}" if self.subject else self.detail
        return f"{text} ({self.hint})" if self.hint else text

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without anyone changing it."""
        return self.code in RETRYABLE
