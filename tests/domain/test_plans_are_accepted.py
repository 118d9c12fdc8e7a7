"""What planning makes, the dataplane's own check of a plan's shape accepts: both sides hold the same rules."""

from __future__ import annotations

from hypothesis import given

from dataplane.shape import check_shape
from ports.devices import LinkFacts
from ports.netconfig import NetworkConfig
from tests.domain.test_planning import CONFIGS, HOSTS, attempt


@given(CONFIGS, HOSTS)
def test_every_plan_has_the_shape_that_the_dataplane_wants(config: NetworkConfig, host: LinkFacts) -> None:
    made = attempt(config, host)
    if made is not None:
        check_shape(made)
