"""Profiles: asked for in Prepare, kept in a book, and taken back until it is done."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ports.errors import Code, Failure
from ports.netconfig import NetworkConfig, decode
from ports.plan import AddAddress, AddRule, ClaimRef, SetMtu, Step
from tests.services.support import CLAIM, Bench, opaque

OTHER = ClaimRef(namespace="team", name="second", uid="other-uid")
AWAY = Failure(Code.UNAVAILABLE, "webhook", "is away")
NET: dict[str, Any] = {"interface": {"addresses": ["10.200.0.7/24"]}}


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.profiles.gives = {"net": decode(NET)}
    return made


def wanting(bench: Bench, *devices: str, ref: ClaimRef = CLAIM, **parameters: Any) -> None:
    bench.claim(*devices, ref=ref, config=[opaque(profile="net", **parameters)])


def steps(bench: Bench, ref: ClaimRef = CLAIM) -> tuple[Step, ...]:
    """Of the claim's first device."""
    for record in bench.dataplane.ledger.records():
        for plan in record.plans:
            if plan.claim == ref:
                return plan.devices[0].steps
    return ()


def addresses(bench: Bench, ref: ClaimRef = CLAIM) -> list[str]:
    return [step.address.prefix for step in steps(bench, ref) if isinstance(step, AddAddress)]


def test_what_the_profile_gives_is_in_the_plan_and_goes_back_after_unprepare(bench: Bench) -> None:
    wanting(bench, "ens1")
    assert bench.prepare() == ""
    assert addresses(bench) == ["10.200.0.7/24"]
    assert bench.profiles.given.keys() == {(CLAIM.uid, "ens1")}
    assert bench.unprepare() == ""
    bench.releases.step()
    assert (bench.profiles.given, bench.grants.values) == ({}, {})
    assert bench.meter.counts["knd_profile_calls", "grant", "success"] == 1
    assert bench.meter.counts["knd_profile_calls", "release", "success"] == 1


def test_the_provider_is_told_what_is_known_without_it(bench: Bench) -> None:
    bench.platform["ens1"] = decode({"interface": {"mtu": 1450}})
    wanting(bench, "ens1", interface={"name": "net1"})
    bench.prepare()
    ((device, config),) = bench.profiles.asked
    assert (device, config) == ("ens1", decode({"profile": "net", "interface": {"mtu": 1450, "name": "net1"}}))


def test_platform_profile_class_and_claim_lie_over_one_another_in_this_order(bench: Bench) -> None:
    bench.platform["ens1"] = decode({"interface": {"mtu": 1401, "forwarding": True, "arpIgnore": 1, "arpAnnounce": 0}})
    bench.profiles.gives["net"] = decode({"interface": {"mtu": 1402, "forwarding": True, "arpIgnore": 2}})
    by_class = {**opaque(interface={"mtu": 1403, "forwarding": False}), "source": "FromClass"}
    bench.claim("ens1", config=[by_class, opaque(profile="net", interface={"mtu": 1404})])
    assert bench.prepare() == ""
    told = str(steps(bench))
    assert "SetMtu(mtu=1404" in told
    assert "name='ipv4/forwarding', value='0'" in told
    assert "name='ipv4/arp_ignore', value='2'" in told
    assert "name='ipv4/arp_announce', value='0'" in told


def test_a_claim_without_a_profile_asks_nobody(bench: Bench) -> None:
    bench.claim("ens1")
    assert bench.prepare() == ""
    assert (bench.profiles.asked, bench.grants.values) == ([], {})


def test_what_layers_give_together_is_checked_and_the_profile_is_named(bench: Bench) -> None:
    bench.profiles.gives["net"] = decode({"rules": [{"source": "10.0.0.0/8", "table": 7}]})
    wanting(bench, "ens1", interface={"vrf": {"name": "blue"}})
    error = bench.prepare()
    assert "rules: cannot be given together with interface.vrf" in error
    assert "rules is from the profile" in error
    assert bench.profiles.given, "it was given, and is kept in the book until the claim ends"
    bench.unprepare()
    bench.releases.step()
    assert bench.profiles.given == {}


def test_a_wrong_claim_is_refused_before_anybody_is_asked(bench: Bench) -> None:
    wanting(bench, "ens1", interface={"mtu": 1})
    assert "interface.mtu" in bench.prepare()
    assert bench.profiles.asked == []


def test_no_such_profile_is_told_to_the_user(bench: Bench) -> None:
    bench.claim("ens1", config=[opaque(profile="none")])
    assert "profile none for device ens1: none: no such profile" in bench.prepare()


def test_what_was_refused_at_once_is_not_to_be_taken_back(bench: Bench) -> None:
    bench.claim("ens1", config=[opaque(profile="none")])
    bench.prepare()
    assert bench.grants.values == {}
    wanting(bench, "ens1")
    bench.profiles.refusals = [Failure(Code.CONFLICT, "pool", "is full")]
    assert "is full" in bench.prepare()
    bench.unprepare()
    bench.releases.step()
    assert bench.profiles.back == []


