"""A lock on a pair of socket paths: gRPC takes over another server's path without an error, and both would seem to serve."""

from __future__ import annotations

import fcntl
import os

from ports.errors import Code, Failure


class Guard:
    """An flock held from ``take`` to ``release``. The kernel drops it with the process, so a crash leaves none behind."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Make the directory and lock the file; CONFLICT when another process (or another object of ours) has it."""
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o750, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Failure(
                Code.REFUSED, self.path, error.strerror or str(error), "check the mount of the kubelet's root"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            hint = "stop the other one first"
            raise Failure(Code.CONFLICT, self.path, "another process serves these sockets", hint) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one have it. Repeatable; the file stays, for a lock on a removed file guards nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
