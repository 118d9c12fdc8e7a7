"""Another lease for a device that is in a running pod: its leased addresses and routes become those of a new plan.

The intent is written down first, so that a crash in between is undone like every other one. What only gets more time
is not touched otherwise, and packets go on through it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

from dataplane.defects import as_failure
from dataplane.desk import plan_of
from dataplane.leasechange import Change, change
from dataplane.namespaces import Namespaces
from dataplane.steps import Site
from ports.controls import Machine
from ports.errors import Code, Failure
from ports.ledger import Ledger, PodRecord, about
from ports.plan import DevicePlan, Plan
from ports.results import AttachedDevice

log = logging.getLogger("knd.dataplane")
CheckTime = Callable[[], None]


class Readdressing:
    """Callers hold the pod's lock. The pod is attached, and both plans differ in leases only."""

    def __init__(self, machine: Machine, ledger: Ledger, namespaces: Namespaces) -> None:
        self._machine = machine
        self._ledger = ledger
        self._namespaces = namespaces

    def carry_out(self, record: PodRecord, plan: Plan, check_time: CheckTime) -> PodRecord:
        """The record with the plan in force, or a Failure and everything as it was."""
        earlier = plan_of(record, plan.claim.uid)
        assert earlier is not None
        self._ledger.write(replace(record, readdressing=plan))
        try:
            for act in self._acts(record, earlier, plan):
                check_time()
                act()
            done = self._done(record, earlier, plan)
            self._ledger.write(done)
        except Exception as error:
            self.undo(replace(record, readdressing=plan))
            raise as_failure(error, str(plan.claim), about(record)) from error
        return done

    def undo(self, record: PodRecord) -> PodRecord:
        """Back to the plan that was in force: what the kernel refuses is told, and ends with its lease."""
        target = record.readdressing
        earlier = plan_of(record, target.claim.uid) if target is not None else None
        settled = replace(record, readdressing=None)
        if target is not None and earlier is not None:
            self._take_back(record, target, earlier)
        try:
            self._ledger.write(settled)
        except Failure as failure:
            log.error("cannot write the ledger: %s", failure, extra=about(record))
        return settled

    def _take_back(self, record: PodRecord, target: Plan, earlier: Plan) -> None:
        try:
            acts = tuple(self._acts(record, target, earlier))
        except Exception as error:  # noqa: BLE001 - what is under way has to end
            failure = as_failure(error, str(target.claim), about(record))
            log.error("not taken back: %s", failure, extra=about(record))
            return
        for act in acts:
            try:
                act()
            except Exception as error:  # noqa: BLE001 - what is under way has to end
                failure = as_failure(error, str(target.claim), about(record))
                log.error("not taken back: %s", failure, extra=about(record))

    def _acts(self, record: PodRecord, old: Plan, new: Plan) -> Iterator[Callable[[], None]]:
        """What is asked of the kernel, device by device. NOT_FOUND: the device is not in the pod."""
        for before, after in zip(old.devices, new.devices, strict=True):
            made = change(before, after)
            if made != Change():
                yield from self._device_acts(self._site(record, before), made)

    def _device_acts(self, site: Site, made: Change) -> Iterator[Callable[[], None]]:
        found = site.found()
        if found is None:
            raise Failure(Code.NOT_FOUND, f"device {site.plan.device}", "is not in the pod now")
        pod, index = found[0], found[1].identity.ifindex
        yield from (lambda route=route: pod.remove_route(index, route) for route in made.gone_routes)
        yield from (lambda gone=gone: pod.remove_address(index, gone) for gone in made.gone_addresses)
        yield from (lambda address=address: pod.add_address(index, address) for address in made.addresses)
        yield from (lambda route=route: pod.add_route(index, route) for route in made.routes)
        if made.addresses and (made.gone_addresses or made.routes):
            yield lambda: _announce(site)

    def _done(self, record: PodRecord, earlier: Plan, plan: Plan) -> PodRecord:
        devices = tuple(self._read_again(record, device, plan) for device in record.devices)
        plans = tuple(plan if each is earlier else each for each in record.plans)
        return replace(record, plans=plans, devices=devices)

    def _read_again(self, record: PodRecord, device: AttachedDevice, plan: Plan) -> AttachedDevice:
        planned = next((each for each in plan.devices if each.device == device.device), None)
        if device.claim != plan.claim or planned is None or planned.rdma_only:
            return device
        found = self._site(record, planned).found()
        if found is None:
            raise Failure(Code.NOT_FOUND, f"device {device.device}", "is not in the pod now")
        addresses = found[0].addresses(found[1].identity.ifindex)
        return replace(device, addresses=tuple(each.prefix for each in addresses))

    def _site(self, record: PodRecord, device: DevicePlan) -> Site:
        names = [each.device for each in record.devices]
        known = device.device in names and len(record.indexes) == len(names)
        index = record.indexes[names.index(device.device)] if known else None
        return Site(plan=device, machine=self._machine, pod=self._namespaces.of(record), index=index)


def _announce(site: Site) -> None:
    pod, link = site.found() or (None, None)
    if pod is not None and link is not None:
        try:
            pod.announce(link.identity.ifindex)
        except Failure as failure:
            log.warning("not announced: %s", failure)
