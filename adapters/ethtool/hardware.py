"""Reading all settings of a link in one exchange with the kernel, and setting those that differ."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping

from adapters.ethtool.family import Ethtool
from adapters.ethtool.spreading import spread
from adapters.ethtool.table import FAMILIES, RSS, Family, decoded, encoded
from adapters.talk.conversation import KernelError
from ports.devices import Setting
from ports.errors import Code, Failure


def read(ethtool: Ethtool) -> Iterator[Setting]:
    """The settings that the driver tells, in the order of the table."""
    for family, found in zip(FAMILIES, ethtool.ask_each(family.get for family in FAMILIES), strict=True):
        if found is not None:
            yield from decoded(family, found)


def write(ethtool: Ethtool, wish: tuple[Setting, ...], subject: str) -> None:
    """Set what differs, family by family; what is refused together is tried one by one. Then look at all of it."""
    _refuse_unknown(wish, _by_name(read(ethtool)), subject)
    refusals: list[str] = []
    for family in FAMILIES:  # each is read again: the one before may have changed it
        differing = _differing(wish, _by_name(read(ethtool)), family.name)
        refusals += _send(ethtool, family, differing)
    now = _by_name(read(ethtool))
    denied = [
        f"{setting.name} {setting.value}" for setting in wish if now.get(setting.name) not in (None, setting.value)
    ]
    if denied:
        words = "; ".join((f"the driver did not do {', '.join(denied)}", *dict.fromkeys(refusals)))
        raise Failure(Code.KERNEL, subject, words, "the driver, or another setting that it depends on, decides")


def _send(ethtool: Ethtool, family: Family, wish: Mapping[str, str]) -> list[str]:
    if not wish:
        return []
    try:
        _set(ethtool, family, wish)
    except KernelError as refusal:
        if len(wish) == 1:
            return [refusal.detail]
        return [words for name, value in wish.items() for words in _send(ethtool, family, {name: value})]
    return []


def _set(ethtool: Ethtool, family: Family, wish: Mapping[str, str]) -> None:
    try:
        ethtool.send(family.set, encoded(family, wish))
    except KernelError as refusal:
        if family is not RSS or refusal.errno != errno.EOPNOTSUPP:
            raise
        spread(ethtool.name(), wish)  # kernels before 6.17 know no such message


def _refuse_unknown(wish: tuple[Setting, ...], now: Mapping[str, str], subject: str) -> None:
    families = {name.partition("/")[0] for name in now}
    known = {f"{family.name}/{key}" for family in FAMILIES if family.name in families for key in family.keys}
    unknown = sorted({setting.name for setting in wish} - known)
    if unknown:
        raise Failure(Code.INVALID, subject, f"has no setting {', '.join(unknown)}")


def _differing(wish: tuple[Setting, ...], now: Mapping[str, str], family: str) -> dict[str, str]:
    mine = (setting for setting in wish if setting.family == family and now.get(setting.name) != setting.value)
    return {setting.name.partition("/")[2]: setting.value for setting in mine}


def _by_name(settings: Iterator[Setting]) -> dict[str, str]:
    return {setting.name: setting.value for setting in settings}
