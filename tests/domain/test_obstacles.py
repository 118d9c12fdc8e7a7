"""What a device, its kernel or the pod's other interfaces do not allow is found when planning, with its path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.claims import Allocated, Configured
from agent.domain.layers import Provenance, Source
from agent.domain.planning import plan
from dataplane.shape import check_shape
from ports.devices import LinkFacts, Neighbour, Offloads, Rule, Switch, Sysctl, Tuning
from ports.errors import Code, Failure
from ports.netconfig import decode
from ports.plan import AddAlternativeName, ClaimRef, JoinVrf, Plan, RemovePrograms, SetSysctl, Step, Tune
from ports.sysctls import KEPT
from tests.domain.test_inheritance import ADDRESSES, ROUTES, RULES
from tests.domain.test_layers import PARAMETERS
from tests.domain.values import CLAIM, POD, configured, facts

SIZES = Tuning(
    tx_queue_len=1000, gso_max_size=65536, gro_max_size=65536, gso_ipv4_max_size=65536, gro_ipv4_max_size=65536
)
SYSCTLS = tuple(Sysctl(name=name, value="1" if name == "ipv6/accept_ra" else "0") for name in KEPT)
HOST = replace(
    facts(),
    tuning=SIZES,
    sysctls=SYSCTLS,
    offloads=Offloads(
        features=(Switch(name="tx-tcp-segmentation", on=True), Switch(name="tx-tcp6-segmentation", on=False)),
        flags=(Switch(name="legacy-rx", on=False),),
    ),
)


def steps(host: LinkFacts = HOST, **parameters: Any) -> tuple[Step, ...]:
    return plan(CLAIM, POD, (configured(**parameters),), {"ens1": host}).devices[0].steps


def mistakes(host: LinkFacts = HOST, **parameters: Any) -> str:
    with pytest.raises(Failure) as caught:
        steps(host, **parameters)
    assert caught.value.code is Code.INVALID
    return caught.value.detail


def settings_of(made: tuple[Step, ...]) -> dict[str, str]:
    return {step.sysctl.name: step.sysctl.value for step in made if isinstance(step, SetSysctl)}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"interface": {"sysctls": {"ipv6/disable_ipv6": 1}}}, "disable_ipv6: cannot be set together with IPv6"),
        ({"interface": {"hardwareAddr": "02:00:5e:10:00:01:00:02"}}, "has another length than this device's address"),
        ({"ethtool": {"features": {"turbo": True}}}, "ethtool.features.turbo: is no feature"),
        ({"ethtool": {"features": {"lro": True}}}, "ethtool.features.lro: is no feature"),
        (
            {"ethtool": {"privateFlags": {"fast": True}}},
            "ethtool.privateFlags.fast: is no private flag of this device; it",
        ),
        ({"routes": [{"destination": "10.0.0.0/8", "gateway": "192.0.2.5"}]}, "routes[0].gateway: 192.0.2.5 is this"),
        (
            {"routes": [{"destination": "10.0.0.0/8", "gateway": "192.0.2.1", "mtu": 9000}]},
            "routes[0].mtu: 9000 is above",
        ),
        (
            {
                "routes": [
                    {"destination": "10.0.0.0/8", "nextHops": [{"gateway": "192.0.2.1"}, {"gateway": "10.0.0.1"}]}
                ]
            },
            "routes[0].nextHops[1].gateway: 10.0.0.1 is in no network",
        ),
        (
            {
                "interface": {"vrf": {"name": "blue"}},
                "routes": [{"destination": "10.0.0.0/8", "gateway": "192.0.2.1", "table": 100}],
            },
            "routes[0].table: in a VRF all routes are in its table, 1541",
        ),
        (
            {"neighbors": [{"destination": "192.0.2.1", "hardwareAddr": "00:11:22:33:44:55:66:77"}]},
            "neighbors[0].hardwareAddr",
        ),
        ({"interface": {"vrf": {"name": "ens1"}}}, "the name ens1 would be used for a VRF and for an interface"),
    ],
)
def test_what_cannot_work_is_told_with_its_path(parameters: dict[str, Any], words: str) -> None:
    assert words in mistakes(**parameters)


@pytest.mark.parametrize("key", ["txQueueLen", "gsoMaxSize", "groMaxSize", "gsoIPv4MaxSize", "groIPv4MaxSize"])
def test_a_size_that_the_kernel_does_not_know_is_refused(key: str) -> None:
    assert f"interface.{key}: is not known" in mistakes(replace(HOST, tuning=Tuning()), interface={key: 60000})


def test_a_sysctl_that_the_kernel_does_not_have_is_refused() -> None:
    bare = replace(HOST, sysctls=(), addresses=())
    assert "sysctls.ipv4/rp_filter: is not there" in mistakes(bare, interface={"sysctls": {"ipv4/rp_filter": 1}})
    assert "interface.ipv6.acceptRa: this interface has no IPv6" in mistakes(bare, interface={"ipv6": {"acceptRa": 1}})


@pytest.mark.parametrize(("mtu", "fits"), [(1399, True), (1400, True), (1401, False)])
def test_the_mtu_of_what_is_below_bounds_it(mtu: int, fits: bool) -> None:
    host = replace(HOST, lower_mtu=1400)
    if fits:
        steps(host, interface={"mtu": mtu})
    else:
        assert "1401 is above 1400" in mistakes(host, interface={"mtu": mtu})


def test_sizes_are_set_only_when_one_differs_and_know_what_was_before() -> None:
    assert not [step for step in steps(interface={"gsoMaxSize": 65536}) if isinstance(step, Tune)]
    (tune,) = [step for step in steps(interface={"gsoMaxSize": 60000, "txQueueLen": 1000}) if isinstance(step, Tune)]
    assert tune.tuning == Tuning(gso_max_size=60000, tx_queue_len=1000)
    assert tune.before == Tuning(gso_max_size=65536, tx_queue_len=1000)


def test_ipv6_is_ready_at_once_and_heeds_advertisements_as_the_host_does() -> None:
    assert settings_of(steps()) == {"ipv6/disable_ipv6": "0", "ipv6/accept_dad": "0", "ipv6/accept_ra": "1"}
    forwarding = tuple(replace(each, value="1") if each.name == "ipv6/forwarding" else each for each in SYSCTLS)
    assert settings_of(steps(replace(HOST, sysctls=forwarding)))["ipv6/accept_ra"] == "0"
    assert settings_of(steps(interface={"addresses": ["10.0.0.5/24"]})) == {
        "ipv6/accept_dad": "0",
        "ipv6/accept_ra": "0",
    }


def test_without_ipv6_nothing_of_it_is_set() -> None:
    plain = replace(HOST, addresses=(), sysctls=tuple(each for each in SYSCTLS if each.name.startswith("ipv4/")))
    assert settings_of(steps(plain, interface={"forwarding": True})) == {"ipv4/forwarding": "1"}
    assert settings_of(steps(replace(HOST, addresses=()), interface={"mtu": 1279})) == {}


def test_ipv6_is_switched_on_before_and_off_after_its_other_settings() -> None:
    made = [step.sysctl.name for step in steps() if isinstance(step, SetSysctl)]
    assert made[0] == "ipv6/disable_ipv6"
    off = {"addresses": [], "sysctls": {"ipv6/disable_ipv6": 1, "ipv6/use_tempaddr": 0}}
    assert [step.sysctl.name for step in steps(interface=off) if isinstance(step, SetSysctl)][-1] == "ipv6/disable_ipv6"


def test_programs_go_only_when_asked() -> None:
    assert RemovePrograms() in steps(interface={"disableEbpfPrograms": True})
    assert RemovePrograms() not in steps(interface={"disableEbpfPrograms": False})


def test_a_mistake_names_the_layer_that_it_comes_from() -> None:
    allocated = Allocated(request="r", pool="node1", device="ens1")
    provenance = Provenance(sources={"interface.mtu": Source.CLASS})
    device = Configured(allocated=allocated, config=decode({"interface": {"mtu": 9001}}), provenance=provenance)
    with pytest.raises(Failure, match=r"interface.mtu: 9001 is above 9000.*interface.mtu is from the device class"):
        plan(CLAIM, POD, (device,), {"ens1": HOST})


def pod_of(*interfaces: dict[str, Any], others: tuple[Plan, ...] = ()) -> Plan:
    devices = {f"ens{number}": replace(HOST, link=facts(f"ens{number}", number).link) for number in range(1, 9)}
    chosen = tuple(
        configured(f"ens{number}", interface=each) for number, each in enumerate(interfaces, 1 + len(others))
    )
    claim = CLAIM if not others else ClaimRef(namespace="team", name="more", uid="more")
    return plan(claim, POD, chosen, devices, others)


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ({"name": "a"}, {"name": "a"}, "the name a would be used by"),
        ({"name": "a"}, {"name": "b", "alternativeNames": ["a"]}, "the name a would be used by"),
        ({"alternativeNames": ["a"]}, {"alternativeNames": ["a"]}, "the name a would be used by"),
        ({"vrf": {"name": "blue"}}, {"name": "blue"}, "the name blue would be used for a VRF and for an interface"),
        (
            {"vrf": {"name": "a", "table": 7}},
            {"vrf": {"name": "b", "table": 7}},
            "the VRFs a and b would share table 7",
        ),
        ({"vrf": {"name": "a"}}, {"vrf": {"name": "a", "table": 7}}, "the VRF a would have the tables"),
    ],
)
def test_what_two_interfaces_of_a_pod_cannot_share(one: dict[str, Any], two: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure, match=words):
        pod_of(one, two)
    first = pod_of(one)
    with pytest.raises(Failure, match=words):
        pod_of(two, others=(first,))


def test_one_vrf_can_hold_several_interfaces() -> None:
    made = pod_of({"vrf": {"name": "blue"}}, {"vrf": {"name": "blue"}})
    joined = [step for device in made.devices for step in device.steps if isinstance(step, JoinVrf)]
    assert joined == [JoinVrf(name="blue", table=1541)] * 2


def test_alternative_names_become_steps() -> None:
    assert AddAlternativeName(name="fast") in steps(interface={"alternativeNames": ["fast"]})


def test_more_steps_than_a_plan_has_place_for_are_refused() -> None:
    many = tuple(Neighbour(address=f"192.0.2.{number}", mac="00:11:22:33:44:55") for number in range(256)) * 2
    rules = tuple(Rule(family=4, priority=number, table=100) for number in range(600))
    routes = [{"destination": "10.0.0.0/8", "gateway": "192.0.2.1", "table": 100}]
    assert "more than 512" in mistakes(replace(HOST, neighbours=many, rules=rules), routes=routes)


@given(PARAMETERS, ADDRESSES, ROUTES, RULES, st.sampled_from([(), SYSCTLS]))
def test_every_plan_has_the_shape_that_the_dataplane_wants(
    parameters: dict[str, Any], addresses: Any, routes: Any, rules: Any, sysctls: Any
) -> None:
    host = replace(HOST, addresses=addresses, routes=routes, rules=rules, sysctls=sysctls)
    try:
        made = plan(CLAIM, POD, (configured(**parameters),), {"ens1": host})
    except Failure as failure:
        assert failure.code is Code.INVALID
        return
    check_shape(made)
