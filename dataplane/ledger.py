"""The ledger's writer: one file a pod, never seen half written, and a bad one costs that pod alone.

A record is written to a hidden file and renamed over the old one: whoever reads finds the old record or the new one. Nothing
is synced: a record is void after a boot, and short of that the kernel loses no file that was written. What cannot be trusted
is moved to ``quarantine/``, where a person can look at it, and the version before it, which is kept beside every record,
takes its place: it knows where the devices are to be looked for. Beside the intent to attach is that intent itself, since
the version before it does not know the pod's namespace. A file that is as it was when it was read is not read again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from contextlib import suppress

from dataplane.files import MAX_BYTES, Stamp, os_failures, read, stamp, unlink, write
from dataplane.hints import hint
from ports.errors import Code, Failure
from ports.ledger import Phase, PodRecord, decode, encode, file_name

log = logging.getLogger("knd.ledger")

SUFFIX = ".json"
PREVIOUS = ".prev"
QUARANTINE = "quarantine"


class FileLedger:
    """Implements ``ports.ledger.Ledger`` in a directory that only this process writes to."""

    def __init__(self, directory: str, boot_id: str) -> None:
        self._directory = directory
        self._boot_id = boot_id
        self._known: dict[str, tuple[Stamp, PodRecord]] = {}
        with os_failures(directory):
            os.makedirs(self._at(QUARANTINE), mode=0o700, exist_ok=True)
            self._sweep()

    def read(self, pod_uid: str) -> PodRecord | None:
        """The pod's record; None when there is no file. CORRUPT: it is there and cannot be trusted."""
        name = file_name(pod_uid)
        with os_failures(self._at(name)):
            try:
                seen = stamp(self._at(name))
                known = self._known.get(name)
                if known is not None and known[0] == seen:
                    return known[1]
                record = self._decoded(read(self._at(name)), pod_uid)
            except FileNotFoundError:
                self._known.pop(name, None)
                return None
        self._known[name] = (seen, record)
        return record

    def write(self, record: PodRecord) -> None:
        """Put the record in the place of the pod's earlier one."""
        name = file_name(record.pod.uid)
        with os_failures(self._at(name)):
            self._put(name, record, keep=True)

    def remove(self, pod_uid: str) -> None:
        """Forget the pod. One without a record is a success."""
        name = file_name(pod_uid)
        path = self._at(name)
        self._known.pop(name, None)
        with os_failures(path):
            unlink(path + PREVIOUS)  # first: a crash between leaves none that belongs to no record
            unlink(path)

    def records(self) -> tuple[PodRecord, ...]:
        """All readable records; those of another boot are dropped, unreadable ones quarantined and rebuilt."""
        with os_failures(self._directory):
            names = sorted(name for name in os.listdir(self._directory) if name.endswith(SUFFIX))
        found = {name: self._read_or_set_aside(name) for name in names}
        for name in names:
            if found[name] is None:
                found[name] = self._rebuilt(name, [record for record in found.values() if record is not None])
        return tuple(record for record in found.values() if record is not None)

    def _read_or_set_aside(self, name: str) -> PodRecord | None:
        try:
            return self.read(name.removesuffix(SUFFIX))
        except Failure as failure:
            if failure.code is Code.UNAVAILABLE:
                raise
            self._set_aside(name, failure)
            return None

    def _rebuilt(self, name: str, others: Iterable[PodRecord]) -> PodRecord | None:
        """The version before one that was set aside, if it can be used. Its file is gone after this."""
        path = self._at(name + PREVIOUS)
        with os_failures(path):
            try:
                record = hint(self._decoded(read(path), name.removesuffix(SUFFIX)), others)
            except FileNotFoundError:
                return None
            except Failure as failure:
                log.error("of no use is the version before %s: %s", name, failure)
                with suppress(IsADirectoryError):
                    os.unlink(path)
                return None
            log.warning("%s is rebuilt from the version before it, as %s", name, record.phase)
            self._put(name, record, keep=False)
            return record

    def _put(self, name: str, record: PodRecord, keep: bool) -> None:
        path, aside = self._at(name), self._at(f".{name}.tmp")
        data = encode(record, self._boot_id)
        if len(data) > MAX_BYTES:
            detail = f"its record has {len(data)} bytes, at most {MAX_BYTES} can be read again"
            raise Failure(
                Code.INVALID, str(record.pod), detail, "let its claims ask for fewer devices, routes or rules"
            )
        if keep and record.phase is Phase.ATTACHING:
            write(aside, data)
            os.rename(aside, path + PREVIOUS)
        else:
            unlink(path + PREVIOUS)
        write(aside, data)
        if keep and record.phase is not Phase.ATTACHING:
            with suppress(OSError):  # there is none, or the file system has no links: nothing to go by after damage
                os.link(path, path + PREVIOUS, follow_symlinks=False)
        os.rename(aside, path)
        self._known[name] = (stamp(path), record)

    def _decoded(self, data: bytes, pod_uid: str) -> PodRecord:
        record = decode(data, self._boot_id)
        if record.pod.uid != pod_uid:
            raise Failure(Code.CORRUPT, f"ledger record of pod {pod_uid}", f"is the record of pod {record.pod.uid}")
        return record

    def _set_aside(self, name: str, failure: Failure) -> None:
        path = self._at(name)
        self._known.pop(name, None)
        with os_failures(path):
            if self._is_of_another_boot(path):
                log.info("dropping %s: written in another boot", name)
                os.unlink(path)
                unlink(path + PREVIOUS)
            else:
                log.error("quarantined %s: %s", name, failure)
                os.rename(path, self._at(QUARANTINE, name))

    def _is_of_another_boot(self, path: str) -> bool:
        """Whether nothing else is wrong with it."""
        try:
            data = read(path)
            boot_id = json.loads(data)["boot_id"]
            return bool(boot_id != self._boot_id and decode(data, boot_id))
        except (OSError, ValueError, LookupError, TypeError, RecursionError, Failure):
            return False

    def _sweep(self) -> None:
        """Remove what a crash left half written."""
        for name in os.listdir(self._directory):
            if name.startswith(".") and name.endswith(".tmp"):
                os.unlink(self._at(name))

    def _at(self, *names: str) -> str:
        return os.path.join(self._directory, *names)
