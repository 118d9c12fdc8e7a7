"""The NRI frontend's view of the ledger: one open a hook, and for pods that are not ours nothing more than that.

The directory is mounted read-only; it may not be there yet, and then nothing is prepared. Records are small (a few
kilobytes a device); a file beyond ``MAX_BYTES`` is none of the dataplane's.
"""

from __future__ import annotations

import os

from ports.errors import Code, Failure
from ports.ledger import PodRecord, decode, file_name

BOOT_ID = "/proc/sys/kernel/random/boot_id"
MAX_BYTES = 4 << 20


def boot_id() -> str:
    """This boot, as the kernel names it."""
    with open(BOOT_ID, encoding="ascii") as file:
        return file.read().strip()


class FileLedgerReader:
    """``LedgerReader`` over the dataplane's directory. Files are renamed into place, so one read sees one record."""

    def __init__(self, directory: str, boot: str | None = None) -> None:
        self._directory = directory
        self._boot = boot or boot_id()

    def read(self, pod_uid: str) -> PodRecord | None:
        """The pod's record; None when there is no file. CORRUPT when there is one that cannot be trusted."""
        try:
            path = os.path.join(self._directory, file_name(pod_uid))
        except Failure:
            return None  # no such record can exist: not a UID of the kubelet's
        data = _content(path)
        if data is None:
            return None
        record = decode(data, self._boot)
        if record.pod.uid != pod_uid:
            raise Failure(Code.CORRUPT, path, f"holds the record of another pod, {record.pod.uid}")
        return record


def _content(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not hold us up
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        with open(descriptor, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise Failure(Code.CORRUPT, path, f"larger than {MAX_BYTES} bytes")
    return data


def _unreadable(path: str, error: OSError) -> Failure:
    return Failure(Code.CORRUPT, path, f"cannot be read: {error.strerror}", "check the file and its owner")
