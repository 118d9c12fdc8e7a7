"""Counting and timing as a port, so that services say what happened and not how it is exposed."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Where numbers go. Never blocks, never raises. Each name has always the same labels, and a label has few values."""

    def count(self, name: str, **labels: str) -> None:
        """One more."""
        ...

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """One more of this duration."""
        ...

    def show(self, name: str, value: float, **labels: str) -> None:
        """The value as it is now."""
        ...


class NoMeter:
    """For those who count nothing."""

    def count(self, name: str, **labels: str) -> None:
        """Nothing."""

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Nothing."""

    def show(self, name: str, value: float, **labels: str) -> None:
        """Nothing."""
