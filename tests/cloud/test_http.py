"""The HTTP client: it ends in time whatever the server does, and takes nothing that it did not ask for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cloud import address
from adapters.cloud.credentials import Credentials
from adapters.cloud.http import MAX_BODY, Client, Request
from ports.errors import Code, Failure
from tests.support.eventually import eventually
from tests.support.metadata import FakeServer, Reply, talking

GET = Request(method="GET", path="/thing")
SHORT, LONG = 0.3, 30.0  # seconds
CERTIFICATE = str(Path(__file__).parent / "loopback.pem")


def client(url: str, **files: str) -> Client:
    return Client(address.read(url), Credentials(**files))


def failure(url: str, seconds: float = LONG, request: Request = GET) -> Failure:
    with pytest.raises(Failure) as caught:
        client(url).call("server", request, seconds).demand("server")
    return caught.value


@pytest.fixture
def server() -> FakeServer:
    return FakeServer({"/thing": Reply(body={"a": 1}, headers={"X-Mark": "yes"})})


def test_an_answer_has_status_headers_and_body(server: FakeServer) -> None:
    with server.serving() as url:
        answer = client(url).call("server", Request(method="POST", path="/thing", body=b"[]"), LONG)
    assert (answer.status, answer.headers["x-mark"], answer.json("server")) == (200, "yes", {"a": 1})
    (asked,) = server.asked
    assert (asked.method, asked.body) == ("POST", b"[]")


def test_a_path_in_the_url_comes_before_each_request(server: FakeServer) -> None:
    server.replies = {"/base/thing": Reply(body="x")}
    with server.serving() as url:
        assert client(f"{url}/base/").call("server", GET, LONG).text == "x"


def test_a_unix_socket_is_a_server_too(server: FakeServer, tmp_path: Path) -> None:
    with server.on_socket(str(tmp_path / "s")) as url:
        assert client(url).call("server", GET, LONG).good
    assert failure(url).code == Code.UNAVAILABLE


def test_a_redirect_is_not_followed(server: FakeServer) -> None:
    server.replies = {"/thing": Reply(status=302, headers={"Location": "/other"}), "/other": Reply(body="secret")}
    with server.serving() as url:
        assert failure(url).code == Code.UNAVAILABLE
    assert server.paths() == ["/thing"]


def test_no_proxy_of_the_environment_is_used(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with server.serving() as url:
        assert client(url).call("server", GET, LONG).good


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.INVALID),
        (401, Code.REFUSED),
        (403, Code.REFUSED),
        (404, Code.NOT_FOUND),
        (409, Code.CONFLICT),
        (429, Code.UNAVAILABLE),
        (500, Code.UNAVAILABLE),
        (501, Code.INVALID),
        (503, Code.UNAVAILABLE),
    ],
)
def test_a_refusal_has_a_code_and_the_servers_words(server: FakeServer, status: int, code: Code) -> None:
    server.replies = {"/thing": Reply(status=status, body="no\n\x1b[31mway" + "x" * 1000)}
    with server.serving() as url:
        found = failure(url)
    assert found.code == code
    assert f"answered {status}: no  [31mway" in str(found)
    assert len(str(found)) < 300


def hang(connection: socket.socket) -> None:
    connection.recv(1)  # until the client has gone


def trickle(connection: socket.socket) -> None:
    """A header, one byte at a time, for ever: each of them in time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.02)


def trickle_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"a")
        time.sleep(0.02)


@pytest.mark.parametrize("talk", [hang, trickle, trickle_body])
def test_a_server_that_takes_its_time_is_left(talk: Callable[[socket.socket], None]) -> None:
    with talking(talk) as url:
        began = time.monotonic()
        assert failure(url, SHORT).code == Code.DEADLINE
        assert time.monotonic() - began < 20, "and not only when the server ends"


def test_a_server_that_hangs_in_tls_is_left() -> None:
    with talking(hang) as url:
        assert failure(url.replace("http:", "https:"), SHORT).code == Code.DEADLINE


