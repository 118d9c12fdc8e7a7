"""Bytes that a real containerd 2.1.9 has taken and sent."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from adapters.nri import frames, mux, rpc
from adapters.nri.frames import Frame, FrameReader
from adapters.nri.names import PLUGIN_SERVICE, RUNTIME_SERVICE
from adapters.nri.pb import nri_pb2 as nri
from adapters.nri.pb import ttrpc_pb2 as ttrpc
from adapters.nri.status import Refusal

REGISTER = (
    "00000002000000460000003c0000000101000a1c6e72692e706b672e6170692e7631616c706861312e52756e74696d65"
    "120e5265676973746572506c7567696e1a0c0a066e657464727612023130"
)
EMPTY_SUCCESS = "000000020000000a00000000000000010200"
CONFIGURE = (
    "0000000100000053000000490000000101000a1b6e72692e706b672e6170692e7631616c706861312e506c7567696e"
    "1209436f6e6669677572651a19120a636f6e7461696e6572641a05322e312e3920882728d00f2080a8d6b907"
)
CONFIGURED = "000000010000000e0000000400000001020012021007"
SYNCHRONIZE = (
    "000000010000003a000000300000000301000a1b6e72692e706b672e6170692e7631616c706861312e506c7567696e"
    "120b53796e6368726f6e697a652080a8d6b907"
)
SYNCHRONIZED = "000000010000000a00000000000000030200"
STATE_CHANGE = (
    "00000001000000b5000000ab0000000501000a1b6e72692e706b672e6170692e7631616c706861312e506c7567696e"
    "120b53746174654368616e67651a530801124f0a04356231361205706f642d611a03752d3122036e733142282a050a03"
    "7069642a1f0a076e6574776f726b12142f7661722f72756e2f6e65746e732f636e692d3148dd02520931302e37372e33"
    "2e322080a8d6b9072a240a1a636f6e7461696e6572642d6e616d6573706163652d747472706312066b38732e696f"
)
UNIMPLEMENTED = "0000000100000022000000180000000502000a16080c12126d6574686f642053746174654368616e6765"
FAILED = "000000010000001d000000130000000702000a11080d120d617474616368206661696c6564"


def _decoded(vector: str) -> tuple[int, Frame]:
    (piece,) = mux.Demultiplexer().feed(bytes.fromhex(vector))
    (frame,) = FrameReader().feed(piece.payload)
    assert isinstance(frame, Frame)
    return piece.channel, frame


def _request(vector: str) -> tuple[int, int, ttrpc.Request]:
    channel, frame = _decoded(vector)
    assert (frame.kind, frame.flags) == (frames.REQUEST, 0)
    return channel, frame.stream, ttrpc.Request.FromString(frame.payload)


def test_a_registration_is_encoded_as_the_runtime_took_it() -> None:
    payload = nri.RegisterPluginRequest(plugin_name="netdrv", plugin_idx="10").SerializeToString()
    body = rpc.request(RUNTIME_SERVICE, "RegisterPlugin", payload, timeout=0)
    frame = Frame(stream=1, kind=frames.REQUEST, payload=body)
    assert mux.split(2, frames.encode(frame)).hex() == REGISTER


@pytest.mark.parametrize(("channel", "stream", "vector"), [(2, 1, EMPTY_SUCCESS), (1, 3, SYNCHRONIZED)])
def test_success_with_nothing_to_tell_is_a_frame_of_ten_bytes(channel: int, stream: int, vector: str) -> None:
    assert mux.split(channel, frames.encode(rpc.success(stream, b""))).hex() == vector
    outgoing = rpc.Outgoing()
    answer = [outgoing.open() for _ in range(stream)][(stream - 1) // 2][1]
    outgoing.settle(_decoded(vector)[1])
    assert answer.result(0) == b""


def test_the_subscription_is_field_two() -> None:
    body = nri.ConfigureResponse(events=7).SerializeToString()
    assert mux.split(1, frames.encode(rpc.success(1, body))).hex() == CONFIGURED


def test_configure_tells_runtime_and_limits() -> None:
    channel, stream, request = _request(CONFIGURE)
    assert (channel, stream, request.service, request.method) == (1, 1, PLUGIN_SERVICE, "Configure")
    assert request.timeout_nano == 2_000_000_000
    assert nri.ConfigureRequest.FromString(request.payload) == nri.ConfigureRequest(
        runtime_name="containerd", runtime_version="2.1.9", registration_timeout=5000, request_timeout=2000
    )


def test_an_empty_list_is_a_request_without_payload() -> None:
    channel, stream, request = _request(SYNCHRONIZE)
    assert (channel, stream, request.method, request.payload) == (1, 3, "Synchronize", b"")


def test_a_state_change_holds_the_number_of_the_event_and_the_pod() -> None:
    _, stream, request = _request(STATE_CHANGE)
    change = nri.StateChangeEvent.FromString(request.payload)
    expected = nri.PodSandbox(
        id="5b16",
        name="pod-a",
        uid="u-1",
        namespace="ns1",
        pid=349,
        ips=["10.77.3.2"],
        linux=nri.LinuxPodSandbox(
            namespaces=[
                nri.LinuxNamespace(type="pid"),
                nri.LinuxNamespace(type="network", path="/var/run/netns/cni-1"),
            ]
        ),
    )
    assert (stream, change.event, change.pod) == (5, nri.RUN_POD_SANDBOX, expected)
    assert [(entry.key, entry.value) for entry in request.metadata] == [("containerd-namespace-ttrpc", "k8s.io")]


@pytest.mark.parametrize(
    ("stream", "reason", "vector"),
    [(5, Refusal(12, "method StateChange"), UNIMPLEMENTED), (7, Refusal(13, "attach failed"), FAILED)],
)
def test_an_error_is_a_status_without_payload(stream: int, reason: Refusal, vector: str) -> None:
    assert mux.split(1, frames.encode(rpc.failure(stream, reason))).hex() == vector


@pytest.mark.parametrize("vector", [CONFIGURE, STATE_CHANGE])
def test_requests_survive_decoding_and_encoding(vector: str) -> None:
    channel, frame = _decoded(vector)
    request = ttrpc.Request.FromString(frame.payload)
    kind: type[Message] = nri.ConfigureRequest if request.method == "Configure" else nri.StateChangeEvent
    request.payload = kind.FromString(request.payload).SerializeToString()
    assert request.SerializeToString() == frame.payload
    assert mux.split(channel, frames.encode(frame)).hex() == vector
