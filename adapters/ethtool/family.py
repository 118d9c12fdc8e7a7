"""ethtool's messages: a generic netlink family whose number the kernel tells.

Reply commands are numbered on their own (ETHTOOL_MSG_KERNEL_*): 14 is the request to set private flags and the reply
to the question for them. So replies are told by their sequence number and checked against that enumeration.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.ethtool.bitset import decoded, encoded
from adapters.talk.conversation import KernelError, Talk, attribute, attributes, nest
from adapters.talk.generic import GENERIC
from adapters.talk.generic import family as family_number
from ports.devices import Switch
from ports.errors import Code, Failure

NAME = "ethtool"
LINKMODES_GET, FEATURES_GET, FEATURES_SET, PRIVFLAGS_GET, PRIVFLAGS_SET = 4, 11, 12, 13, 14
LINKMODES_GET_REPLY = 4
FEATURES_GET_REPLY, FEATURES_SET_REPLY, PRIVFLAGS_GET_REPLY = 11, 12, 14
HEADER, DEV_INDEX, DEV_NAME, HEADER_FLAGS, COMPACT_BITSETS = 1, 1, 2, 3, 1
HW, WANTED, ACTIVE, NOCHANGE = 2, 3, 4, 5  # ETHTOOL_A_FEATURES_*
FLAGS = 2  # ETHTOOL_A_PRIVFLAGS_FLAGS
SPEED, DUPLEX = 5, 6  # ETHTOOL_A_LINKMODES_*


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """A link's features by name: which are active, which somebody wants active, and which ethtool can change."""

    state: dict[str, bool]
    wanted: dict[str, bool]
    changeable: frozenset[str]


class Ethtool:
    """ethtool's requests about one link, over one conversation. ``family`` is its number where that is known already."""

    def __init__(self, talk: Talk, ifindex: int, family: int | None = None) -> None:
        self._talk = talk
        self._subject = f"interface #{ifindex}"
        device = attribute(DEV_INDEX, struct.pack("=I", ifindex))
        self._header = nest(HEADER, device)
        self._compact = nest(HEADER, device, attribute(HEADER_FLAGS, struct.pack("=I", COMPACT_BITSETS)))
        self._family = family_number(talk, NAME) if family is None else family

    def link_modes(self) -> dict[int, bytes]:
        """Speed and duplex as attributes; none for a link, or a kernel, that does not tell."""
        return self._get(LINKMODES_GET, LINKMODES_GET_REPLY) or {}

    def features(self) -> Features | None:
        """All features; None for a link, or a kernel, without ethtool."""
        found = self._get(FEATURES_GET, FEATURES_GET_REPLY)
        if found is None:
            return None
        hardware, active, wanted = (decoded(found.get(kind, b"")) for kind in (HW, ACTIVE, WANTED))
        fixed = {name for name, on in decoded(found.get(NOCHANGE, b"")).items() if on}
        names = hardware.keys() | active.keys()
        changeable = frozenset(name for name, on in hardware.items() if on and name not in fixed)
        return Features(
            state={name: active.get(name, False) for name in names},
            wanted={name: wanted.get(name, False) for name in names},
            changeable=changeable,
        )

    def flags(self) -> dict[str, bool]:
        """The driver's private flags; none where it has none."""
        found = self._get(PRIVFLAGS_GET, PRIVFLAGS_GET_REPLY)
        return {} if found is None else dict(decoded(found.get(FLAGS, b"")))

    def ask_each(self, commands: Iterable[int]) -> list[dict[int, bytes] | None]:
        """Each command's answer, with bitsets in the short form; None for what this link does not have or tell."""
        wanted = list(commands)
        if self._family is None:
            return [None] * len(wanted)
        bodies = [GENERIC.pack(command, 1, 0) + self._compact for command in wanted]
        answers = self._talk.ask_each(self._family, bodies, self._subject)
        for answer in answers:
            if isinstance(answer, KernelError) and answer.code is Code.NOT_FOUND:
                raise answer
        return [None if isinstance(each, KernelError) else dict(attributes(each[GENERIC.size :])) for each in answers]

    def name(self) -> str:
        """The link's name now, which an ioctl goes by."""
        found = self._get(FEATURES_GET, FEATURES_GET_REPLY) or {}
        return (
            dict(attributes(found.get(HEADER, b""))).get(DEV_NAME, b"").split(b"\0")[0].decode(errors="surrogateescape")
        )

    def send(self, command: int, body: bytes) -> None:
        """Carry out a change of which the kernel tells only whether it was refused."""
        self._ask(command, None, body)

    def set_features(self, switches: tuple[Switch, ...]) -> dict[str, bool]:
        """Switch features; those that did not become what was asked, with what was asked."""
        found = self._ask(FEATURES_SET, FEATURES_SET_REPLY, encoded(WANTED, switches))
        return dict(decoded(found.get(WANTED, b"")))

    def set_flags(self, switches: tuple[Switch, ...]) -> None:
        """Switch private flags; the kernel does not tell what came of it."""
        self._ask(PRIVFLAGS_SET, None, encoded(FLAGS, switches))

    def _get(self, command: int, reply: int) -> dict[int, bytes] | None:
        if self._family is None:
            return None
        try:
            return self._ask(command, reply, b"")
        except KernelError as error:
            if error.errno == errno.EOPNOTSUPP:
                return None
            raise

    def _ask(self, command: int, reply: int | None, body: bytes) -> dict[int, bytes]:
        if self._family is None:
            raise Failure(
                Code.KERNEL, self._subject, "this kernel has no ethtool netlink (5.8 is the first with features)"
            )
        message = GENERIC.pack(command, 1, 0) + self._header + body
        answers = self._talk.ask(self._family, message, self._subject)
        if reply is None:
            return {}
        for answer in answers:
            if answer[:1] == bytes([reply]):
                return dict(attributes(answer[GENERIC.size :]))
        raise Failure(Code.KERNEL, self._subject, f"ethtool gave no answer to command {command}")
