"""The claims' gates, kept in step with the ledger: open for what is attached, closed for everything else."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ports.errors import Failure
from ports.gate import Gate
from ports.ledger import Phase, PodRecord
from ports.plan import Plan

log = logging.getLogger("knd.dataplane")


class Gates:
    """One gate a claim."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def open(self, record: PodRecord) -> None:
        """Let the containers of an attached pod's claims be created."""
        for plan in record.plans:
            mine = [each for each in record.devices if each.claim == plan.claim]
            nodes = dict.fromkeys(node for each in mine for node in each.nodes)
            self._gate.open(plan.claim, tuple(each.interface for each in mine if each.interface), tuple(nodes))

    def close(self, plans: Iterable[Plan]) -> None:
        """Refuse containers of these claims. One that cannot be closed is reported: the devices come back all the same."""
        for plan in plans:
            self._close(plan.claim.uid)

    def agree(self, records: Iterable[PodRecord]) -> None:
        """Close what is open without an attachment, open what is attached and closed. What fails is reported."""
        attached = [record for record in records if record.phase is Phase.ATTACHED]
        wanted = {plan.claim.uid for record in attached for plan in record.plans}
        try:
            opened = self._gate.opened()
            for claim_uid in sorted(opened - wanted):
                self._close(claim_uid)
            for record in attached:
                if not {plan.claim.uid for plan in record.plans} <= opened:
                    self.open(record)
        except Failure as failure:
            log.error("the gates do not agree with the ledger: %s", failure)

    def _close(self, claim_uid: str) -> None:
        try:
            self._gate.close(claim_uid)
        except Failure as failure:
            log.error("cannot close the gate: %s", failure, extra={"claim": claim_uid})
