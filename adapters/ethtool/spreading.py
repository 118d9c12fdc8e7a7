"""Spreading of packets over queues (RSS) set by ioctl, for kernels that tell it over netlink and take it only here."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Mapping

from adapters.talk.conversation import KernelError

SIOCETHTOOL, ETHTOOL_SRSSH = 0x8946, 0x47  # linux/sockios.h, linux/ethtool.h
NO_CHANGE = 0xFFFFFFFF  # ETH_RXFH_INDIR_NO_CHANGE
_RXFH = struct.Struct("=IIIIB3xI")  # ethtool_rxfh: command, context, sizes of table and key, hash function
_REQUEST = struct.Struct("@16sP8x")  # ifreq: name, data


def spread(interface: str, wish: Mapping[str, str]) -> None:
    """Set table, key and hash function as far as they are wished for, of a link of the calling thread's namespace."""
    table, key = bytes.fromhex(wish.get("indirection", "")), bytes.fromhex(wish.get("key", ""))
    entries = len(table) // 4 if table else NO_CHANGE
    body = _RXFH.pack(ETHTOOL_SRSSH, 0, entries, len(key), int(wish.get("function", 0)), 0) + table + key
    buffer = bytearray(body)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
            fcntl.ioctl(any_socket, SIOCETHTOOL, _REQUEST.pack(os.fsencode(interface), _address(buffer)))
    except OSError as error:
        raise KernelError(f"interface {interface}", error.errno or errno.EIO) from error


def _address(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
