"""Recorded requests, played against another server: names given by a server (UIDs, versions) are translated on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import urllib3

DIRECTORY = Path(__file__).parents[2] / "recordings" / "api"
GIVEN = ("uid", "resourceVersion")


def recorded(name: str) -> list[dict[str, Any]]:
    """The lines of one recording."""
    return [json.loads(line) for line in (DIRECTORY / f"{name}.jsonl").read_text().splitlines()]


class Player:
    """Plays lines in their order against one server, over one connection."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(1, headers={"Authorization": f"Bearer {token}"}, retries=False, timeout=20)
        self._ours: dict[str, str] = {}

    def learn(self, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
        """What the recorded server called an object, and what this one does."""
        for name in GIVEN:
            if name in theirs and name in ours:
                self._ours[f"{name}={theirs[name]}"] = ours[name]

    def play(self, line: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of this server's answer."""
        request = line["request"]
        body = request.get("body")
        data = body if isinstance(body, str) else None if body is None else json.dumps(self._translated(body))
        url = self._url + request["path"] + (f"?{request['query']}" if request.get("query") else "")
        answer = self._http.request(request["method"], url, body=data, headers=self._headers(request))
        found = json.loads(answer.data)
        self.learn(line["response"].get("metadata", {}), found.get("metadata", {}))
        return answer.status, found

    def close(self) -> None:
        """Drop the connection."""
        self._http.clear()

    def _headers(self, request: dict[str, Any]) -> dict[str, str]:
        return {**self._http.headers, **request.get("headers", {})}

    def _translated(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._translated(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            name: self._given(name, item) if name in GIVEN else self._translated(item) for name, item in value.items()
        }

    def _given(self, name: str, value: Any) -> Any:
        return self._ours.get(f"{name}={value}", value)
