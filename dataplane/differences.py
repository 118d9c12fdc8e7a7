"""Two looks at one interface compared, in the words that errors use.

``changed`` is strict: a plan made from one look does not fit the other. ``lacking`` asks what the host has to get back;
what was added in the host meanwhile is not ours to take away, what a pod can leave behind is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

from dataplane.functions import to_give_back
from ports.devices import Link, LinkFacts, Offloads, Program, Setting, Switch, Tuning
from ports.queueing import Queueing

LINK_KEYS = ("name", "mac", "mtu", "up", "flags")


def changed(before: LinkFacts, now: LinkFacts) -> tuple[str, ...]:
    """What is not as it was. The carrier and those who look at all packets come and go by themselves.

    Nor do settings of the hardware count, which no plan is made of: some drivers tell what they chose themselves. A
    lease that was renewed is no change either.
    """
    one, other = _steady(before), _steady(now)
    return tuple(_words(field.name) for field in fields(LinkFacts) if _differs(one, other, field.name))


def lacking(before: LinkFacts, now: LinkFacts) -> tuple[str, ...]:
    """What has to be put back, link first; empty when the host has all that it had."""
    unkept = (words for words in before.unkept if words not in now.unkept)
    return (*_lacking(before, now), *unkept)


def link_differences(now: Link, before: Link) -> tuple[str, ...]:
    """Which of name, MAC, MTU, administrative state and flags are others."""
    return tuple(key for key in LINK_KEYS if getattr(now, key) != getattr(before, key))


def to_switch(before: Offloads, now: Offloads) -> Offloads:
    """The features and flags that are to be switched back, and the settings of the families in which something differs.

    A setting that is not told now is no difference: it follows from another one that is.
    """
    return Offloads(
        features=_switched(before.features, now.features),
        flags=_switched(before.flags, now.flags),
        settings=tuple(setting for setting in before.settings if setting.family in _families(before, now)),
    )


def to_set(before: Offloads, now: Offloads) -> tuple[Setting, ...]:
    """The settings that are other ones now."""
    values = {setting.name: setting.value for setting in now.settings}
    return tuple(setting for setting in before.settings if values.get(setting.name, setting.value) != setting.value)


def to_tune(before: Tuning, now: Tuning) -> Tuning:
    """The sizes that are to be set back; what was not known before is left alone."""
    changes = {
        key: None for key in (field.name for field in fields(Tuning)) if getattr(before, key) == getattr(now, key)
    }
    return replace(before, **changes)


def to_put(before: Queueing, now: Queueing) -> Queueing:
    """The disciplines, classes and filters that are not there as they were."""
    return Queueing(
        queues=tuple(each for each in before.queues if each not in now.queues),
        classes=tuple(each for each in before.classes if each not in now.classes),
        filters=tuple(each for each in before.filters if each not in now.filters),
    )


def foreign(programs: Iterable[Program], before: Iterable[Program]) -> tuple[Program, ...]:
    """The programs that are not among those before."""
    known = {(program.hook, program.id) for program in before}
    return tuple(program for program in programs if (program.hook, program.id) not in known)


def _lacking(before: LinkFacts, now: LinkFacts) -> Iterator[str]:
    yield from link_differences(now.link, before.link)
    if to_tune(before.tuning, now.tuning) != Tuning():
        yield "queue or sizes"
    if set(before.alternative_names) != set(now.alternative_names):
        yield "alternative names"
    yield from (key for key in ("alias", "group") if getattr(before, key) != getattr(now, key))
    for key in ("addresses", "routes", "rules", "neighbours", "sysctls", "rdma"):
        if not set(getattr(before, key)) <= set(getattr(now, key)):
            yield _words(key)
    yield from _hardware(before.offloads, now.offloads)
    if foreign(now.programs, before.programs) or foreign(before.programs, now.programs):
        yield "eBPF programs"
    yield from (str(part) for part in _parts(to_put(before.queueing, now.queueing)))
    yield from (f"virtual function {each.number}" for each in to_give_back(before, now))
    if now.promiscuity > before.promiscuity:  # fewer than before: those who wanted all packets are gone
        yield "promiscuity"


def _parts(queueing: Queueing) -> tuple[object, ...]:
    return (*queueing.queues, *queueing.classes, *queueing.filters)


def _hardware(before: Offloads, now: Offloads) -> Iterator[str]:
    wrong = to_switch(before, now)
    if wrong.features or wrong.flags:
        yield "offloads"
    yield from (setting.name for setting in to_set(before, now))


def _families(before: Offloads, now: Offloads) -> frozenset[str]:
    return frozenset(setting.family for setting in to_set(before, now))


def _steady(facts: LinkFacts) -> LinkFacts:
    """Without what comes and goes by itself, and without what only ``inspect`` tells."""
    offloads = replace(facts.offloads, fixed=(), settings=())
    return replace(facts, link=replace(facts.link, operstate=""), offloads=offloads, promiscuity=0, expiries=())


def _differs(one: LinkFacts, other: LinkFacts, key: str) -> bool:
    mine, theirs = getattr(one, key), getattr(other, key)
    if isinstance(mine, tuple):
        return set(mine) != set(theirs)
    return bool(mine != theirs)


def _switched(before: tuple[Switch, ...], now: tuple[Switch, ...]) -> tuple[Switch, ...]:
    return tuple(switch for switch in before if switch not in now)


def _words(key: str) -> str:
    return {"rdma": "RDMA devices", "programs": "eBPF programs"}.get(key, key.replace("_", " "))
