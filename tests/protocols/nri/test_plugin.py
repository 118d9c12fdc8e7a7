"""The plugin against a runtime by script: the handshake and its traps, and how requests become hooks."""

from __future__ import annotations

import time

import pytest
from google.protobuf.message import Message

from adapters.nri import frames, names
from adapters.nri.frames import Frame
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.pb import ttrpc_pb2 as ttrpc
from adapters.nri.plugin import Plugin
from adapters.nri.rpc import failure
from adapters.nri.status import Refusal, Status
from ports.errors import Code, Failure
from ports.frontends import RuntimeState
from ports.inbound import Adjustment, Container, DeviceNode, PodSandbox
from tests.support.nri.hooks import POD, Hooks, raising
from tests.support.nri.wire import Listener, eventually

NETNS = "/var/run/netns/cni-1"
MESSAGE = nri.PodSandbox(
    id="s1",
    name=POD.name,
    uid=POD.uid,
    namespace=POD.namespace,
    pid=349,
    linux=nri.LinuxPodSandbox(
        namespaces=[nri.LinuxNamespace(type="pid"), nri.LinuxNamespace(type="network", path=NETNS)]
    ),
)
SANDBOX = PodSandbox(id="s1", pod=POD, netns=NETNS, pid=349)
CONTAINER = nri.Container(id="c1", pod_sandbox_id="s1", name="app", env=["A=b"])
POD_EVENTS = [
    (nri.RUN_POD_SANDBOX, "RunPodSandbox", "run"),
    (nri.STOP_POD_SANDBOX, "StopPodSandbox", "stop"),
    (nri.REMOVE_POD_SANDBOX, "RemovePodSandbox", "remove"),
]


def test_it_registers_under_the_drivers_name_to_run_first(listener: Listener, plugin: Plugin) -> None:
    with listener.accept() as wire:
        assert wire.registration() == nri.RegisterPluginRequest(plugin_name="dra.net", plugin_idx="00")


@pytest.mark.parametrize("configure_first", [True, False])
def test_configure_may_come_before_the_answer_to_the_registration(
    listener: Listener, plugin: Plugin, configure_first: bool
) -> None:
    with listener.accept() as wire:
        wire.registration()
        if not configure_first:
            wire.accept_registration()
        answer = wire.call("Configure", nri.ConfigureRequest())
        if configure_first:
            wire.accept_registration()
        wire.call("Synchronize", nri.SynchronizeRequest())
        assert eventually(lambda: plugin.state().connected)
    assert nri.ConfigureResponse.FromString(answer.payload).events == 0b1111


