"""How much was said to the stand-in API server and by it: requests by method, bytes of HTTP each way."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Traffic:
    """Counted on the wire, heads included, TLS and TCP not."""

    requests: Counter[str] = field(default_factory=Counter)
    received: int = 0
    sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, method: str) -> None:
        """One more request."""
        with self._lock:
            self.requests[method] += 1

    def moved(self, received: int = 0, sent: int = 0) -> None:
        """So many bytes more."""
        with self._lock:
            self.received += received
            self.sent += sent

    def copy(self) -> Traffic:
        """As it is now."""
        with self._lock:
            return Traffic(requests=self.requests.copy(), received=self.received, sent=self.sent)

    def since(self, before: Traffic) -> Traffic:
        """What came after an earlier copy."""
        now = self.copy()
        return Traffic(
            requests=now.requests - before.requests,
            received=now.received - before.received,
            sent=now.sent - before.sent,
        )


class Reading:
    """The stream that a connection reads from, counted."""

    def __init__(self, file: Any, traffic: Traffic) -> None:
        self._file, self._traffic = file, traffic

    def readline(self, size: int = -1) -> bytes:
        """A line of a head."""
        return self._counted(self._file.readline(size))

    def read(self, size: int = -1) -> bytes:
        """A body."""
        return self._counted(self._file.read(size))

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _counted(self, data: bytes) -> bytes:
        self._traffic.moved(received=len(data))
        return data


class Writing:
    """The stream that a connection writes to, counted."""

    def __init__(self, file: Any, traffic: Traffic) -> None:
        self._file, self._traffic = file, traffic

    def write(self, data: bytes) -> int:
        """Send."""
        self._traffic.moved(sent=len(data))
        return int(self._file.write(data))

    def flush(self) -> None:
        """Send what waits."""
        self._file.flush()

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return bool(self._file.closed)

    def close(self) -> None:
        """Close it."""
        self._file.close()
