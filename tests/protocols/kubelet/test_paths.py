"""Where the sockets are: the kubelet's conventions, and names that still fit in a socket address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kubelet.paths import hidden, socket_paths
from ports.errors import Code, Failure
from ports.options import MAX_SOCKET_PATH

ROOT = "/var/lib/kubelet"
UID = "689edbc3-b24c-40a2-a341-19ce7cb53c0d"


def test_one_instance_uses_the_conventional_paths() -> None:
    paths = socket_paths("dra.net", ROOT)
    assert paths.service == "/var/lib/kubelet/plugins/dra.net/dra.sock"
    assert paths.registrar == "/var/lib/kubelet/plugins_registry/dra.net-reg.sock"


def test_instances_of_a_rolling_update_have_the_pod_uid_in_their_names() -> None:
    paths = socket_paths("dra.net", ROOT, UID)
    assert paths.service == f"/var/lib/kubelet/plugins/dra.net/dra-{UID}.sock"
    assert paths.registrar == f"/var/lib/kubelet/plugins_registry/dra.net-{UID}-reg.sock"


def test_a_uid_that_does_not_fit_gives_way_to_a_hash() -> None:
    driver = "network-interfaces.example.org"
    paths = socket_paths(driver, ROOT, UID)
    assert paths.registrar == f"/var/lib/kubelet/plugins_registry/{driver}-SWKMDos7x3s-reg.sock"


def test_the_longest_driver_name_fits_with_a_uid() -> None:
    driver = "d" * 63
    paths, other = socket_paths(driver, ROOT, UID), socket_paths(driver, ROOT, UID[::-1])
    assert paths.registrar.startswith("/var/lib/kubelet/plugins_registry/d")
    assert {paths.service, paths.registrar}.isdisjoint({other.service, other.registrar})


@given(st.text("abcz019", min_size=1, max_size=63), st.sampled_from(["", UID, "f" * 36]))
def test_no_path_is_longer_than_a_socket_address(driver: str, pod_uid: str) -> None:
    paths = socket_paths(driver, ROOT, pod_uid)
    for path in (paths.service, paths.registrar, hidden(paths.service), hidden(paths.registrar)):
        assert len(path.encode()) <= MAX_SOCKET_PATH


def test_a_root_without_room_for_a_socket_is_refused_with_its_length() -> None:
    with pytest.raises(Failure, match=r"bytes, the kernel allows 107.*--kubelet-root") as caught:
        socket_paths("dra.net", "/" + "r" * 100)
    assert caught.value.code is Code.INVALID


def test_hidden_names_of_one_directory_differ_and_begin_with_a_dot() -> None:
    names = {hidden(f"/registry/{driver}-reg.sock") for driver in ("a.net", "b.net", "c.net")}
    assert len(names) == 3
    assert all(name.startswith("/registry/.") for name in names)
