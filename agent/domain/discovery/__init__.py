"""What a host's interfaces are as devices: names that stay, and attributes that classes and claims select by.

Names and attributes are DRANET's, so that its users' DeviceClasses work unchanged; `catalogue` has them all. A device is
said to be what the host shows of it and nothing else: what could not be read is left out, and costs that attribute alone.
"""

from agent.domain.discovery.devices import devices, shared_names
from agent.domain.discovery.offered import why_not

__all__ = ["devices", "shared_names", "why_not"]
