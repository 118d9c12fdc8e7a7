"""The one image of the runtime tests: busybox, as the OCI archive that ``ctr images import`` reads. No registry needed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

NAME = "localhost/knd-test:1"
FOREVER = ("/bin/busybox", "sleep", "2147483647")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
APPLETS = ("ls", "sh", "sleep", "ip", "ping", "cat", "env", "nc", "true")


def write(busybox: Path, archive: Path) -> None:
    """An image whose process sleeps for ever: it is the sandbox (pause) image and the container image alike."""
    layer = _layer(busybox)
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": list(FOREVER), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    packed = gzip.compress(layer, 1, mtime=0)
    blobs = {_digest(packed): packed}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _blob(blobs, "application/vnd.oci.image.config.v1+json", config),
        "layers": [_described("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
    }
    entry = _blob(blobs, "application/vnd.oci.image.manifest.v1+json", manifest)
    index = {"schemaVersion": 2, "manifests": [entry | {"annotations": {"io.containerd.image.name": NAME}}]}
    files = {f"blobs/sha256/{digest.removeprefix('sha256:')}": data for digest, data in blobs.items()}
    files |= {"index.json": _json(index), "oci-layout": _json({"imageLayoutVersion": "1.0.0"})}
    with tarfile.open(archive, "w") as tar:
        for name, data in files.items():
            _add_file(tar, name, data, 0o644)


def _layer(busybox: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
        _add_file(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return buffer.getvalue()


def _add_file(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def _blob(blobs: dict[str, bytes], media_type: str, content: Any) -> dict[str, Any]:
    data = _json(content)
    blobs[_digest(data)] = data
    return _described(media_type, data)


def _described(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()
