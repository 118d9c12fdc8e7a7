"""The narrow port over the bus: its two halves on two sockets, each of which serves its own verbs and no others."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.bus.client import Client
from adapters.bus.server import Server
from adapters.bus.verbs import Nothing, Verb
from ports.dataplane import Attaching, Call, Preparing, Sandbox
from ports.devices import Identity, LinkFacts
from ports.plan import Plan
from ports.results import Attached, AttachedDevice, Detached, Held, Report

PEER = "knd dataplane"


@dataclass(frozen=True, kw_only=True, slots=True)
class Devices:
    """The question of ``inspect``."""

    devices: tuple[Identity, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The answer of ``inspect``."""

    facts: tuple[LinkFacts, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimUid:
    """The question of ``prepared`` and ``unprepare``."""

    claim_uid: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimUids:
    """The answer of ``claims``."""

    claim_uids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanHeld:
    """The answer of ``prepared``."""

    plan: Plan | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DevicesNow:
    """The answer of ``readdress``."""

    devices: tuple[AttachedDevice, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """The question of ``reconcile``."""

    sandboxes: tuple[Sandbox, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AllHeld:
    """The answer of ``held``."""

    devices: tuple[Held, ...]


INSPECT = Verb(name="inspect", asks=Devices, answers=Facts)
PREPARED = Verb(name="prepared", asks=ClaimUid, answers=PlanHeld)
CLAIMS = Verb(name="claims", asks=Nothing, answers=ClaimUids)
PREPARE = Verb(name="prepare", asks=Plan, answers=Nothing)
READDRESS = Verb(name="readdress", asks=Plan, answers=DevicesNow)
UNPREPARE = Verb(name="unprepare", asks=ClaimUid, answers=Detached)
ATTACH = Verb(name="attach", asks=Sandbox, answers=Attached)
DETACH = Verb(name="detach", asks=Sandbox, answers=Detached)
RECONCILE = Verb(name="reconcile", asks=Live, answers=Report)
HELD = Verb(name="held", asks=Nothing, answers=AllHeld)


class PreparingClient:
    """``Preparing``, asked over the bus."""

    def __init__(self, path: str) -> None:
        self._client = Client(path, PEER)

    def inspect(self, devices: tuple[Identity, ...], call: Call) -> tuple[LinkFacts, ...]:
        """See ``Preparing``."""
        return self._client.ask(INSPECT, Devices(devices=devices), call).facts

    def prepared(self, claim_uid: str, call: Call) -> Plan | None:
        """See ``Preparing``."""
        return self._client.ask(PREPARED, ClaimUid(claim_uid=claim_uid), call).plan

    def claims(self, call: Call) -> tuple[str, ...]:
        """See ``Preparing``."""
        return self._client.ask(CLAIMS, Nothing(), call).claim_uids

    def prepare(self, plan: Plan, call: Call) -> None:
        """See ``Preparing``."""
        self._client.ask(PREPARE, plan, call)

    def readdress(self, plan: Plan, call: Call) -> tuple[AttachedDevice, ...]:
        """See ``Preparing``."""
        return self._client.ask(READDRESS, plan, call).devices

    def unprepare(self, claim_uid: str, call: Call) -> Detached:
        """See ``Preparing``."""
        return self._client.ask(UNPREPARE, ClaimUid(claim_uid=claim_uid), call)


class AttachingClient:
    """``Attaching``, asked over the bus."""

    def __init__(self, path: str) -> None:
        self._client = Client(path, PEER)

    def attach(self, sandbox: Sandbox, call: Call) -> Attached:
        """See ``Attaching``."""
        return self._client.ask(ATTACH, sandbox, call)

    def detach(self, sandbox: Sandbox, call: Call) -> Detached:
        """See ``Attaching``."""
        return self._client.ask(DETACH, sandbox, call)

    def reconcile(self, live: tuple[Sandbox, ...], call: Call) -> Report:
        """See ``Attaching``."""
        return self._client.ask(RECONCILE, Live(sandboxes=live), call)

    def held(self, call: Call) -> tuple[Held, ...]:
        """See ``Attaching``."""
        return self._client.ask(HELD, Nothing(), call).devices


def serve_preparing(path: str, dataplane: Preparing) -> Server:
    """A server, not yet started, of the DRA frontend's half."""

    def prepare(plan: Plan, call: Call) -> Nothing:
        dataplane.prepare(plan, call)
        return Nothing()

    return Server(
        path,
        (
            INSPECT.served_by(lambda ask, call: Facts(facts=dataplane.inspect(ask.devices, call))),
            PREPARED.served_by(lambda ask, call: PlanHeld(plan=dataplane.prepared(ask.claim_uid, call))),
            CLAIMS.served_by(lambda _, call: ClaimUids(claim_uids=dataplane.claims(call))),
            PREPARE.served_by(prepare),
            READDRESS.served_by(lambda plan, call: DevicesNow(devices=dataplane.readdress(plan, call))),
            UNPREPARE.served_by(lambda ask, call: dataplane.unprepare(ask.claim_uid, call)),
        ),
    )


def serve_attaching(path: str, dataplane: Attaching) -> Server:
    """A server, not yet started, of the NRI frontend's half."""
    return Server(
        path,
        (
            ATTACH.served_by(dataplane.attach),
            DETACH.served_by(dataplane.detach),
            RECONCILE.served_by(lambda ask, call: dataplane.reconcile(ask.sandboxes, call)),
            HELD.served_by(lambda _, call: AllHeld(devices=dataplane.held(call))),
        ),
    )
