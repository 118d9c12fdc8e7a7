"""Programs on an interface as the worker asks for them: all kinds of hooks together.

Measured on 6.18: a move to another namespace ends tc filters (with their queueing discipline) and leaves TCX and XDP
programs in place. Reading takes CAP_NET_ADMIN, everything else here CAP_SYS_ADMIN too (CAP_BPF is implied by it), both in
the initial user namespace; anywhere else bpf(2) tells nothing, and what only it could tell counts as not attached. There
``detach`` refuses, as it cannot promise that nothing is left.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from socket import NETLINK_ROUTE
from typing import TypeVar

from adapters.bpf import syscall
from adapters.bpf.filters import PARENTS, FilterHooks
from adapters.bpf.holds import Holds
from adapters.bpf.hooks import Hook, opened
from adapters.bpf.multi import HOOKS, MultiHooks
from adapters.bpf.pins import Pins
from adapters.bpf.xdp import XdpHooks
from adapters.talk.conversation import Talk
from adapters.talk.inside import inside
from ports.devices import Program
from ports.errors import Code, Failure
from ports.kernel import Namespace

T = TypeVar("T")
log = logging.getLogger("knd.dataplane")


class BpfPrograms:
    """Implements ``ports.controls.ProgramControl``. ``timeout``: seconds that a call may take.

    ``pins`` is a directory right below the root of a bpf file system, made when it is needed. Where there is no such
    file system, or none is given, what is held ends with this process: then only what others refer to lives on.
    """

    def __init__(self, pins: str | None = None, *, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._holds = Holds(Pins(pins) if pins is not None else None)

    def attached(self, namespace: Namespace, ifindex: int) -> tuple[Program, ...]:
        """What is attached, as far as this process may know. NOT_FOUND: no such interface."""
        return self._with(namespace, ifindex, True, _attached)

    def detach(self, namespace: Namespace, ifindex: int, keep: tuple[Program, ...] = ()) -> tuple[Program, ...]:
        """Take everything off but ``keep``, and look again: KERNEL when something is left."""
        return self._with(namespace, ifindex, False, lambda hooks: _detach(hooks, keep, f"interface #{ifindex}"))

    def attach(self, namespace: Namespace, ifindex: int, programs: tuple[Program, ...]) -> tuple[Program, ...]:
        """Put back what is not there; those that could not be, each with a warning in the log."""
        return self._with(namespace, ifindex, True, lambda hooks: _attach(hooks, programs)) if programs else ()

    def hold(self, key: str, programs: tuple[Program, ...]) -> None:
        """Keep a file or a descriptor of each program."""
        self._holds.hold(key, programs)

    def release(self, key: str) -> None:
        """Let go of them."""
        try:
            self._holds.release(key)
        except OSError as error:
            raise Failure(Code.KERNEL, f"programs held for {key}", f"cannot be released: {error}") from error

    def held(self) -> frozenset[str]:
        """The keys under which something is held, files of an earlier process included."""
        return self._holds.held()

    def close(self) -> None:
        """Close all descriptors, for a process that ends and for tests; files stay for the next process."""
        self._holds.close()

    def _with(self, namespace: Namespace, ifindex: int, lenient: bool, act: Callable[[Sequence[Hook]], T]) -> T:
        subject = f"programs of interface #{ifindex}"

        def run() -> T:
            with Talk(NETLINK_ROUTE, self._timeout) as talk:
                hooks = (XdpHooks(talk, ifindex), FilterHooks(talk, ifindex), MultiHooks(ifindex, lenient))
                return act(hooks)

        try:
            return inside(namespace.fileno(), self._timeout, subject, run)
        except OSError as error:
            hint = "CAP_SYS_ADMIN in the initial user namespace is needed" if isinstance(error, PermissionError) else ""
            raise Failure(Code.KERNEL, subject, f"bpf: {error.strerror}", hint) from error


def _attached(hooks: Sequence[Hook]) -> tuple[Program, ...]:
    return tuple(program for hook in hooks for program in hook.attached())


def _detach(hooks: Sequence[Hook], keep: tuple[Program, ...], subject: str) -> tuple[Program, ...]:
    removed = []
    for hook in hooks:
        for program in hook.attached():
            if program not in keep:
                hook.remove(program)
                removed.append(program)
    left = [program for program in _attached(hooks) if program not in keep] if removed else []
    if left:
        names = ", ".join(f"{program.name or program.id} ({program.hook})" for program in left)
        raise Failure(
            Code.KERNEL, subject, f"still has {names}", "somebody puts programs back, or the kernel keeps them"
        )
    return tuple(removed)


def _attach(hooks: Sequence[Hook], programs: tuple[Program, ...]) -> tuple[Program, ...]:
    there = set(_attached(hooks))
    left = []
    for at, program in enumerate(programs):
        if program not in there and not _put_back(hooks, program, programs[:at]):
            left.append(program)
    return tuple(left)


def _put_back(hooks: Sequence[Hook], program: Program, before: tuple[Program, ...]) -> bool:
    try:
        hook = _hook_of(program, hooks)
        with opened(syscall.open_program(program.id)) as descriptor:
            hook.add(program, descriptor, before)
    except (OSError, Failure) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        log.warning("program %s (%s, id %d) cannot be put back: %s", program.name, program.hook, program.id, reason)
        return False
    return True


def _hook_of(program: Program, hooks: Sequence[Hook]) -> Hook:
    xdp, filters, multi = hooks
    if program.hook in HOOKS:
        return multi
    if program.hook in PARENTS:
        return filters
    if program.hook == "xdp":
        return xdp
    raise Failure(Code.INVALID, f"program {program.id}", f"there is no hook {program.hook}")
