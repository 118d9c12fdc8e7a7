"""What people are told of the node's configuration: an Event on the Node and a metric when a file is refused, or taken."""

from __future__ import annotations

from collections.abc import Callable

from agent.services.notices import Notices
from ports.cluster import Notice
from ports.metrics import Meter

INVALID, TAKEN = "NodeConfigurationInvalid", "NodeConfigurationTaken"


class ConfigTelling:
    """``look`` is called at the start and after each change of the file; ``problem`` says what is wrong with it."""

    def __init__(self, node: str, problem: Callable[[], str], notices: Notices, meter: Meter) -> None:
        self._node = node
        self._problem = problem
        self._notices = notices
        self._meter = meter
        self._told = ""

    def look(self) -> None:
        """Tell what is new."""
        problem = self._problem()
        self._meter.show("knd_node_config_valid", 0 if problem else 1)
        if problem == self._told:
            return
        self._told = problem
        self._notices.put(
            Notice(
                kind="Node",
                namespace="",
                name=self._node,
                uid="",
                reason=INVALID if problem else TAKEN,
                message=problem or "the node configuration is without mistakes again and in force",
                warning=bool(problem),
            )
        )
