"""Keeping only the capabilities that are needed: whoever takes this process over gets no more than they allow.

Plain system calls through the C library; there is nothing about capabilities in Python's own. Capabilities belong to a
thread: call this before any other thread is started.
"""

from __future__ import annotations

import ctypes
import os

from ports.errors import Code, Failure

NET_ADMIN = 12  # linux/capability.h
NET_RAW = 13
SYS_ADMIN = 21
_SETPCAP = 8
_LAST = 63  # the kernel knows fewer; the answer for the others is EINVAL
_VERSION_3 = 0x20080522
_PR_CAPBSET_READ = 23  # linux/prctl.h
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Half(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


_Sets = _Half * 2


def keep_only(*wanted: int) -> frozenset[int]:
    """Give up every other capability of this thread, in all five sets, and any way to get one back by exec.

    Those that were not there stay away; the answer is what is left. The bounding set is cut only where that is allowed
    (CAP_SETPCAP); without it nothing could be gained from that set by this process anyway, as no_new_privs is set.
    """
    mask = sum(1 << capability for capability in wanted)
    if _permitted() & (1 << _SETPCAP):
        _cut_bounding_set(mask)
    _call("prctl", _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    kept = _permitted() & mask
    _set(kept)
    _call("prctl", _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    return frozenset(capability for capability in range(_LAST + 1) if kept & (1 << capability))


def _cut_bounding_set(mask: int) -> None:
    for capability in range(_LAST + 1):
        if not mask & (1 << capability) and _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) == 1:
            _call("prctl", _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))


def _permitted() -> int:
    sets = _Sets()
    _call("capget", _libc.capget(ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(sets)))
    return int(sets[0].permitted | sets[1].permitted << 32)


def _set(mask: int) -> None:
    low, high = mask & 0xFFFFFFFF, mask >> 32
    sets = _Sets(_Half(low, low, 0), _Half(high, high, 0))
    _call("capset", _libc.capset(ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(sets)))


def _call(name: str, answer: int) -> None:
    if answer < 0:
        raise Failure(Code.KERNEL, name, os.strerror(ctypes.get_errno()), "run it with fewer privileges to begin with")
