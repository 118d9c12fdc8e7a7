"""A model of ethtool: features of which one depends on another, fixed ones, and private flags that a test gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ports.devices import Offloads, Setting, Switch
from ports.errors import Code, Failure
from ports.kernel import Namespace
from tests.contracts.kernel.fake import FakeKernel
from tests.contracts.kernel.model import Device
from tests.contracts.kernel.namespace import FakeNamespace

WANTED = {"rx-gro": False, "tx-checksum-ip-generic": True, "tx-tcp-segmentation": True}
NEEDS = {"tx-tcp-segmentation": "tx-checksum-ip-generic"}
SETTINGS = {"channels/rx": 1, "channels/tx": 1}  # of a veth
MOST = {"channels": 2}
FIXED = {"rx-all": False}


@dataclass
class State:
    """The switches of one device; what is wanted is active only with what it needs."""

    device: Device
    wanted: dict[str, bool] = field(default_factory=lambda: dict(WANTED))
    flags: dict[str, bool] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=lambda: dict(SETTINGS))

    @property
    def active(self) -> dict[str, bool]:
        return {name: on and self.wanted.get(NEEDS.get(name, ""), True) for name, on in self.wanted.items()}


class FakeOffloads:
    """Implements ``ports.controls.OffloadControl`` on the model's devices. ``writes`` counts what was really switched."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel
        self._states: dict[int, State] = {}
        self.writes = 0
        self.most = dict(MOST)  # what the settings of a family can be

    def read(self, namespace: Namespace, ifindex: int) -> Offloads:
        """Changeable features and flags."""
        with self._kernel.call("offloads.read"):
            state = self._state(namespace, ifindex)
            settings = tuple(Setting(name=name, value=str(value)) for name, value in state.settings.items())
            return Offloads(features=_switches(state.active), flags=_switches(state.flags), settings=settings)

    def fixed(self, namespace: Namespace, ifindex: int) -> tuple[Switch, ...]:
        """Those that nobody can change."""
        with self._kernel.call("offloads.fixed"):
            self._state(namespace, ifindex)
            return _switches(FIXED)

    def write(self, namespace: Namespace, ifindex: int, wish: Offloads) -> None:
        """Switch; all or nothing."""
        with self._kernel.call("offloads.write"):
            state, subject = self._state(namespace, ifindex), f"interface #{ifindex}"
            features = _differing(wish.features, {**state.active, **FIXED}, subject, "feature")
            flags = _differing(wish.flags, state.flags, subject, "private flag")
            if features.keys() & FIXED.keys():
                raise Failure(Code.INVALID, subject, f"{', '.join(features.keys() & FIXED.keys())} is fixed")
            if features:
                wanted = {switch.name: switch.on for switch in wish.features}
                _refuse_unmet(wanted, {**state.wanted, **features}, subject)
            settings = _set(wish.settings, state.settings, self.most, subject)
            self.writes += bool(features or flags or settings)
            state.wanted.update(features)
            state.flags.update(flags)
            state.settings.update(settings)

    def give_flags(self, namespace: Namespace, ifindex: int, **flags: bool) -> None:
        """Give a device private flags, for tests."""
        self._state(namespace, ifindex).flags.update(flags)

    def give_settings(self, namespace: Namespace, ifindex: int, **settings: int) -> None:
        """Give a device's hardware more to be set, for tests."""
        self._state(namespace, ifindex).settings.update(settings)

    def _state(self, namespace: Namespace, ifindex: int) -> State:
        if not isinstance(namespace, FakeNamespace):
            raise TypeError("the model's offloads are of the model's links")
        device = namespace._device(ifindex)
        return self._states.setdefault(id(device), State(device))


def _differing(wish: tuple[Switch, ...], now: Mapping[str, bool], subject: str, what: str) -> dict[str, bool]:
    unknown = [switch.name for switch in wish if switch.name not in now]
    if unknown:
        raise Failure(Code.INVALID, subject, f"has no {what} {', '.join(unknown)}")
    return {switch.name: switch.on for switch in wish if switch.on != now[switch.name]}


def _set(wish: tuple[Setting, ...], now: Mapping[str, int], most: Mapping[str, int], subject: str) -> dict[str, int]:
    unknown = [setting.name for setting in wish if setting.name not in now]
    if unknown:
        raise Failure(Code.INVALID, subject, f"has no setting {', '.join(unknown)}")
    wrong = [each.name for each in wish if int(each.value) > most.get(each.family, 1 << 32)]
    if wrong:
        raise Failure(Code.KERNEL, subject, f"the driver did not do {', '.join(wrong)}")
    return {each.name: int(each.value) for each in wish if int(each.value) != now[each.name]}


def _refuse_unmet(features: Mapping[str, bool], then: Mapping[str, bool], subject: str) -> None:
    unmet = [name for name, on in features.items() if on and not then.get(NEEDS.get(name, ""), True)]
    if unmet:
        raise Failure(Code.KERNEL, subject, f"the kernel did not do {', '.join(unmet)}")


def _switches(state: Mapping[str, bool]) -> tuple[Switch, ...]:
    return tuple(Switch(name=name, on=on) for name, on in sorted(state.items()))
