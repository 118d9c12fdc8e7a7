"""The expression that says which devices are published, in DRANET's syntax so that its users' filters work unchanged.

``attributes`` maps qualified names to values with the fields ``StringValue``, ``IntValue``, ``BoolValue`` and
``VersionValue``; a field of another type than the value's is "", 0 or false, as in DRANET. Unlike there, a device for which
the expression fails (an attribute that it has not) is not published: a filter that hides too little gives away interfaces.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from adapters.cel import engine
from ports.devices import AttributeValue
from ports.errors import Code, Failure

log = logging.getLogger("knd.filter")
cel = engine.load()

SUBJECT = "filter"
EXAMPLE = 'for example attributes["dra.net/type"].StringValue != "veth"'
UNSET: Mapping[str, AttributeValue] = {"StringValue": "", "IntValue": 0, "BoolValue": False, "VersionValue": ""}
FIELDS = {str: "StringValue", int: "IntValue", bool: "BoolValue"}
FAILURES = (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError)  # all that an evaluation raises
TRIALS: tuple[Mapping[str, AttributeValue], ...] = (
    {},
    {"dra.net/ifName": "eth1", "dra.net/type": "device", "dra.net/virtual": False, "dra.net/mtu": 1500},
)
REMEMBERED = 4096


class Filter:
    """One compiled expression; an empty one keeps all. INVALID: it does not compile or names something unknown."""

    def __init__(self, expression: str) -> None:
        self._program = _compiled(expression) if expression.strip() else None
        self._reported: set[str] = set()

    def keeps(self, attributes: Mapping[str, AttributeValue]) -> bool:
        """Whether a device with these attributes is published. A failure is logged once a device."""
        if self._program is None:
            return True
        try:
            verdict = self._program.execute(
                {"attributes": {name: _fields(value) for name, value in attributes.items()}}
            )
        except FAILURES as error:
            self._report(attributes, f"it fails: {_first_line(error)}")
            return False
        if not isinstance(verdict, bool):
            self._report(attributes, f"it is {verdict!r}, neither true nor false")
            return False
        return verdict

    def _report(self, attributes: Mapping[str, AttributeValue], what: str) -> None:
        device = next((str(value) for name, value in attributes.items() if name.endswith("/ifName")), str(attributes))
        if device not in self._reported and len(self._reported) < REMEMBERED:
            self._reported.add(device)
            log.warning("interface %s is not published, because of the filter: %s", device, what)


def _compiled(expression: str) -> Any:
    try:
        program = cel.compile(expression)
    except ValueError as error:
        raise Failure(Code.INVALID, SUBJECT, _first_line(error), EXAMPLE) from error
    for attributes in TRIALS:
        _try(program, {name: _fields(value) for name, value in attributes.items()})
    return program


def _try(program: Any, attributes: Mapping[str, Mapping[str, AttributeValue]]) -> None:
    """The library knows of an unknown name only when it comes to it; other failures depend on the device."""
    try:
        program.execute({"attributes": attributes})
    except RuntimeError as error:
        if "Undefined variable or function" in str(error):
            raise Failure(Code.INVALID, SUBJECT, _first_line(error), EXAMPLE) from error
    except FAILURES:
        pass


def _fields(value: AttributeValue) -> dict[str, AttributeValue]:
    return {**UNSET, FIELDS[type(value)]: value}


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
