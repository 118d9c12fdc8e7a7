"""Traffic control of a link: what somebody put there, and putting it there again."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from adapters.netlink import qdiscs, tc_filters
from adapters.netlink.codec import Request
from adapters.netlink.handle import named
from adapters.netlink.interfaces import LinkHandle
from adapters.netlink.socket import KernelError
from ports.errors import Code, Failure
from ports.queueing import INGRESS, ROOT, Filter, Queue, Queueing, TrafficClass

HOOKS = frozenset({0xFFFFFFF2, 0xFFFFFFF3})  # TC_H_MIN_INGRESS and _EGRESS of clsact
NONE = frozenset({errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP})
Part = Queue | TrafficClass | Filter
Messages = tuple[bytes, ...]


class QueueHandle(LinkHandle):
    """The part of ``ports.kernel.Namespace`` that speaks of traffic control."""

    def set_queueing(self, ifindex: int, wish: Queueing) -> None:
        """Put these where they are not, each behind that which it hangs on."""
        self.link(ifindex)
        refusals = self._put(ifindex, (*in_order((*wish.queues, *wish.classes)), *wish.filters))
        if refusals:
            words = "; ".join(f"{part}: {failure.detail}" for part, failure in refusals.items())
            raise Failure(Code.KERNEL, named(ifindex), f"traffic control: {words}")

    def _queueing(self, ifindex: int) -> tuple[Queueing, tuple[str, ...]]:
        """All of it, and the names of what cannot be put there again. Two questions where nobody has put anything."""
        ends = {parent: self._at(ifindex, parent) for parent in (ROOT, INGRESS)}
        if not any(qdiscs.queue(message, ifindex) for message in ends.values() if message):
            return Queueing(), ()
        messages = self._every(ifindex) if ends[ROOT] and qdiscs.queue(ends[ROOT], ifindex) else tuple(ends.values())
        queues = tuple(queue for message in messages if message and (queue := qdiscs.queue(message, ifindex)))
        classes, filters = self._classes(ifindex, queues), self._filters(ifindex, queues)
        made = Queueing(
            queues=queues,
            classes=classes,
            filters=tuple(each for message in filters if (each := tc_filters.tc_filter(message, ifindex))),
        )
        unkept = [words for message in messages if message for words in qdiscs.shared(message)]
        unkept += [words for message in filters for words in tc_filters.unkept(message, ifindex, HOOKS)]
        return made, tuple(dict.fromkeys(unkept))

    def _at(self, ifindex: int, parent: int) -> bytes:
        """The discipline there; empty where there is none, and on kernels without traffic control."""
        try:
            return self.socket.look(qdiscs.at(ifindex, parent), named(ifindex))
        except KernelError as error:
            if error.errno in NONE:
                return b""
            raise

    def _every(self, ifindex: int) -> Messages:
        messages = self.socket.dump(qdiscs.every(), named(ifindex))
        return tuple(message for message in messages if qdiscs.queue(message, ifindex))

    def _classes(self, ifindex: int, queues: Iterable[Queue]) -> tuple[TrafficClass, ...]:
        if not any(queue.type in qdiscs.CLASSFUL for queue in queues):
            return ()
        messages = self.socket.dump(qdiscs.classes_of(ifindex), named(ifindex))
        found = (qdiscs.traffic_class(message, ifindex) for message in messages)
        return tuple(each for each in found if each is not None)

    def _filters(self, ifindex: int, queues: Iterable[Queue]) -> Messages:
        parents = [parent for queue in queues for parent in _parents(queue)]
        dumps = (self.socket.dump(tc_filters.of_parent(ifindex, parent), named(ifindex)) for parent in parents)
        return tuple(message for dump in dumps for message in dump)

    def _put(self, ifindex: int, parts: Iterable[Part]) -> dict[Part, Failure]:
        """Those that were refused."""
        refused: dict[Part, Failure] = {}
        for part in parts:
            try:
                self.socket.change(_adding(ifindex, part), f"{part} of {named(ifindex)}")
            except Failure as failure:
                if failure.code not in (Code.KERNEL, Code.CONFLICT):
                    raise
                if not self._has(ifindex, part):
                    refused[part] = failure
        return refused

    def _has(self, ifindex: int, part: Part) -> bool:
        found, _ = self._queueing(ifindex)
        return part in (*found.queues, *found.classes, *found.filters)


def in_order(parts: tuple[Queue | TrafficClass, ...]) -> Iterator[Queue | TrafficClass]:
    """Each behind that which it hangs on: HTB takes a class whose parent is not there for one of the top."""
    waiting = list(parts)
    while waiting:
        handles = {part.handle for part in waiting}
        ready = [part for part in waiting if not _needs(part) & handles] or waiting  # a ring: the kernel will refuse it
        yield from ready
        waiting = [part for part in waiting if part not in ready]


def _needs(part: Queue | TrafficClass) -> set[int]:
    """The handles of its parent, and of a class also that of its discipline."""
    return {part.parent} if isinstance(part, Queue) else {part.parent, part.handle & 0xFFFF0000}


def _adding(ifindex: int, part: Part) -> Request:
    return tc_filters.adding(ifindex, part) if isinstance(part, Filter) else qdiscs.adding(ifindex, part)


def _parents(queue: Queue) -> tuple[int, ...]:
    """Where the filters of a discipline hang."""
    if queue.type == "clsact":
        return tuple(sorted(HOOKS))
    return (queue.handle,)
