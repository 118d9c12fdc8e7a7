"""How much memory processes use together, whoever else on the machine has the same libraries loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

HEADER = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+) \S+ (\d+) *(.*)")


def footprint_kib(pids: Iterable[int]) -> int:
    """What the machine would have back without them, in KiB: their own pages, and each page of a file once.

    The sum of their PSS would be less wherever another process (this test) maps the same files (proc(5): smaps).
    """
    own, files = 0, dict[tuple[str, str], int]()
    for pid in pids:
        for key, rss, anonymous in _mappings(pid):
            own += anonymous
            files[key] = max(files.get(key, 0), rss - anonymous)
    return own + sum(files.values())


def _mappings(pid: int) -> Iterator[tuple[tuple[str, str], int, int]]:
    """Each mapping's file and offset, resident and anonymous KiB."""
    key, rss = ("", ""), 0
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if header := HEADER.fullmatch(line):
            key = (header[3], header[1])
        elif line.startswith("Rss:"):
            rss = int(line.split()[1])
        elif line.startswith("Anonymous:"):
            yield key, rss, int(line.split()[1])
