"""Programs for tests: two instructions that let everything pass, loaded and attached by the plain system call."""

from __future__ import annotations

import ctypes
import os
import struct

from adapters.bpf import syscall

SCHED_CLS, XDP = 3, 6  # enum bpf_prog_type
PASS = {SCHED_CLS: 0, XDP: 2}  # TC_ACT_OK, XDP_PASS
PROG_LOAD, LINK_CREATE = 5, 28
ATTACH_XDP = 37  # enum bpf_attach_type


def load(kind: int, name: str) -> int:
    """A descriptor of a new program, alive as long as something refers to it."""
    code = struct.pack("=BBhi", 0xB7, 0, 0, PASS[kind]) + struct.pack("=BBhi", 0x95, 0, 0, 0)  # r0 = PASS; exit
    instructions, license = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    where = ctypes.addressof(instructions), ctypes.addressof(license)
    attributes = struct.pack("=IIQQIIQII16s", kind, 2, *where, 0, 0, 0, 0, 0, name.encode())
    return syscall.call(PROG_LOAD, attributes)[0]


def identity(descriptor: int) -> int:
    """The id of the program of that descriptor."""
    buffer = ctypes.create_string_buffer(8)
    attributes = struct.pack("=IIQ", descriptor, 8, ctypes.addressof(buffer))
    syscall.call(syscall.OBJ_GET_INFO_BY_FD, attributes)
    return int(struct.unpack("=II", buffer.raw)[1])


def link(program: int, ifindex: int, attach_type: int) -> int:
    """Attach by a BPF link, in the calling thread's namespace; its descriptor, whose closing takes the program off."""
    return syscall.call(LINK_CREATE, struct.pack("=4I", program, ifindex, attach_type, 0))[0]


def alive(program: int) -> bool:
    """Whether the kernel still has the program of that id."""
    try:
        descriptor = syscall.open_program(program)
    except FileNotFoundError:
        return False
    os.close(descriptor)
    return True


def allowed() -> bool:
    """Whether this process may use bpf(2) at all: the kernel grants it only in the initial user namespace."""
    try:
        os.close(load(SCHED_CLS, "probe"))
    except PermissionError:
        return False
    return True
