"""Ledgers for tests: one in memory, and one in files for processes that share nothing else."""

from __future__ import annotations

from pathlib import Path

from ports.errors import Failure
from ports.ledger import PodRecord, decode, encode, file_name


class MemoryLedger:
    """The ledger in a dict. ``broken`` holds what reading a pod's record fails with."""

    def __init__(self) -> None:
        self._records: dict[str, PodRecord] = {}
        self.broken: dict[str, Failure] = {}

    def read(self, pod_uid: str) -> PodRecord | None:
        """The pod's record, None, or the failure that a test put there."""
        if pod_uid in self.broken:
            raise self.broken[pod_uid]
        return self._records.get(pod_uid)

    def write(self, record: PodRecord) -> None:
        """Put the record in the place of the pod's earlier one."""
        self._records[record.pod.uid] = record

    def remove(self, pod_uid: str) -> None:
        """Forget the pod."""
        self._records.pop(pod_uid, None)

    def records(self) -> tuple[PodRecord, ...]:
        """All of them."""
        return tuple(self._records.values())


class FileLedger:
    """The ledger as files in the form that is on disk, so that another process can read it."""

    def __init__(self, directory: Path, boot_id: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._boot_id = boot_id

    def read(self, pod_uid: str) -> PodRecord | None:
        """The pod's record, None when there is no file."""
        try:
            data = (self._directory / file_name(pod_uid)).read_bytes()
        except FileNotFoundError:
            return None
        return decode(data, self._boot_id)

    def write(self, record: PodRecord) -> None:
        """Written aside and renamed."""
        target = self._directory / file_name(record.pod.uid)
        aside = target.with_suffix(".tmp")
        aside.write_bytes(encode(record, self._boot_id))
        aside.rename(target)

    def remove(self, pod_uid: str) -> None:
        """Forget the pod."""
        (self._directory / file_name(pod_uid)).unlink(missing_ok=True)

    def records(self) -> tuple[PodRecord, ...]:
        """All of them."""
        return tuple(decode(path.read_bytes(), self._boot_id) for path in sorted(self._directory.glob("*.json")))
