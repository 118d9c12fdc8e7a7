"""Where a server is: ``http://host:port/prefix``, ``https://...`` or ``unix:///path/of/a.sock``."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from ports.errors import Code, Failure

EXAMPLE = "http://host:port, https://host:port or unix:///path"
MAX_SOCKET_PATH = 107  # sizeof(sun_path) - 1, linux/un.h


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """``prefix`` comes before each request's path. ``socket`` is set instead of a host for a Unix socket."""

    host: str = ""
    port: int = 80
    prefix: str = ""
    tls: bool = False
    socket: str = ""

    @property
    def private(self) -> bool:
        """Whether what is sent can be read by nobody on the way."""
        return self.tls or bool(self.socket) or self.host == "localhost" or _is_loopback(self.host)


def read(url: str) -> Address:
    """The address of a URL; INVALID with an example when it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Failure(Code.INVALID, url, str(error), EXAMPLE) from error
    if parts.query or parts.fragment or parts.username or parts.password:
        raise Failure(Code.INVALID, _shown(url), "more than scheme, host, port and path", EXAMPLE)
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        if len(parts.path.encode()) > MAX_SOCKET_PATH:
            raise Failure(Code.INVALID, url, f"longer than {MAX_SOCKET_PATH} bytes, which a Unix socket cannot be")
        return Address(socket=parts.path)
    if parts.scheme in ("http", "https") and parts.hostname:
        tls = parts.scheme == "https"
        prefix = parts.path.rstrip("/")
        return Address(host=parts.hostname, port=port or (443 if tls else 80), prefix=prefix, tls=tls)
    raise Failure(Code.INVALID, _shown(url), "no URL of a server", EXAMPLE)


def _shown(url: str) -> str:
    """Without what may be a password."""
    return url if "@" not in url else f"{url.partition('://')[0]}://...@{url.rpartition('@')[2]}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
