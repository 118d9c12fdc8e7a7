"""The gate as CDI spec files: one a claim, there exactly as long as the claim is attached.

A file is written under a name that CDI ignores (only .json and .yaml count) and renamed, since the runtime watches the
directory and reports every broken file. The version is 0.5.0, the lowest that lets a device name begin with a digit, as
UIDs do (https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md).

Device files are named by their path alone: the runtime looks up the numbers behind it at each container's creation, so
that those of a driver that was loaded anew are never stale.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ports.devices import DeviceNode
from ports.errors import Code, Failure
from ports.gate import CLASS, marker
from ports.plan import ClaimRef

CDI_VERSION = "0.5.0"
DEVICE_NAME = re.compile(r"[0-9A-Za-z]([0-9A-Za-z_.:-]{0,126}[0-9A-Za-z])?")
SUFFIX = ".json"


class CdiGate:
    """Implements ``ports.gate.Gate`` in the runtime's directory of dynamic CDI specs."""

    def __init__(self, cdi_root: str, driver: str) -> None:
        self._root = cdi_root
        self._kind = f"{driver}/{CLASS}"
        self._prefix = f"{driver}-{CLASS}_"

    def open(self, claim: ClaimRef, interfaces: tuple[str, ...], nodes: tuple[DeviceNode, ...] = ()) -> None:
        """Let containers of this claim be created, with these device files."""
        path = self._path(claim.uid)
        data = json.dumps(self._spec(claim.uid, interfaces, nodes), indent=1) + "\n"
        with _os_failures(path):
            os.makedirs(self._root, exist_ok=True)
            _write(f"{path}.tmp", data.encode())
            os.rename(f"{path}.tmp", path)

    def close(self, claim_uid: str) -> None:
        """Refuse containers of this claim from now on."""
        path = self._path(claim_uid)
        with _os_failures(path):
            _unlink(path)

    def opened(self) -> frozenset[str]:
        """The claims whose spec file is there; half-written ones of a crash are removed on the way."""
        with _os_failures(self._root):
            try:
                names = [name for name in os.listdir(self._root) if name.startswith(self._prefix)]
            except FileNotFoundError:
                return frozenset()
            for name in names:
                if not name.endswith(SUFFIX):
                    _unlink(os.path.join(self._root, name))
        return frozenset(
            name.removeprefix(self._prefix).removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)
        )

    def _path(self, claim_uid: str) -> str:
        if not DEVICE_NAME.fullmatch(claim_uid):
            raise Failure(Code.INVALID, f"claim UID {claim_uid!r}", "cannot be the name of a CDI device")
        return os.path.join(self._root, f"{self._prefix}{claim_uid}{SUFFIX}")

    def _spec(self, claim_uid: str, interfaces: tuple[str, ...], nodes: tuple[DeviceNode, ...]) -> dict[str, object]:
        edits: dict[str, object] = {"env": [f"{marker(claim_uid)}={','.join(interfaces)}"]}
        if nodes:
            edits["deviceNodes"] = [
                {"path": node.path, "type": node.type, "fileMode": node.mode, "permissions": "rw"} for node in nodes
            ]
        return {
            "cdiVersion": CDI_VERSION,
            "kind": self._kind,
            "devices": [{"name": claim_uid, "containerEdits": edits}],
        }


class NoGate:
    """Implements ``ports.gate.Gate`` for runtimes without CDI: there is nothing to open or close."""

    def open(self, claim: ClaimRef, interfaces: tuple[str, ...], nodes: tuple[DeviceNode, ...] = ()) -> None:
        """Nothing holds a container back."""

    def close(self, claim_uid: str) -> None:
        """Nothing can hold a container back."""

    def opened(self) -> frozenset[str]:
        """None is open."""
        return frozenset()


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)  # the process's umask is for its own files, this one is the runtime's
        file.write(data)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


@contextmanager
def _os_failures(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "check --cdi-root: it must be writable, and the runtime must read it"
        raise Failure(Code.UNAVAILABLE, path, os.strerror(error.errno or 0), hint) from error
