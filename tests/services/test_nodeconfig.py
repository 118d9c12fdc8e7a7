"""What people are told of the node's configuration."""

from __future__ import annotations

from adapters.health.metrics import Metrics
from agent.services.nodeconfig import ConfigTelling
from tests.support.notices import KeptNotices


def test_a_refused_file_is_told_once_and_so_is_its_repair() -> None:
    problems, metrics, notices = [""], Metrics(), KeptNotices()
    telling = ConfigTelling("node-1", lambda: problems[-1], notices, metrics)

    def valid() -> float | None:
        return metrics.registry.get_sample_value("knd_node_config_valid")

    telling.look()
    assert valid() == 1
    for problem in ("deny: x", "deny: x", "deny: y", ""):
        problems.append(problem)
        telling.look()
        assert valid() == (0 if problem else 1)
    assert [(each.kind, each.name, each.reason, each.warning) for each in notices.kept] == [
        ("Node", "node-1", "NodeConfigurationInvalid", True),
        ("Node", "node-1", "NodeConfigurationInvalid", True),
        ("Node", "node-1", "NodeConfigurationTaken", False),
    ]
    assert notices.kept[0].message == "deny: x"
