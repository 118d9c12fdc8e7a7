"""Work in another namespace, in both adapters that do it: errors, limits of time, and nothing left behind."""

from __future__ import annotations

import os
import threading
from types import ModuleType

import pytest

import adapters.bpf.inside
import adapters.ethtool.inside
from ports.errors import Code, Failure
from tests.support.eventually import eventually

MODULES = pytest.mark.parametrize("module", [adapters.bpf.inside, adapters.ethtool.inside], ids=["bpf", "ethtool"])
OWN = "/proc/self/ns/net"


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@MODULES
def test_the_result_or_the_error_is_the_callers(module: ModuleType) -> None:
    with open(OWN) as own:
        before = _descriptors()
        assert module.inside(own.fileno(), 10.0, "x", lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            module.inside(own.fileno(), 10.0, "x", lambda: 1 // 0)
        assert _descriptors() == before


@MODULES
def test_in_its_own_namespace_the_caller_works_itself(module: ModuleType) -> None:
    with open(OWN) as own:
        assert module.inside(own.fileno(), 10.0, "x", threading.get_ident) == threading.get_ident()


@MODULES
def test_a_kernel_that_hangs_costs_a_thread_and_not_the_caller(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@MODULES
def test_what_is_no_namespace_is_not_entered(module: ModuleType) -> None:
    with open("/dev/null") as file, pytest.raises(Failure, match="cannot be entered") as caught:
        module.inside(file.fileno(), 10.0, "x", lambda: 7)
    assert caught.value.code is Code.KERNEL


@MODULES
def test_a_system_without_threads_is_told_and_no_descriptor_lost(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
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
