"""What a log line looks like, for machines and for people."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.logs.setup import setup

log = logging.getLogger("knd.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is global: put back what setup changes."""
    root, knd = logging.getLogger(), logging.getLogger("knd")
    before = (root.handlers[:], root.level, knd.level, logging.raiseExceptions)
    hooks = (sys.excepthook, threading.excepthook)
    yield
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    root.handlers[:], logging.raiseExceptions = before[0], before[3]
    knd.setLevel(before[2])
    root.setLevel(before[1])
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_what_it_is_about() -> None:
    stream = io.StringIO()
    setup("nri", "info", "json", stream)
    log.info("attached %d", 2, extra={"trace": "ab12", "claim": "apps/nics", "pod": "apps/web", "ms": 1.5})
    (line,) = lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "process": "nri",
        "logger": "knd.test",
        "message": "attached 2",
        "pod": "apps/web",
        "claim": "apps/nics",
        "trace": "ab12",
        "ms": 1.5,
    }


def test_who_a_line_is_about_is_written_alike_by_all() -> None:
    stream = io.StringIO()
    setup("nri", "info", "json", stream)
    log.info("attached", extra={"pod": "pod apps/web", "claim": "claim apps/a, claim apps/b"})
    (line,) = lines(stream)
    assert (line["pod"], line["claim"]) == ("apps/web", "apps/a, apps/b")


def test_fields_that_are_empty_are_left_out() -> None:
    stream = io.StringIO()
    setup("nri", "info", "json", stream)
    log.info("hello", extra={"pod": "", "claim": None, "ms": 0})
    assert not lines(stream)[0].keys() & {"pod", "claim"}
    assert lines(stream)[0]["ms"] == 0


def test_an_exception_is_in_its_line() -> None:
    stream = io.StringIO()
    setup("dra", "info", "json", stream)
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("failed")
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert line["error"].endswith("ValueError: first\nsecond")


def test_foreign_text_cannot_forge_a_line() -> None:
    for format in ("json", "text"):
        stream = io.StringIO()
        setup("dra", "info", format, stream)
        log.info("claim %s", 'x"}\n{"level":"error"\x1b[2J\u2028', extra={"pod": "a\nb\x9b"})
        assert len(stream.getvalue().splitlines()) == 1
        assert "\x1b" not in stream.getvalue()


def test_text_is_for_people() -> None:
    stream = io.StringIO()
    setup("watch", "info", "text", stream)
    log.warning("lost events", extra={"pod": "apps/web"})
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} WARNING watch +lost events pod=apps/web\n", stream.getvalue())


def test_auto_is_text_on_a_terminal_and_json_elsewhere() -> None:
    terminal, file = Terminal(), io.StringIO()
    setup("watch", "info", "auto", terminal)
    log.info("hello")
    setup("watch", "info", "auto", file)
    log.info("hello")
    assert not terminal.getvalue().startswith("{")
    assert lines(file)[0]["message"] == "hello"


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["our debug", "our info", "our error", "their debug", "their info", "their error"]),
        ("info", ["our info", "our error", "their error"]),
        ("error", ["our error", "their error"]),
    ],
)
def test_libraries_speak_from_warning_on_unless_all_is_asked_for(level: str, heard: list[str]) -> None:
    stream = io.StringIO()
    setup("dra", level, "json", stream)
    for who, logger in (("our", log), ("their", logging.getLogger("their.library"))):
        for name in ("debug", "info", "error"):
            logger.log(logging.getLevelNamesMapping()[name.upper()], "%s %s", who, name)
    assert [line["message"] for line in lines(stream)] == heard


def test_a_library_that_logs_what_it_raises_as_well_is_not_heard_twice() -> None:
    stream = io.StringIO()
    for level in ("debug", "info"):
        setup("dra", level, "json", stream)
        logging.getLogger("urllib3.connectionpool").warning("retrying at %s", level, extra={"__private": 1})
    assert [line["message"] for line in lines(stream)] == ["retrying at debug"]
    assert "__private" not in stream.getvalue()


def test_a_second_setup_takes_the_place_of_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    setup("dra", "info", "json", first)
    setup("dra", "info", "json", second)
    log.info("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_warnings_are_logged() -> None:
    stream = io.StringIO()
    setup("dra", "info", "json", stream)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old ways", UserWarning, stacklevel=1)
    assert "old ways" in lines(stream)[0]["message"]


CRASH = """
import threading
from adapters.logs.setup import setup
setup("dra", "info", "json")
thread = threading.Thread(target=lambda: 1 / 0, name="worker")
thread.start()
thread.join()
raise KeyError("main")
"""


def test_exceptions_that_nobody_caught_are_logged_in_every_thread() -> None:
    ended = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, check=False, timeout=60)
    thread, main = (json.loads(line) for line in ended.stderr.splitlines())
    assert ended.returncode == 1
    assert "thread worker" in thread["message"]
    assert "ZeroDivisionError" in thread["error"]
    assert "KeyError: 'main'" in main["error"]


def test_a_closed_standard_error_is_no_reason_to_fail() -> None:
    script = "from adapters.logs.setup import setup; import logging, os; os.close(2); setup('dra', 'info', 'json');"
    script += "logging.getLogger('knd').info('x'); print('alive')"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert ended.stdout == "alive\n"
