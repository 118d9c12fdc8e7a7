"""One dataplane a runtime directory: two would write the same ledger and move the same devices."""

from __future__ import annotations

import fcntl
import os

from ports.errors import Code, Failure

FILE = "dataplane.lock"


class RuntimeLock:
    """Held as long as this object's descriptor is open, at the latest until the process ends, however it ends."""

    def __init__(self, runtime_dir: str) -> None:
        self._path = os.path.join(runtime_dir, FILE)
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Failure(Code.UNAVAILABLE, self._path, os.strerror(error.errno or 0), "check --runtime-dir") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            detail = f"a dataplane serves it already (process {owner})"
            raise Failure(
                Code.CONFLICT, runtime_dir, detail, "stop that one, or choose another --runtime-dir"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another one have the directory. Repeatable."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
