"""The stand-in API server answers as a real one did, for everything that it claims to serve."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.standin.apiserver import StandinApiServer
from tests.protocols.kube.recordings import Player, recorded

NOT_SERVED = re.compile(
    r"merge patch|server-side apply|.*Strict|fieldValidation nonsense|events\.k8s\.io|status\.devices sent to the main"
    r"|continue|list in the future|get as |list at an exact|list, page|list limit|list resourceVersion=0"
)
CLAIM_CREATION = re.compile(r"/resourceclaims$")
SEQUENCES = ("resourceslice-lifecycle", "resourceslice-validation", "rbac-and-status", "rbac-and-status-2")
CLAIM_UID = "32f36657-2b48-4f88-842d-c62df81b5529"


@pytest.fixture
def server() -> Iterator[StandinApiServer]:
    server = StandinApiServer()
    claim = server.create_claim("claim-a", "rec", requests=("r",), uid=CLAIM_UID)
    server.allocate(claim, ("r", "node1", "eth0"), ("r", "node1", "eth1"), driver="rec.example")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def player(server: StandinApiServer) -> Iterator[Player]:
    player = Player(server.url, server.token)
    yield player
    player.close()


@pytest.mark.parametrize("name", SEQUENCES)
def test_recorded_requests_are_answered_as_recorded(player: Player, name: str) -> None:
    lines = [line for line in recorded(name) if served(line)]
    differing = []
    for line in lines:
        status, body = player.play(line)
        got, wanted = (status, reason(body)), (line["response"]["status"], reason(line["response"]))
        if got != wanted:
            differing.append((line["what"], wanted, got))
    assert differing == []
    assert len(lines) > 30


@pytest.mark.parametrize("name", ["rbac-and-status", "rbac-and-status-2"])
def test_the_status_after_each_recorded_write_is_the_recorded_one(player: Player, name: str) -> None:
    compared = 0
    for line in filter(served, recorded(name)):
        _, body = player.play(line)
        if body.get("kind") == "ResourceClaim":
            wanted = (line["response"]["status_object"] or {}).get("devices", [])
            assert normal(body["status"].get("devices", [])) == normal(wanted), line["what"]
            compared += 1
    assert compared > 15


def test_immutable_fields_and_the_like_are_refused_in_the_recorded_words(player: Player) -> None:
    compared = 0
    for line in filter(served, recorded("resourceslice-validation")):
        _, body = player.play(line)
        recorded_text = line["response"].get("message", "")
        if reason(line["response"]) == "Invalid" and not re.search(
            r"RFC 1123|exactly one|is invalid: \[", recorded_text
        ):
            fields = re.findall(r"spec\.[\w.\[\]]+", recorded_text)
            assert re.findall(r"spec\.[\w.\[\]]+", body["message"])[: len(fields)] == fields, line["what"]
            compared += 1
    assert compared > 20


def served(line: dict[str, Any]) -> bool:
    """Whether the stand-in claims to serve such a request; it neither checks a user's claim nor aggregates groups."""
    if "stream" in line["response"] or NOT_SERVED.match(line["what"]) or line["what"] == "unknown group":
        return False
    return not (line["request"]["method"] == "POST" and CLAIM_CREATION.search(line["request"]["path"]))


def reason(body: dict[str, Any]) -> Any:
    """The reason of a Status; an Event has one too, which is none."""
    return body.get("reason") if body.get("kind") == "Status" else None


def normal(value: Any) -> Any:
    """Without what a typed server drops or fills in: nulls, empty texts, empty objects."""
    if isinstance(value, list):
        return [normal(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: normal(item) for name, item in value.items()}
    return {name: item for name, item in found.items() if item not in (None, "", {})}