@pytest.mark.parametrize("code", [Code.CORRUPT, Code.INTERNAL])
def test_what_may_be_given_is_taken_back(bench: Bench, code: Code) -> None:
    wanting(bench, "ens1")
    bench.profiles.refusals = [Failure(code, "webhook", "said nonsense"), Failure(Code.CONFLICT, "pool", "is full")]
    for text in ("said nonsense", "is full"):  # a refusal after a question of unknown outcome says nothing
        assert text in bench.prepare()
    bench.unprepare()
    bench.releases.step()
    assert bench.profiles.back == [(CLAIM.uid, "ens1")]
    assert bench.grants.values == {}


def test_a_provider_that_restarts_is_waited_for_and_what_was_given_is_not_asked_again(bench: Bench) -> None:
    bench.profiles.refusals = [AWAY]
    wanting(bench, "ens1", "ens2")
    assert bench.prepare() == ""
    asked = [device for device, _ in bench.profiles.asked]
    assert sorted(asked) == ["ens1", "ens1", "ens2"] or sorted(asked) == ["ens1", "ens2", "ens2"]


def test_a_provider_that_stays_away_fails_the_claim_in_time(bench: Bench) -> None:
    bench.profiles.refusals = [AWAY] * 1000
    wanting(bench, "ens1")
    end = bench.deadline
    assert "is away" in bench.prepare()
    assert bench.clock.monotonic() < end
    assert bench.dataplane.ledger.records() == ()


