"""Whether a claim is at its end although nobody has said so: in the cluster, and in what the dataplane holds."""

from __future__ import annotations

from uuid import uuid4

from agent.domain import claims
from ports.clock import Clock
from ports.cluster import Claims
from ports.dataplane import Call, Preparing
from ports.errors import Code, Failure
from ports.plan import ClaimRef

PATIENCE = 5.0  # seconds for one question to the dataplane


class Ended:
    """Asked for one claim at a time. Raises ``Failure`` when it cannot be known now."""

    def __init__(self, *, driver: str, node: str, cluster: Claims, dataplane: Preparing, clock: Clock) -> None:
        self._driver = driver
        self._node = node
        self._cluster = cluster
        self._dataplane = dataplane
        self._clock = clock

    def __call__(self, claim: ClaimRef) -> bool:
        """Nothing of it is prepared here, and no device of this node is allocated to it."""
        call = Call(key=uuid4().hex, deadline=self._clock.monotonic() + PATIENCE)
        return self._dataplane.prepared(claim.uid, call) is None and not self._is_ours(claim)

    def _is_ours(self, claim: ClaimRef) -> bool:
        try:
            body = self._cluster.claim(claim.namespace, claim.name)
        except Failure as failure:
            if failure.code is Code.NOT_FOUND:
                return False
            raise
        same = body["metadata"].get("uid") == claim.uid
        return same and any(each.pool == self._node for each in claims.allocated(body, self._driver))
