"""The plugin with the stand-in runtime in several versions, and the stand-in's own rules, which are the real ones'."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.nri import frames, mux
from adapters.nri.connection import Connection, Methods
from adapters.nri.frames import Frame
from adapters.nri.names import PLUGIN_SERVICE, RUNTIME_SERVICE, mask
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.pb import ttrpc_pb2 as ttrpc
from adapters.nri.plugin import Plugin
from adapters.nri.rpc import Call
from adapters.nri.status import Refusal
from adapters.standin.flavours import CONTAINERD_1_7, CONTAINERD_2_1, CONTAINERD_2_3, CRIO_1_36, Flavour
from adapters.standin.runtime import Runtime
from ports.errors import Code, Failure
from ports.inbound import Adjustment, DeviceNode
from ports.plan import PodRef
from tests.support.nri.hooks import POD, Hooks, in_turn, raising
from tests.support.nri.wire import eventually

FLAVOURS = [CONTAINERD_1_7, CONTAINERD_2_1, CONTAINERD_2_3, CRIO_1_36]
NETNS = "/var/run/netns/a"
Run = Callable[..., Runtime]


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: f"{flavour.name}-{flavour.version}")
def test_a_pods_life_looks_the_same_from_every_runtime(
    run: Run, plugin: Plugin, hooks: Hooks, flavour: Flavour
) -> None:
    runtime = run(flavour=flavour)
    assert runtime.wait_for_plugins()
    hooks.adjustment = Adjustment(devices=(DeviceNode(path="/dev/x", type="c", major=1, minor=3),))
    ran = runtime.run_pod_sandbox(POD, NETNS)
    created = runtime.create_container(ran.sandbox, "app", env=("A=b",))
    assert (runtime.stop_pod_sandbox(ran.sandbox), runtime.remove_pod_sandbox(ran.sandbox)) == ("", "")
    assert (ran.error, created.error, created.devices) == ("", "", hooks.adjustment.devices)
    assert created.container.env == ("A=b",)
    assert hooks.calls == ["synchronize", "run", "create", "stop", "remove"]
    assert [sandbox.pod for sandbox in hooks.sandboxes] == [POD] * 4
    assert {sandbox.id for sandbox in hooks.sandboxes} == {ran.sandbox.id}
    assert runtime.dropped == ()


@pytest.mark.parametrize(("flavour", "at_stop"), [(CONTAINERD_1_7, None), (CONTAINERD_2_1, NETNS)])
def test_where_the_namespace_is_told_at_the_end_depends_on_the_runtime(
    run: Run, plugin: Plugin, hooks: Hooks, flavour: Flavour, at_stop: str | None
) -> None:
    runtime = run(flavour=flavour)
    assert runtime.wait_for_plugins()
    ran = runtime.run_pod_sandbox(POD, NETNS)
    runtime.stop_pod_sandbox(ran.sandbox)
    runtime.remove_pod_sandbox(ran.sandbox)
    assert [sandbox.netns for sandbox in hooks.sandboxes] == [NETNS, at_stop, None]


def test_a_pod_of_the_hosts_network_has_no_namespace(run: Run, plugin: Plugin, hooks: Hooks) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    runtime.run_pod_sandbox(POD, None)
    assert [sandbox.netns for sandbox in hooks.sandboxes] == [None]


def test_configure_before_the_answer_to_the_registration_is_served(run: Run, plugin: Plugin) -> None:
    assert run(configure_first=True).wait_for_plugins()


def test_six_thousand_pods_come_in_parts_and_arrive_whole(run: Run, path: Path, hooks: Hooks) -> None:
    runtime = run(sync_limit=100_000)
    pods = [PodRef(namespace="many", name=f"pod-{n}", uid=f"uid-{n}") for n in range(6000)]
    sandboxes = [runtime.run_pod_sandbox(pod, NETNS).sandbox for pod in pods]
    containers = [runtime.create_container(sandbox, "app").container for sandbox in sandboxes[:50]]
    late = Plugin(str(path), "dra.net", hooks)
    late.start()
    try:
        assert runtime.wait_for_plugins()
    finally:
        late.stop()
    assert hooks.lists[-1] == (tuple(sandboxes), tuple(containers))
    assert runtime.dropped == ()


def test_a_refused_container_tells_why_and_may_be_created_later(run: Run, plugin: Plugin, hooks: Hooks) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    refused = raising(Failure(Code.KERNEL, "device eth9", "is busy", "free it"))
    hooks.behaviour["create"] = in_turn(refused, lambda: None)
    ran = runtime.run_pod_sandbox(POD, NETNS)
    first, second = (runtime.create_container(ran.sandbox, "app") for _ in range(2))
    assert first.error == "failed to create container: device eth9: is busy (free it)"
    assert second.error == ""


def test_an_error_of_run_takes_the_sandbox_down_again(run: Run, plugin: Plugin, hooks: Hooks) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    hooks.behaviour["run"] = raising(Failure(Code.INTERNAL, "", "attach failed"))
    assert runtime.run_pod_sandbox(POD, NETNS).error == "NRI RunPodSandbox failed: attach failed"
    assert hooks.calls[1:] == ["run", "stop", "remove"]


def test_an_error_of_stop_is_only_logged(run: Run, plugin: Plugin, hooks: Hooks) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    hooks.behaviour["stop"] = raising(Failure(Code.KERNEL, "", "stuck"))
    ran = runtime.run_pod_sandbox(POD, NETNS)
    assert runtime.stop_pod_sandbox(ran.sandbox) == "stuck"
    assert runtime.remove_pod_sandbox(ran.sandbox) == ""


def test_cdi_devices_give_a_container_its_variables(run: Run, plugin: Plugin, hooks: Hooks, tmp_path: Path) -> None:
    _spec(tmp_path, "one", {"env": ["FILE=1"]}, {"claim-1": ["CLAIM=net1"]})
    runtime = run()
    assert runtime.wait_for_plugins()
    ran = runtime.run_pod_sandbox(POD, NETNS)
    created = runtime.create_container(ran.sandbox, "app", ("A=b",), ["dra.net/attached=claim-1"], tmp_path)
    assert created.container.env == ("A=b", "FILE=1", "CLAIM=net1")
    assert hooks.containers[0].env == ("A=b", "FILE=1", "CLAIM=net1")


def test_a_cdi_device_that_does_not_resolve_refuses_the_container_without_asking_plugins(
    run: Run, plugin: Plugin, hooks: Hooks, tmp_path: Path
) -> None:
    _spec(tmp_path, "one", {}, {"twice": []})
    _spec(tmp_path, "two", {}, {"twice": []})
    (tmp_path / "broken.json").write_text("{")
    runtime = run()
    assert runtime.wait_for_plugins()
    ran = runtime.run_pod_sandbox(POD, NETNS)
    for name in ("dra.net/attached=none", "dra.net/attached=twice"):
        created = runtime.create_container(ran.sandbox, "app", (), [name], tmp_path)
        assert created.error == f"CDI device injection failed: unresolvable CDI devices {name}"
    assert hooks.containers == []


def _spec(root: Path, name: str, edits: dict[str, list[str]], devices: dict[str, list[str]]) -> None:
    listed = [{"name": device, "containerEdits": {"env": env}} for device, env in devices.items()]
    spec = {"cdiVersion": "0.3.0", "kind": "dra.net/attached", "containerEdits": edits, "devices": listed}
    (root / f"{name}.json").write_text(json.dumps(spec))


class Rude:
    """A plugin made by hand, to do what ours never does."""

    def __init__(self, path: Path, methods: dict[str, Callable[[Call], bytes]]) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(path))
        served = {"Configure": _subscribe(0), "Synchronize": lambda call: b""} | methods
        table: Methods = {(PLUGIN_SERVICE, name): method for name, method in served.items()}
        self.connection = Connection(self.sock, serves=1, calls=2, methods=table, label="rude")
        self.connection.start()

    def register(self, name: str = "rude", index: str = "50") -> None:
        payload = nri.RegisterPluginRequest(plugin_name=name, plugin_idx=index).SerializeToString()
        self.connection.call(RUNTIME_SERVICE, "RegisterPlugin", payload, 10)

    def close(self) -> None:
        self.connection.close("test over")
        self.connection.wait(10)


def _subscribe(events: int) -> Callable[[Call], bytes]:
    return lambda call: nri.ConfigureResponse(events=events).SerializeToString()


def _refuse(code: int) -> Callable[[Call], bytes]:
    def method(call: Call) -> bytes:
        raise Refusal(code, "no")

    return method


@pytest.fixture
def rude(path: Path) -> Callable[..., Rude]:
    def make(**methods: Callable[[Call], bytes]) -> Rude:
        return Rude(path, methods)

    return make


def _dropped(runtime: Runtime, why: str) -> bool:
    return eventually(lambda: any(why in text for text in runtime.dropped))


@pytest.mark.parametrize(
    ("flavour", "events", "kept"),
    [
        (CONTAINERD_2_1, 0x07FF, True),
        (CONTAINERD_2_1, 0x3FFF, False),
        (CONTAINERD_2_3, 0x3FFF, True),
        (CONTAINERD_2_3, 0x4000, False),
    ],
)
def test_an_event_bit_the_runtime_does_not_know_closes_the_connection(
    run: Run, rude: Callable[..., Rude], flavour: Flavour, events: int, kept: bool
) -> None:
    runtime = run(flavour=flavour)
    peer = rude(Configure=_subscribe(events))
    peer.register()
    assert runtime.wait_for_plugins() if kept else _dropped(runtime, "invalid plugin events")
    peer.close()


def test_no_events_subscribed_means_every_event(run: Run, rude: Callable[..., Rude]) -> None:
    seen: list[int] = []

    def note(call: Call) -> bytes:
        seen.append(nri.StateChangeEvent.FromString(call.payload).event)
        return b""

    runtime = run()
    peer = rude(StateChange=note, CreateContainer=lambda call: b"", StopContainer=lambda call: b"")
    peer.register()
    assert runtime.wait_for_plugins()
    ran = runtime.run_pod_sandbox(POD, NETNS)
    runtime.create_container(ran.sandbox, "app")
    runtime.remove_pod_sandbox(ran.sandbox)
    peer.close()
    assert seen == [1, 5, 6, 7, 2, 11, 3]


def test_a_plugin_that_answers_unimplemented_gets_state_changes_from_then_on(
    run: Run, rude: Callable[..., Rude]
) -> None:
    asked: list[str] = []

    def note(call: Call) -> bytes:
        asked.append(call.method)
        if call.method == "RunPodSandbox":
            raise Refusal(12, "method RunPodSandbox")
        return b""

    runtime = run(flavour=CONTAINERD_2_3)
    peer = rude(Configure=_subscribe(mask(1, 2)), RunPodSandbox=note, StateChange=note)  # type: ignore[arg-type]
    peer.register()
    assert runtime.wait_for_plugins()
    ran = runtime.run_pod_sandbox(POD, NETNS)
    runtime.stop_pod_sandbox(ran.sandbox)
    peer.close()
    assert (ran.error, asked) == ("", ["RunPodSandbox", "StateChange", "StateChange"])


@pytest.mark.parametrize(("flavour", "method"), [(CONTAINERD_2_3, "RunPodSandbox"), (CONTAINERD_2_1, "StateChange")])
def test_any_other_code_fails_the_pod(run: Run, rude: Callable[..., Rude], flavour: Flavour, method: str) -> None:
    runtime = run(flavour=flavour)
    peer = rude(Configure=_subscribe(mask(nri.RUN_POD_SANDBOX)), **{method: _refuse(2)})
    peer.register()
    assert runtime.wait_for_plugins()
    assert runtime.run_pod_sandbox(POD, NETNS).error == "NRI RunPodSandbox failed: no"
    assert runtime.plugins == ("50-rude",)
    peer.close()


def test_a_silent_plugin_is_dropped_and_the_pod_runs_without_it(run: Run, rude: Callable[..., Rude]) -> None:
    go = threading.Event()

    def hang(call: Call) -> bytes:
        go.wait(60)
        return b""

    runtime = run(request_timeout=1.0)
    peer = rude(StateChange=hang)
    peer.register()
    assert runtime.wait_for_plugins()
    assert runtime.run_pod_sandbox(POD, NETNS).error == ""
    assert "no answer to StateChange within 1 s" in runtime.dropped[0]
    assert peer.connection.wait(10)
    go.set()


def test_a_plugin_that_goes_away_in_a_request_is_dropped_and_the_pod_runs_without_it(
    run: Run, rude: Callable[..., Rude]
) -> None:
    def leave(call: Call) -> bytes:
        peer.connection.close("gone")
        return b""

    runtime = run()
    peer: Rude = rude(StateChange=leave)
    peer.register()
    assert runtime.wait_for_plugins()
    assert runtime.run_pod_sandbox(POD, NETNS).error == ""
    assert "connection lost in StateChange" in runtime.dropped[0]


def test_a_part_of_the_list_that_is_not_answered_with_more_drops_the_plugin(
    run: Run, rude: Callable[..., Rude]
) -> None:
    runtime = run(sync_limit=200)
    for n in range(5):
        runtime.run_pod_sandbox(PodRef(namespace="a", name=f"b{n}", uid=f"c{n}"), NETNS)
    peer = rude()
    peer.register()
    assert _dropped(runtime, "plugin does not handle split sync requests")
    peer.close()


@pytest.mark.parametrize(
    ("flavour", "name", "index", "error"),
    [
        (CONTAINERD_2_1, "", "10", "invalid"),
        (CONTAINERD_2_1, "rude", "1", 'invalid plugin index "1", must be 2 digits'),
        (CONTAINERD_2_3, "a/b", "10", "invalid plugin name"),
    ],
)
def test_a_refused_registration_keeps_an_open_socket_without_events(
    run: Run, rude: Callable[..., Rude], flavour: Flavour, name: str, index: str, error: str
) -> None:
    runtime = run(flavour=flavour)
    peer = rude()
    with pytest.raises(Refusal, match=error):
        peer.register(name, index)
    assert runtime.run_pod_sandbox(POD, NETNS).error == ""
    assert not peer.connection.wait(0.1)
    assert runtime.plugins == ()
    peer.close()


def test_a_silent_connection_keeps_others_waiting_until_it_is_closed(run: Run, path: Path, hooks: Hooks) -> None:
    runtime = run(registration_timeout=1.0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.connect(str(path))
        plugin = Plugin(str(path), "dra.net", hooks)
        plugin.start()
        try:
            assert runtime.wait_for_plugins()
        finally:
            plugin.stop()
    assert "no registration" in runtime.dropped[0]


def test_a_message_in_a_frame_over_4096_bytes_is_never_read(run: Run, path: Path) -> None:
    runtime = run(registration_timeout=1.0)
    payload = nri.RegisterPluginRequest(plugin_name="rude", plugin_idx="50", NRI_version="v" * 5000)
    body = ttrpc.Request(
        service=RUNTIME_SERVICE, method="RegisterPlugin", payload=payload.SerializeToString()
    ).SerializeToString()
    message = frames.encode(Frame(stream=1, kind=frames.REQUEST, payload=body))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(str(path))
        sock.sendall((2).to_bytes(4, "big") + len(message).to_bytes(4, "big") + message)
        assert _dropped(runtime, "no registration")


def test_a_message_of_more_than_4096_bytes_in_two_frames_is_read(run: Run, plugin: Plugin, hooks: Hooks) -> None:
    nodes = tuple(DeviceNode(path=f"/dev/many/{n:04}", type="c", major=1, minor=n) for n in range(1000))
    hooks.adjustment = Adjustment(devices=nodes)
    runtime = run()
    assert runtime.wait_for_plugins()
    ran = runtime.run_pod_sandbox(POD, NETNS)
    created = runtime.create_container(ran.sandbox, "app")
    assert (created.error, created.devices) == ("", nodes)


def test_garbage_costs_a_plugin_its_connection_and_the_runtime_nothing(run: Run, plugin: Plugin, path: Path) -> None:
    runtime = run()
    assert runtime.wait_for_plugins()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(str(path))
        sock.sendall((1).to_bytes(4, "big") + (mux.MAX_FRAME + 1).to_bytes(4, "big"))
        sock.settimeout(10)
        assert sock.recv(1) == b""
    assert runtime.run_pod_sandbox(POD, NETNS).error == ""
    assert runtime.plugins == ("00-dra.net",)
