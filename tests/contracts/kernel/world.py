"""What the contract of kernels stands on: a kernel in a world that a test arranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from ports.devices import Link
from ports.errors import Code, Failure
from ports.kernel import Kernel, Namespace

ABSENT = 99999


class World(Protocol):
    """What a test arranges around a kernel."""

    @property
    def kernel(self) -> Kernel:
        """The kernel under test."""
        ...

    def add_link(self, name: str, ifindex: int | None = None) -> Link:
        """A virtual interface (veth) in the host, down, without addresses, whose other end is up; of that index if given."""
        ...

    def add_namespace(self) -> str:
        """A new empty namespace; its path."""
        ...

    def foreign_path(self) -> str:
        """A file that is no network namespace."""
        ...

    def host_path(self) -> str:
        """A path of the host's own namespace."""
        ...


class OnAKernel:
    """Inherit and provide the fixture ``world``."""

    @pytest.fixture
    def world(self) -> World | Iterator[World]:
        """The kernel under test in a world of its own."""
        raise NotImplementedError

    @pytest.fixture
    def host(self, world: World) -> Namespace:
        """The host's namespace."""
        return world.kernel.host

    @pytest.fixture
    def pod(self, world: World) -> Iterator[Namespace]:
        """A pod's namespace, open."""
        namespace = world.kernel.open(world.add_namespace())
        yield namespace
        namespace.close()


def fails(code: Code, act: Callable[[], object]) -> Failure:
    with pytest.raises(Failure) as caught:
        act()
    assert caught.value.code is code
    assert str(caught.value)
    return caught.value
