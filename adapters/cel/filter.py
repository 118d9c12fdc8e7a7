"""The expression that says which devices are published, in DRANET's syntax so that its users' filters work unchanged.

``attributes`` maps qualified names to values with the fields ``StringValue``, ``IntValue``, ``BoolValue``, ``VersionValue``
and, for list-typed attributes, ``StringValues`` and so on; a field of another type than the value's is "", 0, false or an
empty list, as in DRANET. Unlike there, a device for which the expression fails (an attribute that it has not) is not
published: a filter that hides too little gives away interfaces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adapters.cel import engine
from ports.devices import AttributeValue
from ports.errors import Code, Failure

SUBJECT = "filter"
EXAMPLE = 'for example attributes["dra.net/type"].StringValue != "veth"'
SCALARS: Mapping[str, AttributeValue] = {"StringValue": "", "IntValue": 0, "BoolValue": False, "VersionValue": ""}
UNSET: Mapping[str, Any] = {**SCALARS, **{f"{name}s": [] for name in SCALARS}}
FIELDS = {str: "StringValue", int: "IntValue", bool: "BoolValue"}
FIELD = re.compile(r"attributes\[[^\]]*\]\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\()")
FAILURES = (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError)  # all that an evaluation raises
TRIALS: tuple[Mapping[str, AttributeValue], ...] = (
    {},
    {"dra.net/ifName": "eth1", "dra.net/type": "device", "dra.net/virtual": False, "dra.net/mtu": 1500},
)


class Filter:
    """One compiled expression; an empty one keeps all. INVALID: it does not compile or names something unknown."""

    def __init__(self, expression: str) -> None:
        self._program = _compiled(expression) if expression.strip() else None

    def keeps(self, attributes: Mapping[str, AttributeValue]) -> bool:
        """Whether a device with these attributes is published; INVALID when the expression cannot tell."""
        if self._program is None:
            return True
        try:
            verdict = self._program.execute(_variables(attributes))
        except FAILURES as error:
            raise Failure(Code.INVALID, SUBJECT, _first_line(error)) from error
        if not isinstance(verdict, bool):
            raise Failure(Code.INVALID, SUBJECT, f"is {verdict!r}, neither true nor false")
        return verdict


def _compiled(expression: str) -> Any:
    unknown = sorted(set(FIELD.findall(expression)) - UNSET.keys())
    if unknown:
        raise Failure(Code.INVALID, SUBJECT, f"a value has no field {unknown[0]}, but {', '.join(UNSET)}", EXAMPLE)
    try:
        program = engine.load().compile(expression)
    except ValueError as error:
        raise Failure(Code.INVALID, SUBJECT, _first_line(error), EXAMPLE) from error
    for attributes in TRIALS:
        _try(program, attributes)
    return program


def _try(program: Any, attributes: Mapping[str, AttributeValue]) -> None:
    """The library knows of an unknown name only when it comes to it; other failures depend on the device."""
    try:
        program.execute(_variables(attributes))
    except RuntimeError as error:
        if "Undefined variable or function" in str(error):
            raise Failure(Code.INVALID, SUBJECT, _first_line(error), EXAMPLE) from error
    except FAILURES:
        pass


def _variables(attributes: Mapping[str, AttributeValue]) -> dict[str, Any]:
    return {"attributes": {name: _fields(value) for name, value in attributes.items()}}


def _fields(value: AttributeValue) -> dict[str, Any]:
    if isinstance(value, tuple):
        return {**UNSET, f"{FIELDS[type(value[0])]}s": list(value)} if value else dict(UNSET)
    return {**UNSET, FIELDS[type(value)]: value}


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
