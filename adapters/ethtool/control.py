"""Features and private flags as the worker asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from adapters.ethtool import hardware
from adapters.ethtool.family import NAME, Ethtool, Features
from adapters.talk.conversation import Talk
from adapters.talk.generic import NETLINK_GENERIC, family
from adapters.talk.inside import inside
from ports.devices import Offloads, Switch
from ports.errors import Code, Failure
from ports.kernel import Namespace

T = TypeVar("T")


class EthtoolOffloads:
    """Implements ``ports.controls.OffloadControl``. Only the number of ethtool's messages is kept between calls.

    Reading takes no capability, but wake-on-LAN is told only to whoever has CAP_NET_ADMIN.

    The state of a feature is what is active now. Writing takes CAP_NET_ADMIN over the namespace's user namespace.
    ``timeout``: seconds that a call may take.
    """

    def __init__(self, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._family: int | None = None

    def read(self, namespace: Namespace, ifindex: int) -> Offloads:
        """The features that ethtool can change, and the private flags; each sorted by name."""
        return self._with(namespace, ifindex, _read)

    def fixed(self, namespace: Namespace, ifindex: int) -> tuple[Switch, ...]:
        """The features that ethtool cannot change, sorted by name."""
        return self._with(namespace, ifindex, _fixed)

    def write(self, namespace: Namespace, ifindex: int, wish: Offloads) -> None:
        """Switch what is not so yet. INVALID: no such name, or one that this hardware has fixed the other way."""
        if wish != Offloads():
            self._with(namespace, ifindex, lambda ethtool: _write(ethtool, wish, f"interface #{ifindex}"))

    def _with(self, namespace: Namespace, ifindex: int, act: Callable[[Ethtool], T]) -> T:
        def run() -> T:
            with Talk(NETLINK_GENERIC, self._timeout) as talk:
                self._family = self._family or family(talk, NAME)
                return act(Ethtool(talk, ifindex, self._family))

        try:
            return inside(namespace.fileno(), self._timeout, f"interface #{ifindex}", run)
        except OSError as error:
            raise Failure(Code.KERNEL, f"interface #{ifindex}", f"ethtool netlink: {error}") from error


def _read(ethtool: Ethtool) -> Offloads:
    features = ethtool.features()
    changeable = {} if features is None else {name: features.state[name] for name in features.changeable}
    return Offloads(
        features=_switches(changeable), flags=_switches(ethtool.flags()), settings=tuple(hardware.read(ethtool))
    )


def _fixed(ethtool: Ethtool) -> tuple[Switch, ...]:
    features = ethtool.features()
    if features is None:
        return ()
    return _switches({name: on for name, on in features.state.items() if name not in features.changeable})


def _write(ethtool: Ethtool, wish: Offloads, subject: str) -> None:
    if wish.features:
        _write_features(ethtool, wish.features, subject)
    if wish.flags:
        _write_flags(ethtool, wish.flags, subject)
    if wish.settings:
        hardware.write(ethtool, wish.settings, subject)


def _write_features(ethtool: Ethtool, wish: tuple[Switch, ...], subject: str) -> None:
    """All of the wish is sent when something differs: what is so already may go with what it depends on."""
    now = ethtool.features() or Features(state={}, wanted={}, changeable=frozenset())
    differing = _differing(wish, now.state, subject, "feature")
    fixed = [switch for switch in differing if switch.name not in now.changeable]
    if fixed:
        raise Failure(Code.INVALID, subject, f"{_said(fixed)} is not possible here: fixed by driver or hardware")
    sent = tuple(switch for switch in wish if switch.name in now.changeable) if differing else ()
    denied = ethtool.set_features(sent) if sent else {}
    if denied:  # what is wanted stays wanted, and would come true with the next change of another feature
        ethtool.set_features(tuple(Switch(name=switch.name, on=now.wanted[switch.name]) for switch in sent))
        _refuse(_switches(denied), subject)


def _write_flags(ethtool: Ethtool, wish: tuple[Switch, ...], subject: str) -> None:
    differing = _differing(wish, ethtool.flags(), subject, "private flag")
    if differing:
        ethtool.set_flags(differing)
        _refuse(_differing(differing, ethtool.flags(), subject, "private flag"), subject)


def _differing(wish: tuple[Switch, ...], now: Mapping[str, bool], subject: str, what: str) -> tuple[Switch, ...]:
    unknown = sorted(switch.name for switch in wish if switch.name not in now)
    if unknown:
        raise Failure(Code.INVALID, subject, f"has no {what} {', '.join(unknown)}", "names are those of ethtool -k")
    return tuple(switch for switch in wish if switch.on != now[switch.name])


def _refuse(denied: tuple[Switch, ...], subject: str) -> None:
    if denied:
        hint = "the driver, or another feature that it depends on, decides"
        raise Failure(Code.KERNEL, subject, f"the kernel did not do {_said(denied)}", hint)


def _said(switches: list[Switch] | tuple[Switch, ...]) -> str:
    return ", ".join(f"{switch.name} {'on' if switch.on else 'off'}" for switch in switches)


def _switches(state: Mapping[str, bool]) -> tuple[Switch, ...]:
    return tuple(Switch(name=name, on=on) for name, on in sorted(state.items()))
