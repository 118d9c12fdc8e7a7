"""What ``HeldEvents`` promises: nothing that was touched is lost, and nothing is heard of a sandbox that left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

import pytest

from ports.heldfeed import EVERY, HeldEvents
from ports.kernel import Namespace

WAIT = 30.0


class World(Protocol):
    """What the tests do to the world behind the port."""

    events: HeldEvents
    namespace: Namespace

    def change(self) -> None:
        """Change a link of the namespace."""
        ...


class HeldEventsContract:
    """Subclasses give the ``world``."""

    @pytest.fixture
    def world(self) -> World | Iterator[World]:
        raise NotImplementedError

    def test_what_was_touched_is_told_once(self, world: World) -> None:
        world.events.touch("a")
        world.events.touch("b")
        assert world.events.wait(WAIT) >= {"a", "b"}
        assert not {"a", "b"} & world.events.wait(0)

    def test_a_touch_ends_a_wait(self, world: World) -> None:
        world.events.wait(0)
        timer = threading.Timer(0.05, world.events.touch, (EVERY,))
        timer.start()
        assert EVERY in world.events.wait(WAIT)
        timer.join()

    def test_a_change_of_a_link_is_heard(self, world: World) -> None:
        world.events.listen("pod", world.namespace)
        assert "pod" in world.events.wait(WAIT)  # whatever was before
        assert "pod" not in world.events.wait(0)
        world.change()
        assert self._heard(world, "pod")

    def test_to_listen_again_changes_nothing(self, world: World) -> None:
        for _ in range(2):
            world.events.listen("pod", world.namespace)
        world.events.wait(WAIT)
        world.change()
        assert self._heard(world, "pod")

    def test_a_sandbox_that_left_is_told_and_then_not_heard_any_more(self, world: World) -> None:
        world.events.listen("pod", world.namespace)
        world.events.wait(WAIT)
        world.events.leave("pod")
        assert "pod" in world.events.wait(WAIT)
        world.change()
        assert "pod" not in world.events.wait(0.1)

    def test_listening_to_one_that_left_meanwhile_is_not_begun(self, world: World) -> None:
        world.events.wait(0)
        world.events.leave("pod")
        world.events.listen("pod", world.namespace)
        world.events.wait(WAIT)
        world.change()
        assert "pod" not in world.events.wait(0.1)

    def test_one_that_left_can_come_again(self, world: World) -> None:
        world.events.leave("pod")
        world.events.touch("pod")
        world.events.listen("pod", world.namespace)
        world.events.wait(WAIT)
        world.change()
        assert self._heard(world, "pod")

    def _heard(self, world: World, sandbox: str) -> bool:
        return any(sandbox in world.events.wait(1.0) for _ in range(30))
