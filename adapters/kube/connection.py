"""JSON over HTTP to one API server: configuration, TLS and credentials by the ``kubernetes`` package, always a time limit."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

from adapters.kube.errors import parsed, status_failure, transport_failure
from adapters.kube.package import (
    ConfigException,
    Configuration,
    RESTClientObject,
    kubeconfig_loader,
    load_incluster_config,
    tcp_keepalive_socket_options,
)
from adapters.kube.watching import objects
from ports.errors import Code, Failure

log = logging.getLogger("knd.kube")
CONNECT_SECONDS = 3.0
READ_SECONDS = 8.0
UNAUTHORIZED = 401
JSON_TYPE = "application/json"
KEEP_ALIVE = tcp_keepalive_socket_options(30, 10, 3)  # a peer gone without a word is noticed after a minute
RENEWAL = 30.0  # seconds between two looks for new credentials
AGAIN = urllib3.Retry(total=1, redirect=0, status=0, backoff_factor=0.1, respect_retry_after_header=False)


def load_configuration(kubeconfig: str) -> Any:
    """From a kubeconfig file, or from the pod's service account when the path is empty; INVALID when neither works."""
    configuration = Configuration()
    configuration.socket_options = KEEP_ALIVE
    try:
        if kubeconfig:
            kubeconfig_loader()(config_file=kubeconfig, client_configuration=configuration)
        else:
            load_incluster_config(client_configuration=configuration)
    except (ConfigException, OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        subject = kubeconfig or "the pod's service account"
        raise Failure(
            Code.INVALID, subject, f"cannot be used: {error}", "give --kubeconfig, or run in a pod"
        ) from error
    return configuration


class Connection:
    """Requests to the configured server. Safe for many threads.

    ``load`` gives the configuration. It is asked again when the server does not accept the credentials: those of a
    kubeconfig may have been renewed in place (a service account's token is read again by the package itself).
    """

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loaded = time.monotonic()
        self._configure(load())

    def _configure(self, configuration: Any) -> None:
        self._configuration = configuration
        self._pool = RESTClientObject(configuration).pool_manager
        self.server = str(configuration.host).rstrip("/")

    def call(
        self,
        subject: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON_TYPE,
    ) -> dict[str, Any]:
        """One request, the JSON object it answers. A read is tried twice where the connection broke, a write once."""
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        retries = AGAIN if method == "GET" else False
        answer = self._send(subject, method, path, query, body, content_type, timeout, retries=retries)
        if answer.status >= 300:
            raise _refusal(subject, answer)
        found = parsed(answer.data)
        if not found:
            raise Failure(Code.UNAVAILABLE, subject, f"{self.server} answered no JSON object", "is it an API server?")
        return found

    def lines(self, subject: str, path: str, query: Mapping[str, str], timeout: float) -> Iterator[dict[str, Any]]:
        """The objects of a streamed answer as they come, until the server ends it or is silent for ``timeout`` seconds."""
        limits = urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout)
        answer = self._send(subject, "GET", path, query, None, JSON_TYPE, limits, preload_content=False, retries=False)
        try:
            if answer.status >= 300:
                raise _refusal(subject, answer)
            yield from objects(answer.stream(65536, decode_content=True))
        except urllib3.exceptions.HTTPError as error:
            raise transport_failure(subject, self.server, error) from error
        finally:
            answer.close()  # a connection in the middle of an answer serves nobody else

    def close(self) -> None:
        """Drop the idle connections."""
        self._pool.clear()

    def _send(
        self,
        subject: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        content_type: str,
        timeout: urllib3.Timeout,
        **how: Any,
    ) -> Any:
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": JSON_TYPE, "User-Agent": "knd", **self._credentials()}
        data = (
            None
            if body is None
            else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        )
        if data is not None:
            headers["Content-Type"] = content_type
        try:
            answer = self._pool.request(method, url, body=data, headers=headers, timeout=timeout, **how)
            if answer.status != UNAUTHORIZED or not self._renewed():
                return answer
            answer.close()
            return self._pool.request(
                method, url, body=data, headers={**headers, **self._credentials()}, timeout=timeout, **how
            )
        except urllib3.exceptions.HTTPError as error:
            raise transport_failure(subject, self.server, error) from error

    def _renewed(self) -> bool:
        """Look for other credentials, now and then; True when there may be some."""
        with self._lock:
            if time.monotonic() < self._loaded + RENEWAL:
                return False
            self._loaded = time.monotonic()
            try:
                self._configure(self._load())
            except Failure as failure:
                log.warning("the credentials are not accepted, and there are no others: %s", failure)
                return False
            return True

    def _credentials(self) -> dict[str, str]:
        """Asked for each request: the package reads a service account's token again when its file has changed."""
        try:
            settings = self._configuration.auth_settings().values()
        except (ConfigException, OSError) as error:
            raise Failure(Code.REFUSED, self.server, f"no credentials: {error}") from error
        return {entry["key"]: entry["value"] for entry in settings if entry["in"] == "header" and entry["value"]}


def _refusal(subject: str, answer: Any) -> Failure:
    return status_failure(subject, answer.status, answer.data, answer.headers.get("Retry-After"))
