"""The kernel's end of a conversation, played by a test: devices and nodes that it answers with, message by message."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.rdma import codec
from adapters.rdma.codec import HEADER, Attribute, Command, as_number, as_text, number, text

CAPPED_ECHO = HEADER.size


@dataclass
class Card:
    """One RDMA device: the interface of each port, and the numbers of its character devices by kind and port."""

    name: str
    index: int
    protocol: str = "roce"
    interfaces: tuple[int | None, ...] = ()
    nodes: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)


def message(kind: int, sequence: int, body: bytes = b"", flags: int = 0) -> bytes:
    """One message of the kernel."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def refused(sequence: int, number: int, words: str = "") -> bytes:
    """A refusal (0: an acknowledgement), with the kernel's words."""
    echo = struct.pack("=i", -number) + HEADER.pack(CAPPED_ECHO, 0, 0, sequence, 0)
    attribute = text(codec.EXT_ACK_TEXT, words) if words else b""  # type: ignore[arg-type]
    return message(codec.ERROR, sequence, echo + attribute, codec.CAPPED | (codec.ACK_TLVS if words else 0))


class RdmaKernel:
    """Implements ``adapters.rdma.socket.Transport``. ``script`` may answer a request itself, by its sequence number."""

    def __init__(self, *cards: Card, mode: int | None = 1) -> None:
        self.cards = list(cards)
        self.mode = mode
        self.requests: list[tuple[int, int]] = []
        self.script: Callable[[int], list[bytes] | None] = lambda _sequence: None
        self._waiting: list[bytes] = []

    def send(self, data: bytes, /) -> int:
        _length, kind, flags, sequence, _port = HEADER.unpack_from(data)
        command = kind & 0x3FF
        self.requests.append((command, flags))
        scripted = self.script(sequence)
        said = codec.attributes(data[HEADER.size :])
        self._waiting = self._answer(command, sequence, said) if scripted is None else scripted
        return len(data)

    def recv(self, size: int, /) -> bytes:
        if not self._waiting:
            raise BlockingIOError
        return self._waiting.pop(0)

    def _answer(self, command: int, sequence: int, said: codec.Attributes) -> list[bytes]:
        if command == Command.SYS_GET:
            body = b"" if self.mode is None else struct.pack("=HHBxxx", 5, Attribute.SYS_NETNS_MODE, self.mode)
            return [message(0x1406, sequence, body)]
        if command == Command.GET:
            return self._dump(sequence, [_device(card) for card in self.cards])
        card = next((card for card in self.cards if card.index == as_number(said.get(1, b"\xff\xff"))), None)
        if command == Command.GET_CHARDEV:
            return self._node(card, sequence, said)
        if card is None:
            return [refused(sequence, errno.EINVAL if command == Command.PORT_GET else errno.ENODEV)]
        if command == Command.PORT_GET:
            return self._dump(sequence, [_port(card, at, own) for at, own in enumerate(card.interfaces, 1)])
        if Attribute.DEV_NAME in said:
            card.name = as_text(said[Attribute.DEV_NAME])
        return [refused(sequence, 0)]

    def _dump(self, sequence: int, bodies: list[bytes]) -> list[bytes]:
        answers = [message(0x1401, sequence, body, 2) for body in bodies]
        return [*answers, message(codec.DONE, sequence, struct.pack("=i", 0), 2)]

    def _node(self, card: Card | None, sequence: int, said: codec.Attributes) -> list[bytes]:
        kind, port = as_text(said[Attribute.CHARDEV_TYPE]), as_number(said.get(Attribute.PORT_INDEX, b""))
        owner = self.cards[0] if kind == "rdma_cm" and self.cards else card
        if owner is None or (kind, port) not in owner.nodes:
            return [refused(sequence, errno.ENOENT)]
        name, device = owner.nodes[kind, port]
        padding = struct.pack("=HH", 4, 0)
        body = text(Attribute.CHARDEV_NAME, name) + padding + struct.pack("=HHQ", 12, Attribute.CHARDEV, device)
        return [message(0x140F, sequence, body)]


def _device(card: Card) -> bytes:
    named = number(Attribute.DEV_INDEX, card.index) + text(Attribute.DEV_NAME, card.name)
    return named + (text(Attribute.DEV_PROTOCOL, card.protocol) if card.protocol else b"")


def _port(card: Card, at: int, interface: int | None) -> bytes:
    where = number(Attribute.DEV_INDEX, card.index) + number(Attribute.PORT_INDEX, at)
    return where + (number(Attribute.NDEV_INDEX, interface) if interface is not None else b"")
