"""A small DHCPv4 server: frames in, frames out. It reads with ``struct`` alone and shares no code with the client."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

COOKIE = bytes.fromhex("63825363")
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = 1, 2, 3, 4, 5, 6, 7
MAC = "02:00:00:00:44:01"


@dataclass
class Asked:
    """One message of a client, as the server understood it."""

    kind: int
    mac: str
    ciaddr: str
    source: str
    target: str
    target_mac: str
    options: dict[int, bytes]


@dataclass
class Server4:
    """Gives ``addresses`` in their order, one to each client. ``options`` go along; ``asked`` is all that it heard.

    ``silent``: hears and says nothing. ``nak``: refuses every REQUEST. ``deaf_to``: kinds that it does not answer.
    """

    interface: str = "192.0.2.1/24"
    addresses: list[str] = field(default_factory=lambda: ["192.0.2.100", "192.0.2.101"])
    seconds: int = 600
    options: dict[int, bytes] = field(default_factory=dict)
    mac: str = MAC
    silent: bool = False
    nak: bool = False
    deaf_to: set[int] = field(default_factory=set)
    asked: list[Asked] = field(default_factory=list)
    leases: dict[str, str] = field(default_factory=dict)

    def answer(self, frame: bytes) -> list[bytes]:
        """The frames that answer this one."""
        found = self._read(frame)
        if found is None:
            return []
        asked, bootp = found
        self.asked.append(asked)
        if asked.kind == RELEASE:
            self.leases.pop(asked.mac, None)
        if self.silent or asked.kind in self.deaf_to or asked.kind not in (DISCOVER, REQUEST):
            return []
        return self._reply(asked, bootp)

    def kinds(self) -> list[int]:
        """The kinds of what was heard, in order."""
        return [each.kind for each in self.asked]

    def _reply(self, asked: Asked, bootp: bytes) -> list[bytes]:
        own = IPv4Interface(self.interface)
        if asked.kind == REQUEST:
            wanted = asked.options.get(50, IPv4Address(asked.ciaddr).packed)
            chosen = asked.options.get(54, own.ip.packed)
            if chosen != own.ip.packed:
                return []
            given = self.leases.get(asked.mac)
            if self.nak or given is None or IPv4Address(given).packed != wanted:
                return [self._frame(asked, bootp, NAK, "0.0.0.0", {})]
        address = self.leases.setdefault(asked.mac, self._free(asked))
        lease = struct.pack("!I", self.seconds)
        options = {1: own.netmask.packed, 51: lease, **self.options}
        kind = ACK if asked.kind == REQUEST else OFFER
        return [self._frame(asked, bootp, kind, address, options)]

    def _free(self, asked: Asked) -> str:
        taken = {address for mac, address in self.leases.items() if mac != asked.mac}
        return next(address for address in self.addresses if address not in taken)

    def _frame(self, asked: Asked, bootp: bytes, kind: int, address: str, options: dict[int, bytes]) -> bytes:
        own = IPv4Interface(self.interface).ip.packed
        reply = b"\x02" + bootp[1:12] + bootp[12:16] + IPv4Address(address).packed + own + bytes(4) + bootp[28:236]
        for code, value in {53: bytes((kind,)), 54: own, **options}.items():
            for start in range(0, max(len(value), 1), 255):
                part = value[start : start + 255]
                reply = (reply + COOKIE if len(reply) == 236 else reply) + bytes((code, len(part))) + part
        reply += b"\xff"
        direct = asked.ciaddr != "0.0.0.0" and kind != NAK
        target = IPv4Address(asked.ciaddr).packed if direct else b"\xff" * 4
        udp = struct.pack("!HHHH", 67, 68, 8 + len(reply), 0) + reply  # no checksum, as IPv4 allows
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 7, 0, 16, 17, 0, own, target)
        head = head[:10] + struct.pack("!H", _sum(head)) + head[12:]
        to = bytes.fromhex(asked.mac.replace(":", "")) if direct else b"\xff" * 6
        return to + bytes.fromhex(self.mac.replace(":", "")) + b"\x08\x00" + head + udp

    def _read(self, frame: bytes) -> tuple[Asked, bytes] | None:
        if frame[12:14] != b"\x08\x00" or len(frame) < 42 or frame[23] != 17:
            return None
        start = 14 + (frame[14] & 15) * 4
        if struct.unpack_from("!H", frame, start + 2)[0] != 67:
            return None
        assert _sum(frame[14:start]) == 0, "IPv4 header checksum"
        length = struct.unpack_from("!H", frame, start + 4)[0]
        udp = frame[start : start + length]
        pseudo = frame[26:34] + struct.pack("!HH", 17, length)
        assert _sum(pseudo + udp) == 0, "UDP checksum"
        bootp = udp[8:]
        assert bootp[236:240] == COOKIE
        options: dict[int, bytes] = {}
        place = 240
        while bootp[place] != 255:
            if bootp[place] == 0:
                place += 1
                continue
            size = bootp[place + 1]
            options[bootp[place]] = options.get(bootp[place], b"") + bootp[place + 2 : place + 2 + size]
            place += 2 + size
        asked = Asked(
            kind=options[53][0],
            mac=bootp[28:34].hex(":"),
            ciaddr=str(IPv4Address(bootp[12:16])),
            source=str(IPv4Address(frame[26:30])),
            target=str(IPv4Address(frame[30:34])),
            target_mac=frame[:6].hex(":"),
            options=options,
        )
        assert frame[6:12].hex(":") == asked.mac, "the frame comes from the client's own address"
        return asked, bootp


def _sum(data: bytes) -> int:
    total = 0
    for start in range(0, len(data), 2):
        total += int.from_bytes(data[start : start + 2].ljust(2, b"\0"), "big")
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF
