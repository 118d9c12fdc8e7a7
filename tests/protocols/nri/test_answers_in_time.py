"""Whatever a hook does, the runtime gets its answer within its limit: silence would run the pod without its devices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from adapters.nri.guard import Guard, Overrun, answer_by, hook_deadline
from adapters.nri.plugin import Plugin
from adapters.standin.flavours import CONTAINERD_2_1, CONTAINERD_2_3, Flavour
from adapters.standin.runtime import Runtime
from ports.errors import Code, Failure
from tests.support.nri.hooks import POD, Hooks, Stuck, raising
from tests.support.nri.wire import eventually


@pytest.fixture
def stuck() -> Stuck:
    return Stuck()


@pytest.mark.parametrize("flavour", [CONTAINERD_2_1, CONTAINERD_2_3])
def test_pod_hooks_that_hang_are_answered_and_the_plugin_stays(
    run: Callable[..., Runtime], plugin: Plugin, hooks: Hooks, stuck: Stuck, flavour: Flavour
) -> None:
    runtime = run(flavour=flavour)
    assert runtime.wait_for_plugins()
    hooks.behaviour.update(run=stuck, stop=stuck, remove=stuck)
    ran = runtime.run_pod_sandbox(POD, "/var/run/netns/a")
    errors = (ran.error, runtime.stop_pod_sandbox(ran.sandbox), runtime.remove_pod_sandbox(ran.sandbox))
    stuck.go.set()
    assert errors == ("", "", "")
    assert hooks.calls == ["synchronize", "run", "stop", "remove"]
    assert runtime.plugins == ("00-dra.net",)
    assert runtime.dropped == ()


def test_a_gate_that_hangs_refuses_the_container_and_the_plugin_stays(
    run: Callable[..., Runtime], plugin: Plugin, hooks: Hooks, stuck: Stuck
) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    hooks.behaviour["create"] = stuck
    ran = runtime.run_pod_sandbox(POD, "/var/run/netns/a")
    created = runtime.create_container(ran.sandbox, "app")
    stuck.go.set()
    assert "pod shop/till: container app is refused for now" in created.error
    assert runtime.plugins == ("00-dra.net",)


def test_a_list_that_takes_long_does_not_keep_the_plugin_out(
    run: Callable[..., Runtime], plugin: Plugin, hooks: Hooks, stuck: Stuck
) -> None:
    hooks.behaviour["synchronize"] = stuck
    runtime = run()
    connected = runtime.wait_for_plugins()
    stuck.go.set()
    assert connected
    assert runtime.dropped == ()


def test_a_hanging_hook_holds_up_no_other(
    run: Callable[..., Runtime], plugin: Plugin, hooks: Hooks, stuck: Stuck
) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    hooks.behaviour["run"] = stuck
    ran = runtime.run_pod_sandbox(POD, "/var/run/netns/a")
    created = runtime.create_container(ran.sandbox, "app")
    stuck.go.set()
    assert created.error == ""


def test_a_hook_has_time_to_fail_by_itself_before_it_is_given_up() -> None:
    for limit in (0.2, 1.0, 2.0, 30.0):
        assert 100.0 < hook_deadline(100.0, limit) < answer_by(100.0, limit) < 100.0 + limit


def test_the_guard_hands_over_what_the_hook_returns_or_raises() -> None:
    guard, later = Guard(), time.monotonic() + 60
    assert guard.run("hook", lambda: "result", later) == "result"
    with pytest.raises(Failure, match="no"):
        guard.run("hook", raising(Failure(Code.REFUSED, "", "no")), later)
    with pytest.raises(TimeoutError, match="its own"):
        guard.run("hook", raising(TimeoutError("its own")), later)


def test_hooks_left_behind_are_bounded_and_their_places_come_back(stuck: Stuck) -> None:
    guard = Guard(most=2)
    for _ in range(2):
        with pytest.raises(Overrun, match="not ended in time"):
            guard.run("hook", stuck, time.monotonic())
    with pytest.raises(Overrun, match="2 earlier calls have not ended"):
        guard.run("hook", stuck, time.monotonic() + 60)
    stuck.go.set()

    def free() -> bool:
        try:
            return guard.run("hook", lambda: True, time.monotonic() + 60)
        except Overrun:
            return False

    assert eventually(free)


def test_what_a_hook_returns_too_late_is_dropped(stuck: Stuck, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Overrun):
        Guard().run("RunPodSandbox", stuck, time.monotonic())
    stuck.go.set()
    assert eventually(lambda: "its result is dropped" in caplog.text)


def _fail() -> None:
    raise RuntimeError("can't start new thread")


def test_a_system_without_threads_is_an_overrun_and_leaves_the_place_free(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard(most=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda thread: _fail())
        with pytest.raises(Overrun, match="can't start new thread"):
            guard.run("hook", lambda: True, time.monotonic() + 60)
    assert guard.run("hook", lambda: True, time.monotonic() + 60)
