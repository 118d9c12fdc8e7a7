"""The routing table of a VRF whose claim names none: DRANET's, so that interfaces that name one VRF share one table."""

from __future__ import annotations

FIRST_TABLE = 1000
TABLES = 1000


def table_of(name: str) -> int:
    """FNV-1a (32 bits) of the name, as a table from 1000 to 1999. Two names may get the same one."""
    digest = 0x811C9DC5
    for byte in name.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return FIRST_TABLE + digest % TABLES
