"""The health of this node's devices: looked at, told to the kubelet, tainted, and said to people."""

from agent.services.health.assembling import HealthParts, assemble

__all__ = ["HealthParts", "assemble"]
