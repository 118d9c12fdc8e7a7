"""Refusals of the stand-in API server, worded and numbered as recorded from a real one."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer that is no success; ``body`` is the Status object."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        """The Status, without ``reason`` where the server has none (500)."""
        found = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        return {**found, **({"reason": self.reason} if self.reason else {}), "code": self.status}


def bad_request(message: str) -> ApiError:
    """The request itself is wrong."""
    return ApiError(400, "BadRequest", message)


def not_found(resource: str, name: str) -> ApiError:
    """No such object; ``resource`` is the plural with its group."""
    return ApiError(404, "NotFound", f'{resource} "{name}" not found')


def no_such_resource() -> ApiError:
    """The path leads nowhere."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def conflict(resource: str, name: str, why: str) -> ApiError:
    """Changed or replaced meanwhile."""
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {resource} "{name}": {why}')


def invalid(kind: str, name: str, mistakes: list[str]) -> ApiError:
    """The object breaks the rules; all of its mistakes are told together."""
    text = mistakes[0] if len(mistakes) == 1 else f"[{', '.join(mistakes)}]"
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {text}')
