"""Conversations of a DHCPv4 client (RFC 2131): get a lease, prolong it, give it back."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from random import Random

from agent.domain.dhcp.bootp import ANY, BOOTREPLY, BOOTREQUEST, Message, decode, encode
from agent.domain.dhcp.conversation import Conversation
from agent.domain.dhcp.ethernet import BROADCAST, Datagram, build, mac_bytes, read
from agent.domain.dhcp.exchange import Phase, Retransmission, phase
from agent.domain.dhcp.lease4 import SERVER_ID, lease_of
from ports.dhcp import Heard, Lease

CLIENT, SERVER = 68, 67
DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE = 1, 2, 3, 5, 6, 7
REQUESTED, MESSAGE_TYPE, PARAMETERS, ERROR_TEXT, MAX_SIZE = 50, 53, 55, 56, 57
WANTED = bytes((1, 121, 3, 33, 6, 15, 119, 26, 51, 54, 58, 59))  # 121 before 3 and 33, as RFC 3442 wants it
LARGEST = (1472).to_bytes(2, "big")
EVERYBODY = "255.255.255.255"
REQUESTS = 4  # sent for one offer before another one is looked for


class Talk(Conversation):
    """One of IPv4: messages with one transaction id, in UDP datagrams of our own making."""

    def __init__(self, mac: str, now: float, dice: Random) -> None:
        super().__init__(mac, now, dice)
        self._xid = dice.getrandbits(32)

    def feed(self, heard: Heard, now: float) -> tuple[bytes, ...]:
        """Take a frame in: only what answers this conversation counts."""
        datagram = read(heard.frame, heard.checked)
        if self.over or datagram is None or (datagram.source_port, datagram.target_port) != (SERVER, CLIENT):
            return ()
        message = decode(datagram.payload)
        if message is None or (message.op, message.xid, message.mac) != (BOOTREPLY, self._xid, mac_bytes(self._mac)):
            return ()
        self._listen(message, datagram, now)
        return self.due(now)

    def _listen(self, message: Message, datagram: Datagram, now: float) -> None:
        raise NotImplementedError

    def _message(self, kind: int, now: float, options: Mapping[int, bytes], ciaddr: str = ANY) -> bytes:
        """``broadcast`` where there is no address yet that an answer could be sent to."""
        return encode(
            Message(
                op=BOOTREQUEST,
                xid=self._xid,
                mac=mac_bytes(self._mac),
                secs=max(0, int(now - self._began)),
                broadcast=ciaddr == ANY,
                ciaddr=ciaddr,
                options={MESSAGE_TYPE: bytes((kind,)), **options},
            )
        )

    def _frame(self, payload: bytes, source: str = ANY, target: str = EVERYBODY, mac: str = BROADCAST) -> bytes:
        return build(
            Datagram(
                source_mac=self._mac,
                target_mac=mac,
                source=source,
                target=target,
                source_port=CLIENT,
                target_port=SERVER,
                payload=payload,
            )
        )


class Acquire(Talk):
    """INIT, SELECTING, REQUESTING: the first offer is taken. A server that takes it back is asked once more from the start.

    ``hint`` is an address that we had before and would like again.
    """

    def __init__(self, mac: str, now: float, dice: Random, hint: str = "") -> None:
        super().__init__(mac, now, dice)
        self._hint = hint
        self._offer: tuple[bytes, bytes] | None = None  # server identifier and address, packed

    def _said(self, now: float) -> bytes:
        if self._offer is not None and self._pace.sent > REQUESTS:
            self._look_again(now)
        if self._offer is None:
            wish = {REQUESTED: IPv4Address(self._hint).packed} if self._hint else {}
            return self._frame(self._message(DISCOVER, now, {**wish, **_STANDARD}))
        server, address = self._offer
        return self._frame(self._message(REQUEST, now, {REQUESTED: address, SERVER_ID: server, **_STANDARD}))

    def _listen(self, message: Message, datagram: Datagram, now: float) -> None:
        kind, server = _kind(message), message.options.get(SERVER_ID, b"")
        if kind == OFFER and self._offer is None and lease_of(message, datagram, now) is not None:
            self._offer = (server, IPv4Address(message.yiaddr).packed)
            self._pace, self.wake = Retransmission(self._dice), now
        elif kind == ACK and self._offer is not None and server == self._offer[0]:
            self.lease = lease_of(message, datagram, now)
        elif kind == NAK and self._offer is not None and server == self._offer[0]:
            self._look_again(now)

    def _look_again(self, now: float) -> None:
        self._offer, self._hint = None, ""
        self._pause(now)


class Extend(Talk):
    """RENEWING and REBINDING: the server that gave it is asked directly, later any server."""

    def __init__(self, mac: str, lease: Lease, now: float, dice: Random) -> None:
        super().__init__(mac, now, dice)
        self._old = lease

    def _said(self, now: float) -> bytes:
        own = self._old.address.partition("/")[0]
        payload = self._message(REQUEST, now, _STANDARD, ciaddr=own)
        if phase(self._old, now) in (Phase.BOUND, Phase.RENEWING):
            return self._frame(payload, own, _server(self._old), self._old.server_mac)
        return self._frame(payload, own)

    def _listen(self, message: Message, datagram: Datagram, now: float) -> None:
        if _kind(message) == ACK:
            self.lease = lease_of(message, datagram, now)
        elif _kind(message) == NAK:
            text = message.options.get(ERROR_TEXT, b"").decode("ascii", "replace")[:128]
            self.refused = f"the server does not prolong it{': ' + text if text.isprintable() and text else ''}"


class Release(Talk):
    """Giving it back: one message that nobody answers."""

    def __init__(self, mac: str, lease: Lease, now: float, dice: Random) -> None:
        super().__init__(mac, now, dice)
        self._old = lease

    @property
    def over(self) -> bool:
        """Once it was sent."""
        return self._pace.sent > 0

    def _said(self, now: float) -> bytes:
        own, server = self._old.address.partition("/")[0], bytes.fromhex(self._old.server)
        payload = self._message(RELEASE, now, {SERVER_ID: server}, ciaddr=own)
        return self._frame(payload, own, _server(self._old), self._old.server_mac)

    def _listen(self, message: Message, datagram: Datagram, now: float) -> None:
        """There is nothing to hear."""


_STANDARD = {PARAMETERS: WANTED, MAX_SIZE: LARGEST}


def _kind(message: Message) -> int:
    value = message.options.get(MESSAGE_TYPE, b"")
    return value[0] if len(value) == 1 else 0


def _server(lease: Lease) -> str:
    return str(IPv4Address(bytes.fromhex(lease.server)))
