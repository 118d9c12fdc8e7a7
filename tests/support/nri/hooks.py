"""Hooks that write down what they are asked, and do what a test tells them to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ports.inbound import Adjustment, Container, PodSandbox
from ports.plan import PodRef

POD = PodRef(namespace="shop", name="till", uid="5e0c5a34-6f0e-4b62-9f6b-6b9b2f0c6a01")


@dataclass
class Hooks:
    """RuntimeHooks of a test. ``behaviour`` holds a function to run in a hook, by the hook's name."""

    behaviour: dict[str, Callable[[], None]] = field(default_factory=dict)
    adjustment: Adjustment = field(default_factory=Adjustment)
    calls: list[str] = field(default_factory=list)
    sandboxes: list[PodSandbox] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    lists: list[tuple[tuple[PodSandbox, ...], tuple[Container, ...]]] = field(default_factory=list)

    def run_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        self._pod("run", sandbox, deadline)

    def create_container(self, sandbox: PodSandbox, container: Container, deadline: float) -> Adjustment:
        self.containers.append(container)
        self._pod("create", sandbox, deadline)
        return self.adjustment

    def stop_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        self._pod("stop", sandbox, deadline)

    def remove_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        self._pod("remove", sandbox, deadline)

    def synchronize(self, sandboxes: tuple[PodSandbox, ...], containers: tuple[Container, ...]) -> None:
        self.lists.append((sandboxes, containers))
        self._do("synchronize")

    def _pod(self, name: str, sandbox: PodSandbox, deadline: float) -> None:
        self.sandboxes.append(sandbox)
        self.deadlines.append(deadline)
        self._do(name)

    def _do(self, name: str) -> None:
        self.calls.append(name)
        self.behaviour.get(name, lambda: None)()


class Stuck:
    """A behaviour that hangs until the test lets it go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self) -> None:
        self.entered.release()
        self.go.wait(60)


def raising(error: Exception) -> Callable[[], None]:
    """A behaviour that fails."""

    def fail() -> None:
        raise error

    return fail


def in_turn(*behaviours: Callable[[], None]) -> Callable[[], None]:
    """The first behaviour at the first call, and so on; the last one stays."""
    left: list[Callable[[], None]] = list(behaviours)

    def step() -> None:
        (left.pop(0) if len(left) > 1 else left[0])()

    return step


def names(sandboxes: Iterable[PodSandbox]) -> list[str]:
    """The pods of these sandboxes."""
    return [sandbox.pod.name for sandbox in sandboxes]
