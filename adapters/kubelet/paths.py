"""Where the sockets of a DRA driver are, by the kubelet's conventions, and what to do when a name is too long.

One instance on a node: ``plugins/<driver>/dra.sock`` and ``plugins_registry/<driver>-reg.sock``. With a pod UID, several
instances live side by side during a rolling update, each with the UID in its names; the kubelet asks nothing of a file
name but that it is a socket, so a UID that does not fit (107 bytes, linux/un.h) gives way to a short hash of it.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from posixpath import join

from ports.errors import Code, Failure
from ports.options import MAX_SOCKET_PATH


@dataclass(frozen=True, kw_only=True, slots=True)
class SocketPaths:
    """Absolute paths, the same for us and for the kubelet; ``guard`` is the lock file of this pair of sockets."""

    service: str
    registrar: str

    @property
    def guard(self) -> str:
        """Held by the process that owns the two sockets; beside the service's socket, out of the kubelet's watch."""
        return self.service + ".lock"


def socket_paths(driver: str, kubelet_root: str, pod_uid: str = "") -> SocketPaths:
    """The two sockets; INVALID when the kubelet's root leaves no room for a socket name."""
    data = join(kubelet_root, "plugins", driver)
    registry = join(kubelet_root, "plugins_registry")
    return SocketPaths(
        service=_first_that_fits(data, _service_names(pod_uid)),
        registrar=_first_that_fits(registry, _registrar_names(driver, pod_uid)),
    )


def hidden(path: str, attempt: int = 0) -> str:
    """A name beside ``path`` and no longer than it that the kubelet's watcher ignores: a socket is bound there first."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/.{sha256(f'{name} {attempt}'.encode()).hexdigest()[:7]}"


def _service_names(pod_uid: str) -> tuple[str, ...]:
    if not pod_uid:
        return ("dra.sock",)
    return f"dra-{pod_uid}.sock", f"dra-{_short(pod_uid, 6)}.sock"


def _registrar_names(driver: str, pod_uid: str) -> tuple[str, ...]:
    shortest = "dra-" + _short(driver + "\0" + pod_uid, 16) + "-reg.sock"
    if not pod_uid:
        return f"{driver}-reg.sock", shortest
    return f"{driver}-{pod_uid}-reg.sock", f"{driver}-{_short(pod_uid, 8)}-reg.sock", shortest


def _short(text: str, size: int) -> str:
    return urlsafe_b64encode(sha256(text.encode()).digest()[:size]).decode().rstrip("=")


def _first_that_fits(directory: str, names: tuple[str, ...]) -> str:
    fitting = (path for name in names if len((path := join(directory, name)).encode()) <= MAX_SOCKET_PATH)
    found = next(fitting, None)
    if found is None:
        size = len(join(directory, names[-1]).encode())
        detail = f"the socket {names[-1]} would have a path of {size} bytes, the kernel allows {MAX_SOCKET_PATH}"
        raise Failure(Code.INVALID, directory, detail, "use a shorter --kubelet-root or --driver-name")
    return found
