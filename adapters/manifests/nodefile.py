"""The node's configuration as it is in force: the last file without mistakes, whatever was written after it."""

from __future__ import annotations

import errno
import logging
import os
import select
import stat
from collections.abc import Callable

from adapters.manifests.changes import PathChanges
from adapters.manifests.reader import documents
from ports.errors import Code, Failure
from ports.nodeconfig import EMPTY, InvalidConfig, NodeConfig, decode

log = logging.getLogger("knd.config")
MOST_BYTES = 1 << 20  # a ConfigMap holds no more
SETTLED = 0.1  # seconds without a change before it is read: whoever writes it may not be done
LONGEST = 2.0  # seconds that it is waited for that
BLIND = 5.0  # seconds between two looks where changes cannot be watched
HINT = "check it with knd lint"


class NodeFile:
    """Reads ``path`` when it is made and whenever it changes; an empty path is a file that is never there."""

    def __init__(self, path: str, driver: str) -> None:
        self._path = path
        self._driver = driver
        self._text: str | None = None
        self._config: NodeConfig | None = None
        self._problem = ""
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closed = False
        self._blind = ""
        self._read()

    @property
    def config(self) -> NodeConfig | None:
        """What is in force; None while no file without mistakes was seen."""
        return self._config

    @property
    def problem(self) -> str:
        """What is wrong with the file as it is now; empty when it is in force."""
        return self._problem

    def follow(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` after each change of ``config`` or ``problem``, until ``close``."""
        while self._path and not self._closed:
            try:
                with PathChanges(self._path) as changes:  # before the look, so that nothing is missed in between
                    self._blind = ""
                    self._look(changed)
                    changes.wait(None, self._wake)
                    self._settle(changes)
            except Failure as failure:
                if str(failure) != self._blind:
                    log.warning("%s", failure)
                self._blind = str(failure)
                self._look(changed)
                select.select([self._wake], [], [], BLIND)

    def close(self) -> None:
        """End ``follow``; from any thread."""
        self._closed = True
        os.eventfd_write(self._wake, 1)

    def _look(self, changed: Callable[[], None]) -> None:
        before = self._config, self._problem
        self._read()
        if (self._config, self._problem) != before:
            changed()

    def _settle(self, changes: PathChanges) -> None:
        for _ in range(int(LONGEST / SETTLED)):
            if self._closed or not changes.wait(SETTLED, self._wake):
                return

    def _read(self) -> None:
        """Take the file over, or keep what is in force and say what is wrong."""
        try:
            text = self._content()
            if self._config is not None and text == self._text and not self._problem:
                return
            config = EMPTY if text is None else decode(documents(text, self._path), self._driver)
        except InvalidConfig as error:
            self._refuse("; ".join(map(str, error.mistakes)))
        except Failure as failure:
            self._refuse(failure.detail)
        else:
            self._take(text, config)

    def _content(self) -> str | None:
        """The text; None when there is no such file."""
        try:
            with open(self._path, encoding="utf-8", opener=_opened) as file:
                text = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            detail = f"cannot be read: {getattr(error, 'strerror', None) or error}"
            raise Failure(Code.INVALID, self._path, detail) from error
        if len(text) > MOST_BYTES:
            raise Failure(Code.INVALID, self._path, f"is longer than {MOST_BYTES} bytes")
        return text

    def _take(self, text: str | None, config: NodeConfig) -> None:
        if text is not None or self._text is not None or self._problem:
            log.info("node configuration %s is in force", self._path if text is not None else "without a file")
        self._text, self._config, self._problem = text, config, ""

    def _refuse(self, reason: str) -> None:
        problem = f"{self._path}: {reason} ({HINT})"
        if problem != self._problem:
            kept = "the last good one stays in force" if self._config is not None else "nothing is in force"
            log.error("node configuration refused, %s: %s", kept, problem)
        self._problem = problem


def _opened(path: str, flags: int) -> int:
    """A regular file only: others make whoever opens or reads them wait."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no regular file")
    return descriptor
