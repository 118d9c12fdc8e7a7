"""Settings of drivers that test machines do not have: what is told of them, and how they are set.

The answers are laid out as the kernel does (net/ethtool/*.c), with bitsets in the short form.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence

import pytest

from adapters.ethtool import control, hardware
from adapters.ethtool.family import Ethtool
from adapters.talk.conversation import KernelError, Talk, attribute, attributes, nest
from ports.devices import Offloads, Setting
from ports.errors import Code, Failure

FAMILY = 21
PAUSE_GET, PAUSE_SET, LINK_GET, RSS_GET, RSS_SET = 21, 22, 4, 38, 48
TABLE = struct.pack("=4I", 0, 1, 0, 1)


def byte(kind: int, value: int) -> bytes:
    return attribute(kind, bytes([value]))


def number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def modes(on: int, supported: int) -> bytes:
    return nest(3, number(2, 64), attribute(4, struct.pack("=Q", on)), attribute(5, struct.pack("=Q", supported)))


class Driver(Talk):
    """Tells what it is given by command, and notes what is set; ``refuses`` these commands."""

    def __init__(self, told: dict[int, bytes], refuses: Sequence[int] = ()) -> None:
        self.told = told
        self.refuses = refuses
        self.set: list[tuple[int, dict[int, bytes]]] = []

    def ask(self, kind: int, body: bytes, subject: str, flags: int = 0) -> list[bytes]:
        command, given = body[0], dict(attributes(body[4:]))
        if command in self.refuses:
            raise KernelError(subject, errno.EOPNOTSUPP)
        self.set.append((command, {number: value for number, value in given.items() if number != 1}))
        return []

    def ask_each(self, kind: int, bodies: Sequence[bytes], subject: str) -> list[bytes | KernelError]:
        return [self._answer(body[0], subject) for body in bodies]

    def _answer(self, command: int, subject: str) -> bytes | KernelError:
        if command not in self.told:
            return KernelError(subject, errno.EOPNOTSUPP)
        return bytes(4) + self.told[command]


def read(told: dict[int, bytes]) -> dict[str, str]:
    return {each.name: each.value for each in hardware.read(Ethtool(Driver(told), 5, FAMILY))}


def wish(**settings: str) -> Offloads:
    return Offloads(
        settings=tuple(Setting(name=name.replace("_", "/"), value=value) for name, value in settings.items())
    )


@pytest.mark.parametrize(
    ("told", "settings"),
    [
        ((1, 0, 1), {"pause/autoneg": "1"}),
        ((0, 1, 0), {"pause/autoneg": "0", "pause/rx": "1", "pause/tx": "0"}),
    ],
)
def test_a_pause_that_was_negotiated_is_no_setting(told: tuple[int, int, int], settings: dict[str, str]) -> None:
    assert read({PAUSE_GET: b"".join(byte(kind, value) for kind, value in enumerate(told, 2))}) == settings


@pytest.mark.parametrize(
    ("autoneg", "speed", "settings"),
    [
        (1, 10000, {"link/autoneg": "1", "link/advertised": "8000000021"}),
        (0, 10000, {"link/autoneg": "0", "link/speed": "10000", "link/duplex": "1"}),
        (0, 0xFFFFFFFF, {"link/autoneg": "0", "link/duplex": "1"}),
    ],
)
def test_of_a_link_is_a_setting_what_is_advertised_or_forced(
    autoneg: int, speed: int, settings: dict[str, str]
) -> None:
    link = byte(2, autoneg) + modes(0x8000000021, 0xFF000000FF) + number(5, speed) + byte(6, 1)
    assert read({LINK_GET: link}) == settings


def test_the_speed_of_a_link_on_top_of_others_is_no_setting() -> None:
    assert read({LINK_GET: byte(2, 0) + modes(0, 0) + number(5, 10000) + byte(6, 1)}) == {}


def test_only_what_differs_is_sent_and_a_negotiation_switched_off_takes_its_values_with_it() -> None:
    driver = Driver({PAUSE_GET: byte(2, 1) + byte(3, 1) + byte(4, 1)})
    driver.told[PAUSE_GET] = byte(2, 1) + byte(3, 1) + byte(4, 1)
    with pytest.raises(Failure, match="pause/autoneg 0"):  # this one only notes
        control._write(Ethtool(driver, 5, FAMILY), wish(pause_autoneg="0", pause_rx="1", pause_tx="0"), "interface #5")
    assert driver.set == [(PAUSE_SET, {2: b"\0", 3: b"\1", 4: b"\0"})]


def test_what_is_refused_together_is_tried_one_by_one_and_named() -> None:
    driver = Driver({PAUSE_GET: byte(2, 0) + byte(3, 1) + byte(4, 1)}, refuses=[PAUSE_SET])
    with pytest.raises(Failure, match="pause/rx 0, pause/tx 0") as caught:
        control._write(Ethtool(driver, 5, FAMILY), wish(pause_rx="0", pause_tx="0"), "interface #5")
    assert caught.value.code is Code.KERNEL
    assert "not supported" in caught.value.detail


def test_link_modes_are_sent_whole() -> None:
    driver = Driver({LINK_GET: byte(2, 1) + modes(0x20, 0xFF)})
    with pytest.raises(Failure, match="link/advertised"):
        control._write(Ethtool(driver, 5, FAMILY), wish(link_advertised="8000000021"), "interface #5")
    [(_, given)] = driver.set
    assert dict(attributes(given[3])) == {1: b"", 2: struct.pack("=I", 64), 4: struct.pack("=Q", 0x8000000021)}


def test_spreading_goes_by_ioctl_where_netlink_does_not_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver({RSS_GET: number(3, 1) + attribute(4, bytes(16))}, refuses=[RSS_SET])
    spread: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(hardware, "spread", lambda name, wish: spread.append((name, dict(wish))))
    monkeypatch.setattr(Ethtool, "name", lambda _self: "ens1")
    with pytest.raises(Failure, match="rss/indirection"):
        control._write(Ethtool(driver, 5, FAMILY), wish(rss_indirection=TABLE.hex()), "interface #5")
    assert spread == [("ens1", {"indirection": TABLE.hex()})]
