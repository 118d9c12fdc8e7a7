"""The real kernel keeps the contract of events in pods' namespaces, and no subscription outlives its namespace."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest

from adapters.netlink.heldevents import HeldLinkEvents
from ports.errors import Code, Failure
from ports.vitals import carrier
from tests.contracts.heldevents.contract import HeldEventsContract
from tests.netns.world import RealWorld
from tests.support.eventually import eventually

pytestmark = pytest.mark.netns


class HeldWorld:
    """A namespace with one link whose state changes."""

    def __init__(self, real: RealWorld) -> None:
        self.events = HeldLinkEvents()
        self.namespace = real.host
        self._index = real.add_link("card0").identity.ifindex
        self._states = cycle((True, False))

    def change(self) -> None:
        self.namespace.set_up(self._index, next(self._states))


class TestHeldLinkEvents(HeldEventsContract):
    @pytest.fixture
    def world(self, real: RealWorld) -> Iterator[HeldWorld]:
        made = HeldWorld(real)
        yield made
        made.events.close()


def test_the_loss_of_the_carrier_at_the_other_end_is_heard(real: RealWorld) -> None:
    link, other = real.add_link("card0"), real.wire.find("card0")
    assert other is not None
    real.host.set_up(link.identity.ifindex, True)
    eventually(lambda: real.host.link(link.identity.ifindex).operstate == "up", 30)
    before = real.host.link(link.identity.ifindex).carrier_losses
    assert before is not None
    with closing(HeldLinkEvents()) as events:
        events.listen("pod", real.host)
        events.wait(0)
        real.wire.set_up(other.identity.ifindex, False)
        assert any("pod" in events.wait(1.0) for _ in range(30))
    eventually(lambda: real.host.link(link.identity.ifindex).operstate != "up", 30)
    lost = real.host.link(link.identity.ifindex)
    assert lost.up
    assert carrier(lost.operstate) is False
    assert lost.carrier_losses == before + 1


def test_no_descriptor_is_left(real: RealWorld, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    events = HeldLinkEvents()
    for number in range(5):
        events.listen(f"pod-{number}", real.host)
    for number in range(4):
        events.leave(f"pod-{number}")
    events.close()
    assert len(os.listdir("/proc/self/fd")) == before


class Full:
    """An epoll that takes nothing more (/proc/sys/fs/epoll/max_user_watches)."""

    def __init__(self, real: select.epoll) -> None:
        self._real = real

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def register(self, *_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_subscription_that_cannot_be_watched_keeps_no_namespace_alive(
    real: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(HeldLinkEvents()) as events:
        before = len(os.listdir("/proc/self/fd"))
        with monkeypatch.context() as full:
            full.setattr(events, "_epoll", Full(events._epoll))
            with pytest.raises(Failure) as caught:
                events.listen("pod", real.host)
            events.leave("pod")
        assert caught.value.code is Code.UNAVAILABLE
        assert len(os.listdir("/proc/self/fd")) == before
        events.wait(0)
        events.listen("pod", real.host)
