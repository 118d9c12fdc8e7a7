"""Quantities (``100G``, ``500m``, ``1Gi``) as an API server reads and writes them, and the rules of capacities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from adapters.standin.api_errors import bad_request

Object = Mapping[str, Any]
PATTERN = re.compile(r"([+-]?[0-9]*\.?[0-9]*)(|[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)")
DECIMAL = {
    name: Fraction(1000) ** power for power, name in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
}
BINARY = {f"{name}i": Fraction(1024) ** power for power, name in enumerate("KMGTPE", 1)}
TEXT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
MOST_VALUES = 10


def number(quantity: Any) -> Fraction:
    """Its value; 400 for one that the server cannot decode. None and a missing one are 0."""
    match = PATTERN.fullmatch("0" if quantity is None else str(quantity))
    if not match or not re.search("[0-9]", match[1]) or isinstance(quantity, bool):
        raise bad_request(f'ResourceSlice in version "v1" cannot be handled as a ResourceSlice: {TEXT}')
    suffix = match[2]
    if suffix[:1] in ("e", "E") and suffix[1:].lstrip("+-").isdigit():
        return Fraction(match[1]) * Fraction(10) ** int(suffix[1:])
    return Fraction(match[1]) * (DECIMAL | BINARY)[suffix]


def canonical(quantity: Any) -> str:
    """As the server stores it: no fraction, the greatest unit, the family of units that it came in."""
    value, text = number(quantity), "0" if quantity is None else str(quantity)
    if text.endswith("i") and value and value.denominator == 1 and value % 1024 == 0:
        return _with(value, BINARY)
    exponent = re.search(r"[eE][+-]?[0-9]+$", text)
    if not exponent:
        return _with(value, DECIMAL) if value else "0"
    thousands = next(power for power in range(18, -10, -3) if (value / Fraction(10) ** power).denominator == 1)
    return f"{value / Fraction(10) ** thousands}e{thousands}" if thousands else str(value)


def stored(capacity: Object) -> dict[str, Any]:
    """A capacity as the server stores it."""
    return {**capacity, "value": canonical(capacity.get("value"))}


def _with(value: Fraction, units: Mapping[str, Fraction]) -> str:
    name, unit = next((name, unit) for name, unit in reversed(tuple(units.items())) if (value / unit).denominator == 1)
    return f"{value / unit}{name}"


def policy_mistakes(path: str, capacity: Object, shared: bool) -> Iterator[str]:
    """All that is wrong with the ``requestPolicy`` of a capacity; ``shared``: the device allows multiple allocations."""
    policy, size = capacity.get("requestPolicy"), capacity.get("value")
    if policy is None:
        return
    if not shared:
        yield f"{path}.requestPolicy: Forbidden: allowMultipleAllocations must be true"
        return
    values, span, default = policy.get("validValues"), policy.get("validRange"), policy.get("default")
    if values and span:
        yield f"{path}.requestPolicy: Forbidden: exactly one policy can be specified"
        return
    if default is None and (values or span):
        yield f"{path}.requestPolicy.default: Required value: required when validRange is defined"
        return
    if values:
        yield from _values_mistakes(f"{path}.requestPolicy.validValues", values, default, size)
    if span:
        yield from _range_mistakes(f"{path}.requestPolicy.validRange", span, default, size)


def _values_mistakes(path: str, values: list[Any], default: Any, size: Any) -> Iterator[str]:
    if len(values) > MOST_VALUES:
        yield f"{path}: Too many: {len(values)}: must have at most {MOST_VALUES} items"
    numbers = [number(value) for value in values]
    for index, value in enumerate(values):
        if numbers[index] > number(size):
            yield f'{path}[{index}]: Invalid value: "{value}": option is larger than capacity value: {size}'
        if numbers[index] in numbers[:index]:
            yield f'{path}[{index}]: Duplicate value: "{numbers[index]}"'
        elif index and numbers[index] < numbers[index - 1]:
            yield f'{path}[{index}]: Invalid value: "{value}": values must be sorted in ascending order'
    if number(default) not in numbers:
        yield f'{path}: Invalid value: "{default}": default value is not valid according to the requestPolicy'


def _range_mistakes(path: str, span: Object, default: Any, size: Any) -> Iterator[str]:
    least, most, step = span.get("min"), span.get("max"), span.get("step")
    if least is None:
        yield f"{path}.min: Required value: required when validRange is defined"
        return
    if number(default) < number(least):
        yield f'{path}.min: Invalid value: "{default}": default is less than min: {least}'
    if most is not None and number(most) > number(size):
        yield f'{path}.max: Invalid value: "{most}": max is larger than capacity value: {size}'
    if most is not None and number(least) > number(most):
        yield f'{path}.max: Invalid value: "{least}": min is larger than max: {most}'
    if step is not None:
        for value in (default, most):
            if value is not None and (number(value) - number(least)) % number(step):
                yield f'{path}.step: Invalid value: "{value}": value is not a multiple of a given step ({step}) from ({least})'
