"""The runtime's requests counted: by method and by how they were answered."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from adapters.health.requests import RequestMetrics
from agent.services.tally import Counted, Tally
from ports.errors import Code, Failure
from ports.frontends import REQUEST_BOUNDS
from ports.inbound import Container, PodSandbox
from tests.services.node import Node
from tests.support.clock import FakeClock
from tests.support.plans import pod_ref

LATER = 1e9


class Hooks:
    """Take some time, and say or raise how it went."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.tally = Tally(clock)
        self.counted = Counted(self, self.tally)  # type: ignore[arg-type]
        self.takes, self.status, self.fails = 0.004, "", False

    def run_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        self.clock.advance(self.takes)
        if self.status:
            self.tally.says(self.status)
        if self.fails:
            raise Failure(Code.KERNEL, "pod", "made to fail")

    def run(self) -> None:
        self.counted.run_pod_sandbox(PodSandbox(id="s", pod=pod_ref(), netns=None), LATER)


def rows(tally: Tally) -> dict[tuple[str, str], int]:
    return {(row.method, row.status): sum(row.within) for row in tally.counts()}


def test_each_is_counted_once_by_how_it_was_answered() -> None:
    hooks = Hooks(FakeClock())
    hooks.run()
    hooks.status = "noop"
    hooks.run()
    hooks.run()
    hooks.fails = True
    with pytest.raises(Failure):
        hooks.run()
    assert rows(hooks.tally) == {
        ("RunPodSandbox", "success"): 1,
        ("RunPodSandbox", "noop"): 2,
        ("RunPodSandbox", "failed"): 1,
    }


def test_they_are_read_as_metrics_with_their_times() -> None:
    hooks, registry = Hooks(FakeClock()), CollectorRegistry(auto_describe=True)
    registry.register(RequestMetrics(hooks.tally.counts))
    hooks.run()
    hooks.takes = 100.0
    hooks.run()
    samples = {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }
    assert samples["knd_nri_requests_total", ""] == samples["knd_nri_request_seconds_count", ""] == 2
    assert [samples["knd_nri_request_seconds_bucket", le] for le in ("0.0025", "0.005", "2.5", "+Inf")] == [0, 1, 1, 2]
    assert samples["knd_nri_request_seconds_sum", ""] == pytest.approx(100.004)
    assert len(REQUEST_BOUNDS) + 1 == len([name for name, _ in samples if name.endswith("_bucket")])


def test_what_is_none_of_our_business_and_what_failed_is_said() -> None:
    node = Node()
    stranger = node.sandbox("s9", pod_ref("stranger"))
    node.run(stranger)
    node.hooks.create_container(stranger, Container(id="c", sandbox_id="s9", name="app"), LATER)
    node.stop(stranger)
    assert node.said == ["noop"] * 3
    node.said.clear()
    node.prepare(3)
    node.run(node.sandbox())
    node.create(node.sandbox())
    node.stop(node.sandbox())
    assert node.said == []
    node.dataplane.faults.fail("attach", Failure(Code.KERNEL, "device ens1", "made to fail"))
    node.run(node.sandbox("s2"))
    assert node.said == ["failed"]
