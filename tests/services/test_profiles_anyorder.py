"""Profiles in any order, with a death at any point: nothing given is ever forgotten, and in the end all of it is back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ports.errors import Code, Failure
from ports.netconfig import decode
from ports.profiles import Grants
from tests.services.support import Bench, FakeProfileProvider, opaque
from tests.support.shelf import MemoryShelf

AWAY = Failure(Code.UNAVAILABLE, "webhook", "is away")


class Killed(BaseException):
    """The process has ended here."""


class Fuse:
    """Kills at its n-th burning; 0: never."""

    def __init__(self) -> None:
        self.left = 0

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def around(fuse: Fuse, work: Callable[..., Any]) -> Callable[..., Any]:
    """The work, which may be the last one before the end, or not begin any more."""

    def killed(*args: Any, **kwargs: Any) -> Any:
        fuse.burn()
        made = work(*args, **kwargs)
        fuse.burn()
        return made

    return killed


class Node(Bench):
    def __init__(self) -> None:
        self.fuse = Fuse()
        super().__init__()
        self.profiles = FakeProfileProvider()
        self.profiles.gives = {"net": decode({"interface": {"addresses": ["10.0.0.1/24"]}})}
        self.grants: MemoryShelf[Grants] = MemoryShelf()
        for thing, name in (
            (self.profiles, "grant"),
            (self.profiles, "release"),
            (self.grants, "put"),
            (self.grants, "drop"),
        ):
            setattr(thing, name, around(self.fuse, getattr(thing, name)))
        self.restarted()
        self.claim("ens1", config=[opaque(profile="net")])

    def until_killed(self, work: Callable[[], Any], after: int) -> Any:
        """What the work returns; None when the process died in it, and there is a new one."""
        self.fuse.left = after
        try:
            return work()
        except Killed:
            self.restarted()
            return None
        finally:
            self.fuse.left = 0

    def holds(self) -> set[tuple[str, str]]:
        """What the book knows of."""
        return {(uid, grant.wish.ids.device) for uid, all_ in self.grants.values.items() for grant in all_.grants}


DEATHS = st.integers(0, 8)
ACTS = st.sampled_from(["prepare", "prepare without a profile", "unprepare", "release", "restart", "away"])


@settings(max_examples=150)
@given(st.lists(st.tuples(ACTS, DEATHS), max_size=8))
def test_nothing_is_forgotten_and_in_the_end_all_is_back(acts: list[tuple[str, int]]) -> None:
    node = Node()
    for act, death in acts:
        if act.startswith("prepare"):
            with_profile = act == "prepare"
            node.claim("ens1", config=[opaque(profile="net")] if with_profile else [])
            answer = node.until_killed(node.prepare, death)
            planned = node.dataplane.ledger.records()
            if answer == "" and with_profile and "10.0.0.1/24" in str(planned):
                assert node.profiles.given, "what a pod has is given"
                assert not any(grant.ending for all_ in node.grants.values.values() for grant in all_.grants)
        elif act == "unprepare":
            node.until_killed(node.unprepare, death)
        elif act == "release":
            node.until_killed(node.releases.step, death)
            node.clock.sleep(400)
        elif act == "restart":
            node.restarted()
        else:
            node.profiles.refusals = [AWAY] * death
        assert node.profiles.given.keys() <= node.holds(), f"forgotten after {act}"
    node.profiles.refusals = []
    assert node.unprepare() == ""
    node.clock.sleep(400)
    node.releases.step()
    assert (node.profiles.given, node.grants.values) == ({}, {})
