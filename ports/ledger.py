"""The ledger: what was promised and done for each pod, one record a file, and the form it has on disk.

The dataplane is its only writer. The NRI frontend reads it: no file for a pod UID means "not ours" without asking
anybody, even while the dataplane is down. The form is a JSON object with the schema version, the boot id (a record of
another boot is void: namespaces do not outlive a boot), and a SHA-256 over the canonical record, so that a torn or
edited file is seen as such and costs one pod's record, not the node.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from ports.errors import Code, Failure
from ports.plain import Malformed, parse, plain
from ports.plan import Plan, PodRef
from ports.results import AttachedDevice
from ports.telemetry import trace_id

SCHEMA = 1
POD_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")


class Phase(StrEnum):
    """How far a pod has come. ATTACHING and DETACHING are intents: found after a crash, the kernel is looked at.

    DOUBTFUL: the record was damaged and an earlier version is in its place; the kernel tells whether it is attached.
    """

    PREPARED = "prepared"
    ATTACHING = "attaching"
    ATTACHED = "attached"
    DETACHING = "detaching"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, kw_only=True, slots=True)
class PodRecord:
    """All that is known of one pod: the plans of its claims, how far they are carried out, and where.

    ``netns`` and ``netns_cookie`` name the namespace of ``sandbox``; all three are None when the phase is prepared.
    ``reason`` says why the last attach failed, for whoever asks next. ``indexes`` holds each attached device's index in
    the pod, in the order of ``devices``: it finds what the pod renamed. ``readdressing`` is the plan that an attached
    claim is on its way to, an intent like the phases.
    """

    pod: PodRef
    plans: tuple[Plan, ...]
    phase: Phase = Phase.PREPARED
    sandbox: str | None = None
    netns: str | None = None
    netns_cookie: str | None = None
    devices: tuple[AttachedDevice, ...] = ()
    indexes: tuple[int, ...] = ()
    reason: str = ""
    readdressing: Plan | None = None


def about(record: PodRecord) -> dict[str, str]:
    """What a log line says of a pod: who it is, its claims, and the trace that its first claim began."""
    return {
        "pod": str(record.pod),
        "claim": ", ".join(str(plan.claim) for plan in record.plans),
        "trace": trace_id(next((plan.traceparent for plan in record.plans if plan.traceparent), "")),
    }


def file_name(pod_uid: str) -> str:
    """The record's file name. Refuses a UID that could leave the directory."""
    if not POD_UID.fullmatch(pod_uid) or ".." in pod_uid:
        raise Failure(Code.INVALID, f"pod UID {pod_uid!r}", "not a pod UID")
    return f"{pod_uid}.json"


def encode(record: PodRecord, boot_id: str) -> bytes:
    """The record as it is written to disk: on one line, in the form that the digest is of."""
    body = _canonical(plain(record))
    digest = hashlib.sha256(body).hexdigest()
    head = json.dumps({"schema": SCHEMA, "boot_id": boot_id, "sha256": digest})
    return head[:-1].encode() + b', "record": ' + body + b"}\n"


def decode(data: bytes, boot_id: str) -> PodRecord:
    """The record that was written. CORRUPT: torn, edited, of another schema, or of another boot; the detail says which."""
    try:
        sealed = json.loads(data)
    except ValueError as error:
        raise _corrupt(f"not JSON: {error}") from error
    _check_seal(sealed, boot_id)
    try:
        return parse(PodRecord, sealed["record"], "record")
    except Malformed as error:
        raise _corrupt(str(error)) from error


def _check_seal(sealed: Any, boot_id: str) -> None:
    if not isinstance(sealed, dict) or sealed.keys() != {"schema", "boot_id", "sha256", "record"}:
        raise _corrupt("not a ledger record")
    if sealed["schema"] != SCHEMA:
        raise _corrupt(f"schema {sealed['schema']!r}, this version reads {SCHEMA}")
    if sealed["sha256"] != _digest(sealed["record"]):
        raise _corrupt("checksum does not match the record")
    if sealed["boot_id"] != boot_id:
        raise _corrupt("written in another boot")


def _digest(body: Any) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()


def _canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _corrupt(detail: str) -> Failure:
    return Failure(Code.CORRUPT, "ledger record", detail)


class LedgerReader(Protocol):
    """Read-only access, for those who may look but not write."""

    def read(self, pod_uid: str) -> PodRecord | None:
        """The pod's record; None when there is no file. CORRUPT when there is one that cannot be trusted."""
        ...


class Ledger(LedgerReader, Protocol):
    """The writer's view. A write is whole or not there at all, whenever the process ends: written aside, renamed."""

    def write(self, record: PodRecord) -> None:
        """Put the record in the place of the pod's earlier one."""
        ...

    def remove(self, pod_uid: str) -> None:
        """Forget the pod. One without a record is a success."""
        ...

    def records(self) -> tuple[PodRecord, ...]:
        """All readable records. An unreadable one is moved aside (quarantined), reported in the log, and replaced by its
        earlier version, where there is one that contradicts no other record; else it is left out.
        """
        ...
