"""The embedded switch's mode out of devlink's answers, laid out as the kernel does (net/devlink/dev.c)."""

from __future__ import annotations

import errno
import struct

import pytest

from adapters.devlink import switches
from adapters.devlink.switches import DevlinkSwitches
from adapters.talk.conversation import KernelError, Talk, attribute, attributes

FAMILY, CONTROL, CARD = 27, 16, "0000:3b:00.0"


class Kernel(Talk):
    """Answers like a kernel whose one card is in a mode; ``refusal`` is the number of its error instead."""

    def __init__(self, mode: bytes = b"", refusal: int = 0, family: bool = True) -> None:
        self._mode = mode
        self._refusal = refusal
        self._has_family = family
        self.asked = 0

    def __exit__(self, *_ending: object) -> None:
        pass

    def ask(self, kind: int, body: bytes, subject: str, flags: int = 0) -> list[bytes]:
        if kind == CONTROL:
            if not self._has_family:
                raise KernelError(subject, errno.ENOENT)
            return [struct.pack("=BBH", 1, 1, 0) + attribute(1, struct.pack("=H", FAMILY))]
        self.asked += 1
        command, version, _ = struct.unpack_from("=BBH", body)
        handle = dict(attributes(body[4:]))
        assert (kind, command, version, flags) == (FAMILY, 29, 1, 0)
        assert (handle[1], handle[2]) == (b"pci\0", CARD.encode() + b"\0")
        if self._refusal:
            raise KernelError(subject, self._refusal)
        return [struct.pack("=BBH", 29, 1, 0) + attribute(1, handle[1]) + attribute(2, handle[2]) + self._mode]


def asked(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> DevlinkSwitches:
    """Who talks to that kernel."""
    monkeypatch.setattr(switches, "Talk", lambda _protocol, _timeout: kernel)
    return DevlinkSwitches()


@pytest.mark.parametrize(("number", "mode"), [(0, "legacy"), (1, "switchdev"), (2, "switchdev-inactive"), (9, "")])
def test_a_mode_is_a_word(number: int, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(attribute(25, struct.pack("=H", number)))
    assert asked(kernel, monkeypatch).eswitch(CARD) == mode


@pytest.mark.parametrize("refusal", [errno.ENODEV, errno.EOPNOTSUPP])
def test_a_card_without_a_switch_has_none_and_is_asked_again(refusal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(refusal=refusal)
    reading = asked(kernel, monkeypatch)
    assert [reading.eswitch(CARD), reading.eswitch(CARD), kernel.asked] == ["", "", 2]


def test_who_may_not_know_does_not_ask_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(refusal=errno.EPERM)
    reading = asked(kernel, monkeypatch)
    assert [reading.eswitch(CARD), reading.eswitch(CARD), kernel.asked] == ["", "", 1]


def test_a_kernel_without_devlink_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(Kernel(family=False), monkeypatch).eswitch(CARD) == ""


def test_an_answer_without_a_mode_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(Kernel(), monkeypatch).eswitch(CARD) == ""
