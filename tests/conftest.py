"""For all tests: what is only for the guest stays there, and no property test fails because the machine is busy.

What the tests for the guest do to the host's cards must not be done to a real machine.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

os.environ["KND_CLOUD_PROVIDER_HINT"] = "NONE"  # no process of a test asks metadata servers of the network it runs in
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out the tests of another machine."""
    if item.get_closest_marker("vm") and not os.environ.get("KND_VM"):
        pytest.skip("runs in an emulated machine: make test TIERS=vm")
