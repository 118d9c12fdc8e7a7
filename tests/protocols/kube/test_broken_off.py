"""An API server that hangs up in the middle: what only reads is asked again, what writes is not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kube.connection import Connection, load_configuration
from ports.errors import Code, Failure


class Rude:
    """Reads a request and hangs up; ``lines`` are the requests it had."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                self.lines.append(peer.recv(65536).decode().split("\r\n", 1)[0])


@pytest.fixture
def rude() -> Iterator[Rude]:
    made = Rude()
    yield made
    made.stop()


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 1), ("PUT", 1), ("PATCH", 1), ("DELETE", 1)])
def test_only_a_read_is_repeated(rude: Rude, tmp_path: Path, method: str, times: int) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rude",
        "users": [{"name": "rude", "user": {}}],
        "clusters": [{"name": "rude", "cluster": {"server": f"http://127.0.0.1:{rude.port}"}}],
        "contexts": [{"name": "rude", "context": {"cluster": "rude", "user": "rude"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    connection = Connection(lambda: load_configuration(str(tmp_path / "config")))
    with pytest.raises(Failure) as caught:
        connection.call("thing", method, "/thing", body=None if method == "GET" else {})
    connection.close()
    assert caught.value.code is Code.UNAVAILABLE
    assert [line.split()[0] for line in rude.lines] == [method] * times
