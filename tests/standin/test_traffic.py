"""The stand-in API server counts what is said to it and by it."""

from __future__ import annotations

import socket

from adapters.standin.apiserver import StandinApiServer


def test_every_byte_of_a_request_and_its_answer_counts_and_nothing_else() -> None:
    server = StandinApiServer()
    server.start()
    try:
        sent = b"GET /version HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer standin\r\nConnection: close\r\n\r\n"
        before = server.traffic.copy()
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
            connection.sendall(sent)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        counted = server.traffic.since(before)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert (dict(counted.requests), counted.received, counted.sent) == ({"GET": 1}, len(sent), len(answer))
    finally:
        server.stop()
