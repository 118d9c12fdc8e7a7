"""What a server is trusted by and what it trusts us by, read from files anew for each call, since both are rotated."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ports.errors import Code, Failure

MAX_TOKEN = 16384  # bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """``ca_file``: certificates of the server's CA, PEM (empty: the system's). ``token_file``: a bearer token (empty: none)."""

    ca_file: str = ""
    token_file: str = ""

    def check(self) -> None:
        """INVALID when one of the files cannot be used now."""
        try:
            self.headers()
            self.context()
        except Failure as failure:
            raise Failure(Code.INVALID, failure.subject, failure.detail, failure.hint) from failure

    def headers(self) -> Mapping[str, str]:
        """The Authorization header, if there is a token. Its text is in no error and in no log."""
        if not self.token_file:
            return {}
        try:
            data = Path(self.token_file).read_bytes()
        except OSError as error:
            raise Failure(Code.REFUSED, self.token_file, f"token not readable: {error.strerror}") from error
        token = data.strip()
        if not token or len(token) > MAX_TOKEN or not all(0x21 <= byte < 0x7F for byte in token):
            raise Failure(Code.REFUSED, self.token_file, "holds no token: one line of visible ASCII is expected")
        return {"Authorization": f"Bearer {token.decode()}"}

    def context(self) -> ssl.SSLContext:
        """Always with verification, of the host name too."""
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except (OSError, ssl.SSLError) as error:
            words = error.strerror or str(error)
            raise Failure(Code.REFUSED, self.ca_file, f"no CA certificates: {words}") from error
