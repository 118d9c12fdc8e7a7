"""Keeping programs alive that nothing else refers to: by a file of the bpf file system, else by a descriptor of each."""

from __future__ import annotations

import logging
import os
import threading

from adapters.bpf import syscall
from adapters.bpf.pins import Pins
from ports.devices import Program

log = logging.getLogger("knd.dataplane")


class Holds:
    """What is held, by key. Descriptors end with ``release`` or ``close``, files with ``release`` alone."""

    def __init__(self, pins: Pins | None) -> None:
        self._lock = threading.Lock()
        self._pins = pins
        self._held: dict[str, dict[int, int]] = {}  # key: program id: descriptor

    def hold(self, key: str, programs: tuple[Program, ...]) -> None:
        """Hold those that are not held under this key yet."""
        with self._lock:
            for program in programs:
                if program.id not in self._held.get(key, {}):
                    self._hold(key, program)

    def release(self, key: str) -> None:
        """Let go of what is held under this key."""
        with self._lock:
            for descriptor in self._held.pop(key, {}).values():
                os.close(descriptor)
            if self._pins is not None:
                self._pins.release(key)

    def held(self) -> frozenset[str]:
        """The keys that something is held under, by this process or by one before it."""
        with self._lock:
            return frozenset(self._held) | (self._pins.keys() if self._pins is not None else frozenset())

    def close(self) -> None:
        """Close all descriptors."""
        with self._lock:
            for held in self._held.values():
                for descriptor in held.values():
                    os.close(descriptor)
            self._held.clear()

    def _hold(self, key: str, program: Program) -> None:
        try:
            descriptor = syscall.open_program(program.id)
        except OSError as error:
            log.warning(
                "program %s (%s, id %d) is not held: %s", program.name, program.hook, program.id, error.strerror
            )
            return
        if self._pins is not None and self._pins.pin(key, program.id, descriptor):
            os.close(descriptor)
        else:
            self._held.setdefault(key, {})[program.id] = descriptor
