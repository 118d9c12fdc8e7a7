"""The bench of the dataplane contract around the fake."""

from __future__ import annotations

from dataclasses import replace

from ports.devices import Identity, Link, LinkFacts
from tests.support.clock import FakeClock
from tests.support.dataplane.fake import FakeDataplane
from tests.support.dataplane.host import HOST, UPLINK, FakeHost


class FakeBench:
    """A fake dataplane on a fake host with two cards and an uplink, on a clock that stands still."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.host = FakeHost.with_cards("ens1", "ens2")
        self.dataplane = FakeDataplane(self.clock, self.host)
        self.devices = (self._identity(3), self._identity(4))
        self.uplink = self._identity(UPLINK)
        self.host_netns = HOST
        self._paths: dict[str, str] = {}

    def now(self) -> float:
        """Seconds of the fake clock."""
        return self.clock.monotonic()

    def netns(self, name: str) -> str:
        """The path of a pod's namespace, made on the first call of that name."""
        if name not in self._paths:
            self._paths[name] = f"/var/run/netns/{name}"
            self.host.namespaces.add(self._paths[name])
        return self._paths[name]

    def end(self, netns: str) -> None:
        """Let the namespace die."""
        self.host.end(netns)

    def occupy(self, netns: str, name: str) -> None:
        """A foreign link of that name in there."""
        index = max(self.host.facts) + 1
        identity = Identity(ifindex=index, link_kind="veth")
        self.host.put(netns, LinkFacts(link=Link(identity=identity, name=name, mac="", mtu=1500, up=True)))

    def disturb(self, device: Identity) -> None:
        """Another MTU."""
        facts = self.host.facts[device.ifindex]
        self.host.put(HOST, replace(facts, link=replace(facts.link, mtu=facts.link.mtu - 100)))

    def restart(self) -> None:
        """A new dataplane on the same host and ledger."""
        self.dataplane = FakeDataplane(self.clock, self.host, self.dataplane.ledger)

    def _identity(self, ifindex: int) -> Identity:
        return self.host.facts[ifindex].link.identity
