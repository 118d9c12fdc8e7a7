"""Generic netlink: families have a name and a number that the kernel gives them."""

from __future__ import annotations

import errno
import struct

from adapters.talk.conversation import KernelError, Talk, attribute, attributes

NETLINK_GENERIC = 16  # linux/netlink.h
GENL_ID_CTRL, CTRL_GETFAMILY, CTRL_FAMILY_ID, CTRL_FAMILY_NAME = 16, 3, 1, 2
GENERIC = struct.Struct("=BBH")  # genlmsghdr: command, version, reserved


def family(talk: Talk, name: str) -> int | None:
    """The number of a family; None in a kernel that has none of that name."""
    wanted = attribute(CTRL_FAMILY_NAME, name.encode() + b"\0")
    try:
        answers = talk.ask(GENL_ID_CTRL, GENERIC.pack(CTRL_GETFAMILY, 1, 0) + wanted, f"{name} netlink")
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    found = dict(attributes(answers[0][GENERIC.size :])) if answers else {}
    return struct.unpack_from("=H", found[CTRL_FAMILY_ID])[0] if CTRL_FAMILY_ID in found else None
