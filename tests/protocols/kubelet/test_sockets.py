"""Who owns a socket path: gRPC would take it from anybody, so we do not let it."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from adapters.kubelet.plugin import KubeletPlugin
from adapters.standin import dra_client
from adapters.standin.kubelet import StandinKubelet
from ports.errors import Code, Failure
from tests.protocols.kubelet.hooks import claim

Make = Callable[..., KubeletPlugin]
SECOND = """
import sys
from adapters.kubelet.plugin import KubeletPlugin
from ports.errors import Failure
from tests.protocols.kubelet.hooks import RecordingHooks
try:
    KubeletPlugin("dra.net", sys.argv[1], RecordingHooks()).serve()
except Failure as failure:
    print(failure.code, failure)
"""


def test_a_second_process_does_not_take_the_sockets_over(
    kubelet: StandinKubelet, plugin: KubeletPlugin, root: str
) -> None:
    plugin.serve()
    plugin.register()
    second = subprocess.run(
        [sys.executable, "-c", SECOND, root], capture_output=True, text=True, check=True, timeout=60
    )
    assert second.stdout.startswith("conflict ")
    assert "another process serves these sockets" in second.stdout
    kubelet.wait_registered("dra.net")
    assert kubelet.prepare("dra.net", (claim(),))


def test_the_next_one_may_serve_once_the_first_has_stopped(plugin_at: Make) -> None:
    first, second = plugin_at(), plugin_at()
    first.serve()
    with pytest.raises(Failure) as caught:
        second.serve()
    assert caught.value.code is Code.CONFLICT
    first.stop()
    second.serve()
    assert os.path.exists(second.paths.service)


def test_sockets_left_by_a_killed_process_are_replaced(kubelet: StandinKubelet, plugin: KubeletPlugin) -> None:
    for path in (plugin.paths.service, plugin.paths.registrar):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _stale_socket(path)
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    assert kubelet.prepare("dra.net", (claim(),))


def test_sockets_are_for_their_owner_alone_and_nothing_hidden_remains(plugin: KubeletPlugin) -> None:
    plugin.serve()
    plugin.register()
    for path in (plugin.paths.service, plugin.paths.registrar):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(os.path.dirname(plugin.paths.registrar)) == ["dra.net-reg.sock"]
    assert sorted(os.listdir(os.path.dirname(plugin.paths.service))) == ["dra.sock", "dra.sock.lock"]


def test_a_removed_socket_is_made_again(kubelet: StandinKubelet, plugin_at: Make) -> None:
    plugin = plugin_at(probe_interval=0.05)
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    os.unlink(plugin.paths.registrar)
    kubelet.wait_deregistered("dra.net")
    kubelet.wait_registered("dra.net")
    os.unlink(plugin.paths.service)
    plugin.probe()
    assert kubelet.prepare("dra.net", (claim(),))


def test_a_socket_removed_again_and_again_is_always_made_again(kubelet: StandinKubelet, plugin: KubeletPlugin) -> None:
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    for _ in range(30):
        os.unlink(plugin.paths.service)
        plugin.probe()
    assert kubelet.prepare("dra.net", (claim(),))


def test_a_removed_registry_directory_is_made_again(kubelet: StandinKubelet, plugin: KubeletPlugin) -> None:
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    os.unlink(plugin.paths.registrar)
    os.rmdir(os.path.dirname(plugin.paths.registrar))
    kubelet.wait_deregistered("dra.net")
    plugin.probe()
    kubelet.wait_registered("dra.net")


def test_a_socket_of_somebody_else_at_our_path_is_reported_and_left(
    plugin: KubeletPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    plugin.serve()
    plugin.register()
    os.unlink(plugin.paths.registrar)
    _stale_socket(plugin.paths.registrar)
    plugin.probe()
    plugin.stop()
    assert "another socket lies at" in caplog.text
    assert os.path.exists(plugin.paths.registrar)


def test_a_probe_before_and_after_the_service_does_nothing(plugin: KubeletPlugin) -> None:
    plugin.probe()
    plugin.serve()
    plugin.stop()
    plugin.probe()
    assert not os.path.exists(plugin.paths.service)


def test_an_unusable_root_is_a_failure_and_leaves_no_lock(root: str, plugin_at: Make) -> None:
    blocked = os.path.join(root, "file")
    with open(blocked, "w", encoding="ascii"):
        pass
    with pytest.raises(Failure, match="mount of the kubelet's root") as caught:
        plugin_at(kubelet_root=blocked).serve()
    assert caught.value.code is Code.REFUSED


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 64, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 99]
)
def test_garbage_on_the_sockets_harms_nobody(kubelet: StandinKubelet, plugin: KubeletPlugin, garbage: bytes) -> None:
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    for path in (plugin.paths.service, plugin.paths.registrar):
        _send(path, garbage)
    assert dra_client.get_info(plugin.paths.registrar).name == "dra.net"
    assert kubelet.prepare("dra.net", (claim(),))


def test_a_hundred_silent_connections_harm_nobody(kubelet: StandinKubelet, plugin: KubeletPlugin) -> None:
    plugin.serve()
    plugin.register()
    kubelet.wait_registered("dra.net")
    silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    try:
        for connection in silent:
            connection.connect(plugin.paths.service)
        assert kubelet.prepare("dra.net", (claim(),))
    finally:
        for connection in silent:
            connection.close()


def _stale_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)


def _send(path: str, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        with suppress(BrokenPipeError, ConnectionResetError):  # hung up on: as good an answer as any
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