def test_a_repeated_prepare_asks_nobody(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    bench.restarted()
    bench.prepare()
    assert len(bench.profiles.asked) == 1


def test_a_restart_before_the_plan_was_held_takes_the_answer_from_the_book(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    bench.dataplane.ledger.remove("pod-uid")  # as if the process had died just before
    bench.restarted()
    bench.profiles.gives = {}
    assert bench.prepare() == ""
    assert addresses(bench) == ["10.200.0.7/24"]


def test_a_restart_while_the_provider_was_being_asked_asks_again_and_gives_back_in_the_end(bench: Bench) -> None:
    wanting(bench, "ens1")

    def die(*args: object, **kwargs: object) -> NetworkConfig:
        bench.profiles.given[CLAIM.uid, "ens1"] = decode(NET)
        raise RuntimeError("killed")

    real, bench.profiles.grant = bench.profiles.grant, die  # type: ignore[method-assign]
    bench.prepare()
    bench.profiles.grant = real  # type: ignore[method-assign]
    assert bench.grants.values[CLAIM.uid].grants[0].answer is None
    bench.restarted()
    bench.unprepare()
    bench.releases.step()
    assert (bench.profiles.given, bench.grants.values) == ({}, {})


def test_a_release_is_tried_until_it_is_done_and_told(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    bench.unprepare()
    bench.profiles.refusals = [AWAY] * 3
    waits = []
    while bench.grants.values:
        waits.append(bench.releases.step())
        if bench.grants.values:
            assert bench.meter.values["knd_profile_releases_pending"] == 1
        bench.clock.sleep(waits[-1])
    assert bench.profiles.given == {}
    assert waits[0] < waits[2], "ever more slowly"
    assert bench.meter.values["knd_profile_releases_pending"] == 0
    (notice,) = [each for each in bench.notices.kept if each.reason == "ProfileReleaseFailed"]
    assert (notice.kind, notice.uid, "is away" in notice.message) == ("ResourceClaim", CLAIM.uid, True)


def test_a_release_goes_on_after_a_restart(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    bench.profiles.refusals = [AWAY]
    bench.unprepare()
    bench.releases.step()
    bench.restarted()
    bench.releases.step()
    assert (bench.profiles.given, bench.grants.values) == ({}, {})


def test_one_device_that_cannot_be_taken_back_costs_no_other(bench: Bench) -> None:
    wanting(bench, "ens1", "ens2")
    bench.prepare()
    bench.unprepare()
    bench.profiles.refusals = [AWAY]
    bench.releases.step()
    assert len(bench.profiles.given) == 1


def test_one_claim_that_cannot_be_released_costs_no_other(bench: Bench) -> None:
    wanting(bench, "ens1")
    wanting(bench, "ens2", ref=OTHER)
    assert (bench.prepare(), bench.prepare(OTHER)) == ("", "")
    bench.unprepare()
    bench.unprepare(OTHER)
    bench.profiles.refusals = [AWAY]
    bench.releases.step()
    assert len(bench.grants.values) == 1


def test_a_claim_that_comes_again_before_its_release_keeps_or_gets_anew_what_it_has(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    bench.unprepare()
    assert bench.prepare() == ""
    bench.releases.step()
    assert bench.profiles.back == []
    assert bench.profiles.given.keys() == {(CLAIM.uid, "ens1")}
    assert len(bench.profiles.asked) == 2, "asked again: the provider may have begun to take it back"


def test_a_device_that_the_claim_has_no_more_goes_back(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    wanting(bench, "ens2")  # allocated anew
    assert bench.prepare() == ""
    bench.releases.step()
    assert bench.profiles.back == [(CLAIM.uid, "ens1")]
    assert bench.profiles.given.keys() == {(CLAIM.uid, "ens2")}
    bench.claim("ens2", pod="another-pod")  # and now without a profile
    assert bench.prepare() == ""
    bench.releases.step()
    assert bench.profiles.given == {}


def test_a_claim_that_is_gone_without_an_unprepare_gives_back_and_one_in_a_pod_does_not(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    bench.cluster.remove_claim(CLAIM.namespace, CLAIM.name)
    bench.restarted()
    bench.releases.step()
    assert bench.profiles.given, "it is still prepared on this node"
    bench.dataplane.ledger.remove("pod-uid")
    bench.orphans.look()
    bench.releases.step()
    assert bench.profiles.given, "it may be just on its way to the dataplane"
    bench.orphans.look()
    bench.releases.step()
    assert (bench.profiles.given, bench.meter.counts[("knd_profile_orphans",)]) == ({}, 1)


def test_a_claim_of_another_node_by_now_gives_back_here(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    bench.dataplane.ledger.remove("pod-uid")
    body: Any = bench.cluster.claim(CLAIM.namespace, CLAIM.name)
    bench.orphans.look()
    assert bench.profiles.back == []
    for result in body["status"]["allocation"]["devices"]["results"]:
        result["pool"] = "node2"
    bench.cluster.put_claim(body)
    bench.orphans.look()
    bench.orphans.look()
    bench.releases.step()
    assert bench.profiles.back == [(CLAIM.uid, "ens1")]


def test_while_nothing_is_known_nothing_is_taken_back(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    bench.dataplane.ledger.remove("pod-uid")
    bench.cluster.remove_claim(CLAIM.namespace, CLAIM.name)
    bench.cluster.fail(AWAY, times=3)
    for _ in range(3):
        bench.orphans.look()
    bench.releases.step()
    assert bench.profiles.given


def test_a_claim_that_is_prepared_after_all_is_no_suspect_any_more(bench: Bench) -> None:
    wanting(bench, "ens1")
    bench.prepare()
    record = bench.dataplane.ledger.read("pod-uid")
    assert record is not None
    bench.dataplane.ledger.remove("pod-uid")
    bench.cluster.remove_claim(CLAIM.namespace, CLAIM.name)
    bench.orphans.look()
    bench.dataplane.ledger.write(record)
    for _ in range(3):
        bench.orphans.look()
    bench.releases.step()
    assert bench.profiles.given


def test_a_disk_that_refuses_means_that_nobody_is_asked(bench: Bench) -> None:
    wanting(bench, "ens1")

    def full(claim_uid: str, value: object) -> None:
        raise Failure(Code.INTERNAL, "/var/lib", "No space left on device")

    bench.grants.put = full  # type: ignore[method-assign]
    assert "No space left" in bench.prepare()
    assert bench.profiles.asked == []


def test_what_a_platform_says_gives_way_where_it_does_not_fit(bench: Bench) -> None:
    own_way = {"rules": [{"source": "10.9.0.0/24", "table": 101}], "interface": {"mtu": 1400}}
    bench.platform["ens1"] = decode(own_way)
    bench.claim("ens1", config=[opaque(interface={"vrf": {"name": "blue"}})])
    assert bench.prepare() == ""
    assert not any(isinstance(step, AddRule) for step in steps(bench))
    assert any(isinstance(step, SetMtu) for step in steps(bench)), "what fits stays"


def test_a_repeated_unprepare_does_not_wait_for_a_provider_that_hangs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.profiles.gives = {"fabric": decode({"interface": {"mtu": 1400}})}
    bench.claim("ens1", config=[opaque(profile="fabric")])
    assert bench.prepare() == ""
    assert bench.unprepare() == ""
    hangs, go_on = threading.Event(), threading.Event()

    def silent(*_: object) -> None:
        hangs.set()
        go_on.wait(60)

    monkeypatch.setattr(bench.profiles, "release", silent)
    releasing = threading.Thread(target=bench.releases.step, daemon=True)
    releasing.start()
    assert hangs.wait(30)
    answers: list[str] = []
    again = threading.Thread(target=lambda: answers.append(bench.unprepare()), daemon=True)
    again.start()
    again.join(10)
    in_time = list(answers)
    go_on.set()
    releasing.join(30)
    assert in_time == [""]
    assert bench.grants.values == {}
