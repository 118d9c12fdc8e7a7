"""Conversations of a DHCPv6 client (RFC 8415) about one address: get it, prolong it, give it back."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from agent.domain.dhcp import message6, neighbour
from agent.domain.dhcp.conversation import Conversation
from agent.domain.dhcp.ethernet import Datagram, build, mac_bytes, read
from agent.domain.dhcp.exchange import Phase, Retransmission, phase
from agent.domain.dhcp.lease6 import lease_of
from agent.domain.dhcp.message6 import Given, Message, Option
from ports.dhcp import Heard, Lease

CLIENT, SERVER = 546, 547
SERVERS = "ff02::1:2"  # All_DHCP_Relay_Agents_and_Servers
DUID_LL = b"\0\3\0\1"  # from a link-layer address, of Ethernet
CERTAIN = 255  # the preference that ends the search at once
REQUESTS = 4
RELEASES = 3
ORDER = b"".join(code.to_bytes(2, "big") for code in (message6.DNS_SERVERS, message6.DOMAINS))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Offer:
    server: bytes
    given: Given
    preference: int


class Talk(Conversation):
    """One of IPv6: messages with our identity and one transaction id, to all servers at once."""

    def __init__(self, mac: str, now: float, dice: Random) -> None:
        super().__init__(mac, now, dice)
        self._xid = dice.getrandbits(24)
        self._duid, self._iaid = DUID_LL + mac_bytes(mac), mac_bytes(mac)[-4:]

    def feed(self, heard: Heard, now: float) -> tuple[bytes, ...]:
        """Take a frame in: an answer of this conversation, or somebody who asks where we are."""
        advertisement = neighbour.answer(heard.frame, self._mac)
        if advertisement is not None:
            return (advertisement,)
        datagram = read(heard.frame, heard.checked)
        if self.over or datagram is None or datagram.target_port != CLIENT or ":" not in datagram.source:
            return ()
        message = message6.decode(datagram.payload)
        if message is None or message.xid != self._xid or message.first(message6.CLIENT_ID) != self._duid:
            return ()
        if not 0 < len(message.first(message6.SERVER_ID) or b"") <= message6.MAX_DUID:
            return ()
        self._listen(message, datagram, now)
        return self.due(now)

    def _said(self, now: float) -> bytes:
        return self._frame(self._speak(now), now)

    def _speak(self, now: float) -> Message:
        raise NotImplementedError

    def _listen(self, message: Message, datagram: Datagram, now: float) -> None:
        raise NotImplementedError

    def _asking(self, kind: int, given: Given | None, *more: Option) -> Message:
        options = (message6.association(self._iaid, given), (message6.WANTED, ORDER), *more)
        return Message(kind=kind, xid=self._xid, options=options)

    def _frame(self, message: Message, now: float) -> bytes:
        elapsed = min(int((now - self._began) * 100), 0xFFFF).to_bytes(2, "big")
        own = ((message6.CLIENT_ID, self._duid), (message6.ELAPSED, elapsed))
        whole = Message(kind=message.kind, xid=message.xid, options=(*own, *message.options))
        return build(
            Datagram(
                source_mac=self._mac,
                target_mac=neighbour.multicast_mac(SERVERS),
                source=neighbour.link_local(self._mac),
                target=SERVERS,
                source_port=CLIENT,
                target_port=SERVER,
                payload=message6.encode(whole),
            )
        )


class Acquire(Talk):
    """SOLICIT, or with a server that commits at once the whole of it; else the best offer of the first second."""

    def __init__(self, mac: str, now: float, dice: Random, hint: str = "") -> None:
        super().__init__(mac, now, dice)
        self._hint = Given(address=hint, preferred=0, valid=0) if hint else None
        self._offers: list[_Offer] = []
        self._chosen: _Offer | None = None

    def _speak(self, now: float) -> Message:
        if self._chosen is None and self._offers:
            self._choose()
        elif self._chosen is not None and self._pace.sent > REQUESTS:
            self._look_again(now)
        if self._chosen is None:
            return self._asking(message6.SOLICIT, self._hint, (message6.RAPID_COMMIT, b""))
        return self._asking(message6.REQUEST, self._chosen.given, (message6.SERVER_ID, self._chosen.server))

    def _listen(self, message: Message, datagram: Datagram, now: float) -> None:
        found, status = message6.given(message, self._iaid)
        server = message.first(message6.SERVER_ID) or b""
        if message.kind == message6.ADVERTISE and self._chosen is None and found and not status:
            preference = (message.first(message6.PREFERENCE) or b"\0")[0]
            self._offers.append(_Offer(server=server, given=found[0], preference=preference))
            if preference == CERTAIN or self._pace.sent > 1:
                self.wake = now
        elif message.kind == message6.REPLY and self._answers(message, server):
            self.lease = lease_of(message, self._iaid, datagram, now)
            if self.lease is None and self._chosen is not None:
                self._look_again(now)

    def _answers(self, message: Message, server: bytes) -> bool:
        if self._chosen is None:
            return message.first(message6.RAPID_COMMIT) is not None
        return server == self._chosen.server

    def _choose(self) -> None:
        self._chosen = max(self._offers, key=lambda offer: offer.preference)
        self._pace = Retransmission(self._dice)
        self._pace.next()
        self._xid = self._dice.getrandbits(24)

    def _look_again(self, now: float) -> None:
        self._offers, self._chosen, self._hint = [], None, None
        self._xid = self._dice.getrandbits(24)
        self._pause(now)


class Extend(Talk):
    """RENEW to the server that gave it, later REBIND to any."""

    def __init__(self, mac: str, lease: Lease, now: float, dice: Random) -> None:
        super().__init__(mac, now, dice)
        self._old = lease
        self._given = Given(address=lease.address.partition("/")[0], preferred=0, valid=0)

    def _speak(self, now: float) -> Message:
        if phase(self._old, now) in (Phase.BOUND, Phase.RENEWING):
            server = bytes.fromhex(self._old.server)
            return self._asking(message6.RENEW, self._given, (message6.SERVER_ID, server))
        return self._asking(message6.REBIND, self._given)

    def _listen(self, message: Message, datagram: Datagram, now: float) -> None:
        if message.kind != message6.REPLY:
            return
        self.lease = lease_of(message, self._iaid, datagram, now)
        if self.lease is None:
            self.refused = f"the server does not prolong it (status {message6.given(message, self._iaid)[1]})"


class Release(Talk):
    """Giving it back; the server confirms, and if it does not, we have said it often enough."""

    def __init__(self, mac: str, lease: Lease, now: float, dice: Random) -> None:
        super().__init__(mac, now, dice)
        self._old = lease
        self._heard = False

    @property
    def over(self) -> bool:
        """Once the server has heard it, or was told in vain."""
        return self._heard or self._pace.sent > RELEASES

    def _speak(self, now: float) -> Message:  # noqa: ARG002 - as the others
        given = Given(address=self._old.address.partition("/")[0], preferred=0, valid=0)
        return self._asking(message6.RELEASE, given, (message6.SERVER_ID, bytes.fromhex(self._old.server)))

    def _listen(self, message: Message, datagram: Datagram, now: float) -> None:  # noqa: ARG002 - as the others
        self._heard = message.kind == message6.REPLY
