"""Health, readiness and metrics over HTTP."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.health.http import HealthServer
from adapters.health.metrics import CONTENT_TYPE, Metrics
from ports.errors import Failure


@contextmanager
def serving(problems: dict[str, str] | None = None, metrics: Metrics | None = None) -> Iterator[HealthServer]:
    found = problems or {}
    parts = {name: partial(found.__getitem__, name) for name in found}
    server = HealthServer("127.0.0.1:0", parts, (metrics or Metrics()).text, CONTENT_TYPE)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def ask(server: HealthServer, path: str, method: str = "GET") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


def test_a_process_that_answers_is_alive() -> None:
    with serving({"part": "broken"}) as server:
        assert ask(server, "/healthz")[0] == 200


def test_readiness_names_each_part_that_is_not_ready() -> None:
    problems = {"kubelet": "not registered", "slices": ""}
    with serving(problems) as server:
        assert ask(server, "/readyz")[::2] == (503, "kubelet: not registered\nslices: ready\n")
        problems["kubelet"] = ""
        assert ask(server, "/readyz?verbose")[::2] == (200, "kubelet: ready\nslices: ready\n")


def test_metrics_can_be_read_by_prometheus() -> None:
    metrics = Metrics()
    metrics.count("knd_claims", call="prepare", result="success")
    metrics.observe("knd_claim_seconds", 0.3, call="prepare")
    metrics.show("knd_published_devices", 4)
    metrics.count("knd_registrations")
    with serving(metrics=metrics) as server:
        status, kind, text = ask(server, "/metrics")
    assert (status, kind) == (200, CONTENT_TYPE)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["knd_claims_total", "prepare", "success"] == 1
    assert samples["knd_registrations_total",] == 1
    assert samples["knd_published_devices",] == 4
    assert samples["knd_claim_seconds_bucket", "prepare", "0.25"] == 0
    assert samples["knd_claim_seconds_bucket", "prepare", "0.5"] == 1


def test_head_is_answered_without_a_body_and_nothing_else_is() -> None:
    with serving() as server:
        assert ask(server, "/healthz", "HEAD")[::2] == (200, "")
        assert ask(server, "/healthz", "POST")[0] == 501
        assert ask(server, "/elsewhere")[0] == 404


@pytest.mark.parametrize("data", [b"\x00\xff\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET /" + b"x" * 70000, b""])
def test_garbage_ends_one_connection_and_not_the_server(data: bytes) -> None:
    with serving() as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client, suppress(OSError):
            client.sendall(data)  # hung up on: as good an answer as any
        assert ask(server, "/healthz")[0] == 200


def test_a_client_that_says_nothing_holds_nothing_up() -> None:
    with serving() as server, socket.create_connection(("127.0.0.1", server.port), timeout=10):
        assert ask(server, "/healthz")[0] == 200


def test_an_address_that_is_taken_is_named() -> None:
    with serving() as server, pytest.raises(Failure, match="--bind-address") as caught:
        HealthServer(f"127.0.0.1:{server.port}", {}, Metrics().text)
    assert "free address" in caught.value.hint


def test_ipv6_addresses_are_served() -> None:
    server = HealthServer("[::1]:0", {}, Metrics().text)
    server.stop()
    assert server.port > 0