def test_it_is_connected_once_the_whole_list_of_pods_has_come(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    with listener.accept() as wire:
        wire.registration()
        wire.accept_registration()
        wire.call("Configure", nri.ConfigureRequest(runtime_name="containerd", runtime_version="2.1.9"))
        more = wire.call("Synchronize", nri.SynchronizeRequest(pods=[MESSAGE], more=True))
        assert nri.SynchronizeResponse.FromString(more.payload) == nri.SynchronizeResponse(more=True)
        state = plugin.state()
        assert (state.connected, state.runtime, state.version) == (False, "containerd", "2.1.9")
        assert hooks.lists == []
        running = nri.Container(id="c2", pod_sandbox_id="s1", name="web", state=nri.CONTAINER_RUNNING)
        last = wire.call("Synchronize", nri.SynchronizeRequest(containers=[CONTAINER, running]))
        assert last == ttrpc.Response()
        assert plugin.state() == RuntimeState(
            connected=True, runtime="containerd", version="2.1.9", request_timeout=2.0
        )
    first = Container(id="c1", sandbox_id="s1", name="app", env=("A=b",))
    second = Container(id="c2", sandbox_id="s1", name="web", running=True)
    assert hooks.lists == [((SANDBOX,), (first, second))]


@pytest.mark.parametrize(("told", "assumed"), [(0, 2.0), (-5, 2.0), (750, 0.75), (5000, 5.0)])
def test_the_runtimes_limit_is_taken_from_configure_or_assumed(
    listener: Listener, plugin: Plugin, told: int, assumed: float
) -> None:
    with listener.accept() as wire:
        wire.connect(request_timeout_ms=told)
        assert plugin.state().request_timeout == assumed


@pytest.mark.parametrize(("configured_ms", "budget"), [(2000, 60.0), (60_000, 2.0)])
def test_a_hooks_deadline_is_before_the_nearer_of_the_two_limits(
    listener: Listener, plugin: Plugin, hooks: Hooks, configured_ms: int, budget: float
) -> None:
    with listener.accept() as wire:
        wire.connect(configured_ms)
        before = time.monotonic()
        wire.answer(wire.ask("RunPodSandbox", nri.PodRequest(pod=MESSAGE), timeout=budget))
        assert before < hooks.deadlines[0] < time.monotonic() + 2.0


@pytest.mark.parametrize(("event", "method", "hook"), POD_EVENTS)
def test_pod_events_come_in_two_forms_and_mean_the_same(
    listener: Listener, plugin: Plugin, hooks: Hooks, event: nri.Event, method: str, hook: str
) -> None:
    with listener.accept() as wire:
        wire.connect()
        assert wire.call("StateChange", nri.StateChangeEvent(event=event, pod=MESSAGE)) == ttrpc.Response()
        assert wire.call(method, nri.PodRequest(pod=MESSAGE)) == ttrpc.Response()
    assert hooks.calls[1:] == [hook, hook]
    assert hooks.sandboxes == [SANDBOX, SANDBOX]


@pytest.mark.parametrize("number", [0, 5, 11, 13, 99])
def test_an_event_of_no_concern_is_answered_ok(listener: Listener, plugin: Plugin, hooks: Hooks, number: int) -> None:
    with listener.accept() as wire:
        wire.connect()
        change = nri.StateChangeEvent(event=number, pod=MESSAGE)  # type: ignore[arg-type]
        assert wire.call("StateChange", change) == ttrpc.Response()
    assert hooks.calls == ["synchronize"]


@pytest.mark.parametrize(
    ("service", "method", "text"),
    [
        (names.PLUGIN_SERVICE, "PostStartContainer", "method PostStartContainer"),
        (names.PLUGIN_SERVICE, "ADayInTheLife", "method ADayInTheLife"),
        (names.RUNTIME_SERVICE, "Configure", f"service {names.RUNTIME_SERVICE}"),
        ("", "", "service "),
    ],
)
def test_an_unknown_method_is_unimplemented_and_nothing_else(
    listener: Listener, plugin: Plugin, service: str, method: str, text: str
) -> None:
    with listener.accept() as wire:
        wire.connect()
        status = wire.call(method, nri.Empty(), service).status
        assert (status.code, status.message) == (Status.UNIMPLEMENTED, text.strip())


@pytest.mark.parametrize(
    "method", ["UpdateContainer", "StopContainer", "UpdatePodSandbox", "ValidateContainerAdjustment", "Shutdown"]
)
def test_requests_without_another_form_are_answered_with_nothing(
    listener: Listener, plugin: Plugin, method: str
) -> None:
    with listener.accept() as wire:
        wire.connect()
        assert wire.call(method, nri.ContainerRequest(pod=MESSAGE, container=CONTAINER)) == ttrpc.Response()


def test_a_container_gets_its_device_nodes(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    hooks.adjustment = Adjustment(devices=(DeviceNode(path="/dev/rdma0", type="c", major=231, minor=192),))
    with listener.accept() as wire:
        wire.connect()
        answer = wire.call("CreateContainer", nri.CreateContainerRequest(pod=MESSAGE, container=CONTAINER))
    adjust = nri.CreateContainerResponse.FromString(answer.payload).adjust
    assert list(adjust.linux.devices) == [nri.LinuxDevice(path="/dev/rdma0", type="c", major=231, minor=192)]
    assert hooks.containers == [Container(id="c1", sandbox_id="s1", name="app", env=("A=b",))]
    assert hooks.sandboxes == [SANDBOX]


def test_a_container_may_lock_memory_and_a_node_keeps_its_mode(
    listener: Listener, plugin: Plugin, hooks: Hooks
) -> None:
    node = DeviceNode(path="/dev/infiniband/umad0", type="c", major=231, minor=0, mode=0o600)
    hooks.adjustment = Adjustment(devices=(node,), locked_memory=True)
    with listener.accept() as wire:
        wire.connect()
        answer = wire.call("CreateContainer", nri.CreateContainerRequest(pod=MESSAGE, container=CONTAINER))
    adjust = nri.CreateContainerResponse.FromString(answer.payload).adjust
    unlimited = 2**64 - 1
    assert list(adjust.rlimits) == [nri.POSIXRlimit(type="RLIMIT_MEMLOCK", hard=unlimited, soft=unlimited)]
    assert adjust.linux.devices[0].file_mode.value == 0o600


def test_a_containers_cgroup_gets_its_files(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    hooks.adjustment = Adjustment(unified={"rdma.max": "mlx5_0 hca_handle=2\nmlx5_1 hca_handle=2"})
    with listener.accept() as wire:
        wire.connect()
        answer = wire.call("CreateContainer", nri.CreateContainerRequest(pod=MESSAGE, container=CONTAINER))
    entry = _field(1, b"rdma.max") + _field(2, b"mlx5_0 hca_handle=2\nmlx5_1 hca_handle=2")
    assert answer.payload == _field(1, _field(6, _field(2, _field(6, entry))))  # adjust.linux.resources.unified


def _field(number: int, content: bytes) -> bytes:
    """A field of protobuf's wire form, whose content is below 128 bytes."""
    return bytes((number << 3 | 2, len(content))) + content


def test_a_container_that_needs_nothing_is_answered_with_an_empty_frame(listener: Listener, plugin: Plugin) -> None:
    with listener.accept() as wire:
        wire.connect()
        stream = wire.ask("CreateContainer", nri.CreateContainerRequest(pod=MESSAGE, container=CONTAINER))
        assert wire.receive() == (1, Frame(stream=stream, kind=frames.RESPONSE))


@pytest.mark.parametrize(
    ("method", "hook", "message"),
    [
        ("RunPodSandbox", "run", nri.PodRequest(pod=MESSAGE)),
        ("StateChange", "stop", nri.StateChangeEvent(event=nri.STOP_POD_SANDBOX, pod=MESSAGE)),
        ("CreateContainer", "create", nri.CreateContainerRequest(pod=MESSAGE, container=CONTAINER)),
    ],
)
def test_a_refusal_reaches_the_runtime_as_one_line_without_payload(
    listener: Listener, plugin: Plugin, hooks: Hooks, method: str, hook: str, message: Message
) -> None:
    failed = Failure(Code.KERNEL, "pod shop/till", "eth9:\nno such device" + "!" * 5000, "plug it in")
    hooks.behaviour[hook] = raising(failed)
    with listener.accept() as wire:
        wire.connect()
        answer = wire.call(method, message)
    assert answer.status.code == Status.INTERNAL
    assert answer.status.message.startswith("pod shop/till: eth9: no such device!!!")
    assert len(answer.status.message) <= 1024
    assert answer.payload == b""


def test_a_defect_in_a_pods_hook_does_not_fail_the_sandbox(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    hooks.behaviour["run"] = raising(ZeroDivisionError())
    with listener.accept() as wire:
        wire.connect()
        assert wire.call("RunPodSandbox", nri.PodRequest(pod=MESSAGE)) == ttrpc.Response()


def test_a_defect_in_the_gate_refuses_the_container(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    hooks.behaviour["create"] = raising(ZeroDivisionError("by zero"))
    with listener.accept() as wire:
        wire.connect()
        answer = wire.call("CreateContainer", nri.CreateContainerRequest(pod=MESSAGE, container=CONTAINER))
        assert (answer.status.code, answer.payload) == (Status.INTERNAL, b"")
        assert "by zero" in answer.status.message


@pytest.mark.parametrize("method", ["Configure", "Synchronize", "StateChange", "RunPodSandbox", "CreateContainer"])
def test_an_argument_that_cannot_be_decoded_is_invalid(listener: Listener, plugin: Plugin, method: str) -> None:
    with listener.accept() as wire:
        wire.connect()
        body = ttrpc.Request(service=names.PLUGIN_SERVICE, method=method, payload=b"\xff\xff\xff")
        wire.send(1, Frame(stream=5, kind=frames.REQUEST, payload=body.SerializeToString()))
        assert wire.answer(5).status.code == Status.INVALID_ARGUMENT
        assert wire.ask("Shutdown", nri.Empty()) == 5  # the script's own count
        assert wire.answer(5).status.code == Status.INVALID_ARGUMENT


def test_frames_of_unknown_channels_and_kinds_are_dropped(listener: Listener, plugin: Plugin) -> None:
    with listener.accept() as wire:
        wire.connect()
        wire.send(0, Frame(stream=5, kind=frames.REQUEST))
        wire.send(77, Frame(stream=5, kind=frames.REQUEST))
        wire.send(1, Frame(stream=5, kind=44))
        wire.send(2, Frame(stream=1001, kind=frames.RESPONSE))
        assert wire.call("Shutdown", nri.Empty()) == ttrpc.Response()


def test_a_refused_registration_is_given_up_and_tried_again(listener: Listener, plugin: Plugin) -> None:
    with listener.accept() as wire:
        wire.registration()
        wire.send(2, failure(1, Refusal(2, "invalid plugin index")))
        with pytest.raises(EOFError):  # the runtime would have kept it open, without events
            wire.receive()
        assert eventually(lambda: "not registered: invalid plugin index" in plugin.state().detail)
    with listener.accept() as wire:
        wire.connect()
        assert plugin.state().connected


def test_a_list_that_was_not_taken_is_asked_for_again(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    hooks.behaviour["synchronize"] = raising(Failure(Code.UNAVAILABLE, "dataplane", "is away"))
    with listener.accept() as wire:
        wire.registration()
        wire.accept_registration()
        wire.call("Configure", nri.ConfigureRequest())
        answer = wire.call("Synchronize", nri.SynchronizeRequest())
        assert answer.status.code == Status.UNAVAILABLE
        assert not plugin.state().connected
        with pytest.raises(EOFError):  # an old runtime would have kept it open, without events
            wire.receive()
    hooks.behaviour.clear()
    with listener.accept() as wire:
        wire.connect()
        assert plugin.state().connected


def test_a_sandbox_that_ended_is_listed_without_its_namespace(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    ended = nri.PodSandbox()
    ended.CopyFrom(MESSAGE)
    ended.pid = 0
    with listener.accept() as wire:
        wire.registration()
        wire.accept_registration()
        wire.call("Configure", nri.ConfigureRequest(runtime_name="containerd"))
        wire.call("Synchronize", nri.SynchronizeRequest(pods=[ended]))
        wire.call("StopPodSandbox", nri.PodRequest(pod=ended))
    assert hooks.lists[0][0] == (PodSandbox(id="s1", pod=POD, netns=None),)
    assert hooks.sandboxes == [PodSandbox(id="s1", pod=POD, netns=NETNS)]


def test_a_runtime_without_pause_processes_keeps_its_namespaces_in_the_list(
    listener: Listener, plugin: Plugin, hooks: Hooks
) -> None:
    live = nri.PodSandbox()
    live.CopyFrom(MESSAGE)
    live.pid = 0
    with listener.accept() as wire:
        wire.registration()
        wire.accept_registration()
        wire.call("Configure", nri.ConfigureRequest(runtime_name="cri-o"))
        wire.call("Synchronize", nri.SynchronizeRequest(pods=[live]))
    assert hooks.lists[0][0] == (PodSandbox(id="s1", pod=POD, netns=NETNS),)


def test_requests_are_served_side_by_side(listener: Listener, plugin: Plugin, hooks: Hooks) -> None:
    with listener.accept() as wire:
        wire.connect()
        streams = [wire.ask("RunPodSandbox", nri.PodRequest(pod=MESSAGE)) for _ in range(20)]
        assert sorted(wire.receive()[1].stream for _ in streams) == streams
    assert hooks.calls.count("run") == 20


@pytest.mark.parametrize(("name", "index"), [("", "00"), ("dra.net", "1"), ("dra.net", "100"), ("dra.net", "0x")])
def test_a_name_or_index_that_no_runtime_takes_is_refused_at_once(name: str, index: str) -> None:
    with pytest.raises(Failure) as caught:
        Plugin("/nowhere", name, Hooks(), index)
    assert caught.value.code == Code.INVALID


def test_a_name_is_written_in_the_characters_that_nri_allows() -> None:
    assert names.plugin_name("dra.net") == "dra.net"
    assert names.plugin_name("example.com/net ü") == "example.com-net--"
