"""How every process logs: the standard library's logging, with the pod, claim and trace a line is about as fields.

No third-party library, because the privileged process logs in the same way. Lines go to standard error. Texts that came
from elsewhere cannot forge lines: JSON escapes control characters, and so does the text form.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

FIRST = ("pod", "claim", "trace")
RETELLERS = ("urllib3",)  # libraries that log what they raise as well: our adapters report it in their own words
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {0x0A: "\\n", 0x2028: "\\u2028"}


def setup(process: str, level: str, format: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process to standard error.

    ``level`` is one of ``ports.options.LEVELS`` and holds for knd's own loggers; libraries speak from ``warning`` on,
    or at ``debug`` too when that is asked for. ``format`` is json, text, or auto (text on a terminal). Exceptions that
    nobody caught, in any thread, are logged in the same form. Calling it again replaces what was set up before.
    """
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    text = format == "text" or (format == "auto" and target.isatty())
    handler.setFormatter(TextFormatter(process) if text else JsonFormatter(process))
    wanted = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(wanted if wanted == logging.DEBUG else max(wanted, logging.WARNING))
    logging.getLogger("knd").setLevel(wanted)
    for name in RETELLERS:
        logging.getLogger(name).setLevel(wanted if wanted == logging.DEBUG else logging.ERROR)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a closed standard error is no reason to fail
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, process, logger, message, then what the line is about."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **_about(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """A line for people: time of day, level, process, message, then what it is about as key=value."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        clock = _time(record).astimezone().strftime("%H:%M:%S.%f")[:-3]
        about = "".join(f" {key}={value}" for key, value in _about(record).items())
        line = f"{clock} {record.levelname:<7} {self._process:<9} {record.getMessage()}{about}".translate(_CONTROL)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _about(record: logging.LogRecord) -> dict[str, Any]:
    """The line's extra fields that hold something, the well-known ones first."""
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD and not key.startswith("_")}
    order = (*(key for key in FIRST if key in extra), *(key for key in extra if key not in FIRST))
    return {key: _scalar(key, extra[key]) for key in order if extra[key] not in (None, "")}


def _scalar(key: str, value: Any) -> Any:
    """Numbers as they are; what calls itself ``pod a/b`` as a/b in the field ``pod``, so that all lines agree."""
    return value if isinstance(value, bool | int | float) else str(value).replace(f"{key} ", "")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("knd").critical("ends by an exception nobody caught", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    error = args.exc_value
    if error is None or isinstance(error, SystemExit):
        return
    name = args.thread.name if args.thread else "unknown"
    info = (type(error), error, args.exc_traceback)
    logging.getLogger("knd").critical("thread %s ends by an exception nobody caught", name, exc_info=info)
