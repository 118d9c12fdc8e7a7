"""Which taints a verdict gives a device, by the administrator's policy."""

from __future__ import annotations

from agent.domain.health.memory import Verdict
from ports.devices import Taint
from ports.health import Condition
from ports.nodeconfig import Health

DISABLED = "Disabled"


def taints(verdict: Verdict, policy: Health, driver: str) -> tuple[Taint, ...]:
    """One for each finding that has lasted and that the policy has an effect for; the key is under the driver's domain."""
    return tuple(
        Taint(key=f"{driver}/{finding.condition}", effect=effect)
        for finding in verdict.findings
        if finding.tainted and (effect := effect_of(finding.condition, policy)) != DISABLED
    )


def effect_of(condition: Condition, policy: Health) -> str:
    """The effect that a condition's taint has."""
    effects = {
        Condition.CARRIER_LOST: policy.carrierLost.taint,
        Condition.LINK_FLAPPING: policy.linkFlapping.taint,
        Condition.RDMA_NOT_ACTIVE: policy.rdmaNotActive.taint,
        Condition.PCI_ERRORS: policy.pciErrors.taint,
        Condition.GONE: policy.gone.taint,
    }
    return effects[condition]
