"""A model of eBPF programs: they live while something refers to them, and a move ends the tc filters among them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

from ports.devices import Program
from ports.kernel import Namespace
from tests.contracts.kernel.fake import FakeKernel
from tests.contracts.kernel.model import Device
from tests.contracts.kernel.namespace import FakeNamespace

HOOKS = ("xdp", "tc-ingress", "tc-egress", "tcx-ingress", "tcx-egress")
GENERIC, DIRECT_ACTION, ALL = 2, 1, 3


@dataclass
class State:
    """The programs of one device, and how often it had moved when they were looked at last."""

    device: Device
    moves: int
    programs: list[Program] = field(default_factory=list)

    def settle(self) -> State:
        """End the tc filters if the device moved meanwhile."""
        if self.moves != self.device.moves:
            self.programs = [program for program in self.programs if not _of_tc(program.hook)]
            self.moves = self.device.moves
        return self


class FakePrograms:
    """Implements ``ports.controls.ProgramControl`` on the model's devices."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel
        self._ids = count(100)
        self._states: dict[int, State] = {}
        self._owned: set[int] = set()
        self._held: dict[str, set[int]] = {}

    def attached(self, namespace: Namespace, ifindex: int) -> tuple[Program, ...]:
        """What is attached, hook by hook."""
        with self._kernel.call("programs.attached"):
            return tuple(self._state(namespace, ifindex).programs)

    def detach(self, namespace: Namespace, ifindex: int, keep: tuple[Program, ...] = ()) -> tuple[Program, ...]:
        """Take everything off but ``keep``."""
        with self._kernel.call("programs.detach"):
            state = self._state(namespace, ifindex)
            removed = tuple(program for program in state.programs if program not in keep)
            state.programs = [program for program in state.programs if program in keep]
            return removed

    def attach(self, namespace: Namespace, ifindex: int, programs: tuple[Program, ...]) -> tuple[Program, ...]:
        """Put back what lives."""
        with self._kernel.call("programs.attach"):
            state = self._state(namespace, ifindex)
            missing = [program for program in programs if program not in state.programs]
            left = [program for program in missing if not self._can_be_put(program, state)]
            wanted = [program for program in programs if program not in left]
            state.programs = _ordered([*wanted, *(one for one in state.programs if one not in wanted)])
            return tuple(left)

    def hold(self, key: str, programs: tuple[Program, ...]) -> None:
        """Keep those alive that are."""
        with self._kernel.call("programs.hold"):
            held = {program.id for program in programs if self.alive(program.id)}
            if held:
                self._held.setdefault(key, set()).update(held)

    def release(self, key: str) -> None:
        """Let go."""
        with self._kernel.call("programs.release"):
            self._held.pop(key, None)

    def held(self) -> frozenset[str]:
        """The keys."""
        with self._kernel.call("programs.held"):
            return frozenset(self._held)

    # What tests arrange and look at.

    def plant(self, namespace: Namespace, ifindex: int, hook: str, name: str) -> int:
        """Attach a new program that nothing else refers to."""
        made = Program(hook=hook, name=name, id=next(self._ids), flags=GENERIC if hook == "xdp" else 0)
        state = self._state(namespace, ifindex)
        if _of_tc(hook):
            priority = 1 + max((one.priority for one in state.programs if one.hook == hook), default=0)
            made = replace(made, priority=priority, handle=1, protocol=ALL, flags=DIRECT_ACTION)
        state.programs = _ordered([*state.programs, made])
        return made.id

    def plant_by_link(self, namespace: Namespace, ifindex: int, hook: str, name: str) -> int:
        """The same for a program that its owner holds."""
        made = self.plant(namespace, ifindex, hook, name)
        self._owned.add(made)
        return made

    def alive(self, program: int) -> bool:
        """Whether something refers to it."""
        attached = (one.id for state in self._states.values() for one in state.settle().programs)
        return program in {*attached, *self._owned, *(one for held in self._held.values() for one in held)}

    def _can_be_put(self, program: Program, state: State) -> bool:
        taken = program.hook == "xdp" and any(one.hook == "xdp" for one in state.programs)
        return program.hook in HOOKS and self.alive(program.id) and not taken

    def _state(self, namespace: Namespace, ifindex: int) -> State:
        if not isinstance(namespace, FakeNamespace):
            raise TypeError("the model's programs are on the model's links")
        device = namespace._device(ifindex)
        return self._states.setdefault(id(device), State(device, device.moves)).settle()


def _ordered(programs: list[Program]) -> list[Program]:
    return sorted(programs, key=lambda program: HOOKS.index(program.hook))


def _of_tc(hook: str) -> bool:
    return hook.startswith("tc-")
