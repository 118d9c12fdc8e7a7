"""bpf(2) as far as it is needed here, by ctypes: the C library has no function for it.

Programs and links are known by id system-wide; to do anything with one it is opened by id first, which takes
CAP_SYS_ADMIN in the initial user namespace (in any other the kernel answers EPERM to all of this). Layouts and numbers
are those of linux/bpf.h, which only ever grow at the end.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NUMBERS = {"x86_64": 321, "aarch64": 280}
PROG_ATTACH, PROG_DETACH, PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, PROG_QUERY = 8, 9, 13, 15, 16
LINK_GET_FD_BY_ID, LINK_GET_NEXT_ID, LINK_DETACH = 30, 31, 34
LINK_TYPE_XDP = 6
F_BEFORE, F_AFTER, F_ID = 1 << 3, 1 << 4, 1 << 5
MOST_PROGRAMS = 64  # BPF_MPROG_MAX: no TCX or netkit hook holds more
_ATTRIBUTES = 128  # bytes handed over; beyond what a kernel knows they only have to be zero
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One program of a hook that takes several; ``link`` is the id of the BPF link that put it there, else 0."""

    program: int
    link: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkInfo:
    """A BPF link on an interface of the namespace it is in; ``ifindex`` 0: its interface is gone."""

    kind: int
    program: int
    ifindex: int


def call(command: int, attributes: bytes) -> tuple[int, bytes]:
    """Carry a command out: its result and the attributes as the kernel left them. OSError with the kernel's number."""
    number = NUMBERS.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "bpf(2) has no known number on this machine")
    buffer = ctypes.create_string_buffer(attributes, _ATTRIBUTES)
    result = _libc.syscall(ctypes.c_long(number), ctypes.c_int(command), buffer, ctypes.c_uint(_ATTRIBUTES))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buffer.raw


def open_program(program: int) -> int:
    """A descriptor of the program of that id, which keeps it alive; close it. ENOENT: there is none."""
    return call(PROG_GET_FD_BY_ID, struct.pack("=I", program))[0]


def open_link(link: int) -> int:
    """A descriptor of the BPF link of that id; close it. ENOENT: there is none."""
    return call(LINK_GET_FD_BY_ID, struct.pack("=I", link))[0]


def program_name(descriptor: int) -> str:
    """The program's name as its loader gave it, at most 15 bytes; often empty."""
    return _information(descriptor, 80)[64:80].split(b"\0")[0].decode(errors="replace")


def link_information(descriptor: int) -> LinkInfo:
    """What a BPF link is of; its index means something only for kinds that are on interfaces."""
    kind, _link, program, _pad, ifindex = struct.unpack_from("=5I", _information(descriptor, 64))
    return LinkInfo(kind=kind, program=program, ifindex=ifindex)


def query(ifindex: int, attach_type: int) -> tuple[Entry, ...]:
    """The programs of a TCX or netkit hook of the calling thread's namespace, in the order they run."""
    programs, links = (ctypes.c_uint32 * MOST_PROGRAMS)(), (ctypes.c_uint32 * MOST_PROGRAMS)()
    where = (ctypes.addressof(programs), MOST_PROGRAMS, 0, 0, ctypes.addressof(links), 0)
    _result, answer = call(PROG_QUERY, struct.pack("=4IQIIQQQ", ifindex, attach_type, 0, 0, *where))
    (count,) = struct.unpack_from("=I", answer, 24)
    return tuple(Entry(program=programs[at], link=links[at]) for at in range(count))


def attach(ifindex: int, attach_type: int, descriptor: int, after: int | None) -> None:
    """Put the program into a TCX or netkit hook behind the program of that id, or first. EEXIST: it is there already."""
    flags, relative = (F_BEFORE, 0) if after is None else (F_AFTER | F_ID, after)
    call(PROG_ATTACH, struct.pack("=6I", ifindex, descriptor, attach_type, flags, 0, relative))


def detach(ifindex: int, attach_type: int, descriptor: int) -> None:
    """Take the program off a TCX or netkit hook. ENOENT: it is not there. EBUSY: a BPF link put it there."""
    call(PROG_DETACH, struct.pack("=4I", ifindex, descriptor, attach_type, 0))


def end_link(descriptor: int) -> None:
    """Take off what a BPF link put somewhere; its owner is left with a link that does nothing any more."""
    call(LINK_DETACH, struct.pack("=I", descriptor))


def links() -> Iterator[int]:
    """The ids of all BPF links of the system."""
    link = 0
    while True:
        try:
            _result, answer = call(LINK_GET_NEXT_ID, struct.pack("=I", link))
        except FileNotFoundError:  # ENOENT: that was the last
            return
        (link,) = struct.unpack_from("=I", answer, 4)
        yield link


def _information(descriptor: int, size: int) -> bytes:
    """The first bytes of what the kernel tells of a program or link; a kernel that knows less leaves the rest zero."""
    buffer = ctypes.create_string_buffer(size)
    call(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", descriptor, size, ctypes.addressof(buffer)))
    return buffer.raw