def test_a_server_that_hangs_behind_tls_is_left_and_the_thread_ends(server: FakeServer) -> None:
    server.going.clear()
    with server.serving(certificate=CERTIFICATE) as url:
        with pytest.raises(Failure) as caught:
            client(url, ca_file=CERTIFICATE).call("server", GET, SHORT)
        assert caught.value.code == Code.DEADLINE
        eventually(lambda: "knd-http" not in {thread.name for thread in threading.enumerate()}, 30)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0" * 100,
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_a_failure_and_nothing_else(said: bytes) -> None:
    with talking(lambda connection: connection.sendall(said)) as url:
        assert failure(url).code in (Code.UNAVAILABLE, Code.DEADLINE)


HTTP = st.lists(
    st.binary(max_size=40)
    | st.sampled_from(
        [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 204\r\n", b"\r\n", b"Content-Length: 3\r\n", b": \r\n", b"{}"]
    )
    | st.sampled_from(
        [b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n", b"0\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]
    ),
    max_size=6,
).map(b"".join)


@settings(max_examples=60)
@given(HTTP)
def test_any_bytes_are_an_answer_or_a_failure(said: bytes) -> None:
    with talking(lambda connection: connection.sendall(said)) as url:
        try:
            assert client(url).call("server", GET, LONG).status >= 100
        except Failure as found:
            assert found.code in (Code.UNAVAILABLE, Code.DEADLINE)


def test_an_answer_without_end_is_cut_off() -> None:
    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"a" * 65536)

    with talking(pour) as url:
        found = failure(url)
    assert (found.code, str(MAX_BODY) in str(found)) == (Code.INVALID, True)


def test_nobody_there_is_told_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert failure(f"http://127.0.0.1:{unused.getsockname()[1]}").code == Code.UNAVAILABLE


def test_what_is_no_json_is_said_so(server: FakeServer) -> None:
    server.replies = {"/thing": Reply(body="[" * 100000)}
    with server.serving() as url, pytest.raises(Failure, match="answered no JSON"):
        client(url).call("server", GET, LONG).json("server")


def test_the_token_is_read_anew_for_each_call_and_told_to_nobody(server: FakeServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    with server.serving() as url:
        for text in ("first-secret\n", "second-secret"):
            token.write_text(text)
            client(url, token_file=str(token)).call("server", GET, LONG)
        token.write_text("third secret with spaces")
        with pytest.raises(Failure) as caught:
            client(url, token_file=str(token)).call("server", GET, LONG)
    assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer first-secret", "Bearer second-secret"]
    assert caught.value.code == Code.REFUSED
    assert "third" not in str(caught.value)


def test_a_servers_certificate_is_checked(server: FakeServer) -> None:
    with server.serving(certificate=CERTIFICATE) as url:
        assert client(url, ca_file=CERTIFICATE).call("server", GET, LONG).good
        found = failure(url)
        assert (found.code, "TLS" in str(found)) == (Code.UNAVAILABLE, True)
        assert failure(url.replace("127.0.0.1", "localhost"), LONG).code == Code.UNAVAILABLE
    assert len(server.asked) == 1, "nothing was said to a server that is not trusted"


def test_files_that_cannot_be_used_are_named_at_the_start(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    for files in ({"ca_file": "/none"}, {"ca_file": str(empty)}, {"token_file": "/none"}, {"token_file": str(empty)}):
        with pytest.raises(Failure) as caught:
            Credentials(**files).check()
        assert caught.value.code == Code.INVALID
        assert next(iter(files.values())) in str(caught.value)


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("http://host", address.Address(host="host", port=80)),
        ("https://host/a/b/", address.Address(host="host", port=443, prefix="/a/b", tls=True)),
        ("http://[::1]:8080", address.Address(host="::1", port=8080)),
        ("unix:///run/a.sock", address.Address(socket="/run/a.sock")),
    ],
)
def test_a_url_is_an_address(url: str, made: address.Address) -> None:
    assert address.read(url) == made


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host:70000",
        "unix://relative",
        "unix:///" + "a" * 108,
        "http://host/?q",
        "http://host/#f",
        "http://user:secret@host",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused_without_telling_a_password(url: str) -> None:
    with pytest.raises(Failure) as caught:
        address.read(url)
    assert caught.value.code == Code.INVALID
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://host", False),
        ("http://127.0.0.2", True),
        ("http://localhost", True),
        ("unix:///a", True),
        ("https://a", True),
    ],
)
def test_it_is_known_who_can_listen(url: str, private: bool) -> None:
    assert address.read(url).private is private
