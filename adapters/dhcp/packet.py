"""Packet sockets that see DHCP of one interface and nothing else, made in the namespace that the interface is in.

They stay in this process: nothing keeps whoever has one from another interface of the namespace (``adapters.dhcp.relay``).
What it receives for is joined before: the hardware address that the interface will have, and the multicast address at
which others ask for its link-local address.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress

from adapters.talk.inside import inside
from ports.devices import Link
from ports.errors import Code, Failure
from ports.kernel import Namespace

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 1, 8, 23  # linux/if_packet.h
PACKET_MR_MULTICAST, PACKET_MR_UNICAST = 0, 3
SO_ATTACH_FILTER, SO_LOCK_FILTER = 26, 44
BUFFER = 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)
_MEMBERSHIP = struct.Struct("@iHH8s")  # packet_mreq
_ADDRESS = struct.Struct("=H2siHBB8s")  # sockaddr_ll, its protocol in network order

# Classic BPF (linux/filter.h): (code, jump if true, jump if false, constant). Offsets are from the Ethernet header.
_LDH, _LDB, _LDXB, _LDH_X, _JEQ, _JSET, _RET = 0x28, 0x30, 0xB1, 0x48, 0x15, 0x45, 0x06
ONLY_DHCP4 = (
    (_LDH, 0, 0, 12),
    (_JEQ, 0, 8, ETH_P_IP),
    (_LDB, 0, 0, 23),
    (_JEQ, 0, 6, 17),  # UDP
    (_LDH, 0, 0, 20),
    (_JSET, 4, 0, 0x1FFF),  # a later fragment has no ports
    (_LDXB, 0, 0, 14),
    (_LDH_X, 0, 0, 16),
    (_JEQ, 0, 1, 68),
    (_RET, 0, 0, 0xFFFF),
    (_RET, 0, 0, 0),
)
ONLY_DHCP6 = (
    (_LDH, 0, 0, 12),
    (_JEQ, 0, 8, ETH_P_IPV6),
    (_LDB, 0, 0, 20),
    (_JEQ, 0, 2, 17),  # UDP
    (_LDH, 0, 0, 56),
    (_JEQ, 3, 4, 546),
    (_JEQ, 0, 3, 58),  # ICMPv6
    (_LDB, 0, 0, 54),
    (_JEQ, 0, 1, 135),  # neighbour solicitation
    (_RET, 0, 0, 0xFFFF),
    (_RET, 0, 0, 0),
)
FILTERS = {4: (ETH_P_IP, ONLY_DHCP4), 6: (ETH_P_IPV6, ONLY_DHCP6)}
HINTS = {1: "CAP_NET_RAW in that namespace is needed"}


class DhcpPackets:
    """Implements ``ports.controls.PacketControl``. ``timeout``: seconds that a call may take."""

    def __init__(self, timeout: float = 10.0) -> None:
        self._timeout = timeout

    def open(self, namespace: Namespace, link: Link, family: int, mac: str) -> int:
        """A socket of that interface; its descriptor, which is the caller's to close."""
        subject = f"interface {link.name}"
        try:
            return inside(namespace.fileno(), self._timeout, subject, lambda: _opened(link, family, mac))
        except OSError as error:
            detail = f"no packet socket: {os.strerror(error.errno or 0)}"
            raise Failure(Code.KERNEL, subject, detail, HINTS.get(error.errno or 0, "")) from error


def _opened(link: Link, family: int, mac: str) -> int:
    """The device's own address is not joined: a driver that cannot filter makes the device promiscuous for that."""
    (protocol, only), ifindex = FILTERS[family], link.identity.ifindex
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
    try:
        _filter(made, only)
        made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        with suppress(OSError):  # since Linux 4.20; a socket of one protocol does not hear itself anyway
            made.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        raw = bytes.fromhex(mac.replace(":", ""))
        if mac.lower() != link.mac.lower():
            _join(made, ifindex, PACKET_MR_UNICAST, raw)
        if family == 6:
            _join(made, ifindex, PACKET_MR_MULTICAST, b"\x33\x33\xff" + raw[-3:])
        _bind(made, ifindex, protocol)
    except BaseException:
        made.close()
        raise
    return made.detach()


def _filter(made: socket.socket, program: Iterable[tuple[int, int, int, int]]) -> None:
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    held = ctypes.create_string_buffer(code)
    made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(code) // 8, ctypes.addressof(held)))
    made.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)


def _join(made: socket.socket, ifindex: int, kind: int, address: bytes) -> None:
    with suppress(OSError):  # a device that cannot filter so has an own address that broadcasts still reach
        made.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, _MEMBERSHIP.pack(ifindex, kind, len(address), address))


def _bind(made: socket.socket, ifindex: int, protocol: int) -> None:
    """By index: a name could be another interface's in the meantime."""
    address = _ADDRESS.pack(socket.AF_PACKET, protocol.to_bytes(2, "big"), ifindex, 0, 0, 0, b"")
    if _libc.bind(made.fileno(), address, len(address)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
