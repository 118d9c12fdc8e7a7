"""Interfaces of the host that bear a name of ours and belong to no record: nobody else would ever tell of them.

It happens to a device whose record was lost. What it looked like before is lost as well, so a person has to decide.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from dataplane.locate import temporary_name
from ports.devices import Link
from ports.errors import Failure
from ports.kernel import Namespace
from ports.ledger import PodRecord

log = logging.getLogger("knd.dataplane")
OURS = re.compile(r"knd[0-9a-f]{1,12}")  # narrower than what a plan may say: a bridge called knd-br is no orphan


def suspects(host: Namespace) -> tuple[Link, ...]:
    """The host's interfaces under a temporary name; none, with a word in the log, where they cannot be listed."""
    try:
        return tuple(link for link in host.links() if OURS.fullmatch(link.name))
    except Failure as failure:
        log.warning("cannot look for forgotten devices: %s", failure)
        return ()


def tell(links: Iterable[Link], records: Iterable[PodRecord]) -> None:
    """Warn of each that no record claims."""
    known = {temporary_name(device) for record in records for plan in record.plans for device in plan.devices}
    for link in links:
        if link.name not in known:
            log.warning(
                "interface %s (%s) has the name of a device under way and belongs to no claim: rename it with"
                " 'ip link set %s name NAME', then give it its addresses back and set it up",
                link.name,
                link.identity,
                link.name,
            )
