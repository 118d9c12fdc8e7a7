"""A dataplane without a kernel: the same port, the same refusals, a host that is a table."""

from tests.support.dataplane.fake import FakeDataplane
from tests.support.dataplane.faults import Faults
from tests.support.dataplane.host import FakeHost

__all__ = ["FakeDataplane", "FakeHost", "Faults"]
