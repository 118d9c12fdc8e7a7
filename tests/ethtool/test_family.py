"""Private flags, older kernels and odd answers: what the virtual interfaces of a test machine do not have.

The answers are laid out as the kernel does (net/ethtool/privflags.c, bitset.c): a private flag set has a mask, so the
list holds all flags and only those that are on have the value attribute.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence

import pytest

from adapters.ethtool import control
from adapters.ethtool.family import NAME, Ethtool
from adapters.talk.conversation import KernelError, Talk, attribute, attributes, nest
from adapters.talk.generic import family
from ports.devices import Offloads, Switch
from ports.errors import Code, Failure

FAMILY = 21
GET_PRIVFLAGS, SET_PRIVFLAGS, PRIVFLAGS_REPLY = 13, 14, 14
LEGACY, CLOSE = "legacy-rx", "link-down-on-close"


class Driver(Talk):
    """Answers like the kernel with a driver that has two private flags, one of which it cannot switch."""

    def __init__(self, *, family: bool = True, flags: bool = True, reply: int = PRIVFLAGS_REPLY) -> None:
        self.flags = {LEGACY: False, CLOSE: True} if flags else None
        self.sent: list[int] = []
        self._has_family = family
        self._reply = reply

    def ask(self, kind: int, body: bytes, subject: str, flags: int = 0) -> list[bytes]:
        command, rest = body[0], body[4:]
        if kind == 16:
            return self._found(subject)
        self.sent.append(command)
        if command == GET_PRIVFLAGS:
            return [bytes([self._reply, 1, 0, 0]) + nest(1, attribute(1, struct.pack("=I", 5))) + self._bits(subject)]
        if command == SET_PRIVFLAGS:
            self._switch(dict(attributes(rest))[2])
            return []
        raise KernelError(subject, errno.EOPNOTSUPP)

    def ask_each(self, kind: int, bodies: Sequence[bytes], subject: str) -> list[bytes | KernelError]:
        return [KernelError(subject, errno.EOPNOTSUPP) for _body in bodies]

    def _found(self, subject: str) -> list[bytes]:
        if not self._has_family:
            raise KernelError(subject, errno.ENOENT)
        name, number = attribute(2, b"ethtool\0"), attribute(1, struct.pack("=H", FAMILY))
        return [bytes([1, 2, 0, 0]) + name + number]

    def _bits(self, subject: str) -> bytes:
        if self.flags is None:
            raise KernelError(subject, errno.EOPNOTSUPP)
        bits = (
            nest(
                1,
                attribute(1, struct.pack("=I", at)),
                attribute(2, name.encode() + b"\0"),
                attribute(3, b"") if on else b"",
            )
            for at, (name, on) in enumerate(self.flags.items())
        )
        return nest(2, attribute(2, struct.pack("=I", 2)), nest(3, *bits))

    def _switch(self, bitset: bytes) -> None:
        assert self.flags is not None
        for _kind, bit in attributes(dict(attributes(bitset))[3]):
            found = dict(attributes(bit))
            name = found[2].rstrip(b"\0").decode()
            if name != CLOSE:  # firmware decides
                self.flags[name] = 3 in found


def _wish(**flags: bool) -> Offloads:
    return Offloads(flags=tuple(Switch(name=name.replace("_", "-"), on=on) for name, on in flags.items()))


def test_private_flags_are_told_with_their_state_though_the_reply_has_the_number_of_another_request() -> None:
    offloads = control._read(Ethtool(Driver(), 5, FAMILY))
    assert offloads == _wish(legacy_rx=False, link_down_on_close=True)


def test_a_private_flag_is_switched_and_looked_at_again() -> None:
    driver = Driver()
    control._write(Ethtool(driver, 5, FAMILY), _wish(legacy_rx=True, link_down_on_close=True), "interface #5")
    assert driver.flags == {LEGACY: True, CLOSE: True}
    assert driver.sent == [GET_PRIVFLAGS, SET_PRIVFLAGS, GET_PRIVFLAGS]


def test_flags_that_are_so_already_are_not_sent() -> None:
    driver = Driver()
    control._write(Ethtool(driver, 5, FAMILY), _wish(link_down_on_close=True), "interface #5")
    assert driver.sent == [GET_PRIVFLAGS]


def test_a_flag_that_the_driver_did_not_switch_is_named() -> None:
    with pytest.raises(Failure, match="link-down-on-close off") as caught:
        control._write(Ethtool(Driver(), 5, FAMILY), _wish(legacy_rx=True, link_down_on_close=False), "interface #5")
    assert caught.value.code is Code.KERNEL
    assert LEGACY not in caught.value.detail


def test_a_driver_without_features_and_flags_has_none() -> None:
    assert control._read(Ethtool(Driver(flags=False), 5, FAMILY)) == Offloads()


def test_a_kernel_without_ethtool_netlink_has_none_and_can_switch_none() -> None:
    ethtool = Ethtool(Driver(family=False), 5, family(Driver(family=False), NAME))
    assert control._read(ethtool) == Offloads()
    with pytest.raises(Failure) as caught:
        control._write(ethtool, _wish(legacy_rx=True), "interface #5")
    assert caught.value.code is Code.INVALID


def test_an_answer_of_another_kind_is_not_taken_for_ours() -> None:
    with pytest.raises(Failure, match="no answer to command 13"):
        control._read(Ethtool(Driver(reply=GET_PRIVFLAGS), 5, FAMILY))
