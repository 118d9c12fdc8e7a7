"""The recorded streams of a real containerd, and what an independent decoder made of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.nri import mux
from adapters.nri.frames import Frame, FrameReader

ROOT = Path(__file__).parents[2] / "recordings" / "nri"
SCENARIOS = sorted(path.name.removesuffix(".messages.jsonl") for path in ROOT.glob("*.messages.jsonl"))


def stream(scenario: str, direction: str) -> bytes:
    """All bytes of one direction, ``r2p`` or ``p2r``."""
    return gzip.decompress((ROOT / f"{scenario}.{direction}.bin.gz").read_bytes())


def told(scenario: str) -> list[dict[str, Any]]:
    """The messages of both directions in their order, as the independent decoder saw them."""
    return [json.loads(line) for line in (ROOT / f"{scenario}.messages.jsonl").read_text().splitlines()]


def messages(data: bytes) -> Iterator[tuple[int, Frame, list[int]]]:
    """One direction's messages: channel, frame, and the lengths of its multiplexer frames. Nothing may be left over."""
    readers = {1: FrameReader(), 2: FrameReader()}
    lengths: dict[int, list[int]] = {1: [], 2: []}
    read = 0
    for piece in mux.Demultiplexer().feed(data):
        read += 8 + len(piece.payload)
        lengths[piece.channel].append(len(piece.payload))
        for frame in readers[piece.channel].feed(piece.payload):
            assert isinstance(frame, Frame)
            yield piece.channel, frame, lengths[piece.channel]
            lengths[piece.channel] = []
    assert read == len(data)
    assert not any(lengths.values())
