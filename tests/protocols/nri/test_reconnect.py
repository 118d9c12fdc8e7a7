"""The connection is made again for ever, and neither garbage nor restarts leave anything behind."""

from __future__ import annotations

import os
import random
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.nri import connection, session
from adapters.nri.mux import MAX_FRAME
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.plugin import Plugin
from adapters.nri.status import Status
from adapters.standin.runtime import Runtime
from ports.inbound import Adjustment, DeviceNode
from tests.support.nri.hooks import POD, Hooks, Stuck, names
from tests.support.nri.wire import Listener, eventually


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_nothing_is_dialled_before_start_and_nothing_after_stop(listener: Listener, path: Path) -> None:
    plugin = Plugin(str(path), "dra.net", Hooks())
    assert plugin.state().detail == "not started"
    plugin.start()
    with listener.accept() as wire:
        wire.connect()
        plugin.stop()
        with pytest.raises(EOFError):
            wire.receive()
    assert plugin.state().detail == "stopped"
    assert not any(thread.name.startswith("knd-nri") for thread in threading.enumerate())


def test_a_plugin_that_was_never_started_can_be_stopped() -> None:
    Plugin("/nowhere", "dra.net", Hooks()).stop()


def test_it_stops_while_it_waits_for_a_runtime_that_is_not_there(plugin: Plugin, path: Path) -> None:
    assert eventually(lambda: plugin.state().detail == f"cannot connect to {path}: No such file or directory")
    plugin.stop()
    assert not any(thread.name == "knd-nri" for thread in threading.enumerate())


def test_a_socket_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    plugin = Plugin(str(tmp_path / ("x" * 120)), "dra.net", Hooks())
    plugin.start()
    told = eventually(lambda: "AF_UNIX path too long" in plugin.state().detail)
    plugin.stop()
    assert told


def test_it_waits_for_a_runtime_that_comes_later(run: Callable[..., Runtime], plugin: Plugin) -> None:
    assert eventually(lambda: "cannot connect" in plugin.state().detail)
    assert run().wait_for_plugins()
    assert eventually(lambda: plugin.state().connected)


def test_after_a_restart_of_the_runtime_it_registers_again_and_gets_the_list_of_pods(
    run: Callable[..., Runtime], plugin: Plugin, hooks: Hooks
) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    ran = runtime.run_pod_sandbox(POD, "/var/run/netns/a")
    created = runtime.create_container(ran.sandbox, "app", env=("A=b",))
    runtime.restart()
    assert runtime.wait_for_plugins()
    assert hooks.lists == [((), ()), ((ran.sandbox,), (created.container,))]
    assert runtime.stop_pod_sandbox(ran.sandbox) == ""
    assert "stop" not in hooks.calls  # as with containerd: no stop comes for pods from before its restart


def test_a_dead_runtime_is_seen_while_its_socket_file_is_still_there(
    run: Callable[..., Runtime], plugin: Plugin, hooks: Hooks
) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    runtime.restart(away=1.0)
    assert runtime.wait_for_plugins()
    assert len(hooks.lists) == 2


def test_a_runtime_that_sends_no_list_is_left_and_dialled_again(
    listener: Listener, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "HANDSHAKE_LIMIT", 1.0)
    with listener.accept() as wire:
        wire.registration()
        wire.accept_registration()
        wire.call("Configure", nri.ConfigureRequest())
        with pytest.raises(EOFError):
            wire.receive()
    assert eventually(lambda: "sent no list of pods within 1 s" in plugin.state().detail)
    monkeypatch.undo()
    with listener.accept() as wire:
        wire.connect()


def test_a_runtime_that_reads_nothing_is_given_up(
    listener: Listener, plugin: Plugin, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = DeviceNode(path="/dev/" + "x" * 60_000, type="c", major=1, minor=3)
    hooks.adjustment = Adjustment(devices=(node,) * 60)
    monkeypatch.setattr(connection, "SEND_LIMIT", 0.5)
    with listener.accept() as wire:
        wire.connect()
        wire.ask("CreateContainer", nri.CreateContainerRequest())
        assert eventually(lambda: "cannot send" in plugin.state().detail)
    with listener.accept() as wire:
        wire.connect()


def test_an_answer_that_no_runtime_would_take_becomes_an_error(
    listener: Listener, plugin: Plugin, hooks: Hooks
) -> None:
    node = DeviceNode(path="/dev/" + "x" * 60_000, type="c", major=1, minor=3)
    hooks.adjustment = Adjustment(devices=(node,) * 80)
    with listener.accept() as wire:
        wire.connect()
        answer = wire.call("CreateContainer", nri.CreateContainerRequest())
        assert answer.status.code == Status.RESOURCE_EXHAUSTED


GARBAGE = {
    "an impossible length": struct.pack(">II", 1, MAX_FRAME + 1),
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "noise": random.Random(7).randbytes(100_000),
    "a message that ends in the middle": struct.pack(">II", 1, 100) + bytes(50),
    "nothing at all": b"",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_costs_one_connection_and_no_more(listener: Listener, plugin: Plugin, garbage: bytes) -> None:
    with listener.accept() as wire:
        wire.registration()
        with suppress(BrokenPipeError, ConnectionResetError):  # hung up on before all of it was sent
            wire.sock.sendall(garbage)
    with listener.accept() as wire:
        wire.connect()
        assert plugin.state().connected


def test_garbage_is_told_as_such(listener: Listener, plugin: Plugin) -> None:
    with listener.accept() as wire:
        wire.connect()
        wire.sock.sendall(GARBAGE["an impossible length"])
        assert eventually(lambda: "multiplexer frame of 4194315 bytes" in plugin.state().detail)
        assert not plugin.state().connected


def test_a_hundred_requests_and_several_connections_leave_no_thread_and_no_descriptor(
    listener: Listener, path: Path, hooks: Hooks
) -> None:
    threads, descriptors = threading.active_count(), _descriptors()
    plugin = Plugin(str(path), "dra.net", hooks)
    plugin.start()
    for _ in range(4):
        with listener.accept() as wire:
            wire.connect()
            for _ in range(25):
                wire.call("RunPodSandbox", nri.PodRequest())
            wire.sock.sendall(GARBAGE["an impossible length"])
            with pytest.raises(EOFError):
                wire.receive()
    plugin.stop()
    assert eventually(lambda: (threading.active_count(), _descriptors()) == (threads, descriptors))


def test_an_answer_for_a_connection_that_is_gone_goes_nowhere(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    stuck = Stuck()
    hooks.behaviour["run"] = stuck
    with listener.accept() as wire:
        wire.connect()
        wire.ask("RunPodSandbox", nri.PodRequest())
        assert stuck.entered.acquire(timeout=10)
    with listener.accept() as wire:
        wire.connect()
        stuck.go.set()
        stream = wire.ask("Shutdown", nri.Empty())
        assert wire.receive()[1].stream == stream


def test_a_second_plugin_of_the_same_name_is_served_too(
    run: Callable[..., Runtime], plugin: Plugin, hooks: Hooks, path: Path
) -> None:
    runtime, others = run(), Hooks()
    second = Plugin(str(path), "dra.net", others)
    second.start()
    try:
        assert runtime.wait_for_plugins(2)
        runtime.run_pod_sandbox(POD, "/var/run/netns/a")
    finally:
        second.stop()
    assert names(hooks.sandboxes) == names(others.sandboxes) == [POD.name]
