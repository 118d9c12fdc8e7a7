"""The recorded streams again: a real containerd's bytes to our plugin, and a real plugin's bytes to our stand-in."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.nri import frames, mux
from adapters.nri.frames import Frame
from adapters.nri.names import PLUGIN_SERVICE
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.pb import ttrpc_pb2 as ttrpc
from adapters.nri.plugin import Plugin
from adapters.standin.flavours import CONTAINERD_2_1
from adapters.standin.runtime import Runtime
from ports.errors import Code, Failure
from ports.inbound import Adjustment, DeviceNode
from ports.plan import PodRef
from tests.support.nri.hooks import POD, Hooks, raising
from tests.support.nri.recordings import SCENARIOS, messages, stream, told
from tests.support.nri.wire import PATIENCE, Listener, Wire, eventually

HANDSHAKES = [name for name in SCENARIOS if name[:3] not in ("13a", "13b")]
OUR_EVENTS = {"RUN_POD_SANDBOX", "STOP_POD_SANDBOX", "REMOVE_POD_SANDBOX"}
Answers = dict[int, ttrpc.Response]


def _answers(scenario: str) -> Answers:
    """What the recorded plugin answered, by stream."""
    frames_of_ours = messages(stream(scenario, "p2r"))
    return {
        frame.stream: ttrpc.Response.FromString(frame.payload)
        for channel, frame, _ in frames_of_ours
        if channel == 1 and frame.kind == frames.RESPONSE
    }


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(("direction", "sender"), [("r2p", "runtime"), ("p2r", "plugin")])
def test_recorded_bytes_decode_to_what_an_independent_decoder_saw(scenario: str, direction: str, sender: str) -> None:
    expected = [message for message in told(scenario) if message["from"] == sender]
    decoded = list(messages(stream(scenario, direction)))
    assert [(channel, frame.stream, frame.kind, lengths) for channel, frame, lengths in decoded] == [
        (message["channel"], message["stream"], message["kind"], message["frames"]) for message in expected
    ]
    for (_, frame, _), message in zip(decoded, expected, strict=True):
        if frame.kind == frames.REQUEST:
            request = ttrpc.Request.FromString(frame.payload)
            assert (request.method, request.timeout_nano) == (message["method"], message["timeout_nano"])
        else:
            assert ttrpc.Response.FromString(frame.payload).status.code == message.get("status", 0)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_our_encoder_makes_the_very_frames_that_were_recorded(scenario: str) -> None:
    for direction in ("r2p", "p2r"):
        for channel, frame, lengths in messages(stream(scenario, direction)):
            pieces = mux.Demultiplexer().feed(mux.split(channel, frames.encode(frame)))
            assert [len(piece.payload) for piece in pieces] == lengths


@pytest.mark.parametrize("scenario", HANDSHAKES)
def test_our_plugin_answers_a_recorded_runtime_as_the_recorded_plugin_did(
    scenario: str, listener: Listener, plugin: Plugin, hooks: Hooks
) -> None:
    recorded, dice = _answers(scenario), random.Random(scenario)
    with listener.accept() as wire:
        wire.registration()
        for channel, frame, _ in messages(stream(scenario, "r2p")):
            as_recorded = recorded.get(frame.stream)
            _behave(hooks, as_recorded)
            _send_in_pieces(wire, mux.split(channel, frames.encode(frame)), dice)
            if frame.kind == frames.REQUEST:
                request = ttrpc.Request.FromString(frame.payload)
                ours = wire.answer(frame.stream)
                if as_recorded is not None:
                    _compare(request, ours, as_recorded)
    assert [_seen(sandbox.pod, sandbox.netns, sandbox.pid) for sandbox in hooks.sandboxes] == [
        (message["pod"], message["uid"], message["netns"], message["pid"])
        for message in told(scenario)
        if message.get("event") in OUR_EVENTS or (message["method"] == "CreateContainer" and message["kind"] == 1)
    ]
    listed = [message for message in told(scenario) if message["method"] == "Synchronize" and message["kind"] == 1]
    if listed and not listed[-1]["more"]:
        ((sandboxes, containers),) = hooks.lists
        assert len(sandboxes) == sum(message["pods"] for message in listed)
        assert len(containers) == sum(message["containers"] for message in listed)


def _seen(pod: PodRef, netns: str | None, pid: int) -> tuple[str, str, str | None, int]:
    return f"{pod.namespace}/{pod.name}", pod.uid, netns, pid


def _behave(hooks: Hooks, recorded: ttrpc.Response | None) -> None:
    """Let our hooks refuse what the recorded plugin refused, and give the devices that it gave."""
    refuse = raising(Failure(Code.KERNEL, "", "as recorded"))
    failed = recorded is not None and recorded.status.code
    hooks.behaviour = dict.fromkeys(("run", "create", "stop", "remove"), refuse) if failed else {}
    hooks.adjustment = Adjustment(devices=_devices(recorded) if recorded is not None else ())


def _devices(answer: ttrpc.Response) -> tuple[DeviceNode, ...]:
    with contextlib.suppress(Exception):  # the answer to another method
        adjust = nri.CreateContainerResponse.FromString(answer.payload).adjust
        return tuple(
            DeviceNode(path=node.path, type=node.type, major=node.major, minor=node.minor)
            for node in adjust.linux.devices
        )
    return ()


def _compare(request: ttrpc.Request, ours: ttrpc.Response, recorded: ttrpc.Response) -> None:
    refusable = request.method in ("CreateContainer", "StateChange")
    assert bool(ours.status.code) == bool(refusable and recorded.status.code)
    if request.method == "Synchronize":
        more = nri.SynchronizeRequest.FromString(request.payload).more
        assert nri.SynchronizeResponse.FromString(ours.payload) == nri.SynchronizeResponse(more=more)
    if request.method == "CreateContainer":
        assert _devices(ours) == _devices(recorded)
    if request.method == "Configure":
        assert nri.ConfigureResponse.FromString(ours.payload) == nri.ConfigureResponse(events=0xF)


def _send_in_pieces(wire: Wire, data: bytes, dice: random.Random) -> None:
    at = 0
    while at < len(data):
        size = dice.choice((1, 7, 100, 4096, 1 << 16, 1 << 20))
        wire.sock.sendall(data[at : at + size])
        at += size


@pytest.mark.parametrize("scenario", ["13a-register-bad-index", "13b-register-empty-name"])
def test_our_plugin_leaves_when_a_recorded_runtime_refuses_it(
    scenario: str, listener: Listener, plugin: Plugin
) -> None:
    with listener.accept() as wire:
        wire.registration()
        wire.sock.sendall(stream(scenario, "r2p"))
        with pytest.raises(EOFError):
            wire.receive()
    assert eventually(lambda: plugin.state().detail.startswith("not registered: invalid"))


class Recorded:
    """A plugin that sends the recorded bytes: its registration as it is, each answer on the stream of our request."""

    def __init__(self, scenario: str, wire: Wire) -> None:
        self._wire = wire
        asked = {message["stream"]: message for message in told(scenario) if message["kind"] == 1}
        self.left: dict[str, list[ttrpc.Response]] = {}
        for answered, response in sorted(_answers(scenario).items()):
            self.left.setdefault(_about(asked[answered]), []).append(response)
        self._registration = stream(scenario, "p2r")[: told(scenario)[0]["frames"][0] + 8]

    def play(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            self._wire.sock.sendall(self._registration)
            while True:
                channel, frame = self._wire.receive()
                if channel == 1:
                    self._answer(frame)

    def _answer(self, frame: Frame) -> None:
        request = ttrpc.Request.FromString(frame.payload)
        assert request.service == PLUGIN_SERVICE
        change = nri.StateChangeEvent.FromString(request.payload) if request.method == "StateChange" else None
        about = f"StateChange {nri.Event.Name(change.event)}" if change else request.method
        left = self.left.get(about, [])
        if left or about not in ("Configure", "Synchronize"):
            body = left.pop(0).SerializeToString() if left else b""
            self._wire.send(1, Frame(stream=frame.stream, kind=frames.RESPONSE, payload=body))


def _about(message: dict[str, Any]) -> str:
    return f"StateChange {message['event']}" if message["method"] == "StateChange" else str(message["method"])


@contextmanager
def _recorded_plugin(scenario: str, path: Path) -> Iterator[Recorded]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(str(path))
        recorded = Recorded(scenario, Wire(sock))
        player = threading.Thread(target=recorded.play)
        player.start()
        try:
            yield recorded
        finally:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            player.join(PATIENCE)


Run = Callable[..., Runtime]


@pytest.mark.parametrize(
    ("scenario", "refused"),
    [
        ("04-pod-lifecycle", {}),
        ("03-all-events-mask-zero", {}),
        ("06-run-pod-sandbox-error", {"run"}),
        ("10-create-container-error", {"create"}),
        ("11-stop-pod-sandbox-error", {"stop"}),
        ("12-state-change-unimplemented", {"run"}),
    ],
)
def test_the_stand_in_reacts_to_a_recorded_plugin_as_containerd_did(
    run: Run, path: Path, scenario: str, refused: set[str]
) -> None:
    runtime = run(flavour=CONTAINERD_2_1)
    texts = {response.status.message for response in _answers(scenario).values()} - {""}
    with _recorded_plugin(scenario, path):
        assert runtime.wait_for_plugins()
        assert runtime.plugins == ("10-rec",)
        ran = runtime.run_pod_sandbox(POD, "/var/run/netns/a")
        errors = {"run": ran.error}
        if not ran.error:
            errors["create"] = runtime.create_container(ran.sandbox, "app").error
            errors["stop"] = runtime.stop_pod_sandbox(ran.sandbox)
        assert runtime.plugins == ("10-rec",)  # an error costs no connection
    assert {name for name, error in errors.items() if error} == set(refused)
    assert all(any(text in error for text in texts) for error in errors.values() if error)


def test_the_stand_in_applies_what_a_recorded_plugin_adjusts(run: Run, path: Path) -> None:
    runtime = run(flavour=CONTAINERD_2_1)
    with _recorded_plugin("09-create-container-adjust", path):
        assert runtime.wait_for_plugins()
        ran = runtime.run_pod_sandbox(POD, "/var/run/netns/a")
        plain, created = (runtime.create_container(ran.sandbox, name) for name in ("first", "second"))
    assert (plain.devices, plain.container.env) == ((), ())
    assert created.devices == (DeviceNode(path="/dev/recnull", type="c", major=1, minor=3),)
    assert created.container.env == ("REC_ENV=yes",)


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("02-invalid-event-mask", "invalid plugin events"),
        ("13d-configure-sleep-6s", "no answer to Configure"),
        ("16-synchronize-split-more-not-echoed", "does not handle split sync requests"),
    ],
)
def test_the_stand_in_drops_a_recorded_plugin_that_containerd_dropped(
    run: Run, path: Path, scenario: str, reason: str
) -> None:
    runtime = run(flavour=CONTAINERD_2_1, sync_limit=250, request_timeout=1.0)
    for n in range(2):
        runtime.run_pod_sandbox(PodRef(namespace="a", name=f"b{n}", uid=f"c{n}"), "/var/run/netns/a")
    with _recorded_plugin(scenario, path):
        assert eventually(lambda: any(reason in text for text in runtime.dropped))
    assert runtime.plugins == ()


def test_the_stand_in_takes_a_recorded_plugin_that_handles_a_split_list(run: Run, path: Path) -> None:
    runtime = run(flavour=CONTAINERD_2_1, sync_limit=250)
    for n in range(2):
        runtime.run_pod_sandbox(PodRef(namespace="a", name=f"b{n}", uid=f"c{n}"), "/var/run/netns/a")
    with _recorded_plugin("15-synchronize-split", path) as recorded:
        assert runtime.wait_for_plugins()
        assert recorded.left["Synchronize"] == []  # both of its answers were asked for
    assert runtime.dropped == ()


@pytest.mark.parametrize("scenario", ["13a-register-bad-index", "13b-register-empty-name"])
def test_the_stand_in_refuses_a_recorded_registration_in_the_words_of_containerd(
    run: Run, path: Path, scenario: str
) -> None:
    run(flavour=CONTAINERD_2_1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(str(path))
        sock.settimeout(PATIENCE)
        sock.sendall(stream(scenario, "p2r"))
        expected = stream(scenario, "r2p")
        assert sock.recv(len(expected) + 1) == expected
