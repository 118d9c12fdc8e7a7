"""Whether a device is well: a pure judgement over what was seen of it and when."""

from agent.domain.health.judging import judge
from agent.domain.health.memory import NEW, Finding, Memory, Seen, Verdict
from agent.domain.health.policy import taints

__all__ = ["NEW", "Finding", "Memory", "Seen", "Verdict", "judge", "taints"]
