"""What the two frontends tell each other, over the bus."""

from __future__ import annotations

from adapters.bus.client import Client
from adapters.bus.server import Server
from adapters.bus.verbs import Nothing, Verb
from ports.dataplane import Call
from ports.frontends import Outcome, Outcomes, Refusal, Refusals, RuntimeLink, RuntimeState

COMPARE = Verb(name="compare", asks=Nothing, answers=Nothing)
STATE = Verb(name="state", asks=Nothing, answers=RuntimeState)
REPORT = Verb(name="report", asks=Outcome, answers=Nothing)
REFUSED = Verb(name="refused", asks=Refusal, answers=Nothing)


class RuntimeLinkClient:
    """``RuntimeLink``, asked over the bus."""

    def __init__(self, path: str) -> None:
        self._client = Client(path, "knd nri")

    def state(self, call: Call) -> RuntimeState:
        """See ``RuntimeLink``."""
        return self._client.ask(STATE, Nothing(), call)

    def compare(self, call: Call) -> None:
        """See ``RuntimeLink``."""
        self._client.ask(COMPARE, Nothing(), call)


class OutcomesClient:
    """``Outcomes`` and ``Refusals``, reported over the bus."""

    def __init__(self, path: str) -> None:
        self._client = Client(path, "knd dra")

    def report(self, outcome: Outcome, call: Call) -> None:
        """See ``Outcomes``."""
        self._client.ask(REPORT, outcome, call)

    def refused(self, refusal: Refusal, call: Call) -> None:
        """See ``Refusals``."""
        self._client.ask(REFUSED, refusal, call)


def serve_runtime_link(path: str, link: RuntimeLink) -> Server:
    """A server, not yet started, of the runtime connection's state."""

    def compare(_: Nothing, call: Call) -> Nothing:
        link.compare(call)
        return Nothing()

    return Server(path, (STATE.served_by(lambda _, call: link.state(call)), COMPARE.served_by(compare)), workers=2)


def serve_outcomes(path: str, outcomes: Outcomes, refusals: Refusals | None = None) -> Server:
    """A server, not yet started, that takes outcomes of attaches, and refusals if anybody wants them."""

    def report(outcome: Outcome, call: Call) -> Nothing:
        outcomes.report(outcome, call)
        return Nothing()

    def refused(refusal: Refusal, call: Call) -> Nothing:
        if refusals is not None:
            refusals.refused(refusal, call)
        return Nothing()

    return Server(path, (REPORT.served_by(report), REFUSED.served_by(refused)), workers=2)
