"""What all hooks of an interface have in common: what is in them, take one off, put one back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from adapters.bpf import syscall
from ports.devices import Program


class Hook(Protocol):
    """The hooks of one kind on one interface, in the calling thread's namespace. OSError or Failure as they come."""

    def attached(self) -> tuple[Program, ...]:
        """The programs in them, in the order they run."""
        ...

    def remove(self, program: Program) -> None:
        """Take one off; one that is not there is a success."""
        ...

    def add(self, program: Program, descriptor: int, before: tuple[Program, ...]) -> None:
        """Put one back behind those ``before`` it in its hook."""
        ...


@contextmanager
def opened(descriptor: int) -> Iterator[int]:
    """The descriptor, closed at the end of the block."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def name_of(program: int) -> str:
    """The name of the program of that id; empty where there is none or the kernel does not tell (another user namespace)."""
    try:
        with opened(syscall.open_program(program)) as descriptor:
            return syscall.program_name(descriptor)
    except OSError:
        return ""
