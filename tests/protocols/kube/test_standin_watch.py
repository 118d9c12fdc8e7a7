"""Watches of the stand-in API server: versions, selectors, expiry, and their end, as recorded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from adapters.standin.apiserver import StandinApiServer
from tests.contracts.cluster.contract import slice_body

PATH = "/apis/resource.k8s.io/v1/resourceslices"


@pytest.fixture
def server() -> Iterator[StandinApiServer]:
    server = StandinApiServer()
    server.start()
    yield server
    server.stop()


def watch(server: StandinApiServer, query: str) -> tuple[int, list[dict[str, Any]]]:
    """Status and all events until the server ends the watch."""
    with urllib3.PoolManager(1, retries=False, timeout=20) as http:
        headers = {"Authorization": f"Bearer {server.token}"}
        answer = http.request("GET", f"{server.url}{PATH}?watch=1&timeoutSeconds=1&{query}", headers=headers)
        return answer.status, [json.loads(line) for line in answer.data.splitlines()]


def put(server: StandinApiServer, name: str, **spec: Any) -> None:
    body = slice_body(name=name)
    server.store.add(("resourceslices", "", name), {**body, "spec": {**body["spec"], **spec}})


def kinds(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def test_a_watch_from_a_version_shows_what_came_after_it_in_order(server: StandinApiServer) -> None:
    put(server, "before")
    version = server.store.version
    put(server, "a")
    server.store.remove(("resourceslices", "", "a"))
    status, events = watch(server, f"resourceVersion={version}")
    assert status == 200
    assert kinds(events) == [("ADDED", "a"), ("DELETED", "a")]
    assert [int(event["object"]["metadata"]["resourceVersion"]) for event in events] == [version + 1, version + 2]


@pytest.mark.parametrize("query", ["", "resourceVersion=0"])
def test_a_watch_without_a_version_begins_with_what_is_there(server: StandinApiServer, query: str) -> None:
    put(server, "a")
    assert kinds(watch(server, query)[1]) == [("ADDED", "a")]


def test_a_watch_shows_only_what_its_selector_chooses(server: StandinApiServer) -> None:
    put(server, "mine")
    put(server, "other-node", nodeName="node2")
    put(server, "other-driver", driver="other.example")
    selector = "fieldSelector=spec.driver%3Ddra.net%2Cspec.nodeName%3Dnode1"
    assert kinds(watch(server, f"resourceVersion=1&{selector}")[1]) == [("ADDED", "mine")]


def test_a_change_while_watching_is_shown(server: StandinApiServer) -> None:
    timer = threading.Timer(0.2, put, (server, "late"))
    timer.start()
    assert kinds(watch(server, f"resourceVersion={server.store.version}")[1]) == [("ADDED", "late")]
    timer.join()


def test_a_version_that_is_too_old_is_an_error_event_and_the_end(server: StandinApiServer) -> None:
    put(server, "a")
    server.store.compact()
    status, events = watch(server, "resourceVersion=1")
    assert status == 200
    assert [(event["type"], event["object"]["code"], event["object"]["reason"]) for event in events] == [
        ("ERROR", 410, "Expired")
    ]


def test_a_version_of_the_future_shows_nothing_and_a_senseless_one_is_refused(server: StandinApiServer) -> None:
    assert watch(server, "resourceVersion=99999999") == (200, [])
    status, (refusal,) = watch(server, "resourceVersion=abc")
    assert (status, refusal["code"], "reason" in refusal) == (500, 500, False)
