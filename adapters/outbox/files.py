"""One file a claim, so that a torn or edited one costs one claim and not the rest.

Written aside, synced and renamed: a reader sees the old value or the new one. A file that cannot be read is moved aside
under another suffix, for whoever wants to know why, and the others are served.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from ports.errors import Code, Failure
from ports.plain import Malformed, parse, plain

log = logging.getLogger("knd.outbox")
T = TypeVar("T")
UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")
SUFFIX, ASIDE, BAD = ".json", ".part", ".bad"
SCHEMA = 1


Mark = tuple[int, int, int]  # of a file as it was read


class FileShelf(Generic[T]):
    """``ports.outbox.Shelf`` in one directory, which is made when it is missing. One process at a time writes there.

    Values are made of files again only when these are others: some shelves are asked with each event of the node.
    """

    def __init__(self, directory: str | Path, kind: type[T]) -> None:
        self._directory = Path(directory)
        self._kind = kind
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Mark, T]] = {}

    def put(self, claim_uid: str, value: T) -> None:
        """Keep the value in the place of the claim's earlier one."""
        path = self._path(claim_uid)
        data = json.dumps({"schema": SCHEMA, "value": plain(value)}).encode()
        with self._lock, _disk(path):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._known.pop(claim_uid, None)
            _replace(path, data)

    def drop(self, claim_uid: str) -> None:
        """Forget the claim's value."""
        path = self._path(claim_uid)
        with self._lock, _disk(path):
            self._known.pop(claim_uid, None)
            path.unlink(missing_ok=True)

    def get(self, claim_uid: str) -> T | None:
        """The claim's value, if it can be read."""
        path = self._path(claim_uid)
        with self._lock:
            return dict(self._read([path])).get(claim_uid)

    def all(self) -> Mapping[str, T]:
        """Everything that can be read."""
        with self._lock:
            found = dict(self._read(sorted(self._directory.glob(f"*{SUFFIX}"))))
            self._known = {uid: known for uid, known in self._known.items() if uid in found}
            return found

    def _read(self, paths: list[Path]) -> Iterator[tuple[str, T]]:
        for path in paths:
            try:
                yield path.stem, self._value(path)
            except FileNotFoundError:
                continue  # dropped meanwhile, by the process that takes our place or the one whose place we took
            except (OSError, ValueError, Malformed, RecursionError) as error:
                _set_aside(path, error)

    def _value(self, path: Path) -> T:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            mark = found.st_ino, found.st_mtime_ns, found.st_size
            known = self._known.get(path.stem)
            if known is not None and known[0] == mark:
                return known[1]
            value = self._decode(file.read())
        self._known[path.stem] = mark, value
        return value

    def _decode(self, data: bytes) -> T:
        sealed = json.loads(data)
        if not isinstance(sealed, dict) or sealed.get("schema") != SCHEMA:
            raise ValueError(f"not written by this version (schema {SCHEMA})")
        return parse(self._kind, sealed.get("value"))

    def _path(self, claim_uid: str) -> Path:
        if not UID.fullmatch(claim_uid):
            raise Failure(Code.INVALID, f"claim UID {claim_uid!r}", "not a UID")
        return self._directory / f"{claim_uid}{SUFFIX}"


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = error.strerror or str(error)
        raise Failure(Code.INTERNAL, str(path), text, "see that the runtime directory is writable") from error


def _replace(path: Path, data: bytes) -> None:
    aside = path.with_suffix(ASIDE)
    with aside.open("wb") as file:
        os.chmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_aside(path: Path, error: Exception) -> None:
    log.error("%s cannot be read and is moved aside: %s", path, error)
    try:
        path.replace(path.with_suffix(BAD))
    except OSError as failure:
        log.error("%s: %s", path, failure)
