"""A record that was lost is made anew from the claim, and nothing that was taken back comes again."""

from __future__ import annotations

import threading

import pytest

from agent.services.keeping import AGAIN, LOOK, Heeded, Keeper
from ports.dataplane import Call
from ports.errors import Code, Failure
from ports.frontends import Refusal
from ports.plan import PodRef
from tests.services.support import CLAIM, Bench
from tests.support.eventually import eventually


@pytest.fixture
def bench() -> Bench:
    """One claim is prepared."""
    made = Bench()
    made.claim("ens1")
    assert made.prepare() == ""
    return made


@pytest.fixture
def keeper(bench: Bench) -> Keeper:
    return Keeper(bench.resources, bench.dataplane, bench.runtime, bench.shelf, bench.clock)


def lose(bench: Bench) -> None:
    """As after two damaged files."""
    (record,) = bench.dataplane.ledger.records()
    bench.dataplane.ledger.remove(record.pod.uid)


def look(bench: Bench, keeper: Keeper, times: int = 2) -> None:
    for _ in range(times):
        keeper.look()
        bench.clock.advance(AGAIN)


def test_a_refused_container_lets_it_look(bench: Bench, keeper: Keeper) -> None:
    heard: list[Refusal] = []
    refusal = Refusal(pod=PodRef(namespace="team", name="app", uid="pod-uid"), reason="cannot be read")
    Heeded(refusals=Heard(heard), wake=keeper.wake).refused(refusal, Call(key="k", deadline=1.0))
    running = threading.Thread(target=keeper.run, daemon=True)
    running.start()
    eventually(lambda: bench.dataplane.calls[-1] == "claims")
    keeper.stop()
    running.join(30)
    assert heard == [refusal]
    assert not running.is_alive()


class Heard:
    """Takes refusals down."""

    def __init__(self, heard: list[Refusal]) -> None:
        self._heard = heard

    def refused(self, refusal: Refusal, call: Call) -> None:
        self._heard.append(refusal)


def test_while_nothing_is_lost_nothing_is_asked_but_what_there_is(bench: Bench, keeper: Keeper) -> None:
    bench.dataplane.calls.clear()
    look(bench, keeper)
    assert bench.dataplane.calls == ["claims", "claims"]
    assert bench.runtime.compared == 0


def test_a_lost_record_is_made_anew_and_the_runtime_looks_for_its_pod(bench: Bench, keeper: Keeper) -> None:
    (before,) = bench.dataplane.ledger.records()
    lose(bench)
    look(bench, keeper)
    (record,) = bench.dataplane.ledger.records()
    assert (record.pod.uid, record.plans[0].devices) == (before.pod.uid, before.plans[0].devices)
    assert bench.runtime.compared == 1
    look(bench, keeper)
    assert bench.runtime.compared == 1


def test_one_look_is_not_enough_and_what_was_taken_back_stays_so(bench: Bench, keeper: Keeper) -> None:
    lose(bench)
    keeper.look()
    assert bench.dataplane.ledger.records() == ()
    assert bench.unprepare() == ""
    look(bench, keeper)
    assert bench.dataplane.ledger.records() == ()


def test_a_claim_that_is_taken_back_before_its_turn_is_left_alone(bench: Bench) -> None:
    lose(bench)
    answer = bench.resources.mend(CLAIM, bench.deadline, lambda: False)
    assert (answer.error, bench.dataplane.ledger.records()) == ("", ())


def test_what_cannot_be_prepared_is_told_and_tried_at_growing_intervals(bench: Bench, keeper: Keeper) -> None:
    lose(bench)
    bench.claim("ens9")  # which is not in the host
    look(bench, keeper, 1)
    tries = []
    for _ in range(40):
        bench.meter.counts.clear()
        look(bench, keeper, 1)
        tries.append(sum(bench.meter.counts.values()) > 0)
    assert tries[0]
    assert 3 <= sum(tries) <= 8


def test_a_dataplane_that_is_away_is_no_loss(bench: Bench, keeper: Keeper) -> None:
    bench.dataplane.faults.fail("claims", Failure(Code.UNAVAILABLE, "dataplane", "is away"), 2)
    look(bench, keeper)
    assert bench.dataplane.calls.count("prepare") == 1
    assert LOOK > AGAIN
