"""``HeldEvents`` in memory; ``happen`` stands for an event of the kernel."""

from __future__ import annotations

import threading

from ports.kernel import Namespace


class FakeHeldEvents:
    """Implements ``ports.heldfeed.HeldEvents``. ``listening`` is by sandbox."""

    def __init__(self) -> None:
        self.listening: dict[str, str] = {}
        self._left: set[str] = set()
        self._touched: set[str] = set()
        self._changed = threading.Condition()

    def touch(self, sandbox: str) -> None:
        with self._changed:
            self._left.discard(sandbox)
            self._touch(sandbox)

    def listen(self, sandbox: str, namespace: Namespace) -> None:
        with self._changed:
            if sandbox not in self._left and sandbox not in self.listening:
                self.listening[sandbox] = namespace.cookie
                self._touch(sandbox)

    def leave(self, sandbox: str) -> None:
        with self._changed:
            self.listening.pop(sandbox, None)
            self._left.add(sandbox)
            self._touch(sandbox)

    def wait(self, timeout: float) -> frozenset[str]:
        with self._changed:
            self._left.clear()
            self._changed.wait_for(lambda: bool(self._touched), timeout)
            touched, self._touched = frozenset(self._touched), set()
        return touched

    def happen(self, cookie: str) -> None:
        """Something changed in this namespace."""
        with self._changed:
            for sandbox in [each for each, where in self.listening.items() if where == cookie]:
                self._touch(sandbox)

    def _touch(self, sandbox: str) -> None:
        self._touched.add(sandbox)
        self._changed.notify_all()
