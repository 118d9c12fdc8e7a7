"""What the two frontends tell each other, over the bus."""

from __future__ import annotations

from adapters.bus.client import Client
from adapters.bus.server import Server
from adapters.bus.verbs import Nothing, Verb
from ports.dataplane import Call
from ports.frontends import Outcome, Outcomes, RuntimeLink, RuntimeState

STATE = Verb(name="state", asks=Nothing, answers=RuntimeState)
REPORT = Verb(name="report", asks=Outcome, answers=Nothing)


class RuntimeLinkClient:
    """``RuntimeLink``, asked over the bus."""

    def __init__(self, path: str) -> None:
        self._client = Client(path, "knd nri")

    def state(self, call: Call) -> RuntimeState:
        """See ``RuntimeLink``."""
        return self._client.ask(STATE, Nothing(), call)


class OutcomesClient:
    """``Outcomes``, reported over the bus."""

    def __init__(self, path: str) -> None:
        self._client = Client(path, "knd dra")

    def report(self, outcome: Outcome, call: Call) -> None:
        """See ``Outcomes``."""
        self._client.ask(REPORT, outcome, call)


def serve_runtime_link(path: str, link: RuntimeLink) -> Server:
    """A server, not yet started, of the runtime connection's state."""
    return Server(path, (STATE.served_by(lambda _, call: link.state(call)),), workers=2)


def serve_outcomes(path: str, outcomes: Outcomes) -> Server:
    """A server, not yet started, that takes outcomes of attaches."""

    def report(outcome: Outcome, call: Call) -> Nothing:
        outcomes.report(outcome, call)
        return Nothing()

    return Server(path, (REPORT.served_by(report),), workers=2)
