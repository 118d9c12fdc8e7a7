"""Keeping programs alive that nothing else refers to, by a descriptor of each."""

from __future__ import annotations

import logging
import os
import threading

from adapters.bpf import syscall
from ports.devices import Program

log = logging.getLogger("knd.dataplane")


class Holds:
    """Descriptors by key; each is closed by ``release`` of its key, or by ``close``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, dict[int, int]] = {}  # key: program id: descriptor

    def hold(self, key: str, programs: tuple[Program, ...]) -> None:
        """Open those that are not held under this key yet."""
        with self._lock:
            held = self._held.setdefault(key, {})
            for program in programs:
                if program.id not in held:
                    self._open(held, program)
            if not held:
                del self._held[key]

    def release(self, key: str) -> None:
        """Close what is held under this key."""
        with self._lock:
            held = self._held.pop(key, {})
        for descriptor in held.values():
            os.close(descriptor)

    def close(self) -> None:
        """Close everything."""
        for key in tuple(self._held):
            self.release(key)

    def _open(self, held: dict[int, int], program: Program) -> None:
        try:
            held[program.id] = syscall.open_program(program.id)
        except OSError as error:
            log.warning(
                "program %s (%s, id %d) is not held: %s", program.name, program.hook, program.id, error.strerror
            )
