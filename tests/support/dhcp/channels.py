"""Channels to DHCP servers in memory, on a clock that moves when somebody waits in vain."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ports.dataplane import Call
from ports.dhcp import Heard, Wish
from ports.errors import Code, Failure
from tests.support.clock import FakeClock

Answer = Callable[[bytes], list[bytes]]


class FakeChannel:
    """Implements ``ports.dhcp.Channel``."""

    mac = "02:00:00:00:00:03"

    def __init__(self, answer: Answer, clock: FakeClock, running: bool) -> None:
        self._answer = answer
        self._clock = clock
        self._replies: deque[bytes] = deque()
        self.running = running
        self.closed = False

    def send(self, frame: bytes) -> None:
        self._replies += self._answer(frame)

    def receive(self, seconds: float) -> Heard | None:
        if self._replies:
            return Heard(frame=self._replies.popleft())
        self._clock.advance(max(seconds, 0.001))
        return None

    def close(self) -> None:
        self.closed = True


class FakeChannels:
    """Implements ``ports.dhcp.Channels``. ``servers`` answer by device and family; who is not there stays silent."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.servers: dict[tuple[str, int], Answer] = {}
        self.running = True
        self.refusal: Failure | None = None
        self.opened: list[tuple[Wish, FakeChannel]] = []

    def open(self, wish: Wish, call: Call) -> FakeChannel:
        if self.refusal is not None:
            raise self.refusal
        if self.clock.monotonic() >= call.deadline:
            raise Failure(Code.DEADLINE, wish.device, "its time has passed")
        channel = FakeChannel(self.servers.get((wish.device, wish.family), lambda _: []), self.clock, self.running)
        self.opened.append((wish, channel))
        return channel
