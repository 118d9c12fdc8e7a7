"""One lock a pod: what concerns one pod happens one after the other, different pods at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ports.errors import Code, Failure


@dataclass(slots=True)
class _Lock:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


class PodLocks:
    """Locks by pod UID, made when needed and dropped when nobody uses them."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}
        self._guard = threading.Lock()

    @contextmanager
    def hold(self, pod_uid: str, seconds: float) -> Iterator[None]:
        """Hold the pod's lock; DEADLINE when it is not free within ``seconds``."""
        entry = self._join(pod_uid)
        try:
            if not entry.lock.acquire(timeout=seconds):
                raise Failure(Code.DEADLINE, f"pod {pod_uid}", "another command for this pod is still running")
            try:
                yield
            finally:
                entry.lock.release()
        finally:
            self._part(pod_uid, entry)

    def __len__(self) -> int:
        return len(self._locks)

    def _join(self, pod_uid: str) -> _Lock:
        with self._guard:
            entry = self._locks.setdefault(pod_uid, _Lock())
            entry.users += 1
            return entry

    def _part(self, pod_uid: str, entry: _Lock) -> None:
        with self._guard:
            entry.users -= 1
            if entry.users == 0:
                del self._locks[pod_uid]
