"""The simulation follows the API's rules, is fed by our slices, and reproduces what it was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean, pstdev
from xml.etree import ElementTree

import pytest

from agent.domain.topology import Alignment, alignment
from tests.simulation import paper
from tests.simulation.__main__ import told
from tests.simulation.allocator import Allocator, Json, Offer, offers
from tests.simulation.cluster import Node, classes, node, template
from tests.simulation.experiment import AT_RANDOM, BY_CLAIM, run
from tests.simulation.picture import drawn
from tests.support.machines import accelerated
from tests.support.machines.builder import Machine

JOBS, SEED = 400, 1
ROOT = "resource.kubernetes.io/pcieRoot"


def made(directory: Path, make: Callable[[Path], Machine] = accelerated.h100, name: str = "n") -> Node:
    """A node that is such a machine."""
    return node(name, make, directory)


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Node, Node]:
    """Two nodes with eight GPUs and cards each."""
    directory = tmp_path_factory.mktemp("machines")
    return made(directory, name="a"), made(directory, name="b")


def allocator(*nodes: Node) -> Allocator:
    """Over the slices of the nodes."""
    return Allocator(offers([body for each in nodes for body in each.slices]), classes())


def near(on: Node, chosen: dict[str, Offer], gpu: str, nic: str) -> Alignment:
    """How near a claim's GPU and card are."""
    return alignment(on.parts[chosen[gpu].name], on.parts[chosen[nic].name])


def test_a_claim_for_one_root_gets_pairs_on_a_switch_until_none_is_left(eight: tuple[Node, Node]) -> None:
    on, _ = eight
    scheduler = allocator(on)
    for _ in range(8):
        chosen = scheduler.allocate(template("same-root"), on.name)
        assert chosen is not None
        assert near(on, chosen, "gpu", "nic") is Alignment.SWITCH
    assert scheduler.allocate(template("same-root"), on.name) is None


def test_each_of_two_pairs_is_aligned_and_on_a_root_of_its_own(eight: tuple[Node, Node]) -> None:
    on, _ = eight
    chosen = allocator(on).allocate(template("two-pairs"), on.name)
    assert chosen is not None
    assert {near(on, chosen, f"gpu{pair}", f"nic{pair}") for pair in (0, 1)} == {Alignment.SWITCH}
    assert len({offer.name for offer in chosen.values()}) == 4


def test_where_no_card_is_on_a_gpus_root_the_node_is_what_can_be_matched(tmp_path: Path) -> None:
    on = made(tmp_path, accelerated.gb300)
    scheduler = allocator(on)
    assert scheduler.allocate(template("same-root"), on.name) is None
    for _ in range(4):
        chosen = scheduler.allocate(template("same-node"), on.name)
        assert chosen is not None
        assert near(on, chosen, "gpu", "nic") is Alignment.NODE


def test_a_class_takes_only_what_its_selectors_hold_for(eight: tuple[Node, Node]) -> None:
    on, _ = eight
    names = {offer.name for offer in allocator(on).fitting({"exactly": {"deviceClassName": "rdma.dra.net"}}, on.name)}
    assert "pci-0000-01-00-0" not in names  # the management card: a selector that fails does not select
    assert len(names) == 8


@pytest.mark.parametrize(
    ("one", "other", "met"),
    [
        ({"string": "a"}, {"string": "a"}, True),
        ({"string": "a"}, {"string": "b"}, False),
        ({"ints": [0, 1]}, {"int": 1}, True),
        ({"ints": [0, 1]}, {"ints": [2, 3]}, False),
        (None, {"string": "a"}, False),
        (None, None, False),
    ],
)
def test_a_constraint_wants_one_value_and_an_attribute_that_is_there(one: object, other: object, met: bool) -> None:
    bodies = [{"attributes": {ROOT: value} if value else {}} for value in (one, other)]
    kinds: dict[str, Json] = {"a": {"spec": {"selectors": []}}}
    scheduler = Allocator([Offer("d", "n", f"d{index}", body) for index, body in enumerate(bodies)], kinds)
    requests = [{"name": name, "exactly": {"deviceClassName": "a"}} for name in ("x", "y")]
    constraints = [{"requests": ["x", "y"], "matchAttribute": ROOT}]
    spec = {"devices": {"requests": requests, "constraints": constraints}}
    assert (scheduler.allocate(spec, "n") is not None) is met


def test_a_claim_is_always_aligned_and_chance_seldom_as_often_as_it_must_be(eight: tuple[Node, Node]) -> None:
    outcomes = run(eight, JOBS, SEED)
    claim, chance = outcomes[BY_CLAIM], outcomes[AT_RANDOM]
    assert claim.workers == {Alignment.SWITCH: 2 * JOBS}
    assert claim.jobs_aligned == JOBS
    shares = {level: chance.workers[level] / (2 * JOBS) for level in Alignment}
    expected = {Alignment.SWITCH: 1 / 8, Alignment.ROOT: 0, Alignment.NODE: 3 / 8, Alignment.NONE: 4 / 8}
    assert shares == pytest.approx(expected, abs=0.06)  # more than three deviations of 800 draws
    assert claim.mean == pytest.approx(paper.ALIGNED["all_reduce"].mean, abs=0.02)
    assert chance.mean == pytest.approx(paper.UNALIGNED["all_reduce"].mean, abs=1.2)


@pytest.mark.parametrize("test", sorted(paper.UNALIGNED))
def test_taking_the_runs_aligned_by_chance_out_and_putting_them_in_again_gives_the_measured_series(test: str) -> None:
    rest, part, whole = paper.misaligned(test), paper.ALIGNED[test], paper.UNALIGNED[test]
    # two points of a series stand for its mean and deviation; 63 parts of one and 1 of the other are the mixture
    points = [rest.mean - rest.deviation, rest.mean + rest.deviation] * 63
    points += [part.mean - part.deviation, part.mean + part.deviation]
    assert (fmean(points), pstdev(points)) == pytest.approx((whole.mean, whole.deviation))


def test_the_same_dice_give_the_same_outcome_and_picture(eight: tuple[Node, Node]) -> None:
    nodes = eight
    first, second = (run(nodes, 20, SEED) for _ in range(2))
    assert drawn(first, 20) == drawn(second, 20)
    assert run(nodes, 20, SEED + 1)[AT_RANDOM].bandwidth != first[AT_RANDOM].bandwidth


def test_nobody_can_take_it_for_a_measurement(eight: tuple[Node, Node]) -> None:
    outcomes = run(eight, 5, SEED)
    picture = drawn(outcomes, 5)
    assert "Simulation, not a measurement" in "".join(ElementTree.fromstring(picture).itertext())
    assert told(outcomes, 5).startswith("SIMULATION, not a measurement")
