"""The DRA calls: an entry for every claim, whatever the hooks or the caller got wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from adapters.kubelet.pb import dra_v1_pb2, dra_v1beta1_pb2
from adapters.kubelet.plugin import KubeletPlugin
from ports.inbound import Prepared, PreparedDevice
from ports.plan import ClaimRef
from tests.protocols.kubelet.hooks import RecordingHooks, claim, one_device

V1 = "/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin/"
V1BETA1 = "/k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin/"
Send = Callable[..., bytes]


@pytest.fixture
def send(plugin: KubeletPlugin) -> Any:
    """Sends raw bytes to the DRA socket and returns the raw answer."""
    plugin.serve()
    with grpc.insecure_channel(f"unix:{plugin.paths.service}") as channel:

        def send(method: str, request: bytes, timeout: float | None = 20) -> bytes:
            answer: bytes = channel.unary_unary(method)(request, timeout=timeout)
            return answer

        yield send


def prepare(send: Send, *claims: ClaimRef, timeout: float | None = 20) -> Any:
    wanted = [dra_v1_pb2.Claim(namespace=c.namespace, name=c.name, uid=c.uid) for c in claims]
    request = dra_v1_pb2.NodePrepareResourcesRequest(claims=wanted)
    answer = send(V1 + "NodePrepareResources", request.SerializeToString(), timeout)
    return dra_v1_pb2.NodePrepareResourcesResponse.FromString(answer).claims


def test_every_claim_has_an_entry_even_one_that_the_hooks_forgot(send: Send, hooks: RecordingHooks) -> None:
    hooks.answer = lambda asked: None if asked.uid == "uid-2" else one_device(asked)
    answers = prepare(send, claim(1), claim(2))
    assert set(answers) == {"uid-1", "uid-2"}
    assert answers["uid-1"].devices[0].device_name == "eth1"
    assert "no answer for this claim" in answers["uid-2"].error


def test_an_answer_nobody_asked_for_is_left_out(send: Send, hooks: RecordingHooks) -> None:
    hooks.answer = lambda _: one_device(claim(7))
    assert set(prepare(send, claim(1))) == {"uid-1"}


def test_hooks_that_raise_fail_their_claims_and_nothing_else(
    send: Send, hooks: RecordingHooks, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: ClaimRef) -> Prepared:
        raise ZeroDivisionError

    hooks.answer = broken
    assert "no answer for this claim" in prepare(send, claim(1))["uid-1"].error
    assert "a hook raised" in caplog.text
    hooks.answer = one_device
    assert not prepare(send, claim(1))["uid-1"].error


def test_an_error_comes_alone(send: Send, hooks: RecordingHooks) -> None:
    hooks.answer = lambda asked: Prepared(claim=asked, devices=one_device(asked).devices, error="eth1 is gone")
    entry = prepare(send, claim(1))["uid-1"]
    assert (entry.error, list(entry.devices)) == ("eth1 is gone", [])


def test_an_error_may_hold_what_json_can_and_utf8_cannot(send: Send, hooks: RecordingHooks) -> None:
    hooks.answer = lambda asked: Prepared(claim=asked, error="unknown key \ud800")
    assert prepare(send, claim(1))["uid-1"].error == "unknown key ?"


def test_request_names_are_base_names(send: Send, hooks: RecordingHooks) -> None:
    device = PreparedDevice(request="nic/fast", pool="node1", device="eth1", cdi_device_ids=("dra.net/attached=uid-1",))
    hooks.answer = lambda asked: Prepared(claim=asked, devices=(device,))
    entry = prepare(send, claim(1))["uid-1"].devices[0]
    assert list(entry.request_names) == ["nic"]
    assert list(entry.cdi_device_ids) == ["dra.net/attached=uid-1"]


def test_the_share_id_travels_in_v1_and_not_in_v1beta1(send: Send, hooks: RecordingHooks) -> None:
    share = "11111111-2222-4333-8444-555555555555"
    device = PreparedDevice(request="nic", pool="node1", device="eth1", share_id=share)
    hooks.answer = lambda asked: Prepared(claim=asked, devices=(device,))
    assert prepare(send, claim(1))["uid-1"].devices[0].share_id == share
    request = dra_v1beta1_pb2.NodePrepareResourcesRequest(claims=[{"namespace": "n", "name": "c", "uid": "uid-1"}])
    raw = send(V1BETA1 + "NodePrepareResources", request.SerializeToString())
    assert share.encode() not in raw
    answer = dra_v1beta1_pb2.NodePrepareResourcesResponse.FromString(raw)
    assert answer.claims["uid-1"].devices[0].device_name == "eth1"


def test_unprepare_of_a_claim_answers_an_empty_entry(send: Send, hooks: RecordingHooks) -> None:
    request = dra_v1_pb2.NodeUnprepareResourcesRequest(claims=[{"namespace": "n", "name": "c", "uid": "uid-1"}])
    raw = send(V1 + "NodeUnprepareResources", request.SerializeToString())
    assert raw == b"\x0a\x09\x0a\x05uid-1\x12\x00"
    assert hooks.asked[0][0] == "unprepare"


def test_no_claims_are_answered_without_asking_anybody(send: Send, hooks: RecordingHooks) -> None:
    assert send(V1 + "NodePrepareResources", b"") == b""
    assert not hooks.asked


@pytest.mark.parametrize(
    ("bad", "mistake"),
    [
        (ClaimRef(namespace="n", name="c", uid=""), "UID is empty"),
        (ClaimRef(namespace="", name="c", uid="uid-9"), "namespace is empty"),
        (ClaimRef(namespace="n", name="", uid="uid-9"), "name is empty"),
        (ClaimRef(namespace="n", name="c", uid="../../etc"), "UID is malformed"),
        (ClaimRef(namespace="n/../m", name="c", uid="uid-9"), "namespace is malformed"),
        (ClaimRef(namespace="n", name="c\n", uid="uid-9"), "name is malformed"),
        (ClaimRef(namespace="n", name="c" * 300, uid="uid-9"), "name is malformed"),
    ],
)
def test_a_malformed_claim_is_refused_and_the_others_are_served(
    send: Send, hooks: RecordingHooks, bad: ClaimRef, mistake: str
) -> None:
    answers = prepare(send, bad, claim(1))
    assert mistake in answers[bad.uid].error
    assert answers["uid-1"].devices
    assert hooks.asked[0][1] == (claim(1),)


def test_a_claim_asked_for_twice_is_prepared_once_and_two_names_of_one_uid_are_refused(
    send: Send, hooks: RecordingHooks
) -> None:
    assert prepare(send, claim(1), claim(1))["uid-1"].devices
    assert hooks.asked[0][1] == (claim(1),)
    other = ClaimRef(namespace="default", name="another", uid="uid-1")
    assert "under two names" in prepare(send, claim(1), other)["uid-1"].error


def test_the_deadline_is_the_callers_a_little_early(send: Send, hooks: RecordingHooks) -> None:
    before = time.monotonic()
    prepare(send, claim(1), timeout=20)
    deadline = hooks.asked[0][2]
    assert before + 15 < deadline < before + 20


@pytest.mark.parametrize("timeout", [None, 3600.0])
def test_without_a_sensible_deadline_it_is_the_kubelets_usual_one(
    send: Send, hooks: RecordingHooks, timeout: float | None
) -> None:
    before = time.monotonic()
    prepare(send, claim(1), timeout=timeout)
    assert before + 40 < hooks.asked[0][2] <= time.monotonic() + 45


@pytest.mark.parametrize("method", ["NodePrepareResources", "NodeUnprepareResources"])
@pytest.mark.parametrize("version", [V1, V1BETA1])
@pytest.mark.parametrize("garbage", [b"\xff" * 40, b"\x0a\x7f", b"\x0a\x03\x0a\x01\xff"])
def test_bytes_that_are_no_request_are_refused_in_words(send: Send, version: str, method: str, garbage: bytes) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        send(version + method, garbage)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (
        f"the request is no k8s.io.kubelet.pkg.apis.dra.v1{'beta1' * (version is V1BETA1)}." in caught.value.details()
    )
    assert prepare(send, claim(1))["uid-1"].devices


def test_an_oversize_request_is_refused_and_the_next_one_served(send: Send) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        send(V1 + "NodePrepareResources", bytes(2 << 20))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert prepare(send, claim(1))["uid-1"].devices


def test_the_health_stream_that_kubelets_open_unasked_is_unimplemented(send: Send, plugin: KubeletPlugin) -> None:
    with grpc.insecure_channel(f"unix:{plugin.paths.service}") as channel:
        for _ in range(3):
            stream = channel.unary_stream("/v1alpha1.DRAResourceHealth/NodeWatchResources")(b"", timeout=20)
            with pytest.raises(grpc.RpcError) as caught:
                next(stream)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert prepare(send, claim(1))["uid-1"].devices
