"""What a real kubelet sent, byte for byte, to our sockets; and our stand-in held to what that kubelet said."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from adapters.kubelet.pb import dra_v1_pb2, dra_v1beta1_pb2, registration_pb2
from adapters.kubelet.plugin import KubeletPlugin
from adapters.standin import dra_client
from ports.errors import Failure
from ports.inbound import Prepared, PreparedDevice
from ports.plan import ClaimRef
from tests.protocols.kubelet.hooks import RecordingHooks

RECORDINGS = Path(__file__).parents[2] / "recordings" / "dra"
CALLS = [
    json.loads(line) for path in sorted(RECORDINGS.glob("*.calls.jsonl")) for line in path.read_text().splitlines()
]
RESOURCES = [call for call in CALLS if ".DRAPlugin/" in call["method"]]
PREFACE, FRAME_HEADER, DATA, END_STREAM = 24, 9, 0, 1  # RFC 9113
ANSWERED = [call for call in RESOURCES if call.get("response_hex")]


def test_there_is_something_to_replay() -> None:
    assert len(ANSWERED) > 20
    assert {"v1.DRAPlugin", "v1beta1.DRAPlugin"} == {call["method"].split("/")[1].split("dra.")[1] for call in ANSWERED}


@pytest.mark.parametrize("call", ANSWERED, ids=lambda call: call["method"].rpartition("/")[2])
def test_a_recorded_request_is_answered_with_the_recorded_bytes(
    plugin: KubeletPlugin, hooks: RecordingHooks, call: dict[str, Any]
) -> None:
    hooks.answer = hooks.unanswer = lambda claim: _recorded(call, claim)
    plugin.serve()
    with grpc.insecure_channel(f"unix:{plugin.paths.service}") as channel:
        raw = channel.unary_unary(call["method"])(bytes.fromhex(call["request_hex"]), timeout=20)
    assert raw.hex() == _with_base_names(call).hex()


@pytest.mark.parametrize("scenario", ["01-dra", "01-reg", "07-reg"])
def test_a_recorded_connection_is_answered_on_the_raw_socket(
    plugin_at: Callable[..., KubeletPlugin], hooks: RecordingHooks, scenario: str
) -> None:
    plugin = plugin_at(driver="rec.example")
    by_uid = {uid: call for call in ANSWERED for uid in call["response"]["claims"] if "/NodePrepare" in call["method"]}
    hooks.answer = lambda claim: _recorded(by_uid[claim.uid], claim)
    plugin.serve()
    plugin.register()
    wanted = _answers_of(scenario, plugin)
    received = _replay(plugin, scenario, wanted)
    assert wanted
    assert [answer for answer in wanted if answer not in received] == []


@pytest.mark.parametrize("call", [call for call in CALLS if call["method"].endswith("GetInfo")])
def test_our_registration_is_what_the_kubelet_accepted(root: str, hooks: RecordingHooks, call: dict[str, Any]) -> None:
    recorded = registration_pb2.PluginInfo.FromString(bytes.fromhex(call["response_hex"]))
    if recorded.supported_versions == ["v9.DRAPlugin"]:
        with pytest.raises(Failure) as caught:
            dra_client.plugin_of(recorded)
        assert {caught.value.detail} == {answer["request"]["error"] for answer in CALLS if "error" in answer["request"]}
        return
    plugin = KubeletPlugin("rec.example", "/var/lib/kubelet", hooks, versions=tuple(recorded.supported_versions))
    ours = registration_pb2.PluginInfo(
        type="DRAPlugin",
        name="rec.example",
        endpoint=plugin.paths.service,
        supported_versions=recorded.supported_versions,
    )
    assert ours.SerializeToString().hex() == call["response_hex"]
    assert dra_client.plugin_of(recorded).version == recorded.supported_versions[0]


@pytest.mark.parametrize("call", RESOURCES, ids=lambda call: call["method"].rpartition("/")[2])
def test_the_stand_in_sends_the_recorded_bytes_and_judges_as_the_kubelet_did(call: dict[str, Any]) -> None:
    _, service, method = call["method"].split("/")
    pb: Any = dra_v1beta1_pb2 if "v1beta1" in service else dra_v1_pb2
    claims = tuple(ClaimRef(**claim) for claim in call["request"]["claims"])
    sent = getattr(pb, f"{method}Request")(
        claims=[{"namespace": c.namespace, "uid": c.uid, "name": c.name} for c in claims]
    )
    assert sent.SerializeToString().hex() == call["request_hex"]
    if "grpc_error" in call:
        return
    answer = getattr(pb, f"{method}Response").FromString(bytes.fromhex(call["response_hex"]))
    errors = [entry.error for entry in answer.claims.values() if entry.error]
    if len(answer.claims) == len(claims) and not errors:
        dra_client.judge(method, claims, answer)
        return
    text = f"failed for ResourceClaim {claims[0].name}: {errors[0]}" if errors else "skipped 1 ResourceClaims"
    with pytest.raises(Failure) as caught:
        dra_client.judge(method, claims, answer)
    assert caught.value.detail == f"{method} {text}"


def _recorded(call: dict[str, Any], claim: ClaimRef) -> Prepared:
    entry = call["response"]["claims"][claim.uid]
    devices = tuple(
        PreparedDevice(
            request=device["request_names"][0],
            pool=device["pool_name"],
            device=device["device_name"],
            cdi_device_ids=tuple(device["cdi_device_ids"]),
            share_id=device.get("share_id"),
        )
        for device in entry.get("devices", ())
    )
    return Prepared(claim=claim, devices=devices, error=entry.get("error", ""))


def _with_base_names(call: dict[str, Any]) -> bytes:
    """The recorded answer; the driver recorded put subrequests into request names, which match no container."""
    pb: Any = dra_v1beta1_pb2 if "v1beta1" in call["method"] else dra_v1_pb2
    answer = getattr(pb, call["method"].rpartition("/")[2] + "Response").FromString(bytes.fromhex(call["response_hex"]))
    for claim in answer.claims.values():
        for device in getattr(claim, "devices", ()):
            device.request_names[0] = device.request_names[0].partition("/")[0]
    encoded: bytes = answer.SerializeToString()
    return encoded


def _answers_of(scenario: str, plugin: KubeletPlugin) -> list[bytes]:
    """The messages that must stand somewhere in the answer, as the recording has them."""
    if scenario.endswith("reg"):
        return [dra_client.get_info(plugin.paths.registrar).SerializeToString()]
    path = next(RECORDINGS.glob(f"{scenario.partition('-')[0]}-*.calls.jsonl"))
    calls = [json.loads(line) for line in path.read_text().splitlines()]
    return [_with_base_names(call) for call in calls if ".DRAPlugin/" in call["method"]]


def _replay(plugin: KubeletPlugin, scenario: str, wanted: list[bytes]) -> bytes:
    """Send the kubelet's frames of one HTTP/2 connection; what came back until all that is wanted was there, or 20 s.

    Each request waits for some answer before the next: the kubelet's flow control pings, sent in one go, look like a flood.
    """
    path = plugin.paths.registrar if scenario.endswith("reg") else plugin.paths.service
    received = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(0.05)
        connection.connect(path)
        for frame in _frames((RECORDINGS / f"{scenario}.c2s.bin").read_bytes()):
            connection.sendall(frame)
            if frame[3] == DATA and frame[4] & END_STREAM:
                received += _receive(connection, lambda more: bool(more))
        missing = [answer for answer in wanted if answer not in received]
        return received + _receive(connection, lambda more: all(answer in received + more for answer in missing))


def _frames(recorded: bytes) -> Iterator[bytes]:
    yield recorded[:PREFACE]
    position = PREFACE
    while position < len(recorded):
        size = FRAME_HEADER + int.from_bytes(recorded[position : position + 3], "big")
        yield recorded[position : position + size]
        position += size


def _receive(connection: socket.socket, enough: Callable[[bytes], bool]) -> bytes:
    received, end = b"", time.monotonic() + 20
    while time.monotonic() < end:
        try:
            more = connection.recv(65536)
        except TimeoutError:
            if enough(received):
                break
            continue
        received += more
        if not more:
            break
    return received
