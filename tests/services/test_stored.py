"""What the server has, without asking it each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent.services.stored import Stored
from ports.cluster import Change, Json, Listed
from ports.errors import Code, Failure


def body(name: str, version: int, **spec: Any) -> Json:
    return {"metadata": {"name": name, "resourceVersion": str(version)}, "spec": spec}


class Script:
    """A server that says what it is told to."""

    def __init__(self, *listed: Listed) -> None:
        self.listed = list(listed)
        self.events: list[Change | Failure] = []
        self.asked: list[str] = []

    def slices(self) -> Listed:
        return self.listed.pop(0)

    def changes(self, version: str, timeout: float) -> Iterator[Change]:
        self.asked.append(version)
        events, self.events = self.events, []
        for event in events:
            if isinstance(event, Failure):
                raise event
            yield event


def stored(script: Script) -> Stored:
    return Stored(script)  # type: ignore[arg-type]


def names(store: Stored) -> list[str]:
    return [each["metadata"]["name"] for each in store.bodies()]


def test_the_server_is_asked_once_and_then_followed() -> None:
    script = Script(Listed(version="5", bodies=(body("b", 5), body("a", 3))))
    store = stored(script)
    assert names(store) == ["a", "b"]
    script.events = [
        Change(version="6", body=body("c", 6)),
        Change(version="9"),
        Change(version="10", body=body("a", 10), gone=True),
    ]
    assert [each["metadata"]["name"] for each in store.changes(1.0)] == ["c", "a"]
    assert names(store) == ["b", "c"]
    list(store.changes(1.0))
    assert script.asked == ["5", "10"]


def test_our_own_write_is_no_news_when_the_watch_tells_of_it() -> None:
    script = Script(Listed(version="5", bodies=()))
    store = stored(script)
    store.bodies()
    assert store.put(body("a", 6))
    revision = store.revision
    script.events = [Change(version="6", body=body("a", 6))]
    assert list(store.changes(1.0)) == []
    assert store.revision == revision


def test_an_event_from_before_our_write_does_not_undo_it() -> None:
    script = Script(Listed(version="5", bodies=(body("a", 5, devices=1),)))
    store = stored(script)
    store.bodies()
    store.put(body("a", 9, devices=3))
    script.events = [
        Change(version="6", body=body("a", 6, devices=2)),
        Change(version="7", body=body("a", 7), gone=True),
        Change(version="8", body=body("a", 8, devices=2)),
    ]
    assert list(store.changes(1.0)) == []
    assert store.bodies()[0]["spec"] == {"devices": 3}


def test_what_we_deleted_is_gone_and_its_event_no_news() -> None:
    script = Script(Listed(version="5", bodies=(body("a", 5),)))
    store = stored(script)
    store.bodies()
    store.gone("a")
    store.gone("a")
    script.events = [Change(version="6", body=body("a", 6), gone=True)]
    assert list(store.changes(1.0)) == []
    assert names(store) == []


def test_after_a_failure_everything_is_listed_again_and_the_watch_goes_on_from_there() -> None:
    script = Script(Listed(version="5", bodies=(body("a", 5),)), Listed(version="20", bodies=(body("b", 19),)))
    store = stored(script)
    store.bodies()
    script.events = [Change(version="6", body=body("a", 6)), Failure(Code.CONFLICT, "", "too old")]
    with pytest.raises(Failure):
        list(store.changes(1.0))
    store.lose()
    assert names(store) == ["b"]
    list(store.changes(1.0))
    assert script.asked == ["5", "20"]


def test_a_server_that_was_set_back_to_a_backup_is_followed_from_there() -> None:
    script = Script(Listed(version="900", bodies=(body("a", 900),)), Listed(version="7", bodies=(body("b", 6),)))
    store = stored(script)
    store.bodies()
    store.put(body("a", 901))
    store.lose()
    assert names(store) == ["b"]
    script.events = [Change(version="8", body=body("a", 8))]
    assert len(list(store.changes(1.0))) == 1
    assert names(store) == ["a", "b"]


def test_a_list_that_shows_nothing_new_is_no_change() -> None:
    same = (body("a", 5),)
    store = stored(Script(Listed(version="5", bodies=same), Listed(version="8", bodies=same)))
    store.bodies()
    revision = store.revision
    store.lose()
    store.bodies()
    assert store.revision == revision


def test_versions_that_are_no_numbers_are_taken_as_they_come() -> None:
    script = Script(Listed(version="x", bodies=(body("a", 1),)))
    store = stored(script)
    store.bodies()
    later = {"metadata": {"name": "a", "resourceVersion": "abc"}, "spec": {}}
    script.events = [Change(version="y", body=later)]
    assert list(store.changes(1.0)) == [later]
