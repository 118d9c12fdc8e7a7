"""Speed, duplex and driver out of answers that real cards give and virtual interfaces do not."""

from __future__ import annotations

import errno
import struct

import pytest

from adapters.ethtool import settings
from adapters.ethtool.settings import NO_DRIVER, EthtoolSettings
from adapters.talk.conversation import KernelError, Talk, attribute
from ports.hardware import LinkSettings
from tests.watch.trees import a_link

FAMILY, CONTROL, LINKMODES = 21, 16, 4


class Card(Talk):
    """Answers like the kernel with a card that says this of its link."""

    def __init__(self, speed: int = 100_000, duplex: int = 1, refusal: int = 0) -> None:
        self._body = attribute(5, struct.pack("=I", speed)) + attribute(6, bytes([duplex]))
        self._refusal = refusal
        self.families = 0

    def __exit__(self, *_ending: object) -> None:
        pass

    def ask(self, kind: int, body: bytes, subject: str, flags: int = 0) -> list[bytes]:
        if kind == CONTROL:
            self.families += 1
            return [struct.pack("=BBH", 1, 1, 0) + attribute(1, struct.pack("=H", FAMILY))]
        assert (kind, body[0]) == (FAMILY, LINKMODES)
        if self._refusal:
            raise KernelError(subject, self._refusal)
        return [struct.pack("=BBH", LINKMODES, 1, 0) + self._body]


def reading(card: Card, monkeypatch: pytest.MonkeyPatch) -> EthtoolSettings:
    """Who talks to that card."""
    monkeypatch.setattr(settings, "Talk", lambda _protocol, _timeout: card)
    monkeypatch.setattr(settings, "_asked", lambda _name: ("mlx5_core", "6.12", "28.39"))
    return EthtoolSettings()


def test_a_card_with_a_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reading(Card(), monkeypatch).settings(a_link()) == LinkSettings(
        speed=100_000, duplex="full", driver="mlx5_core", driver_version="6.12", firmware="28.39"
    )


@pytest.mark.parametrize("speed", [0, 0xFFFF, 0xFFFFFFFF])
def test_what_drivers_say_for_a_speed_they_do_not_know_is_none(speed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reading(Card(speed, 255), monkeypatch).settings(a_link())
    assert (found.speed, found.duplex, found.driver) == (None, "", "mlx5_core")


@pytest.mark.parametrize("refusal", [errno.EOPNOTSUPP, errno.ENODEV, errno.EINVAL])
def test_a_refusal_costs_speed_and_duplex_alone(refusal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reading(Card(refusal=refusal), monkeypatch).settings(a_link())
    assert (found.speed, found.duplex, found.driver) == (None, "", "mlx5_core")


def test_the_familys_number_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card()
    asking = reading(card, monkeypatch)
    for _ in range(3):
        asking.settings(a_link())
    assert card.families == 1


def test_a_driver_is_asked_for_once_each_interface_and_again_when_it_did_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking = reading(Card(), monkeypatch)
    answers = [NO_DRIVER, ("ice", "1", "2"), ("igb", "1", "2")]
    monkeypatch.setattr(settings, "_asked", lambda _name: answers.pop(0))
    told = [asking.settings(a_link("ens1", 7)).driver for _ in range(3)]
    assert told == ["", "ice", "ice"]
    assert asking.settings(a_link("ens1", 8)).driver == "igb"


def test_software_links_are_not_asked_for_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reading(Card(), monkeypatch).settings(a_link(kind="bond")).driver == ""


@pytest.mark.parametrize("field", [b"N/A\0" + b"x" * 28, bytes(32), b" \0" + bytes(30)])
def test_a_version_that_says_nothing_is_empty(field: bytes) -> None:
    assert settings._text(field) == ""
    assert settings._text(b"22.36\xff\0junk") == "22.36\N{REPLACEMENT CHARACTER}"


def test_the_structure_is_as_long_as_the_kernels() -> None:
    assert settings._INFO.size == 196  # struct ethtool_drvinfo of linux/ethtool.h
