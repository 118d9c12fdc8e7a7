"""The parts of ``knd dra`` by which others than the host have a say: the platform, a webhook, profiles."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from posixpath import join

from adapters.cloud import catalog
from adapters.cloud.credentials import Credentials
from adapters.cloud.webhook import Webhook
from adapters.outbox.files import FileShelf
from agent.services.configuration import Configuration
from agent.services.ended import Ended
from agent.services.grants import GrantBook
from agent.services.inventories import Inventories
from agent.services.notices import Notices
from agent.services.orphans import Orphans
from agent.services.profiles import Profiles
from agent.services.providers import Providers
from agent.services.releases import Releases
from ports.clock import Clock
from ports.cluster import Claims
from ports.dataplane import Preparing
from ports.metrics import Meter
from ports.places import Places
from ports.profiles import Grants
from ports.providers import Remembered


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What these parts are put together with."""

    driver: str
    node: str
    cluster: Claims
    dataplane: Preparing
    inventories: Inventories
    notices: Notices
    clock: Clock
    meter: Meter


@dataclass(frozen=True, kw_only=True, slots=True)
class Outside:
    """``configuration`` is for Prepare; the others have a loop each."""

    providers: Providers
    releases: Releases
    configuration: Configuration

    def loops(self) -> dict[str, Callable[[], None]]:
        """By name, for a thread each."""
        return {"providers": self.providers.run, "releases": self.releases.run}

    def stop(self) -> None:
        """End the loops."""
        self.providers.stop()
        self.releases.stop()


def build(chosen: argparse.Namespace, around: Around) -> Outside:
    """INVALID for flags that cannot be used together, and for files that cannot be read."""
    credentials = Credentials(ca_file=chosen.webhook_ca_file, token_file=chosen.webhook_token_file)
    webhook = catalog.webhook(chosen.webhook_url, credentials)
    providers = Providers(
        driver=around.driver,
        candidates=catalog.candidates(chosen.cloud_provider_hint, webhook),
        devices=around.inventories.bare,
        shelf=FileShelf(join(Places(chosen.runtime_dir).outbox, "platform"), Remembered),
        clock=around.clock,
        meter=around.meter,
    )
    around.inventories.dress(providers.dressed)
    return _profiled(chosen, around, providers, webhook)


def _profiled(chosen: argparse.Namespace, around: Around, providers: Providers, webhook: Webhook | None) -> Outside:
    """What was given outlives the boot, so its book is in the directory that the kubelet has for this driver."""
    granting = catalog.profiles(chosen.profile_provider, webhook, lambda: providers.found)
    book = GrantBook(FileShelf(join(chosen.kubelet_root, "plugins", around.driver, "profiles"), Grants))
    over = Ended(
        driver=around.driver,
        node=around.node,
        cluster=around.cluster,
        dataplane=around.dataplane,
        clock=around.clock,
    )
    releases = Releases(
        provider=granting,
        book=book,
        orphans=Orphans(book=book, over=over, clock=around.clock, meter=around.meter),
        notices=around.notices,
        clock=around.clock,
        meter=around.meter,
    )
    book.tell(releases.wake)
    configuration = Configuration(
        driver=around.driver,
        node=around.node,
        inventories=around.inventories,
        platform=providers.config,
        profiles=Profiles(provider=granting, book=book, clock=around.clock, meter=around.meter),
        clock=around.clock,
    )
    return Outside(providers=providers, releases=releases, configuration=configuration)
