"""Work in another namespace: errors, limits of time, and nothing left behind."""

from __future__ import annotations

import os
import threading

import pytest

from adapters.talk import inside as module
from ports.errors import Code, Failure
from tests.support.eventually import eventually

OWN = "/proc/self/ns/net"


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_result_or_the_error_is_the_callers() -> None:
    with open(OWN) as own:
        before = _descriptors()
        assert module.inside(own.fileno(), 10.0, "x", lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            module.inside(own.fileno(), 10.0, "x", lambda: 1 // 0)
        assert _descriptors() == before


def test_in_its_own_namespace_the_caller_works_itself() -> None:
    with open(OWN) as own:
        assert module.inside(own.fileno(), 10.0, "x", threading.get_ident) == threading.get_ident()


def test_a_kernel_that_hangs_costs_a_thread_and_not_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_own", lambda _descriptor: False)
    answer, threads = threading.Event(), threading.active_count()
    with open(OWN) as own:
        before = _descriptors()
        with pytest.raises(Failure, match=r"within 0\.05 s") as caught:
            module.inside(own.fileno(), 0.05, "interface #5", answer.wait)
        assert caught.value.code is Code.DEADLINE
        assert _descriptors() == before
    answer.set()
    eventually(lambda: threading.active_count() == threads)


def test_what_is_no_namespace_is_not_entered() -> None:
    with open("/dev/null") as file, pytest.raises(Failure, match="cannot be entered") as caught:
        module.inside(file.fileno(), 10.0, "x", lambda: 7)
    assert caught.value.code is Code.KERNEL


def test_a_system_without_threads_is_told_and_no_descriptor_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module, "is_own", lambda _descriptor: False)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with open(OWN) as own:
        before = _descriptors()
        with pytest.raises(Failure, match="can't start new thread") as caught:
            module.inside(own.fileno(), 10.0, "x", lambda: 7)
        assert caught.value.code is Code.UNAVAILABLE
        assert _descriptors() == before
