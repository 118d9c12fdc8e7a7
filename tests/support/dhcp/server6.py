"""A small DHCPv6 server: frames in, frames out. It reads with ``struct`` alone and shares no code with the client."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import IPv6Address

SOLICIT, ADVERTISE, REQUEST, RENEW, REBIND, REPLY, RELEASE = 1, 2, 3, 5, 6, 7, 8
NO_ADDRESSES, NO_BINDING = 2, 3
MAC = "02:00:00:00:66:01"
OWN = "fe80::ff:fe00:6601"
DUID = bytes.fromhex("000200000009abcdef")


@dataclass
class Asked:
    """One message of a client, as the server understood it. ``address`` is the one in its association, or empty."""

    kind: int
    source: str
    target_mac: str
    address: str
    options: dict[int, bytes]


@dataclass
class Server6:
    """Gives ``addresses`` in their order, one to each client. ``asked`` is all that it heard.

    ``forgets``: knows of no binding. ``solicits``: asks first where the client is, as a kernel does before it sends.
    """

    addresses: list[str] = field(default_factory=lambda: ["2001:db8::100", "2001:db8::101"])
    preferred: int = 400
    valid: int = 600
    renew: int = 0
    rebind: int = 0
    preference: int | None = None
    rapid: bool = False
    silent: bool = False
    forgets: bool = False
    solicits: bool = False
    options: dict[int, bytes] = field(default_factory=dict)
    duid: bytes = DUID
    mac: str = MAC
    asked: list[Asked] = field(default_factory=list)
    leases: dict[bytes, str] = field(default_factory=dict)
    _held: list[bytes] = field(default_factory=list)

    def answer(self, frame: bytes) -> list[bytes]:
        """The frames that answer this one."""
        if frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 136:
            held, self._held = self._held, []
            return held
        found = self._read(frame)
        if found is None:
            return []
        asked, xid, association = found
        self.asked.append(asked)
        if self.silent:
            return []
        reply = self._reply(asked, xid, association)
        if reply is None:
            return []
        made = self._frame(reply, asked.source, frame[6:12])
        if not self.solicits:
            return [made]
        self._held.append(made)
        return [self.solicitation(asked.source)]

    def kinds(self) -> list[int]:
        """The kinds of what was heard, in order."""
        return [each.kind for each in self.asked]

    def _reply(self, asked: Asked, xid: bytes, association: bytes) -> bytes | None:
        client, iaid = asked.options[1], association[:4]
        known = self.leases.get(client)
        chosen = asked.options.get(2)
        if chosen is not None and chosen != self.duid:
            return None
        rapid = asked.kind == SOLICIT and self.rapid and 14 in asked.options
        if asked.kind == RELEASE:
            self.leases.pop(client, None)
            inner = b""
        elif asked.kind in (RENEW, REBIND) and (self.forgets or known is None or known != asked.address):
            inner = _option(13, struct.pack("!H", NO_BINDING))
        else:
            free = [each for each in self.addresses if each not in self.leases.values()]
            address = known or next(iter(free), None)
            inner = _option(13, struct.pack("!H", NO_ADDRESSES)) if address is None else self._address(address)
            if address is not None and (asked.kind != SOLICIT or rapid):
                self.leases[client] = address
        kind = ADVERTISE if asked.kind == SOLICIT and not rapid else REPLY
        options = {
            1: client,
            2: self.duid,
            3: iaid + struct.pack("!II", self.renew, self.rebind) + inner,
            **self.options,
        }
        if self.preference is not None:
            options[7] = bytes((self.preference,))
        if rapid:
            options[14] = b""
        return bytes((kind,)) + xid + b"".join(_option(code, value) for code, value in options.items())

    def _address(self, address: str) -> bytes:
        return _option(5, IPv6Address(address).packed + struct.pack("!II", self.preferred, self.valid))

    def _frame(self, message: bytes, target: str, to: bytes) -> bytes:
        own, other = IPv6Address(OWN).packed, IPv6Address(target).packed
        udp = struct.pack("!HHHH", 547, 546, 8 + len(message), 0) + message
        check = _sum(own + other + struct.pack("!II", len(udp), 17) + udp) or 0xFFFF
        udp = udp[:6] + struct.pack("!H", check) + udp[8:]
        head = struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + own + other
        return to + bytes.fromhex(self.mac.replace(":", "")) + b"\x86\xdd" + head + udp

    def solicitation(self, target: str, source: str = OWN) -> bytes:
        """The question where that address is."""
        own, other = IPv6Address(source).packed, IPv6Address(target).packed
        group = IPv6Address("ff02::1:ff00:0").packed[:13] + other[13:]
        body = struct.pack("!BBHI", 135, 0, 0, 0) + other + b"\x01\x01" + bytes.fromhex(self.mac.replace(":", ""))
        check = _sum(own + group + struct.pack("!II", len(body), 58) + body)
        body = body[:2] + struct.pack("!H", check) + body[4:]
        head = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + own + group
        return b"\x33\x33" + group[-4:] + bytes.fromhex(self.mac.replace(":", "")) + b"\x86\xdd" + head + body

    def _read(self, frame: bytes) -> tuple[Asked, bytes, bytes] | None:
        if frame[12:14] != b"\x86\xdd" or len(frame) < 66 or frame[20] != 17:
            return None
        if struct.unpack_from("!H", frame, 56)[0] != 547:
            return None
        length = struct.unpack_from("!H", frame, 18)[0]
        udp = frame[54 : 54 + length]
        assert _sum(frame[22:54] + struct.pack("!II", length, 17) + udp) == 0, "UDP checksum"
        options = _options(udp[12:])
        association = options[3]
        inner = _options(association[12:])
        address = str(IPv6Address(inner[5][:16])) if 5 in inner else ""
        assert frame[22:38] == _eui64(frame[6:12]), "the source is the link-local address of the hardware address"
        asked = Asked(
            kind=udp[8],
            source=str(IPv6Address(frame[22:38])),
            target_mac=frame[:6].hex(":"),
            address=address,
            options=options,
        )
        return asked, udp[9:12], association


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data):
        code, size = struct.unpack_from("!HH", data, place)
        found[code] = data[place + 4 : place + 4 + size]
        place += 4 + size
    return found


def _eui64(mac: bytes) -> bytes:
    return b"\xfe\x80" + bytes(6) + bytes((mac[0] ^ 2,)) + mac[1:3] + b"\xff\xfe" + mac[3:]


def _sum(data: bytes) -> int:
    total = 0
    for start in range(0, len(data), 2):
        total += int.from_bytes(data[start : start + 2].ljust(2, b"\0"), "big")
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF
